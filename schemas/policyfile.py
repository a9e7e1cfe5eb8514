"""A file of policies: what outreach does about which signals. YAML, checked before any of it counts.

`touchline.pipeline.outreach.policyfiles` makes plans of it; here is only its shape. What a policy leaves open (None)
stands in `defaults`, and what these leave open in the settings.
"""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, field_validator
from pydantic.dataclasses import dataclass

from touchline.schemas.request import Skill
from touchline.schemas.rulepatterns import CONFIG, Length, PositiveLength, as_list
from touchline.schemas.types import Name
from touchline.schemas.vocabulary import Channel, Polarity, Purpose, Route, Severity


def _share(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool) and not 0 <= value < 1:
        raise ValueError(f"{value!r} is no share of customers: write 0.1 for 10 %, at most 0.99")
    return value


def _pace(value: object) -> object:
    if value == 0 and not isinstance(value, bool):
        raise ValueError("0 an hour would send nothing at all: leave it out for no bound")
    return value


TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
"""On the recipient's clock, `21:00`."""


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class QuietSpec:
    """From `start` to `end` in the recipient's own time, over midnight where `start` is the later one."""

    start: TimeOfDay
    end: TimeOfDay


OFF: Final = QuietSpec(start="00:00", end="00:00")
"""What `quiet_hours: off` becomes: no quiet hours at all. Told by identity; hours that somebody writes are others."""


def _off(value: object) -> object:
    if value == "off":
        return OFF
    if isinstance(value, dict | QuietSpec):
        return value
    raise ValueError('for no quiet hours write off, else a beginning and an end: {start: "21:00", end: "08:00"}')


Quiet = Annotated[QuietSpec, BeforeValidator(_off)]
HoldOut = Annotated[float, BeforeValidator(_share), Field(strict=True, ge=0, lt=1)]
Channels = Annotated[tuple[Channel, ...], BeforeValidator(as_list), Field(min_length=1, max_length=18)]
Priority = Annotated[int, Field(strict=True, ge=0, le=100)]


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class CapSpec:
    """At the most so many messages to a customer within any window of that length."""

    messages: Annotated[int, Field(strict=True, ge=1, le=1_000)]
    within: PositiveLength


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class CapsSpec:
    """Caps over all messages of a customer, over those of a channel, and over those of policies with a `cap_group`."""

    total: CapSpec | None = None
    channels: dict[Channel, CapSpec] = Field(default_factory=dict)
    groups: dict[Name, CapSpec] = Field(default_factory=dict)


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class EscalateSpec:
    """To whom a task goes that nobody has answered: `queue:seniors`, `owner:billing` or `party:dhl`. Without `after`:
    once `answer_within` has passed."""

    to: Annotated[str, Field(max_length=80)]
    after: PositiveLength | None = None


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class DefaultsSpec:
    """What holds where a policy says nothing of its own.

    `channels`: what may be used, best first. `delay`: how long a signal is waited with on purpose. `cooldown`: between
    two messages about a rule to a customer. `priority`: the higher wins where several signals are open. `max_age`: an
    older signal is not written about. `hold_out`: the share of customers who get no outreach in `experiment`.
    """

    channels: Channels | None = None
    delay: Length | None = None
    cooldown: Length | None = None
    priority: Priority | None = None
    max_age: PositiveLength | None = None
    hold_out: HoldOut | None = None
    experiment: Name | None = None


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class PolicySpec(DefaultsSpec):
    """One policy. It stands for the rules that it names, or for all signals of a severity, of a polarity, or of both.

    `route`: to the customer by a message, to a person by a task in `queue`, or to the owner by a notice (`target`: to
    another owner or a partner). `purpose`: by the polarity of the signal where nothing is said. `template`: a text of
    another name than the rule's. `cap_group`: one of the caps. `pace`: so many messages an hour in all at the most.
    `skill`, `answer_within`, `escalate`: who can take a task, until when it must be answered, and what follows.
    """

    id: Name
    description: Annotated[str, Field(max_length=1_000)] = ""
    rules: Annotated[tuple[Name, ...], BeforeValidator(as_list), Field(max_length=1_000)] = ()
    severity: Annotated[tuple[Severity, ...], BeforeValidator(as_list), Field(max_length=4)] = ()
    polarity: Annotated[tuple[Polarity, ...], BeforeValidator(as_list), Field(max_length=3)] = ()
    purpose: Purpose | None = None
    route: Route | None = None
    queue: Name | None = None
    target: Annotated[str, Field(max_length=80)] | None = None
    template: Name | None = None
    cap_group: Name | None = None
    quiet_hours: Quiet | None = None
    pace: Annotated[int, BeforeValidator(_pace), Field(strict=True, ge=1, le=10_000_000)] | None = None
    skill: Skill | None = None
    answer_within: PositiveLength | None = None
    escalate: EscalateSpec | None = None

    @field_validator("id")
    @classmethod
    def _taken(cls, value: str) -> str:
        if value in {"default", "settings"}:
            raise ValueError(f'"{value}" is what no policy may be called: it stands for what no policy says')
        return value


@dataclass(slots=True, kw_only=True, frozen=True, config=CONFIG)
class PolicyFile:
    """The file. `zone`: where a recipient is whose own time zone isn't known. `quiet_hours`: for all policies that
    have none of their own."""

    schema: Literal["outreach/1"]
    defaults: DefaultsSpec | None = None
    caps: CapsSpec | None = None
    zone: Annotated[str, Field(max_length=64)] | None = None
    quiet_hours: Quiet | None = None
    policies: Annotated[tuple[PolicySpec, ...], Field(max_length=1_000)] = ()
