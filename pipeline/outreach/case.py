"""What `decide` looks at, and what it says."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from touchline.pipeline.friction.incidents import Known
from touchline.pipeline.outreach.contact import Contact
from touchline.pipeline.outreach.pace import Taken, Turns
from touchline.pipeline.outreach.plan import Plan, PolicyBook
from touchline.schemas.customer import Profile
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Arm, Channel, Outcome, Polarity, Purpose, Reason, Route, Scope


class Rival(NamedTuple):
    """Another signal of the customer, whose message comes before."""

    signal_id: str
    rule: str
    priority: int


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What else bears on a decision. Times in milliseconds since 1970 UTC.

    `incident`: the one that stands now and explains the signal. `told_by`: the other signal by whose message the
    customer is told of it. `since`: when the signal was decided first, None when this is the first time. `turn`: the
    turn it waited for, which is now. `turns`: its plan's turns, `taken`: those that are, `turns_from`: none before
    that is given any more. `winner`: the one whose
    message went out and stands for it. `waiting`: one of higher rank whose message waits. `ramp_left`: whether the ramp
    lets another message through today.
    """

    incident: Known | None = None
    told_by: str = ""
    since: int | None = None
    turn: int | None = None
    turns: Turns | None = None
    taken: Taken = []
    turns_from: int = 0
    winner: Rival | None = None
    waiting: Rival | None = None
    ramp_left: bool = True


PLAIN: Final = Circumstances()
"""Nothing else bears on it."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a signal now, and why, in words. Times in milliseconds since 1970 UTC.

    `about`: the rule that a message is about, the incident's where it tells of that. `channel` is set when a message is
    sent, and where a person is asked it is how to reach the customer. `release_at`: when a held one is decided again.
    `send_before`: from when on a message that is sent now, but has not left yet, must stay. `observed_by`: see
    `Decision`. `telling`: it is about the incident that explains the signal.
    """

    outcome: Outcome
    reason: Reason
    explanation: str
    plan: Plan
    about: str
    purpose: Purpose
    channel: Channel | None = None
    release_at: int | None = None
    send_before: int | None = None
    observed_by: str = ""
    experiment: str = ""
    arm: Arm = Arm.NONE
    telling: bool = False

    @property
    def sent(self) -> bool:
        """Whether something goes out: a message, or a request."""
        return self.outcome is Outcome.SENT


class Case(msgspec.Struct):
    """One signal before `decide`. `plan`: see `plan_of`; `telling`: it is the one of the incident that explains the
    signal. `history`: the contacts that count. `usable`: the channels by which a message may go."""

    signal: Signal
    profile: Profile | None
    history: Sequence[Contact]
    book: PolicyBook
    now: int
    more: Circumstances
    plan: Plan
    telling: bool
    about: str
    purpose: Purpose
    usable: tuple[Channel, ...] = ()
    observed_by: str = ""
    experiment: str = ""
    arm: Arm = Arm.NONE

    @property
    def to_customer(self) -> bool:
        """Whether it is about a message to the customer, which asks more than a request to one of us."""
        return self.plan.route is Route.CUSTOMER


def plan_of(book: PolicyBook, signal: Signal, incident: Known | None) -> tuple[Plan, bool]:
    """The plan for a signal, and whether it is about the incident that explains it: where that one's rule has a plan of
    its own that writes to customers, each customer is told of it once."""
    if incident is not None and signal.scope is Scope.CUSTOMER:
        plan = book.by_rule.get(incident.rule)
        if plan is not None and plan.route is Route.CUSTOMER:
            return plan, True
    return book.plan(signal), False


def purpose_of(polarity: Polarity, plan: Plan) -> Purpose:
    """The purpose of a message about a signal of that polarity, for which customers must have agreed to it, and which
    its link ends. One about friction or a need serves the customer's own order or case, one about delight asks a
    favour."""
    if plan.purpose is not None:
        return plan.purpose
    return Purpose.MARKETING if polarity is Polarity.DELIGHT else Purpose.SERVICE


def observed_by(book: PolicyBook, signal: Signal, plan: Plan, about: str, *, ramp_left: bool) -> str:
    """Why nothing is delivered whatever the decision, empty when it is. The ramp counts messages only."""
    switches = book.switches
    if switches.observe:
        return "mode"
    if switches.stopped and (switches.stops(signal.rule) or switches.stops(about)):
        return "stop"
    if switches.allow is not None and signal.customer not in switches.allow:
        return "allow_list"
    return "" if ramp_left or plan.route is not Route.CUSTOMER else "ramp"


def target_of(signal: Signal, plan: Plan) -> str:
    """Whom a request is for: what the plan names, else the queue or the address of the signal's owner; where a partner
    answers for it, of the partner."""
    if plan.route is Route.CUSTOMER:
        return ""
    if plan.target:
        return plan.target
    if plan.route is Route.PERSON:
        return f"queue:{signal.owner}"
    return f"party:{signal.party}" if signal.control == "partner" else f"owner:{signal.owner}"
