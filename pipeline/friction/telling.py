"""What is said of a customer: signals, when they change, and when time alone will change one."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from touchline.pipeline.engine.records import Outbox
from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.friction.candidates import CandidateSender
from touchline.pipeline.friction.customer import Customer, Group
from touchline.pipeline.friction.rules import Rule, RuleSet
from touchline.pipeline.friction.signals import SignalBuilder, Surroundings, signal_id
from touchline.pipeline.friction.state import Crossing, Emitted, Machine
from touchline.pipeline.friction.terms import Terms, terms_of
from touchline.pipeline.friction.timeline import FINAL, paired, status_of, tip_of
from touchline.schemas.codec import encode
from touchline.schemas.vocabulary import SignalStatus
from touchline.schemas.wire import SIGNALS

Said = tuple[Terms, str, Emitted]
"""A signal: the words of its rule, the name of the group, and what was last said of it."""


Link = tuple[Rule, str, Emitted]
"""The rule and group of a signal that other rules name, and what was last said of it."""


@dataclass(slots=True)
class Watch:
    """One customer at one moment. Times in milliseconds; `watermark` None until every source was heard of; `mark` is
    the shard's, which the customer's own may be ahead of.

    `noticed`: how far the stream was when this came to light: an event's own raw partition, or what a timer waited for.
    `said`: the signals that were sent since it was last emptied; None when nobody asks.
    `links`: what is still to be passed on to rules on rules.
    `own`: the horizon of the raw partition from which all of the customer's events come, 0 when it has none.
    """

    key: str
    customer: Customer
    mark: int | None
    watermark: int | None
    horizon: int
    provisional: bool
    partition: int
    out: Outbox
    noticed: int = 0
    own: int = 0
    partitions: int = 1
    said: list[Said] | None = None
    links: list[Link] = field(default_factory=list)


Spot = tuple[Rule, str, Group]
"""A rule, the name of a group (WHOLE: the customer as a whole), and what is kept of it."""


class Teller:
    """Says what the rules in force have to say. `terms`: what signals say of each rule, by its state key."""

    def __init__(self, rules: RuleSet, own_parties: frozenset[str], candidates: CandidateSender | None = None) -> None:
        self._rules = rules
        self._candidates = candidates
        self.terms = {rule.key: terms_of(rule) for rule in rules.rules}
        departments = {rule.spec.owner for rule in rules.rules}
        self._builder = SignalBuilder(own_parties | departments, rules.hash)

    def changed(self, watch: Watch, spot: Spot, before: Machine, after: Machine) -> None:
        """Says what follows from a step of a group's state."""
        if after.evicted > before.evicted:
            watch.out.count("evicted", after.evicted - before.evicted)
        if after.crossings is not before.crossings:
            self.say(watch, spot)
            self.set_due(watch, spot)
        elif after.pending is not before.pending:
            rule, _, group = spot
            least = rule.detector.next_due(after, None)
            if group.emitted or least is None or (watch.watermark is not None and least <= watch.watermark):
                self.say(watch, spot)
                self.set_due(watch, spot)
            else:
                self.wait_until(watch, group, least)

    def say(self, watch: Watch, spot: Spot) -> None:
        """Says what a group has to say now and did not say before."""
        rule, name, group = spot
        tip = tip_of(watch.customer, rule.key, name, group, rule.detector)
        crossings = rule.detector.crossings(tip, watch.watermark)
        if not crossings and not group.emitted:
            return
        for old, crossing in paired(group.emitted, crossings):
            if crossing is not None:
                self._tell(watch, spot, old, crossing)
            elif old is not None and old.status != SignalStatus.RETRACTED.value:
                old.status = SignalStatus.RETRACTED.value
                self._say_of(watch, rule, name, old)

    def _tell(self, watch: Watch, spot: Spot, old: Emitted | None, crossing: Crossing) -> None:
        rule, name, group = spot
        revision = 1 if old is None else old.revision + 1
        status = status_of(crossing, revision, rule.detector.timing, watch.watermark)
        if old is None:
            if status is SignalStatus.RETRACTED:
                return
            taken = [said.signal for said in group.emitted]
            old = Emitted(signal_id(rule, name or watch.key, crossing, taken), 0, status, crossing)
            group.emitted = (*group.emitted, old)
        elif _same(old, crossing, status):
            old.crossing = crossing
            return
        former = old.crossing
        old.status, old.crossing = status.value, crossing
        self._say_of(watch, rule, name, old, former)

    def _say_of(self, watch: Watch, rule: Rule, name: str, said: Emitted, former: Crossing | None = None) -> None:
        self._send(watch, self.terms[rule.key], name, said, former)
        if rule.spec.id in self._rules.above:
            watch.links.append((rule, name, said))

    def standing(self, customer: Customer) -> Iterator[Said]:
        """The signals that are open, in no order. Each waits for the time when it expires, so groups that wait for
        nothing have none, and need not be read."""
        for key, groups in customer.groups.items():
            for name, group in groups.items():
                if group.due == NEVER:
                    continue
                for said in group.emitted:
                    if said.status not in FINAL:
                        yield self.terms[key], name, said

    def close(self, watch: Watch, terms: Terms, name: str, group: Group) -> None:
        """Ends what a group has open, in the words of its rule."""
        for said in group.emitted:
            if said.status not in FINAL:
                said.status = SignalStatus.EXPIRED.value
                self._send(watch, terms, name, said)

    def _send(self, watch: Watch, terms: Terms, name: str, said: Emitted, former: Crossing | None = None) -> None:
        said.revision += 1
        revision = watch.customer.profile.revision if watch.customer.profile is not None else 0
        around = Surroundings(watch.key, name or watch.key, watch.noticed, revision, watch.provisional)
        signal = self._builder.signal(terms, said, around)
        if self._candidates is not None:
            self._candidates.signal(signal, said, former, watch.noticed, watch.out)
        watch.out.send(SIGNALS, watch.key.encode(), encode(signal), partition=watch.partition)
        watch.out.count(f"signals.{said.status}")
        if watch.said is not None:
            watch.said.append((terms, name, said))

    def set_due(self, watch: Watch, spot: Spot) -> None:
        """Sets the time of a group that said something, and with it that of the customer."""
        self.wait_until(watch, spot[2], self.due(watch, spot))

    def wait_until(self, watch: Watch, group: Group, due: int) -> None:
        """Sets when the watermark alone changes something in a group, and with it for the customer."""
        before, group.due = group.due, due
        customer = watch.customer
        if group.due <= customer.due:
            customer.due = group.due
        elif before is None or before == customer.due:
            customer.due = self.least(watch)

    def least(self, watch: Watch) -> int:
        """When the watermark alone changes something for the customer next."""
        least, by_key = NEVER, self._rules.by_key
        for key, groups in watch.customer.groups.items():
            for name, group in groups.items():
                due = group.due
                if due is None:
                    due = group.due = self.due(watch, (by_key[key], name, group))
                least = min(least, due)
        return least

    @staticmethod
    def due(watch: Watch, spot: Spot) -> int:
        """When the watermark alone changes something in a group next."""
        rule, name, group = spot
        detector = rule.detector
        due = detector.next_due(tip_of(watch.customer, rule.key, name, group, detector), watch.watermark)
        least = NEVER if due is None else due
        for said in group.emitted:
            if said.status not in FINAL:
                least = min(least, detector.timing.ends(said.crossing.last))
        return least


def _same(said: Emitted, crossing: Crossing, status: SignalStatus) -> bool:
    """Whether there is nothing new to say."""
    old = said.crossing
    is_open = status in {SignalStatus.OPENED, SignalStatus.UPDATED}
    if is_open == (said.status in FINAL) or (not is_open and said.status != status.value):
        return False
    return (old.at, old.events, old.total, old.count, old.last, old.closed, old.facts.get("")) == (
        crossing.at, crossing.events, crossing.total, crossing.count, crossing.last, crossing.closed,
        crossing.facts.get(""),
    )  # fmt: skip
