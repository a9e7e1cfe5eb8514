"""The plans of outreach: what is to be done about which signals. Frozen, so that `decide` is a function of its input.

A `PolicyBook` is what a folder of policy files says, checked and resolved: for each signal it has exactly one `Plan`.
Lengths of time are in milliseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from typing import Final

from touchline.pipeline.engine.clock import DAY
from touchline.pipeline.outreach.quiet import QuietHours
from touchline.schemas.request import Skill
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Channel, Polarity, Purpose, Route, Scope, Severity

ALL: Final = "*"
"""Stands for every rule where an immediate stop is meant for all."""

_ANY: Final = Skill()


@dataclass(frozen=True, slots=True)
class Cap:
    """At the most so many messages to a customer within any window of that length."""

    messages: int
    within: int


@dataclass(frozen=True, slots=True)
class Escalation:
    """What follows when nobody has answered within `after`: the request goes on to `target`."""

    after: int
    target: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done about a signal.

    `id`: of the policy, `default` for the one that stands where no other does. `purpose` None: by the polarity of the
    signal. `route`: whom it turns to; `target`: the queue of a person (`queue:service`), or the owner (None: the
    signal's own owner or, where a partner answers for it, the party). `template`: the name of a text, None: by the
    rule. `delay`: how long it is waited on purpose before the first look. `priority`: the higher wins where several
    signals are open. `cap_group`: messages of a group share a cap of their own. `hold_out`: the share of customers (0
    to 1) who get no outreach in `experiment`, never for critical signals. `pace`: at the most so many messages an hour
    in all shards together, 0: no bound. `answer_within` and `escalation`: of tasks.
    """

    id: str = "default"
    purpose: Purpose | None = None
    route: Route = Route.CUSTOMER
    target: str | None = None
    channels: tuple[Channel, ...] = (Channel.EMAIL, Channel.SMS, Channel.PUSH)
    template: str | None = None
    delay: int = 0
    cooldown: int = 3 * DAY
    priority: int = 50
    cap_group: str = ""
    quiet: QuietHours | None = field(default_factory=lambda: QuietHours.parse("21:00", "08:00"))
    max_age: int = 2 * DAY
    hold_out: float = 0.0
    experiment: str = "default"
    pace: int = 0
    skill: Skill = _ANY
    answer_within: int | None = None
    escalation: Escalation | None = None


@dataclass(frozen=True, slots=True)
class Switches:
    """What is really sent. `observe`: nothing at all. `stopped`: rules whose messages stop at once (`ALL`: every one);
    what is in the queue already is not sent any more either. `allow`: when not None, only these customers get
    messages. `test_recipient`: addresses by channel that get every message instead of the customer. `ramp`: so many
    messages a day in all at the most, from the first day on (the last number stands for all later days), counted from
    `ramp_from` (milliseconds since 1970 UTC)."""

    observe: bool = True
    stopped: frozenset[str] = frozenset()
    allow: frozenset[str] | None = None
    test_recipient: Mapping[Channel, str] = field(default_factory=dict)
    ramp: tuple[int, ...] = ()
    ramp_from: int = 0

    def stops(self, rule: str) -> bool:
        """Whether messages about a rule are stopped."""
        return ALL in self.stopped or rule in self.stopped


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """All plans. `by_rule` counts before `by_kind` (polarity and severity), that before `default`. `cap`: over all
    messages of a customer; `channel_caps` and `group_caps` beside it. `zone`: where a recipient is whose own zone
    isn't known. `content`: a short hash of the files."""

    default: Plan = field(default_factory=Plan)
    by_rule: Mapping[str, Plan] = field(default_factory=dict)
    by_kind: Mapping[tuple[Polarity, Severity], Plan] = field(default_factory=dict)
    cap: Cap = field(default_factory=lambda: Cap(3, 7 * DAY))
    channel_caps: Mapping[Channel, Cap] = field(default_factory=dict)
    group_caps: Mapping[str, Cap] = field(default_factory=dict)
    switches: Switches = field(default_factory=Switches)
    zone: tzinfo = UTC
    content: str = ""

    def plan(self, signal: Signal) -> Plan:
        """The one plan for a signal. An incident is no single customer's: where nothing else is said its owner is
        told; messages by the same policy go to those who are exposed to it, by signals of their own."""
        plan = self.plan_of(signal.rule, signal.polarity, signal.severity)
        if signal.scope is Scope.INCIDENT and plan.route is Route.CUSTOMER:
            return replace(plan, route=Route.OWNER, target=None)
        return plan

    def plan_of(self, rule: str, polarity: Polarity, severity: Severity) -> Plan:
        """The one plan for a customer's signals of that rule and sort."""
        return self.by_rule.get(rule) or self.by_kind.get((polarity, severity)) or self.default

    @property
    def memory(self) -> int:
        """How long a contact matters."""
        caps = (self.cap, *self.channel_caps.values(), *self.group_caps.values())
        plans = (self.default, *self.by_rule.values(), *self.by_kind.values())
        return max(*(cap.within for cap in caps), *(plan.cooldown for plan in plans))
