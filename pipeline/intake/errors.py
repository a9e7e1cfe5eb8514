"""Why a raw record is refused, in words that a publisher can act on and that hold nothing of what it said.

InvalidEvent   the record goes to the dead letters with code, field and message
"""

import re
from collections.abc import Sequence
from dataclasses import fields
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from touchline.schemas.rejection import RejectCode
from touchline.schemas.touchpoint import Score, Touchpoint, Trace
from touchline.schemas.vocabulary import Actor, Channel, ScoreScale, Stage
from touchline.schemas.yamlfile import did_you_mean

Location = Sequence[int | str]

_FIELDS: Final = [f.name for f in fields(Touchpoint)]
_INSIDE: Final = {"score": [f.name for f in fields(Score)], "trace": [f.name for f in fields(Trace)]}
_WORDS: Final[dict[str, type[StrEnum]]] = {"channel": Channel, "stage": Stage, "actor": Actor, "scale": ScoreScale}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,63}")
_MISSING: Final = frozenset({"missing", "missing_argument", "missing_keyword_only_argument"})
_UNKNOWN: Final = frozenset({"unexpected_keyword_argument", "extra_forbidden"})
_SCALAR: Final = "a string of at most 2048 characters, a boolean, a finite number or null"
_NAME_RULE: Final = "a name of letters, digits, _ . - that starts with a letter or _, at most 64 characters"
_TIME: Final = "an ISO 8601 time with its offset, such as 2026-03-01T12:00:00Z"

_EXPECTED: Final = {
    "event_id": "a string of 1 to 128 characters, none of them a control character",
    "source": "a string of 1 to 128 characters, none of them a control character",
    "customer_id": "a string of 1 to 128 characters, none of them a control character",
    "identifiers": "a string of 1 to 128 characters, none of them a control character",
    "kind": "dotted lower case of at most 64 characters, object first, such as order.shipped",
    "party": _NAME_RULE,
    "subjects": "type:id, such as order:123; the type in lower case, the id of 1 to 128 characters",
    "text": "a string of at most 16384 characters",
    "wait_seconds": "a number from 0 to 31622400 (366 days)",
    "duration_seconds": "a number from 0 to 31622400 (366 days)",
    "value": "a finite number",
    "upper": "a finite number",
    "low_is_good": "true or false",
    "traceparent": "a string of at most 128 characters",
    "tracestate": "a string of at most 512 characters",
}
_SHAPES: Final = {
    "identifiers": "an object of at most 8 identifiers, such as {email: …}",
    "subjects": "an array of at most 8 strings such as order:123",
    "attributes": "an object of at most 64 scalars",
    "score": "an object with scale and value",
    "trace": "an object with traceparent",
}


class InvalidEvent(Exception):
    """The record is no touchpoint. `field` is a path or empty; `message` holds no value of the record."""

    def __init__(self, code: RejectCode, field: str, message: str) -> None:
        super().__init__(f"{code}: {field}: {message}" if field else f"{code}: {message}")
        self.code = code
        self.field = field
        self.message = message


def explain(error: ValidationError, value: bytes) -> InvalidEvent:
    """What is wrong first with a touchpoint's JSON."""
    found = error.errors(include_url=False)
    first = found[0]
    kind, loc = first["type"], first["loc"]
    if loc:
        return _field_error(kind, loc, found)
    if kind == "json_invalid":
        return not_json(value, str(first["ctx"]["error"]))
    if kind == "dataclass_type":
        return InvalidEvent(RejectCode.NOT_AN_OBJECT, "", "a touchpoint is a JSON object")
    message = "customer_id or one of identifiers (email, phone, device, cookie, account …) is needed"
    return InvalidEvent(RejectCode.NO_CUSTOMER, "customer_id", message)


def _field_error(kind: str, loc: Location, found: Sequence[Any]) -> InvalidEvent:
    field = path_of(loc)
    if kind in _MISSING:
        return InvalidEvent(RejectCode.MISSING_FIELD, field, f"is needed: {_expected(loc)}")
    if kind in _UNKNOWN:
        return _unknown(loc, field)
    if loc[0] == "occurred_at":
        return InvalidEvent(RejectCode.BAD_TIME, field, _time_message(kind))
    if loc[0] == "attributes" and len(loc) > 1:
        return _attribute([e for e in found if e["loc"][:2] == loc[:2]], field)
    return _value(kind, loc, field, found[0])


