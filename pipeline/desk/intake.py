"""What workforce systems publish, read and checked: a record is one of the contracts of `schemas/staff.py`, or it is
refused with the reason, in words that hold nothing of what it said."""

import re
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from touchline.pipeline.intake.errors import InvalidEvent, path_of, read_json
from touchline.schemas.rejection import RejectCode
from touchline.schemas.staff import STAFF_EVENTS, StaffEvent, queue_key
from touchline.schemas.types import MAX_EVENT_BYTES
from touchline.schemas.wording import HIDDEN, in_words, shown
from touchline.schemas.yamlfile import did_you_mean

_ADAPTERS: Final[dict[str, TypeAdapter[StaffEvent]]] = {
    kind: TypeAdapter(contract) for kind, contract in STAFF_EVENTS.items()
}
# pydantic reads digits in a string as Unix time even in strict mode.
_DIGITS: Final = re.compile(rb'"(at|present_from|present_until)"\s*:\s*"[-+0-9.]*"')
_MISSING: Final = frozenset({"missing", "missing_argument", "missing_keyword_only_argument"})
_UNKNOWN: Final = frozenset({"unexpected_keyword_argument", "extra_forbidden"})
_TIMES: Final = frozenset({"at", "present_from", "present_until"})


def parse(value: bytes | None, key: bytes | None) -> StaffEvent:
    """The event in a record.

    Raises: InvalidEvent."""
    if value is None:
        raise InvalidEvent(RejectCode.NOT_JSON, "", "the record has no value: an event of staff is a JSON object")
    if len(value) > MAX_EVENT_BYTES:
        raise InvalidEvent(
            RejectCode.TOO_LARGE, "", f"{len(value)} bytes are more than the {MAX_EVENT_BYTES} that are read"
        )
    event = read(value)
    if key != queue_key(event.queue).encode():
        message = "the key of the record is queue: and the name of its queue, so that all of a queue come together"
        raise InvalidEvent(RejectCode.BAD_VALUE, "key", message)
    return event


def read(value: bytes) -> StaffEvent:
    """The event in JSON.

    Raises: InvalidEvent."""
    tree = read_json(value)
    if not isinstance(tree, dict):
        raise InvalidEvent(RejectCode.NOT_AN_OBJECT, "", "an event of staff is a JSON object")
    kind = tree.get("kind")
    adapter = _ADAPTERS.get(kind) if isinstance(kind, str) else None
    if adapter is None:
        if "kind" not in tree:
            raise InvalidEvent(RejectCode.MISSING_FIELD, "kind", f"is missing: one of {', '.join(STAFF_EVENTS)}")
        hint = did_you_mean(kind[:64], STAFF_EVENTS) if isinstance(kind, str) else ""
        raise InvalidEvent(RejectCode.BAD_VALUE, "kind", f"expected one of {', '.join(STAFF_EVENTS)}{hint}")
    digits = _DIGITS.search(value)
    if digits is not None:
        raise InvalidEvent(RejectCode.BAD_TIME, digits[1].decode(), "has no offset: write 2026-03-02T09:00:00Z")
    try:
        return adapter.validate_json(value, strict=True)
    except ValidationError as error:
        raise _explained(error.errors(include_url=False)[0], kind) from None


def _explained(error: Any, kind: Any) -> InvalidEvent:
    """The first thing that is wrong."""
    what, loc = error["type"], error["loc"]
    field = path_of(loc)
    if what in _MISSING:
        return InvalidEvent(RejectCode.MISSING_FIELD, field, f"is missing in {kind}")
    if what in _UNKNOWN:
        names = TypeAdapter(STAFF_EVENTS[kind]).json_schema()["properties"]
        hint = did_you_mean(str(loc[-1])[:64], names) if len(loc) == 1 else ""
        return InvalidEvent(RejectCode.UNKNOWN_FIELD, field, f"{kind} has no such field{hint}")
    hidden = shown(HIDDEN)
    message = in_words({**error, "input": HIDDEN}).replace(f", not {hidden}", "").removeprefix(f"{hidden} ")
    if loc and loc[0] in _TIMES:
        return InvalidEvent(RejectCode.BAD_TIME, field, message)
    code = RejectCode.WRONG_TYPE if what.endswith("_type") else RejectCode.BAD_VALUE
    return InvalidEvent(code, field, message)
