"""Uplift: what outreach changed, held against customers who got none.

    uplift = share of the treated with the outcome - share of the held out with it

Below 0 fewer treated customers had the outcome (complaints avoided), above 0 more did (repurchases won). Customers are
counted as they were assigned (intention to treat): from their first decision that got an arm, once in an experiment, in
the arm of that decision, whatever became of the message later. So nothing that follows from the treatment itself
decides who is counted. The outcome counts when it comes within the time after that decision. Whose time is not over yet
is not counted in either arm, as they have had less time than others.

What would have been is seen in those who were held out: they complain when the treated would have.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from touchline.pipeline.engine.clock import SECOND
from touchline.pipeline.measures.detection import Quartiles, quartiles
from touchline.pipeline.measures.proportions import (
    Needed,
    believed,
    cases_needed,
    chance_of_split,
    difference_interval,
    least_effect,
)
from touchline.schemas.vocabulary import Arm

ALL: Final = ""
"""Stands for all rules of an experiment together."""

MISMATCH: Final = 0.001
"""A split that chance makes so seldom was made by something else (R. Kohavi, D. Tang and Y. Xu, Trustworthy Online
Controlled Experiments, 2020, chapter 21: a sample ratio mismatch)."""


class Assigned(NamedTuple):
    """A decision that got an arm, TREATED or HELD_OUT. `at`: of the decision, `signal_at`: when the friction became
    true, in milliseconds since 1970 UTC."""

    experiment: str
    rule: str
    customer: str
    arm: Arm
    at: int
    signal_at: int


@dataclass(slots=True)
class ArmTally:
    """One arm of an experiment. `customers` counted, `outcomes` of them; `reached`: those to whom a message really went
    within the time; `open`: those not counted because their time is not over. `leads` and `signal_leads`: seconds from
    the decision, and from the friction, to the outcome."""

    customers: int = 0
    outcomes: int = 0
    reached: int = 0
    open: int = 0
    leads: list[float] = field(default_factory=list)
    signal_leads: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float | None:
        """outcomes / customers; None without customers."""
        return self.outcomes / self.customers if self.customers else None

    @property
    def lead(self) -> Quartiles | None:
        """From the decision to the outcome, in seconds: of those held out, how long before a complaint the message
        would have come."""
        return quartiles(self.leads)

    @property
    def signal_lead(self) -> Quartiles | None:
        """From the friction to the outcome, in seconds."""
        return quartiles(self.signal_leads)

    def add(self, other: "ArmTally") -> None:
        """Counts other customers as well."""
        self.customers += other.customers
        self.outcomes += other.outcomes
        self.reached += other.reached
        self.open += other.open
        self.leads.extend(other.leads)
        self.signal_leads.extend(other.signal_leads)


@dataclass(slots=True)
class Tally:
    """Both arms of an experiment, or of one rule in it. `moved`: customers whose later decisions had the other arm, as
    happens when the share is changed on the way; they stay where they were first."""

    treated: ArmTally = field(default_factory=ArmTally)
    held_out: ArmTally = field(default_factory=ArmTally)
    moved: int = 0

    def of(self, arm: Arm) -> ArmTally:
        """The one arm or the other."""
        return self.held_out if arm is Arm.HELD_OUT else self.treated

    def add(self, other: "Tally") -> None:
        """Counts other customers as well."""
        self.treated.add(other.treated)
        self.held_out.add(other.held_out)
        self.moved += other.moved


@dataclass(slots=True)
class _Member:
    """One customer in an experiment."""

    first: Assigned
    moved: bool = False

    def take(self, assigned: Assigned) -> None:
        self.moved |= assigned.arm != self.first.arm
        self.first = min(self.first, assigned, key=_order)


def _order(assigned: Assigned) -> tuple[int, int, str, str]:
    return assigned.at, assigned.signal_at, assigned.rule, assigned.arm


class Enrolment:
    """Who is in which experiments since when, and what happened to them. Decisions first: what happened to customers
    who are in none is not kept. The order within each does not matter. Customers may be counted in portions: their
    tallies add up."""

    def __init__(self) -> None:
        self._members: dict[tuple[str, str], dict[str, _Member]] = {}
        self._outcomes: dict[str, list[int]] = {}
        self._messages: dict[str, list[int]] = {}

    def __contains__(self, customer: object) -> bool:
        return customer in self._outcomes

    def __len__(self) -> int:
        return len(self._outcomes)

    def take(self, assigned: Assigned) -> None:
        """A decision with an arm, of any revision."""
        for rule in (assigned.rule, ALL):
            members = self._members.setdefault((assigned.experiment, rule), {})
            member = members.get(assigned.customer)
            if member is None:
                members[assigned.customer] = _Member(assigned)
            else:
                member.take(assigned)
        self._outcomes.setdefault(assigned.customer, [])

    def message(self, customer: str, at: int) -> None:
        """A message that really went to a customer, of any experiment or none."""
        if customer in self._outcomes:
            self._messages.setdefault(customer, []).append(at)

    def outcome(self, customer: str, at: int) -> None:
        """Something happened that is the outcome, or that is asked to be missing."""
        if customer in self._outcomes:
            self._outcomes[customer].append(at)

    def tallies(self, within: int, until: int, *, missing: bool = False) -> dict[tuple[str, str], Tally]:
        """By experiment and rule (`ALL` for all).

        Args:
            within: how long after the decision an outcome counts, in milliseconds.
            until: up to when everything that happened is known, in milliseconds since 1970 UTC.
            missing: the outcome is that nothing came."""
        for times in (*self._outcomes.values(), *self._messages.values()):
            times.sort()
        found = {}
        for scope, members in self._members.items():
            tally = found[scope] = Tally()
            for customer, member in members.items():
                tally.moved += member.moved
                self._count(tally.of(member.first.arm), customer, member.first, within, until, missing)
        return found

    def _count(self, arm: ArmTally, customer: str, first: Assigned, within: int, until: int, missing: bool) -> None:
        end = first.at + within
        if end > until:
            arm.open += 1
            return
        arm.customers += 1
        arm.reached += _first(self._messages.get(customer, ()), first.at - 1, end) is not None
        came = _first(self._outcomes[customer], first.at, end)
        if missing:
            arm.outcomes += came is None
        elif came is not None:
            arm.outcomes += 1
            arm.leads.append((came - first.at) / SECOND)
            arm.signal_leads.append((came - first.signal_at) / SECOND)


def _first(times: Sequence[int], after: int, until: int) -> int | None:
    """The first of some times, in order, that is later than `after` and not later than `until`."""
    place = bisect_right(times, after)
    return times[place] if place < len(times) and times[place] <= until else None


@dataclass(frozen=True, slots=True)
class Uplift:
    """What a tally says. `effect`: the least difference that matters. `share`: of customers that was planned to be held
    out, None when that is not known."""

    tally: Tally
    effect: float
    share: float | None = None

    @property
    def difference(self) -> float | None:
        """The share of the treated less that of those held out; None while an arm is empty."""
        treated, held_out = self.tally.treated.rate, self.tally.held_out.rate
        return None if treated is None or held_out is None else treated - held_out

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the difference lies with a confidence of 95 %."""
        treated, held_out = self.tally.treated, self.tally.held_out
        if not treated.customers or not held_out.customers:
            return None
        return difference_interval(treated.outcomes, treated.customers, held_out.outcomes, held_out.customers)

    @property
    def _base(self) -> float:
        return believed(self.tally.held_out.outcomes, self.tally.held_out.customers)

    @property
    def needed(self) -> Needed | None:
        """How many customers it takes to see the least effect in 8 of 10 experiments, in the proportion that there is;
        None while an arm is empty and no share is known, or when so great an effect is not possible."""
        treated, held_out = self.tally.treated.customers, self.tally.held_out.customers
        if treated and held_out:
            return cases_needed(self._base, self.effect, treated / held_out)
        return cases_needed(self._base, self.effect, (1 - self.share) / self.share) if self.share else None

    @property
    def too_small(self) -> bool:
        """Whether so few customers say nothing yet, whatever the interval is: who looks until something shows, will see
        it show by chance."""
        needed = self.needed
        return needed is None or self.tally.held_out.customers < needed.held_out

    @property
    def least(self) -> float | None:
        """The least difference that so many customers would show; None when they would show none."""
        return least_effect(self._base, self.tally.treated.customers, self.tally.held_out.customers)

    @property
    def split(self) -> float | None:
        """How likely chance splits customers so unevenly; of all assigned, also those whose time is not over. None
        when the planned share is not known."""
        if not self.share:
            return None
        held_out, treated = self.tally.held_out, self.tally.treated
        part = held_out.customers + held_out.open
        return chance_of_split(part, part + treated.customers + treated.open, self.share)

    @property
    def mismatch(self) -> bool:
        """Whether the split can't be what was planned, so that the arms differ by more than the treatment."""
        return self.split is not None and self.split < MISMATCH


def merged(portions: Iterable[Mapping[tuple[str, str], Tally]]) -> dict[tuple[str, str], Tally]:
    """The tallies of all portions of the customers."""
    found: dict[tuple[str, str], Tally] = {}
    for portion in portions:
        for scope, tally in portion.items():
            found.setdefault(scope, Tally()).add(tally)
    return found
