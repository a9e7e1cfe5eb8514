"""Runs the rules on one customer: which groups an event belongs to, what changed, what is said of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from touchline.pipeline.engine.clock import MINUTE
from touchline.pipeline.engine.records import Outbox
from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.friction.code import Hits
from touchline.pipeline.friction.rules import Rule, RuleSet
from touchline.pipeline.friction.signals import SignalBuilder, Surroundings, signal_id
from touchline.pipeline.friction.state import Crossing, Customer, Emitted, Group, Item, Machine
from touchline.pipeline.friction.timeline import FINAL, Taken, fold, paired, spill, status_of, take, tip_of
from touchline.schemas.codec import encode
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import SignalStatus
from touchline.schemas.wire import SIGNALS

MAX_GROUPS: Final = 64
"""The most groups of one rule that are kept for one customer; the oldest is given up."""

_TIDY_EVERY: Final = 10 * MINUTE


@dataclass(slots=True)
class Watch:
    """One customer at one moment. Times in milliseconds; `watermark` None until every source was heard of.

    `noticed`: how far the stream was when this came to light: an event's own raw partition, or what a timer waited for.
    """

    key: str
    customer: Customer
    watermark: int | None
    horizon: int
    provisional: bool
    partition: int
    out: Outbox
    noticed: int = 0


Spot = tuple[Rule, str, Group]
"""A rule, the name of a group, and what is kept of it."""


class Watcher:
    """The rules in force, at work."""

    def __init__(self, rules: RuleSet, own_parties: frozenset[str]) -> None:
        self._rules = rules
        departments = {rule.spec.owner for rule in rules.rules}
        self._builder = SignalBuilder(own_parties | departments, rules.hash)

    def take(self, watch: Watch, event: EnrichedTouchpoint, at: int, hits: Hits, *, too_late: bool) -> None:
        """Shows an event to the rules that wait for it."""
        fates: set[Taken] = set()
        for number, roles in hits:
            rule = self._rules.rules[number]
            item = rule.item(event, at, roles)
            if item is None:
                self._rules.tally(rule.spec.id, rule.needs or "")
                continue
            groups = rule.groups(event)
            if not groups:
                self._rules.tally(rule.spec.id, rule.spec.per)
            for name in groups:
                fates.add(self._one(watch, rule, name, item, too_late=too_late))
        for fate in fates:
            if fate is not Taken.TAKEN:
                watch.out.count(fate.value)
        if watch.horizon - watch.customer.tidied >= _TIDY_EVERY:
            self._tidy(watch)

    def _one(self, watch: Watch, rule: Rule, name: str, item: Item, *, too_late: bool) -> Taken:
        groups = watch.customer.groups.get(rule.key)
        group = groups.get(name) if groups is not None else None
        if group is None:
            if too_late:
                return Taken.TOO_LATE
            group = self._new_group(watch, rule, name)
        before = tip_of(group, rule.detector)
        taken = take(group, rule.detector, item, watch.horizon, too_late=too_late)
        if taken is not Taken.DUPLICATE:
            self._changed(watch, (rule, name, group), before)
        return taken

    def _changed(self, watch: Watch, spot: Spot, before: Machine) -> None:
        rule, _, group = spot
        after = tip_of(group, rule.detector)
        if after.evicted > before.evicted:
            watch.out.count("evicted", after.evicted - before.evicted)
        if len(group.recent) > 1:
            spilled = spill(group, rule.detector, watch.horizon)
            if spilled:
                watch.out.count("evicted.recent", spilled)
        if after.crossings is not before.crossings or after.pending is not before.pending:
            self._say(watch, spot)
            self._set_due(watch, rule, group)

    def _new_group(self, watch: Watch, rule: Rule, name: str) -> Group:
        groups = watch.customer.groups.setdefault(rule.key, {})
        if len(groups) >= MAX_GROUPS:
            oldest = next(iter(groups))
            self._close(watch, (rule, oldest, groups.pop(oldest)))
            watch.out.count("evicted.groups")
        group = groups[name] = Group()
        return group

    def timers(self, watch: Watch) -> None:
        """Says what the watermark alone has changed."""
        customer = watch.customer
        watermark = watch.watermark if watch.watermark is not None else 0
        for spot in self._groups(customer):
            rule, _, group = spot
            if group.due is None or group.due <= watermark:
                self._say(watch, spot)
                group.due = self._due(rule, group, watermark)
        self._tidy(watch)
        customer.due = max(self._least(watch), watermark + 1)

    def erase(self, watch: Watch) -> None:
        """Ends and forgets everything."""
        for spot in self._groups(watch.customer):
            self._close(watch, spot)
        watch.customer.groups = {}
        watch.customer.due = NEVER

    def _groups(self, customer: Customer) -> Iterator[Spot]:
        for key, groups in customer.groups.items():
            rule = self._rules.by_key.get(key)
            if rule is not None:
                for name, group in groups.items():
                    yield rule, name, group

    def _tidy(self, watch: Watch) -> None:
        """Takes what is behind the horizon together, and frees groups that say nothing any more."""
        customer = watch.customer
        customer.tidied = watch.horizon
        for key, groups in list(customer.groups.items()):
            rule = self._rules.by_key.get(key)
            if rule is None:
                self._forget(watch, key, groups)
                del customer.groups[key]
                continue
            for name, group in list(groups.items()):
                if group.recent and group.recent[-1].at >= watch.horizon:
                    continue
                fold(group, rule.detector, watch.horizon)
                if not group.emitted and rule.detector.idle(group.base, watch.horizon):
                    del groups[name]
            if not groups:
                del customer.groups[key]

    def _forget(self, watch: Watch, key: str, groups: dict[str, Group]) -> None:
        """Lets go of the state of a rule whose logic is another now, or that is gone. What it had open expires; of a
        rule that is gone nobody can say any more whose it was, so that is only counted."""
        watch.out.count("rules.forgotten", len(groups))
        successor = self._rules.by_id.get(key.partition(":")[0])
        if successor is not None:
            for name, group in groups.items():
                self._close(watch, (successor, name, group))

    def _say(self, watch: Watch, spot: Spot) -> None:
        rule, _, group = spot
        crossings = rule.detector.crossings(tip_of(group, rule.detector), watch.watermark)
        if not crossings and not group.emitted:
            return
        for old, crossing in paired(group.emitted, crossings):
            if crossing is not None:
                self._tell(watch, spot, old, crossing)
            elif old is not None and old.status != SignalStatus.RETRACTED.value:
                old.status = SignalStatus.RETRACTED.value
                self._send(watch, spot, old)

    def _tell(self, watch: Watch, spot: Spot, old: Emitted | None, crossing: Crossing) -> None:
        rule, name, group = spot
        revision = 1 if old is None else old.revision + 1
        status = status_of(crossing, revision, rule.detector.timing, watch.watermark)
        if old is None:
            if status is SignalStatus.RETRACTED:
                return
            old = Emitted(signal_id(rule, name, crossing, [e.signal for e in group.emitted]), 0, status, crossing)
            group.emitted.append(old)
        elif _same(old, crossing, status):
            old.crossing = crossing
            return
        old.status, old.crossing = status.value, crossing
        self._send(watch, spot, old)

    def _close(self, watch: Watch, spot: Spot) -> None:
        for said in spot[2].emitted:
            if said.status not in FINAL:
                said.status = SignalStatus.EXPIRED.value
                self._send(watch, spot, said)

    def _send(self, watch: Watch, spot: Spot, said: Emitted) -> None:
        rule, name, _ = spot
        said.revision += 1
        revision = watch.customer.profile.revision if watch.customer.profile is not None else 0
        around = Surroundings(watch.key, name, watch.noticed, revision, watch.provisional)
        signal = self._builder.signal(rule, said, around)
        watch.out.send(SIGNALS, watch.key.encode(), encode(signal), partition=watch.partition)
        watch.out.count(f"signals.{said.status}")

    def _set_due(self, watch: Watch, rule: Rule, group: Group) -> None:
        before, group.due = group.due, self._due(rule, group, watch.watermark)
        customer = watch.customer
        if group.due <= customer.due:
            customer.due = group.due
        elif before is None or before == customer.due:
            customer.due = self._least(watch)

    def _least(self, watch: Watch) -> int:
        least = NEVER
        for rule, _, group in self._groups(watch.customer):
            if group.due is None:
                group.due = self._due(rule, group, watch.watermark)
            least = min(least, group.due)
        return least

    @staticmethod
    def _due(rule: Rule, group: Group, watermark: int | None) -> int:
        """When the watermark alone changes something next."""
        opens = rule.detector.next_due(tip_of(group, rule.detector), watermark)
        dues = [rule.detector.timing.ends(e.crossing.last) for e in group.emitted if e.status not in FINAL]
        return min([*dues, NEVER if opens is None else opens])


def _same(said: Emitted, crossing: Crossing, status: SignalStatus) -> bool:
    """Whether there is nothing new to say."""
    old = said.crossing
    is_open = status in {SignalStatus.OPENED, SignalStatus.UPDATED}
    if is_open == (said.status in FINAL) or (not is_open and said.status != status.value):
        return False
    return (old.at, old.events, old.total, old.count, old.last, old.closed) == (
        crossing.at, crossing.events, crossing.total, crossing.count, crossing.last, crossing.closed,
    )  # fmt: skip
