"""CloudEvents 1.0 as the Kafka protocol binding carries them, to the JSON of a touchpoint.

Binary: attributes in headers `ce_…`, the touchpoint as value. Structured: one JSON object, the touchpoint in `data`.
What the touchpoint leaves out comes from the event: id, source, time, type (the kind), subject, and the trace of the
extensions traceparent and tracestate. Other extensions are dropped.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from touchline.pipeline.engine.records import Headers
from touchline.pipeline.intake.errors import InvalidEvent, read_json
from touchline.schemas.rejection import RejectCode

TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.{0,60})?")
"""W3C Trace Context, section 3.2."""

_SUBJECT: Final = re.compile(r"[a-z][a-z0-9_]{0,30}:[^\x00-\x1f\x7f]{1,128}")
_JSON: Final = re.compile(r"(application|text)/([\w.\-]+\+)?json", re.IGNORECASE)
_NEEDED: Final = ("id", "source", "type")
_FROM_EVENT: Final = (("event_id", "id"), ("source", "source"), ("occurred_at", "time"), ("kind", "type"))


def cloud_event_form(headers: Headers) -> Literal["structured", "binary"] | None:
    """How a record carries a CloudEvent, None when it is none."""
    binary = False
    for name, value in headers:
        if name.lower() == "content-type" and value and value[:23].lower() == b"application/cloudevents":
            return "structured"
        binary = binary or name.startswith("ce_")
    return "binary" if binary else None


def binary_event(value: bytes, headers: Headers) -> dict[str, Any]:
    """The touchpoint of a binary CloudEvent, unvalidated.

    Raises: InvalidEvent."""
    attributes = {name[3:]: _text(name, content) for name, content in headers if name.startswith("ce_")}
    content_type = next((_text(k, v) for k, v in headers if k.lower() == "content-type"), "application/json")
    _check(attributes, content_type)
    return _touchpoint(attributes, read_json(value))


def structured_event(value: bytes, headers: Headers) -> dict[str, Any]:
    """The touchpoint of a structured CloudEvent, unvalidated.

    Raises: InvalidEvent."""
    content_type = next((_text(k, v) for k, v in headers if k.lower() == "content-type"), "")
    if content_type.split(";")[0].strip().lower() != "application/cloudevents+json":
        raise _bad("content-type", "of structured CloudEvents, application/cloudevents+json is read, one to a record")
    event = read_json(value)
    if not isinstance(event, dict):
        raise _bad("", "a structured CloudEvent is a JSON object")
    if "data_base64" in event:
        raise _bad("data_base64", "expected the touchpoint as JSON in data")
    data_type = event.get("datacontenttype", "application/json")
    _check(event, data_type if isinstance(data_type, str) else "")
    return _touchpoint(event, event.get("data"))


def _check(attributes: Mapping[str, Any], content_type: str) -> None:
    if attributes.get("specversion") != "1.0":
        raise _bad("specversion", 'expected "1.0"')
    for name in _NEEDED:
        if not isinstance(attributes.get(name), str) or not attributes[name]:
            raise _bad(name, "is needed, a string that is not empty")
    if not _JSON.fullmatch(content_type.split(";", maxsplit=1)[0].strip()):
        raise _bad("datacontenttype", "expected application/json")


def _touchpoint(attributes: Mapping[str, Any], data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise InvalidEvent(
            RejectCode.NOT_AN_OBJECT, "data", "the data of the CloudEvent is a touchpoint, a JSON object"
        )
    touchpoint = dict(data)
    for field, name in _FROM_EVENT:
        if field not in touchpoint and attributes.get(name) is not None:
            touchpoint[field] = attributes[name]
    subject = attributes.get("subject")
    if "subjects" not in touchpoint and isinstance(subject, str) and _SUBJECT.fullmatch(subject):
        touchpoint["subjects"] = [subject]
    parent, state = attributes.get("traceparent"), attributes.get("tracestate")
    if "trace" not in touchpoint and isinstance(parent, str) and TRACEPARENT.fullmatch(parent):
        touchpoint["trace"] = {"traceparent": parent}
        if isinstance(state, str) and 0 < len(state) <= 512:
            touchpoint["trace"]["tracestate"] = state
    return touchpoint


def _text(name: str, content: bytes | None) -> str:
    try:
        return (content or b"").decode()
    except UnicodeDecodeError:
        raise _bad(name[:64], "the header is not UTF-8") from None


def _bad(field: str, message: str) -> InvalidEvent:
    return InvalidEvent(RejectCode.BAD_CLOUDEVENT, field, message)
