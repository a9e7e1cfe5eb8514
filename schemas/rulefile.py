"""A file of rules: what friction looks like, whose it is and what to do. YAML, checked before any of it runs.

`touchline.pipeline.friction` turns it into code; here is only its shape.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from touchline.schemas.rulenumbers import Average, Percentile, Ratio, Score, Sum
from touchline.schemas.rulepatterns import CONFIG, EventPattern, Length, PositiveLength, as_list
from touchline.schemas.types import Name
from touchline.schemas.vocabulary import Control, Polarity, Scope, Severity, Stage

_DAY: Final = 86_400_000
_MOST_RULES: Final = 16


def _deadline(value: object) -> object:
    if isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is no deadline: write it with its unit, such as 48h")


def _different(sides: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    names = [name for side in sides for name in side]
    if len(set(names)) < len(names):
        raise ValueError("names a rule twice")
    if len(names) > _MOST_RULES:
        raise ValueError(f"names {len(names)} rules, at most {_MOST_RULES}")
    return sides


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class Match(EventPattern):
    """True at each event that fits, and at no other time."""


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class Count(EventPattern):
    """True while at least `at_least` events lie in the closed window that ends with the newest of them."""

    at_least: Annotated[int, Field(ge=2, le=50)]
    within: PositiveLength


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class Distinct(EventPattern):
    """True while the events in the closed window have at least `at_least` different values of the field `value`."""

    value: Name
    at_least: Annotated[int, Field(ge=2, le=20)]
    within: PositiveLength


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class Steps:
    """True at an event that fits the last step, after events that fit the steps before it in their order, all within
    the window. An event that fits `unless` after the first step breaks it."""

    steps: Annotated[tuple[EventPattern, ...], Field(min_length=2, max_length=8)]
    within: PositiveLength
    unless: Annotated[tuple[EventPattern, ...], BeforeValidator(as_list), Field(max_length=8)] = ()


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class Absence:
    """True at the deadline when `after` was followed by none of `expect` and none of `unless` until then.

    `deadline`: a length of time after the event (`48h`), or a time that the event tells and a length (`s.promised_at +
    24h`). It fires once the watermark has passed the deadline and `grace`; its time is the deadline. `context`: the
    newest such event before the deadline says whose it is now (the carrier that took the parcel).
    """

    after: EventPattern
    expect: Annotated[tuple[EventPattern, ...], BeforeValidator(as_list), Field(min_length=1, max_length=8)]
    deadline: Annotated[str, BeforeValidator(_deadline), Field(min_length=1, max_length=100)]
    grace: Length = 0
    unless: Annotated[tuple[EventPattern, ...], BeforeValidator(as_list), Field(max_length=8)] = ()
    context: EventPattern | None = None


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class AllOf:
    """True while signals of all these rules stand at once, begun within the closed window. A resolved signal stands no
    more. Of rules that stand in a list of their own one is enough. Signals of the same customer count together; with
    another `per`, those of the same group."""

    rules: Annotated[
        tuple[Annotated[tuple[Name, ...], BeforeValidator(as_list), Field(min_length=1)], ...],
        AfterValidator(_different),
        Field(min_length=2, max_length=8),
    ]
    within: PositiveLength


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class AnyOf(AllOf):
    """The same of at least so many of the rules; those that stand in a list of their own count as one."""

    at_least: Annotated[int, Field(strict=True, ge=1, le=8)] = 1

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.at_least > len(self.rules):
            raise ValueError(f"at_least is {self.at_least}, of {len(self.rules)} rules")
        return self


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class Affected:
    """True while at least `customers` different customers lie in the closed window that ends with the newest of them:
    by an event of theirs (`by`), or by a signal that was opened for them (`signals`: of which rules)."""

    by: EventPattern | None = None
    signals: Annotated[tuple[Name, ...], BeforeValidator(as_list), Field(max_length=40)] = ()
    customers: Annotated[int, Field(ge=2, le=500)]
    within: PositiveLength

    @model_validator(mode="after")
    def _one_input(self) -> Self:
        if (self.by is None) == (not self.signals):
            raise ValueError('customers are counted by exactly one of "by" and "signals"')
        return self


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class Exposed(EventPattern):
    """Whom the cause of an incident may reach next: a customer is exposed from such an event on, to the cause that it
    tells of, until one that fits `unless`, at most for `within`. `by`: what both must have in common (`order`), so that
    one thing that is over leaves the others; of each the newest event counts."""

    by: Name = "customer"
    unless: Annotated[tuple[EventPattern, ...], BeforeValidator(as_list), Field(max_length=8)] = ()
    within: PositiveLength = 30 * _DAY


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class Detect:
    """How the friction is found: exactly one of these."""

    match: Match | None = None
    count: Count | None = None
    distinct: Distinct | None = None
    sequence: Steps | None = None
    absence: Absence | None = None
    sum: Sum | None = None
    average: Average | None = None
    percentile: Percentile | None = None
    ratio: Ratio | None = None
    score: Score | None = None
    all: AllOf | None = None
    any: AnyOf | None = None
    affected: Affected | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        names = [item.name for item in fields(self)]
        if len([name for name in names if getattr(self, name) is not None]) != 1:
            raise ValueError(f"a rule detects by exactly one of {', '.join(names[:-1])} and {names[-1]}")
        return self


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class RuleSpec:
    """One rule.

    `owner` is the department that must act. `control` holds unless the party of the evidence says otherwise. `per` is
    what the rule counts by: `customer`, the type of a subject (`order`) or an attribute. `scope: incident`: `per` is a
    cause that many customers have in common, found by `affected`; `covers`: the rules whose signals it explains;
    `exposed`: who may be next. `resolve`: events of the same group that end the signal. `cooldown`: how long after a
    signal was opened no other one is opened for the group. `expires`: how long a signal stays open after what it last
    rested on. A new `version` starts afresh.
    """

    id: Name
    version: Annotated[int, Field(ge=1, le=100_000)] = 1
    description: Annotated[str, Field(max_length=1_000)] = ""
    polarity: Polarity = Polarity.FRICTION
    owner: Name
    control: Control = Control.OWN
    stage: Stage
    severity: Severity = Severity.MEDIUM
    scope: Scope = Scope.CUSTOMER
    per: Name = "customer"
    detect: Detect
    covers: Annotated[tuple[Name, ...], BeforeValidator(as_list), Field(max_length=40)] = ()
    exposed: Exposed | None = None
    resolve: Annotated[tuple[EventPattern, ...], BeforeValidator(as_list), Field(max_length=8)] = ()
    cooldown: Length = 0
    expires: PositiveLength = 30 * _DAY
    evidence: Annotated[str, Field(min_length=1, max_length=300)]
    action: Annotated[str, Field(min_length=1, max_length=300)]

    @model_validator(mode="after")
    def _of_its_scope(self) -> Self:
        incident = self.scope is Scope.INCIDENT
        if incident != (self.detect.affected is not None):
            raise ValueError('"scope: incident" and "detect: affected" go together')
        if incident and self.per == "customer":
            raise ValueError('an incident needs "per": what its customers have in common, such as party')
        for name, part in (("covers", self.covers), ("exposed", self.exposed)):
            if part and not incident:
                raise ValueError(f'"{name}" belongs to a rule with "scope: incident"')
        return self


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class RuleFile:
    """The file."""

    schema: Literal["friction/1"]
    rules: Annotated[Sequence[RuleSpec], Field(max_length=1_000)]
