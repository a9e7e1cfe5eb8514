"""The values of an import map: templates, look-ups, zones and forms of times.

A text with `{column}` is a template: each name in braces is replaced by that column of the row, and a template one of
whose columns is empty gives nothing.
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.types import KIND_PATTERN
from touchline.schemas.yamlfile import did_you_mean

FILTERS: Final = ("lower", "upper", "trim", "slug")
"""What may stand behind a column, as `{column|lower}`. `slug` makes a name: `Virgin America` → `virgin_america`."""

FORMATS: Final = ("iso", "epoch_s", "epoch_ms")
"""Time formats by name; any other is a pattern for `strptime`, such as `%d.%m.%Y %H:%M`."""

_HOLE: Final = re.compile(r"\{([^{}]*)\}")
_CONFIG: Final = ConfigDict(extra="forbid", populate_by_name=False)


class Hole(NamedTuple):
    """A column in a template, and what is done to its value."""

    column: str
    filters: tuple[str, ...]


def split_template(template: str) -> list[str | Hole]:
    """The text and the holes of a template in their order.

    Raises: ValueError with what is wrong."""
    parts: list[str | Hole] = []
    end = 0
    for match in _HOLE.finditer(template):
        parts.append(_text(template[end : match.start()]))
        column, *filters = match[1].split("|")
        if not column:
            raise ValueError("a column's name is needed between { and }")
        for name in filters:
            if name not in FILTERS:
                raise ValueError(f"{name} is no filter: {', '.join(FILTERS)} are{did_you_mean(name, FILTERS)}")
        parts.append(Hole(column, tuple(filters)))
        end = match.end()
    parts.append(_text(template[end:]))
    return [part for part in parts if part != ""]


def _text(text: str) -> str:
    if "{" in text or "}" in text:
        raise ValueError("a brace stands alone: a column is written {column}")
    return text


def _template(value: str) -> str:
    split_template(value)
    return value


Template = Annotated[str, AfterValidator(_template)]


def _time_format(value: str) -> str:
    if value in FORMATS:
        return value
    if "%" not in value:
        raise ValueError(f'"{value}" is no time format: write {", ".join(FORMATS)} or a pattern such as %Y-%m-%d %H:%M')
    try:
        datetime.strptime("", value)  # noqa: DTZ007  # nothing is read, and a pattern that can be read says so
    except ValueError as error:
        if "does not match" not in str(error):
            raise ValueError(f'"{value}" is no pattern of times: {error}') from None
    return value


TimeFormat = Annotated[str, AfterValidator(_time_format)]
Constant = str | bool | int | float | None


class As(StrEnum):
    """What a value becomes. TIME: ISO 8601 with the offset of the map's zone."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class Pick:
    """A value: a template, what it is looked up in, its type, and what stands in where there is nothing.

    A value that is not in `map` takes the `default`; without one the row fails.
    """

    template: Annotated[Template, Field(alias="from")] = ""
    constant: Annotated[Constant, Field(alias="value")] = None
    map: dict[str, Constant] | None = None
    type: Annotated[As | None, Field(alias="as")] = None
    default: Constant = None
    has_default: Annotated[bool, Field(alias="has_default")] = False

    @property
    def holes(self) -> list[Hole]:
        """The columns it is made of."""
        return [part for part in split_template(self.template) if isinstance(part, Hole)]


def _pick(value: Any) -> Any:
    if isinstance(value, str):
        return {"from": value}
    if isinstance(value, bool | int | float):
        return {"value": value}
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value.values())) is None:
            # A column without quotes is an object to YAML.
            raise ValueError(f'put braces into quotes: "{{{next(iter(value))}}}"')
        known = {str(key): item for key, item in value.items()}
        return known | {"has_default": True} if "default" in known else known
    raise ValueError('expected a template such as "{column}", or {from: …, map: …, as: …, default: …}')


Value = Annotated[Pick, BeforeValidator(_pick)]


def _written_out(pick: Pick) -> list[str]:
    """The values that stand in the map itself; those made of columns are checked with each row."""
    written = list(pick.map.values()) if pick.map else ([] if pick.holes else [pick.template])
    return [str(value) for value in (*written, pick.default) if value not in (None, "")]


def one_of(words: type[StrEnum]) -> AfterValidator:
    """Checks that a value written out in the map is one of the words."""

    def check(pick: Pick) -> Pick:
        for value in _written_out(pick):
            if value not in list(words):
                raise ValueError(f'"{value}" is not one of {", ".join(words)}{did_you_mean(value, list(words))}')
        return pick

    return AfterValidator(check)


def _kind(pick: Pick) -> Pick:
    for value in _written_out(pick):
        if not re.match(KIND_PATTERN, value):
            raise ValueError(f'"{value}" is no kind: dotted lower case, object first, such as order.shipped')
    return pick


def _zone(pick: Pick) -> Pick:
    for value in _written_out(pick):
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            message = f'"{value}" is no time zone of the IANA database: write Europe/Paris, America/New_York or UTC'
            raise ValueError(message) from None
    return pick


KindValue = Annotated[Value, AfterValidator(_kind)]
Zone = Annotated[Value, AfterValidator(_zone)]
