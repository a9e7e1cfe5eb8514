"""An import map: how the rows of somebody's files become touchpoints. `docs/import.md` is its manual."""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from touchline.schemas.mapvalues import Constant, KindValue, Template, TimeFormat, Value, Zone, one_of
from touchline.schemas.types import Name
from touchline.schemas.vocabulary import Actor, Channel, ScoreScale, Stage
from touchline.schemas.yamlfile import YamlFile

_CONFIG: Final = ConfigDict(extra="forbid")
Separator = Annotated[str, Field(pattern=r"^[^\w\s\"']$|^[\t ]$")]
"""What stands between the columns of a CSV file, where it is no comma: one character."""

_RESERVED: Final = frozenset({"all", "any", "not", "first", "changed"})


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class Test:
    """What one column must be; all that is said must hold. `like`: a pattern with * and ?."""

    __test__ = False

    equals: Constant = None
    one_of: Annotated[list[Constant] | None, Field(alias="in")] = None
    present: bool | None = None
    like: str | None = None
    above: float | None = None
    below: float | None = None


def _test(value: Any) -> Any:
    if isinstance(value, dict):
        if not value:
            raise ValueError("expected a value, a list of values, or equals, in, present, like, above, below")
        if "not" in value:
            raise ValueError("not stands around the column: `not: {column: value}`")
        return value
    return {"in": value} if isinstance(value, list) else {"equals": value}


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class When:
    """A condition; all that is said must hold. `first`: the row is the first of its key. `changed`: one of these
    columns differs from the previous row of the key (also on the first row)."""

    columns: dict[str, Annotated[Test, BeforeValidator(_test)]] = field(default_factory=dict)
    all: "list[Condition]" = field(default_factory=list)
    any: "list[Condition] | None" = None
    negated: "Annotated[Condition | None, Field(alias='not')]" = None
    first: bool | None = None
    changed: list[str] | None = None


def _when(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    known = {str(key): item for key, item in value.items()}
    columns = {key: item for key, item in known.items() if key not in _RESERVED}
    return {key: item for key, item in known.items() if key in _RESERVED} | ({"columns": columns} if columns else {})


Condition = Annotated[When, BeforeValidator(_when)]


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class ScoreMap:
    """A survey score."""

    scale: ScoreScale
    value: Value
    upper: float | None = None
    low_is_good: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class TouchpointMap:
    """One touchpoint that a row may become. `at`: when it happened, and so when all that it carries must be known.

    `id` is unique within the source; without one it follows from the map, the file's name, the row and the place of
    this entry in the map.
    """

    kind: KindValue
    at: Template
    when: Condition | None = None
    zone: Zone | None = None
    times: list[TimeFormat] | None = None
    id: Template | None = None
    source: Value | None = None
    customer: Value | None = None
    identifiers: dict[Name, Value] = field(default_factory=dict)
    subjects: list[Template] = field(default_factory=list)
    channel: Annotated[Value, one_of(Channel)] | None = None
    stage: Annotated[Value, one_of(Stage)] | None = None
    party: Value | None = None
    actor: Annotated[Value, one_of(Actor)] | None = None
    text: Value | None = None
    score: ScoreMap | None = None
    wait_seconds: Value | None = None
    duration_seconds: Value | None = None
    attributes: dict[Name, Value] = field(default_factory=dict)

    @model_validator(mode="after")
    def _somebody(self) -> "TouchpointMap":
        if self.customer is None and not self.identifiers:
            raise ValueError("customer or one of identifiers is needed: whose touchpoint is it?")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class Take:
    """What a join takes of the rows with the key. `only`: the value where all rows agree, else `several`."""

    first: str | None = None
    last: str | None = None
    only: str | None = None
    several: str | None = None
    sum: str | None = None
    count: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Take":
        ways = [way for way in (self.first, self.last, self.only, self.sum, self.count) if way is not None]
        if len(ways) != 1:
            raise ValueError("expected one of first, last, only, sum, count")
        return self

    @property
    def column(self) -> str | None:
        """The other file's column; None when rows are counted."""
        return self.first or self.last or self.only or self.sum


def _on(value: Any) -> Any:
    return {value: value} if isinstance(value, str) else value


def _take(value: Any) -> Any:
    return {"first": value} if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class Join:
    """Columns of another file's rows with the same key. `on`: a column of both, or {ours: theirs}. What is taken is
    seen by every touchpoint of the row, so take only what was known at their time."""

    files: str
    on: Annotated[dict[str, str], BeforeValidator(_on)]
    take: Annotated[dict[str, Annotated[Take, BeforeValidator(_take)]], Field(min_length=1)]
    format: Literal["csv", "tsv", "ndjson"] | None = None
    separator: Separator | None = None
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class Previous:
    """Rows of one key in the order of time: conditions and templates may use `previous.column`, `first`, `changed`."""

    by: Template
    at: Template


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class Input:
    """A file's rows. `files`: a pattern for the file's name with * and ?."""

    files: str
    format: Literal["csv", "tsv", "ndjson"] | None = None
    separator: Separator | None = None
    optional: bool = False
    join: list[Join] = field(default_factory=list)
    previous: Previous | None = None
    touchpoints: Annotated[list[TouchpointMap], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class MapFile:
    """The whole map. `times` and `zone` hold for all times that say nothing else; `source` defaults to the name."""

    schema: Literal["map/1"]
    name: Name
    description: str = ""
    source: Value | None = None
    zone: Zone | None = None
    times: Annotated[list[TimeFormat], Field(min_length=1)] = field(default_factory=lambda: ["iso"])
    inputs: Annotated[list[Input], Field(min_length=1)]


_ADAPTER: Final = TypeAdapter(MapFile)


class LoadedMap(NamedTuple):
    """A map and the file it stood in, for mistakes that only the data shows."""

    map: MapFile
    file: YamlFile


def load_map(path: Path) -> LoadedMap:
    """Reads a map.

    Raises: FileError with line and column of each mistake."""
    file = YamlFile.read(path)
    return LoadedMap(file.as_type(_ADAPTER), file)