def not_json(value: bytes, reason: str) -> InvalidEvent:
    """No JSON. `reason` is the parser's, with line and column."""
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return InvalidEvent(RejectCode.NOT_JSON, "", f"the record is not UTF-8 from byte {error.start} on")
    if not value.strip():
        return InvalidEvent(RejectCode.NOT_JSON, "", "the record is empty: a touchpoint is a JSON object")
    if value.startswith(b"\xef\xbb\xbf"):
        return InvalidEvent(RejectCode.NOT_JSON, "", "the record starts with a byte order mark: send UTF-8 without")
    return InvalidEvent(RejectCode.NOT_JSON, "", f"the record is not JSON: {reason}")


def read_json(value: bytes) -> Any:
    """Any JSON, unvalidated.

    Raises: InvalidEvent."""
    try:
        return from_json(value)
    except ValueError as error:
        raise not_json(value, str(error)) from None


def path_of(loc: Location) -> str:
    """The path of a field. What is no plain name may be anybody's data, so it is shown as `?`."""
    steps = loc
    if loc and loc[0] in {"attributes", "identifiers"}:
        steps = loc[:2]  # what follows is pydantic's name for a member of the union
    return ".".join(str(step) if isinstance(step, int) or _NAME.fullmatch(step) else "?" for step in steps)


def _unknown(loc: Location, field: str) -> InvalidEvent:
    known = _FIELDS if len(loc) == 1 else _INSIDE.get(str(loc[0]), [])
    where = "a touchpoint" if len(loc) == 1 else str(loc[0])
    hint = did_you_mean(str(loc[-1])[:64], known) or "; what is your own goes into attributes"
    return InvalidEvent(RejectCode.UNKNOWN_FIELD, field, f"{where} has no such field{hint}")


def _time_message(kind: str) -> str:
    if kind == "timezone_aware":
        return f"has no offset from UTC: expected {_TIME}"
    if kind in {"greater_than_equal", "less_than"}:
        return "lies outside the years 1970 to 2199"
    return f"expected {_TIME}"


def _attribute(found: Sequence[Any], field: str) -> InvalidEvent:
    kinds = {e["type"] for e in found}
    if any(e["loc"][-1] == "[key]" for e in found):
        return InvalidEvent(RejectCode.BAD_VALUE, field, f"an attribute is called by {_NAME_RULE}")
    if isinstance(found[0]["input"], dict | list):
        message = f"is nested: expected {_SCALAR} (the setting enrich.flatten_attributes flattens it)"
        return InvalidEvent(RejectCode.WRONG_TYPE, field, message)
    code = RejectCode.BAD_VALUE if kinds & {"string_too_long", "finite_number"} else RejectCode.WRONG_TYPE
    return InvalidEvent(code, field, f"expected {_SCALAR}")


def _value(kind: str, loc: Location, field: str, error: Any) -> InvalidEvent:
    if loc[0] == "score" and kind == "value_error":
        # The contract's own sentence, without the value that it ends with.
        said = str(error["ctx"]["error"]).split(", not ")[0]
        return InvalidEvent(RejectCode.BAD_VALUE, field, said)
    if kind == "enum":
        given = error["input"]
        if isinstance(given, str):
            hint = did_you_mean(given[:64], [word.value for word in _WORDS[str(loc[-1])]])
            return InvalidEvent(RejectCode.BAD_VALUE, field, f"expected {_expected(loc)}{hint}")
    if loc[-1] == "[key]":
        return InvalidEvent(RejectCode.BAD_VALUE, field, f"an identifier is called by {_NAME_RULE}")
    wrong_type = kind == "enum" or kind.endswith("_type")
    code = RejectCode.WRONG_TYPE if wrong_type else RejectCode.BAD_VALUE
    return InvalidEvent(code, field, f"expected {_expected(loc)}")


def _expected(loc: Location) -> str:
    name = next((step for step in reversed(loc) if isinstance(step, str) and step in _known_names()), str(loc[0]))
    if len(loc) == 1 and name in _SHAPES:
        return _SHAPES[name]
    if name in _WORDS:
        return "one of " + ", ".join(word.value for word in _WORDS[name])
    if name == "occurred_at":
        return _TIME
    return _EXPECTED.get(str(loc[0]) if loc[0] in {"identifiers", "subjects"} else name, "another value")


def _known_names() -> set[str]:
    return {*_EXPECTED, *_SHAPES, *_WORDS, "occurred_at"}
