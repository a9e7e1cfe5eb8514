"""The simulated shop with outreach in it: who would complain with it and without it is known for every customer.

The friction of the simulator comes to the outreach processor as signals, its decisions say who is reached, and the
shop is simulated again with that: reached customers complain with the lower of their two probabilities. What outreach
changes is known from the two fates that the simulator draws for each friction, whichever of them came true.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import mean, median

from tests.outreach.cases import decisions as decisions_in
from tests.outreach.cases import record, signal
from touchline.agents.outreach import build
from touchline.agents.settings import Settings
from touchline.pipeline.engine.clock import DAY, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.measures.uplift import ALL, Assigned, Enrolment, Tally
from touchline.schemas.codec import encode
from touchline.schemas.control import Tick
from touchline.schemas.customer import Profile
from touchline.schemas.outreach import Decision
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Arm, Outcome, Reason, Severity
from touchline.schemas.wire import CUSTOMERS, SIGNALS
from touchline.simulator import Event, Plan, Reached, Truth, touchpoints
from touchline.simulator.people import Person, person_of

START = datetime(2026, 3, 1, tzinfo=UTC)
WITHIN = 10 * DAY
_REASONS = list(Reason)
_COMPLAINT = b'"kind":"complaint.made"'


@dataclass(frozen=True)
class World:
    """A shop with so many customers, of whom a share is held out."""

    seed: int
    customers: int = 500
    hold_out: float = 0.5

    @property
    def plan(self) -> Plan:
        return Plan(customers=self.customers, days=40, start=START, seed=self.seed)

    @property
    def experiment(self) -> str:
        return f"spring-{self.seed}"

    def frictions(self) -> list[Truth]:
        """What the customers meet with and what becomes of it when nobody reaches out."""
        told: list[Truth] = []
        for _ in touchpoints(self.plan, told.append):
            pass
        return told

    def decisions(self, frictions: Iterable[Truth], hold_out: float) -> list[Decision]:
        """What outreach decides on every friction of the shop."""
        outreach = {"mode": "live", "hold_out": hold_out, "experiment": self.experiment, "builtin_policies": False}
        shard = LocalShard(build(Settings.model_validate({"clock": "log", "outreach": outreach})), 0, 1)
        people = (person_of(index, self.seed, START) for index in range(self.customers))
        told = Tick(partition=0, partitions=1, high=to_ms(START) + 60 * DAY)  # no profile changes any more
        shard.process(CUSTOMERS, [*(record(_profile(person)) for person in people), record(told)], 0)
        found = shard.process(SIGNALS, [record(item) for item in _stream(frictions)], 0)
        return [self._armed(one, hold_out) for one in decisions_in(found)]

    def _armed(self, decision: Decision, hold_out: float) -> Decision:
        """With the arm, where the processor tells none: whoever came as far as the check of the hold-out has one."""
        if decision.arm is not Arm.NONE or not hold_out or decision.severity is Severity.CRITICAL:
            return decision
        place = _REASONS.index(decision.reason) - _REASONS.index(Reason.HOLD_OUT)
        arm = Arm.NONE if place < 0 else Arm.HELD_OUT if place == 0 else Arm.TREATED
        return replace(decision, arm=arm, experiment=self.experiment)

    def lived(self, decided: Iterable[Decision]) -> list[Event]:
        """The touchpoints of the shop when these messages go out."""
        plan = replace(self.plan, reached=Reached({who: tuple(times) for who, times in sent(decided).items()}))
        return list(touchpoints(plan))


def _profile(person: Person) -> Profile:
    consent = {"service": False} if person.service_opt_out else {}
    return Profile(
        customer=person.customer_id,
        revision=1,
        updated_at=START,
        addresses={"email": person.email},
        zone=person.region.zone,
        consent=consent,
    )


def _stream(frictions: Iterable[Truth]) -> Iterator[Signal | Tick]:
    """A signal for each friction at its moment, and the time between them."""
    known = [truth for truth in frictions if truth.friction is not None]
    at = to_ms(START)
    for number, truth in enumerate(sorted(known, key=lambda one: (one.at, one.episode))):
        at = to_ms(datetime.fromisoformat(truth.at))
        yield Tick(partition=0, partitions=1, high=at)
        group = truth.subject or truth.customer
        yield signal(f"s-{number}", at, customer=truth.customer, group=group, rule=truth.friction)
    yield Tick(partition=0, partitions=1, high=at + DAY)


def sent(decided: Iterable[Decision]) -> dict[str, list[int]]:
    """When messages went to whom, in order."""
    times: dict[str, list[int]] = defaultdict(list)
    for decision in decided:
        if decision.outcome is Outcome.SENT:
            times[decision.customer].append(to_ms(decision.at))
    return {customer: sorted(found) for customer, found in times.items()}


def tally(world: World, decided: Sequence[Decision], stream: Iterable[Event]) -> Tally:
    """What the measure counts, over all rules."""
    enrolment = Enrolment()
    for one in decided:
        if one.arm is not Arm.NONE:
            assigned = (world.experiment, one.rule, one.customer, one.arm, to_ms(one.at), to_ms(one.signal_at))
            enrolment.take(Assigned(*assigned))
    for customer, times in sent(decided).items():
        for at in times:
            enrolment.message(customer, at)
    for event in stream:
        if _COMPLAINT in event.value:
            enrolment.outcome(event.key.decode(), event.at)
    return enrolment.tallies(WITHIN, world.plan.end)[world.experiment, ALL]


@dataclass(frozen=True)
class Known:
    """The truth about the customers who are counted: how outreach changes their rate of complaints, and the median time
    from the decision to the complaint without it, in seconds. `in_arms`: who complains of the treated and of the held
    out."""

    customers: int
    alone: float
    helped: float
    lead: float
    in_arms: tuple[int, int]

    @property
    def uplift(self) -> float:
        return self.helped - self.alone


def known(world: World, frictions: Sequence[Truth], decided: Sequence[Decision]) -> Known:
    """From both fates of every customer, by hand."""
    everybody = sent(world.decisions(frictions, 0.0))
    first: dict[str, tuple[int, Arm]] = {}
    for one in decided:
        if one.arm is not Arm.NONE:
            at = to_ms(one.at), one.arm
            first[one.customer] = min(at, first.get(one.customer, at))
    counted = {who: at for who, (at, _) in first.items() if at + WITHIN <= world.plan.end}
    treated = {who for who, (_, arm) in first.items() if arm is Arm.TREATED}
    alone: dict[str, list[int]] = defaultdict(list)
    helped: dict[str, list[int]] = defaultdict(list)
    for truth in frictions:
        if truth.customer not in counted or truth.would_complain_at is None:
            continue
        begun, due = (to_ms(datetime.fromisoformat(text)) for text in (truth.at, truth.would_complain_at))
        since = counted[truth.customer]
        if not since < due <= since + WITHIN:
            continue
        alone[truth.customer].append(due - since)
        messages = everybody.get(truth.customer, [])
        place = bisect_left(messages, begun)
        reached = place < len(messages) and messages[place] < due
        if not reached or truth.complains_if_reached:
            helped[truth.customer].append(due - since)
    return Known(
        customers=len(counted),
        alone=mean(who in alone for who in counted),
        helped=mean(who in helped for who in counted),
        lead=median(min(times) for times in alone.values()) / 1_000,
        in_arms=(len(helped.keys() & treated), len(alone.keys() - treated)),
    )


def as_files(decided: Iterable[Decision], stream: Iterable[Event]) -> tuple[bytes, bytes]:
    """Decisions and touchpoints as NDJSON."""
    return b"".join(encode(one) + b"\n" for one in decided), b"".join(event.value + b"\n" for event in stream)
