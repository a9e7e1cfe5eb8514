"""Bounded field types, so that a batch of events always fits a broker's record batch."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Final

from msgspec import Meta
from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema

MAX_EVENT_BYTES = 262_144
"""The largest raw event that is read, in bytes. What is larger is rejected unread."""

ID = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""An identifier of somebody else's: 1 to 128 characters, none of them a control character."""

KIND_PATTERN = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$"
Kind = Annotated[str, Field(max_length=64, pattern=KIND_PATTERN)]
"""What happened: dotted lower case, object first, such as `order.shipped`."""

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z_][A-Za-z0-9_.\-]*$")]
"""A name that rules can use: an attribute, a party, a rule id, a department."""

Subject = Annotated[str, Field(max_length=160, pattern=r"^[a-z][a-z0-9_]{0,30}:[^\x00-\x1f\x7f]{1,128}$")]
"""What a touchpoint is about: `type:id`, such as `order:123`."""

Text = Annotated[str, Field(max_length=16_384)]
"""Free text of the customer or for them, in characters."""

Seconds = Annotated[float, Field(ge=0, le=31_622_400, allow_inf_nan=False)]
"""A length of time in seconds, at most 366 days."""

Integer = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
Number = Annotated[float, Field(allow_inf_nan=False)]
ShortText = Annotated[str, Field(max_length=2_048)]
Scalar = ShortText | bool | Integer | Number | None
"""The value of an attribute: a JSON scalar."""

Attributes = Annotated[dict[Name, Scalar], Field(max_length=64)]
"""At most 64 flat attributes."""


class _Aware:
    """Makes pydantic refuse a time without an offset. (pydantic's own AwareDatetime is a class that msgspec can't
    read, and msgspec's `Meta(tz=True)` says nothing to pydantic.)"""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return {**handler(source), "tz_constraint": "aware"}


EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)

Time = Annotated[datetime, _Aware(), Meta(tz=True), Field(ge=EARLIEST, lt=LATEST)]
"""A point in time with its offset from UTC, in the years 1970 to 2199 (what every store behind us can hold and every
sum of times stays within); a naive time is refused."""

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_LONGEST = 36_500 * _UNITS["d"]


def parse_duration(value: object) -> object:
    """`10m`, `24h`, `1h30m` to milliseconds; whole numbers are taken as milliseconds already.

    Raises: ValueError."""
    if isinstance(value, str):
        parts = _DURATION.findall(value)
        if not parts or _DURATION.sub("", value).strip():
            raise ValueError(f'"{value[:40]}" is no length of time: write 500ms, 30s, 10m, 24h, 7d or a sum (1h30m)')
        length = sum(float(number) * _UNITS[unit] for number, unit in parts)
        if length > _LONGEST:
            raise ValueError(f'"{value[:40]}" is longer than a hundred years (36500d)')
        return round(length)
    return value


def parse_moment(text: str) -> datetime:
    """A time in ISO 8601, with its offset; a bare date is its beginning in UTC.

    Raises: ValueError."""
    with suppress(ValueError):
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:  # without one, whose clock it is read from would be a guess
            return moment
    said = "is no date and no ISO 8601 time with its offset"
    raise ValueError(f'"{text[:40]}" {said}: write 2026-01-31 or 2026-01-31T12:00Z')


IN_A_FILE: Final = "in a file"
"""The context of what people wrote, see `YamlFile.as_type`."""


def _duration(value: object, info: ValidationInfo) -> object:
    """In a file a bare number is refused: its writer may mean seconds."""
    if info.context == IN_A_FILE and isinstance(value, int | float) and value != 0:
        raise ValueError(f"{value!r} is no length of time: write it with its unit, such as 30s, 10m, 24h or 7d")
    return parse_duration(value)


Duration = Annotated[int, BeforeValidator(_duration), Field(ge=0)]
"""A length of time in milliseconds, written as `10m`."""
