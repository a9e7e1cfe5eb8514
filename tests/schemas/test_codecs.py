"""One definition, two codecs: pydantic and msgspec read and write the same."""

import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from touchline.schemas import codec
from touchline.schemas.export import CONTRACTS
from touchline.schemas.staff import Opening, QueueChanged
from touchline.schemas.touchpoint import Score, Touchpoint
from touchline.schemas.types import EARLIEST, LATEST

_DECODERS: dict[str, Callable[[bytes], Any]] = {
    "enriched_touchpoint": codec.decode_touchpoint,
    "signal": codec.decode_signal,
    "profile": codec.decode_profile,
    "context": codec.decode_context,
    "decision": codec.decode_decision,
    "delivery": codec.decode_delivery,
    "request": codec.decode_request,
    "task": codec.decode_task,
    "notice": codec.decode_notice,
    "tick": codec.decode_tick,
}


_NARROWER: dict[type[Any], dict[str, st.SearchStrategy[Any]]] = {
    QueueChanged: {
        "zone": st.sampled_from(["UTC", "Europe/Berlin"]),
        "due": st.none() | st.integers(60_000, 2**40),
    },
    Opening: {"days": st.sampled_from([("mon",), ("sat", "sun")])},
}
"""Fields with checks that their type does not tell."""


def valid(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a contract's field type, within its bounds."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _bounded(args[0], [m for m in args[1:] if isinstance(m, FieldInfo)])
    if origin in {Union, types.UnionType}:
        return st.one_of([valid(arg) for arg in args])
    if origin is dict:
        return st.dictionaries(valid(args[0]), valid(args[1]), max_size=4)
    if origin is tuple:
        return st.lists(valid(args[0]), max_size=4).map(tuple)
    if is_dataclass(kind):
        return contract(kind)
    choices = args if origin is Literal else kind if issubclass(kind, Enum) else None
    return _bounded(kind, []) if choices is None else st.sampled_from(choices)


def contract(kind: Any) -> st.SearchStrategy[Any]:
    """Valid instances of a contract."""
    hints = get_type_hints(kind, include_extras=True)
    narrower = _NARROWER.get(kind, {})
    built = st.fixed_dictionaries(
        {f.name: narrower[f.name] if f.name in narrower else valid(hints[f.name]) for f in fields(kind)}
    )
    if kind is Score:
        return st.builds(
            Score, scale=valid(hints["scale"]), value=st.integers(1, 5).map(float), low_is_good=st.booleans()
        )
    if kind is Opening:
        built = built.filter(lambda made: made["start"] < made["end"])
    if kind is Touchpoint:
        built = built.filter(lambda made: made["customer_id"] is not None or made["identifiers"])
    return built.map(lambda made: kind(**made))


def _bounded(kind: Any, infos: list[FieldInfo]) -> st.SearchStrategy[Any]:
    rules = [rule for info in infos for rule in info.metadata]
    pattern = next((rule.pattern for rule in rules if getattr(rule, "pattern", None)), None)
    longest = next((rule.max_length for rule in rules if hasattr(rule, "max_length")), 40)
    low = next((rule.ge for rule in rules if hasattr(rule, "ge")), None)
    high = next((rule.le for rule in rules if hasattr(rule, "le")), None)
    if kind is str:
        text = st.from_regex(pattern, fullmatch=True) if pattern else st.text(max_size=40)
        return text.filter(lambda made: len(made) <= longest and _has_no_surrogate(made))
    if get_origin(kind) is tuple:
        return st.lists(valid(get_args(kind)[0]), max_size=min(longest, 4)).map(tuple)
    if kind is datetime:
        zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
        first, last = (bound.replace(tzinfo=None) for bound in (EARLIEST, LATEST))
        day = timedelta(days=1)
        return st.datetimes(first + day, last - day, timezones=zones)
    if kind is int:
        return st.integers(low if low is not None else -(2**53), high if high is not None else 2**53)
    if kind is float:
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    return st.none() if kind is type(None) else st.booleans() if kind is bool else valid(kind)


def _has_no_surrogate(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


@pytest.mark.parametrize("name", CONTRACTS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
@given(data=st.data())
def test_both_codecs_read_what_either_wrote(name: str, data: st.DataObject) -> None:
    kind = CONTRACTS[name]
    pydantic = TypeAdapter(kind)
    decode = _DECODERS.get(name) or msgspec.json.Decoder(kind).decode
    value = data.draw(contract(kind))
    for written in (codec.encode(value), pydantic.dump_json(value)):
        assert pydantic.validate_json(written, strict=True) == value
        assert decode(written) == value
        assert codec.encode(decode(written)) == codec.encode(value)


@pytest.mark.parametrize("name", [name for name in CONTRACTS if name not in {"tick", "control", "candidate"}])
def test_both_codecs_refuse_a_naive_time(name: str) -> None:
    kind = CONTRACTS[name]
    times = [key for key, hint in get_type_hints(kind).items() if hint is datetime]
    value = dict.fromkeys(times, "2026-03-01T12:00:00")
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    found = {(error["loc"][0], error["type"]) for error in refused.value.errors()}
    assert {(key, "timezone_aware") for key in times} <= found
    with pytest.raises(codec.DecodeError, match="timezone"):
        msgspec.json.decode(msgspec.json.encode(value), type=kind)
