"""What every part of a rule is written with: lengths of time, kinds, conditions, patterns of events."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.types import KIND_PATTERN, parse_duration

MAX_WHERE: Final = 1_000
"""The longest condition, in characters."""

LARGEST: Final = 10**12
"""A number further from zero than this is none that a rule adds up."""

_KINDS = re.compile(rf"(?:{KIND_PATTERN})|(?:^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\.\*$)")
_DAY = 86_400_000
_MOST: Final = 400 * _DAY
CONFIG: Final = ConfigDict(extra="forbid")


def _with_unit(value: object) -> object:
    """A bare number would be milliseconds to the machine and hours to whoever wrote it."""
    if isinstance(value, str):
        length = parse_duration(value)
        if isinstance(length, int) and length > _MOST:
            raise ValueError(f'"{value}" is longer than 400 days, which is the most that a rule waits or looks back')
        return length
    raise ValueError(f"{value!r} is no length of time: write it with its unit, such as 30s, 10m, 24h or 7d")


def _kind(value: str) -> str:
    if _KINDS.fullmatch(value) is None:
        raise ValueError(f'"{value}" is no kind: write order.shipped, or order.* for all that begin so')
    return value


def as_list(value: object) -> object:
    """One as a list of one."""
    return (value,) if isinstance(value, str | dict) else value


Length = Annotated[int, BeforeValidator(_with_unit), Field(ge=0, le=_MOST)]
"""A length of time in milliseconds, written with its unit; at most 400 days."""

PositiveLength = Annotated[int, BeforeValidator(_with_unit), Field(gt=0, le=_MOST)]
Alias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,15}$")]
KindOrPrefix = Annotated[str, Field(max_length=64), AfterValidator(_kind)]
Kinds = Annotated[tuple[KindOrPrefix, ...], BeforeValidator(as_list), Field(min_length=1, max_length=40)]
"""One kind or several; `ticket.*` stands for all that begin so."""

Where = Annotated[str, Field(min_length=1, max_length=MAX_WHERE)]
"""A condition on an event: a small part of Python's expressions."""


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class EventPattern:
    """Which events: their kinds and a condition. `as` names the event for other conditions and for the evidence."""

    event: Kinds
    where: Where | None = None
    as_: Annotated[Alias | None, Field(alias="as")] = None
