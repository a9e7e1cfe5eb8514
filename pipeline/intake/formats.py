"""Raw records to touchpoints: plain JSON, or a CloudEvent in either of its forms.

A name that stands twice in one JSON object counts as its last value, which is what publishers' own parsers do.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from touchline.pipeline.engine.records import Headers, Record
from touchline.pipeline.intake.cloudevents import TRACEPARENT, binary_event, cloud_event_form, structured_event
from touchline.pipeline.intake.errors import InvalidEvent, explain, read_json
from touchline.pipeline.intake.flatten import flatten
from touchline.schemas.rejection import RejectCode
from touchline.schemas.touchpoint import Touchpoint, Trace
from touchline.schemas.types import MAX_EVENT_BYTES

_VALIDATE: Final = TypeAdapter(Touchpoint).validator.validate_json
# pydantic reads digits in a string as Unix time even in strict mode; a time without an offset is refused here.
_DIGITS: Final = re.compile(rb'"occurred_at"\s*:\s*"[-+0-9.]*"')


@dataclass(frozen=True, slots=True)
class Intake:
    """Decodes raw records. `max_bytes`: a larger value is refused unread. `flatten_attributes`: nested attributes
    become flat ones named `a.b` instead of being refused."""

    max_bytes: int = MAX_EVENT_BYTES
    flatten_attributes: bool = False

    def touchpoint(self, record: Record) -> Touchpoint:
        """The touchpoint in a record.

        Raises: InvalidEvent."""
        value = record.value
        if value is None:
            raise InvalidEvent(RejectCode.NOT_JSON, "", "the record has no value: a touchpoint is a JSON object")
        if len(value) > self.max_bytes:
            message = f"{len(value)} bytes are more than the {self.max_bytes} that are read"
            raise InvalidEvent(RejectCode.TOO_LARGE, "", message)
        headers = record.headers
        if headers:
            return self._with_headers(value, headers)
        return self.parse(value)

    def parse(self, value: bytes) -> Touchpoint:
        """The touchpoint in plain JSON.

        Raises: InvalidEvent."""
        if _DIGITS.search(value) is not None:
            _refuse_digits(value)
        try:
            touchpoint: Touchpoint = _VALIDATE(value, strict=True)
        except ValidationError as error:
            if self.flatten_attributes and any(e["loc"][:1] == ("attributes",) for e in error.errors()):
                return self._flattened(value)
            raise explain(error, value) from None
        return touchpoint

    def _with_headers(self, value: bytes, headers: Headers) -> Touchpoint:
        form = cloud_event_form(headers)
        if form is None:
            touchpoint = self.parse(value)
            if touchpoint.trace is None:
                touchpoint.trace = _trace(headers)
            return touchpoint
        event = structured_event(value, headers) if form == "structured" else binary_event(value, headers)
        return self.parse(to_json(event, inf_nan_mode="constants"))

    def _flattened(self, value: bytes) -> Touchpoint:
        tree = read_json(value)
        if isinstance(tree, dict) and isinstance(tree.get("attributes"), dict):
            tree["attributes"] = flatten(tree["attributes"])
        again = to_json(tree, inf_nan_mode="constants")
        try:
            touchpoint: Touchpoint = _VALIDATE(again, strict=True)
        except ValidationError as error:
            raise explain(error, again) from None
        return touchpoint


def _refuse_digits(value: bytes) -> None:
    tree = read_json(value)
    time = tree.get("occurred_at") if isinstance(tree, dict) else None
    if isinstance(time, str) and _DIGITS.search(b'"occurred_at":"%s"' % time.encode()):
        raise InvalidEvent(
            RejectCode.BAD_TIME,
            "occurred_at",
            "expected an ISO 8601 time with its offset, such as 2026-03-01T12:00:00Z",
        )


def _trace(headers: Headers) -> Trace | None:
    """The trace context that instrumented producers put beside a record."""
    return trace_of(lambda name: next((v for k, v in headers if k == name), None))


def trace_of(find: Callable[[str], bytes | None]) -> Trace | None:
    """A trace from W3C headers; what is malformed is left out, as W3C Trace Context (section 3.2.2.3) asks."""
    parent = find("traceparent")
    if parent is None or not TRACEPARENT.fullmatch(parent.decode("ascii", "replace")):
        return None
    state = find("tracestate")
    text = state.decode("ascii", "replace") if state else ""
    return Trace(traceparent=parent.decode("ascii"), tracestate=text if 0 < len(text) <= 512 else None)
