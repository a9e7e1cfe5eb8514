"""Raw records to touchpoints: both forms of CloudEvents, flattening, and each way to be refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.pipeline.engine.records import Headers, PlainRecord
from touchline.pipeline.intake.errors import InvalidEvent
from touchline.pipeline.intake.formats import Intake
from touchline.schemas.rejection import RejectCode as Code
from touchline.schemas.touchpoint import Touchpoint
from touchline.schemas.types import MAX_EVENT_BYTES
from touchline.schemas.vocabulary import Channel

EVENT: dict[str, Any] = {
    "event_id": "e-1",
    "source": "shop",
    "occurred_at": "2026-03-01T12:00:00+02:00",
    "kind": "order.shipped",
    "customer_id": "c-1042",
}
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
INTAKE = Intake()


def read(value: bytes | None, headers: Headers = (), intake: Intake = INTAKE) -> Touchpoint:
    return intake.touchpoint(PlainRecord(0, 0, None, value, headers))


def changed(**changes: Any) -> bytes:
    return json.dumps({**EVENT, **changes}).encode()


def refusal(value: bytes | None, headers: Headers = (), intake: Intake = INTAKE) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as refused:
        read(value, headers, intake)
    return refused.value


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize(
    ("value", "code", "field", "message"),
    [
        (None, Code.NOT_JSON, "", "no value"),
        (b"", Code.NOT_JSON, "", "empty"),
        (b" \n", Code.NOT_JSON, "", "empty"),
        (b"hello", Code.NOT_JSON, "", "line 1 column 1"),
        (b'{"event_id": "a",}', Code.NOT_JSON, "", "trailing comma"),
        (b'\xef\xbb\xbf{"a": 1}', Code.NOT_JSON, "", "byte order mark"),
        (b'{"event_id": "\xff"}', Code.NOT_JSON, "", "not UTF-8 from byte 14"),
        (b'{"event_id": "a\x00b"}', Code.NOT_JSON, "", "control character"),
        (b'{"event_id": "\\ud800"}', Code.NOT_JSON, "", "hex escape"),
        (nested(100_000)[:MAX_EVENT_BYTES], Code.NOT_JSON, "", "recursion limit"),
        (b"[]", Code.NOT_AN_OBJECT, "", "JSON object"),
        (b"null", Code.NOT_AN_OBJECT, "", "JSON object"),
        (b"17", Code.NOT_AN_OBJECT, "", "JSON object"),
        (b" " * (MAX_EVENT_BYTES + 1), Code.TOO_LARGE, "", str(MAX_EVENT_BYTES)),
        (b"{}", Code.MISSING_FIELD, "event_id", "is needed"),
        (changed(event_id=None), Code.WRONG_TYPE, "event_id", "1 to 128 characters"),
        (changed(event_id=7), Code.WRONG_TYPE, "event_id", "1 to 128 characters"),
        (changed(event_id=""), Code.BAD_VALUE, "event_id", "1 to 128 characters"),
        (changed(event_id="a\x00"), Code.BAD_VALUE, "event_id", "control character"),
        (changed(source="x" * 129), Code.BAD_VALUE, "source", "1 to 128 characters"),
        (changed(occurred_at=None), Code.BAD_TIME, "occurred_at", "ISO 8601"),
        (changed(occurred_at=1_772_000_000), Code.BAD_TIME, "occurred_at", "ISO 8601"),
        (changed(occurred_at="1772000000"), Code.BAD_TIME, "occurred_at", "ISO 8601"),
        (changed(occurred_at="yesterday"), Code.BAD_TIME, "occurred_at", "ISO 8601"),
        (changed(occurred_at="2026-03-01"), Code.BAD_TIME, "occurred_at", "ISO 8601"),
        (changed(occurred_at="2026-03-01T12:00:00"), Code.BAD_TIME, "occurred_at", "no offset"),
        (changed(occurred_at="1969-12-31T23:59:59Z"), Code.BAD_TIME, "occurred_at", "1970 to 2199"),
        (changed(occurred_at="9999-12-31T23:59:59-12:00"), Code.BAD_TIME, "occurred_at", "1970 to 2199"),
        (changed(kind="Order.Shipped"), Code.BAD_VALUE, "kind", "order.shipped"),
        (changed(kind="shipped"), Code.BAD_VALUE, "kind", "order.shipped"),
        (changed(channel="voic"), Code.BAD_VALUE, "channel", 'did you mean "voice"?'),
        (changed(channel=1), Code.WRONG_TYPE, "channel", "one of voice"),
        (changed(stage="suport"), Code.BAD_VALUE, "stage", 'did you mean "support"?'),
        (changed(actor="robot"), Code.BAD_VALUE, "actor", "one of customer"),
        (changed(party="my party"), Code.BAD_VALUE, "party", "a name of letters"),
        (changed(custmer_id="c"), Code.UNKNOWN_FIELD, "custmer_id", 'did you mean "customer_id"?'),
        (changed(colour="red"), Code.UNKNOWN_FIELD, "colour", "goes into attributes"),
        (changed(score={"scale": "csat", "value": 3, "scal": 1}), Code.UNKNOWN_FIELD, "score.scal", '"scale"?'),
        (changed(score={"scale": "csat", "value": 7}), Code.BAD_VALUE, "score", "between 1 and 5"),
        (changed(score={"scale": "stars", "value": 4}), Code.BAD_VALUE, "score.scale", "one of csat"),
        (changed(score={"value": 4}), Code.MISSING_FIELD, "score.scale", "one of csat"),
        (changed(score=4), Code.WRONG_TYPE, "score", "scale and value"),
        (changed(text=["a"]), Code.WRONG_TYPE, "text", "16384"),
        (changed(text="x" * 16_385), Code.BAD_VALUE, "text", "16384"),
        (changed(wait_seconds=-1), Code.BAD_VALUE, "wait_seconds", "from 0"),
        (changed(wait_seconds=float("nan")), Code.BAD_VALUE, "wait_seconds", "from 0"),
        (changed(duration_seconds="10"), Code.WRONG_TYPE, "duration_seconds", "from 0"),
        (changed(subjects="order:1"), Code.WRONG_TYPE, "subjects", "array"),
        (changed(subjects=["Order 1"]), Code.BAD_VALUE, "subjects.0", "type:id"),
        (changed(subjects=["order:1"] * 9), Code.BAD_VALUE, "subjects", "at most 8"),
        (changed(identifiers={"email": 1}), Code.WRONG_TYPE, "identifiers.email", "1 to 128"),
        (changed(identifiers={"e mail": "x"}), Code.BAD_VALUE, "identifiers.?", "called by"),
        (changed(customer_id=None), Code.NO_CUSTOMER, "customer_id", "identifiers"),
        (changed(customer_id=None, identifiers={}), Code.NO_CUSTOMER, "customer_id", "identifiers"),
        (changed(attributes=[]), Code.WRONG_TYPE, "attributes", "object"),
        (changed(attributes={"a": {"b": 1}}), Code.WRONG_TYPE, "attributes.a", "flatten_attributes"),
        (changed(attributes={"a": [1]}), Code.WRONG_TYPE, "attributes.a", "flatten_attributes"),
        (changed(attributes={"a": float("inf")}), Code.BAD_VALUE, "attributes.a", "finite"),
        (changed(attributes={"a": 10**400}), Code.BAD_VALUE, "attributes.a", "finite"),
        (changed(attributes={"a": "x" * 2_049}), Code.BAD_VALUE, "attributes.a", "2048"),
        (changed(attributes={"a b": 1}), Code.BAD_VALUE, "attributes.?", "called by"),
        (changed(attributes={f"a{n}": n for n in range(65)}), Code.BAD_VALUE, "attributes", "at most 64"),
        (changed(trace={"traceparent": "x" * 200}), Code.BAD_VALUE, "trace.traceparent", "128"),
    ],
    ids=lambda part: repr(part)[:60],
)
def test_a_bad_record_is_refused_by_code_field_and_message(
    value: bytes | None, code: Code, field: str, message: str
) -> None:
    error = refusal(value)
    assert (error.code, error.field) == (code, field)
    assert message in error.message


SECRET = "nobody@example.com"


@pytest.mark.parametrize(
    "value",
    [
        changed(event_id=[SECRET]),
        changed(occurred_at=SECRET),
        changed(kind=SECRET),
        changed(channel=SECRET),
        changed(subjects=[SECRET]),
        changed(attributes={SECRET: 1}),
        changed(attributes={"a": {SECRET: SECRET}}),
        changed(identifiers={SECRET: SECRET}),
        changed(**{SECRET: 1}),
        changed(score={"scale": SECRET, SECRET: 1}),
        f'{{"event_id": {SECRET}}}'.encode(),
        f'"{SECRET}'.encode(),
    ],
)
def test_a_refusal_holds_nothing_of_what_was_said(value: bytes) -> None:
    error = refusal(value)
    for part in SECRET.split("@"):
        assert part not in f"{error}{error.field}{error.message}".replace("such as", "")


def test_the_last_of_two_equal_names_counts() -> None:
    value = changed(attributes={"a": 1})
    twice = value.replace(b'"a": 1', b'"a": 1, "a": 2').replace(b'"shop"', b'"shop", "source": "till"')
    touchpoint = read(twice)
    assert (touchpoint.source, touchpoint.attributes) == ("till", {"a": 2})


def test_scalars_keep_their_types() -> None:
    given_ = {"i": 2**63 - 1, "f": 1.0, "b": True, "n": None, "s": "1", "big": 2**63}
    attributes = read(changed(attributes=given_)).attributes
    assert {name: (type(value), value) for name, value in attributes.items()} == {
        **{name: (type(value), value) for name, value in given_.items() if name != "big"},
        "big": (float, float(2**63)),
    }


def test_digits_are_a_time_only_where_they_are_not_the_events_own() -> None:
    assert read(changed(attributes={"occurred_at": "123"})).attributes == {"occurred_at": "123"}


def test_flattening_keeps_what_was_nested() -> None:
    intake = Intake(flatten_attributes=True)
    value = changed(attributes={"a": {"b": 1, "c": [True, {"d": None}]}, "e": {}, "f": "x"})
    assert read(value, intake=intake).attributes == {"a.b": 1, "a.c.0": True, "a.c.1.d": None, "f": "x"}
    assert refusal(changed(attributes={"a": {"b": 1}, "a.b": 2}), intake=intake).code is Code.BAD_VALUE
    assert refusal(changed(attributes={"a": {"b": [0] * 65}}), intake=intake).field == "attributes"
    assert refusal(changed(attributes={"a": {"b c": 1}}), intake=intake).field == "attributes.?"


DATA = {"customer_id": "c-1042", "attributes": {"value": 1}}
BINARY = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e-1"),
    ("ce_source", b"shop"),
    ("ce_type", b"order.shipped"),
    ("ce_time", b"2026-03-01T12:00:00+02:00"),
    ("ce_subject", b"order:123"),
    ("ce_traceparent", PARENT.encode()),
    ("ce_tracestate", b"vendor=1"),
    ("content-type", b"application/json; charset=utf-8"),
)
STRUCTURED_TYPE = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
STRUCTURED = {
    **{name.removeprefix("ce_"): value.decode() for name, value in BINARY if name != "content-type"},
    "datacontenttype": "application/json",
    "data": DATA,
}


def without(headers: Headers, name: str) -> Headers:
    return tuple(pair for pair in headers if pair[0] != name)


def test_both_forms_of_a_cloudevent_are_the_plain_touchpoint() -> None:
    trace = {"traceparent": PARENT, "tracestate": "vendor=1"}
    plain = read(changed(subjects=["order:123"], attributes={"value": 1}, trace=trace))
    assert read(json.dumps(DATA).encode(), BINARY) == plain
    assert read(json.dumps(STRUCTURED).encode(), STRUCTURED_TYPE) == plain
    assert read(json.dumps(DATA).encode(), without(BINARY, "content-type")) == plain


def test_what_the_data_says_goes_before_the_attributes_of_the_event() -> None:
    said = {**EVENT, "event_id": "own", "kind": "order.placed", "subjects": ["cart:1"]}
    assert read(json.dumps(said).encode(), BINARY).event_id == "own"
    assert read(json.dumps(said).encode(), BINARY).subjects == ("cart:1",)
    assert read(json.dumps({**STRUCTURED, "data": said}).encode(), STRUCTURED_TYPE).kind == "order.placed"


def test_a_subject_of_another_form_and_unknown_extensions_are_left_out() -> None:
    headers = (*without(BINARY, "ce_subject"), ("ce_subject", b"/orders/123"), ("ce_partitionkey", b"c-1042"))
    assert read(json.dumps(DATA).encode(), headers).subjects == ()


@pytest.mark.parametrize(
    ("value", "headers", "code", "field"),
    [
        (DATA, without(BINARY, "ce_specversion"), Code.BAD_CLOUDEVENT, "specversion"),
        (DATA, (*BINARY, ("ce_specversion", b"0.3")), Code.BAD_CLOUDEVENT, "specversion"),
        (DATA, without(BINARY, "ce_id"), Code.BAD_CLOUDEVENT, "id"),
        (DATA, (*BINARY, ("ce_source", b"\xff")), Code.BAD_CLOUDEVENT, "ce_source"),
        (DATA, (*BINARY[:-1], ("content-type", b"application/avro")), Code.BAD_CLOUDEVENT, "datacontenttype"),
        (DATA, without(BINARY, "ce_time"), Code.MISSING_FIELD, "occurred_at"),
        ([1], BINARY, Code.NOT_AN_OBJECT, "data"),
        ({**DATA, "kind": "X"}, BINARY, Code.BAD_VALUE, "kind"),
        (STRUCTURED, (("content-type", b"application/cloudevents-batch+json"),), Code.BAD_CLOUDEVENT, "content-type"),
        (STRUCTURED, (("Content-Type", b"application/cloudevents+avro"),), Code.BAD_CLOUDEVENT, "content-type"),
        ([STRUCTURED], STRUCTURED_TYPE, Code.BAD_CLOUDEVENT, ""),
        ({**STRUCTURED, "type": 1}, STRUCTURED_TYPE, Code.BAD_CLOUDEVENT, "type"),
        ({**STRUCTURED, "data_base64": "e30="}, STRUCTURED_TYPE, Code.BAD_CLOUDEVENT, "data_base64"),
        ({**STRUCTURED, "data": None}, STRUCTURED_TYPE, Code.NOT_AN_OBJECT, "data"),
        ({**STRUCTURED, "datacontenttype": 1}, STRUCTURED_TYPE, Code.BAD_CLOUDEVENT, "datacontenttype"),
    ],
)
def test_a_bad_cloudevent_is_refused(value: Any, headers: Headers, code: Code, field: str) -> None:
    error = refusal(json.dumps(value).encode(), headers)
    assert (error.code, error.field) == (code, field)


def test_the_trace_of_an_instrumented_producer_is_kept_when_it_is_sound() -> None:
    trace = read(changed(), (("traceparent", PARENT.encode()), ("tracestate", b"v=1"))).trace
    assert trace is not None
    assert (trace.traceparent, trace.tracestate) == (PARENT, "v=1")
    assert read(changed(), (("traceparent", b"\xff nonsense"),)).trace is None
    own = {"traceparent": PARENT.replace("4bf", "5bf")}
    said = read(changed(trace=own), (("traceparent", PARENT.encode()),)).trace
    assert said is not None
    assert said.traceparent == own["traceparent"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
mutations = st.dictionaries(st.sampled_from([*EVENT, "attributes", "score", "text", "channel"]), json_values)
header_values = st.sampled_from([b"1.0", b"application/json", b"application/cloudevents+json", b"\xff", None, b""])
some_headers = st.lists(
    st.tuples(st.sampled_from([*(name for name, _ in BINARY), "traceparent", "x"]), header_values | st.binary()),
    max_size=4,
)


@given(st.binary() | mutations.map(lambda m: changed(**m)), some_headers, st.booleans())
def test_any_record_is_a_touchpoint_or_refused(value: bytes, headers: Headers, flatten: bool) -> None:
    intake = Intake(flatten_attributes=flatten)
    outcome = outcome_of(value, headers, intake)
    if isinstance(outcome, InvalidEvent):
        assert 0 < len(outcome.message) < 600
    else:
        assert outcome.channel is None or outcome.channel in Channel


def outcome_of(value: bytes, headers: Headers, intake: Intake) -> Touchpoint | InvalidEvent:
    try:
        return read(value, headers, intake)
    except InvalidEvent as error:
        return error
