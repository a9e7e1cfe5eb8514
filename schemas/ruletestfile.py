"""A file of rule tests: events at offsets, when they arrive, how far the clock goes, and all signals that follow."""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.rulepatterns import Length
from touchline.schemas.touchpoint import Score
from touchline.schemas.types import ID, Attributes, Kind, Name, Seconds, Subject, Text, Time
from touchline.schemas.vocabulary import Actor, Channel, Control, Severity, Stage

_CONFIG = ConfigDict(extra="forbid")


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class Repeat:
    """The same event for many: `times` in all, each `every` after the one before."""

    times: Annotated[int, Field(ge=2, le=1_000)]
    every: Length = 0


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class TestEvent:
    """A touchpoint at an offset from the start. `arrives`: the offset at which it reaches us, else at once. `repeat`:
    `{n}` in the id, the customer and the subjects is the number of each, from 1. What is not said comes from the
    catalogue of kinds."""

    at: Length
    kind: Kind
    repeat: Repeat | None = None
    arrives: Length | None = None
    id: ID | None = None
    source: ID = "test"
    customer: ID | None = None
    channel: Channel | None = None
    stage: Stage | None = None
    party: Name | None = None
    actor: Actor | None = None
    subjects: Annotated[tuple[Subject, ...], Field(max_length=8)] = ()
    text: Text | None = None
    score: Score | None = None
    sentiment: Annotated[float, Field(ge=-1, le=1)] | None = None
    wait_seconds: Seconds | None = None
    duration_seconds: Seconds | None = None
    attributes: Attributes = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class Expected:
    """A signal as it stands in the end. `status`: `open`, `resolved`, `retracted` or `expired`; `at`: the offset at
    which the friction became true. Of an incident `customers`: how many it has. What is left out may be anything."""

    rule: Name
    at: Length | None = None
    status: Literal["open", "resolved", "retracted", "expired"] = "open"
    customer: ID | None = None
    group: str | None = None
    severity: Severity | None = None
    control: Control | None = None
    party: Name | None = None
    count: int | None = None
    customers: int | None = None
    revision: int | None = None
    evidence: str | None = None


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class RuleTest:
    """One test. `advance`: everything up to this offset has arrived in the end. `expect`: all signals, in any order.
    `shuffle`: other orders of arrival within the lateness must give the same."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    start: Time | None = None
    customer: ID = "c-1"
    events: Annotated[tuple[TestEvent, ...], Field(max_length=1_000)]
    advance: Length | None = None
    expect: Annotated[tuple[Expected, ...], Field(max_length=1_000)]
    shuffle: bool = False


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class RuleTestFile:
    """The file. `rules`: the file under test, beside this one; by default of the same name without `.test`."""

    schema: Literal["friction-test/1"]
    rules: str | None = None
    tests: Annotated[tuple[RuleTest, ...], Field(min_length=1, max_length=1_000)]
