"""Runs the rules on one customer: which groups an event belongs to, what changed, what is said of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from touchline.pipeline.engine.clock import MINUTE
from touchline.pipeline.engine.records import Outbox
from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.friction.candidates import CandidateSender
from touchline.pipeline.friction.code import Hits
from touchline.pipeline.friction.rules import Rule, RuleSet
from touchline.pipeline.friction.signals import SignalBuilder, Surroundings, signal_id
from touchline.pipeline.friction.state import CLOSING, CONTEXT, EMPTY, Crossing, Customer, Emitted, Group, Item, Machine
from touchline.pipeline.friction.terms import Terms, terms_of
from touchline.pipeline.friction.timeline import (
    DUPLICATE,
    FINAL,
    MAX_RECENT,
    TAKEN,
    TOO_LATE,
    Taken,
    fold,
    is_known,
    key_of,
    paired,
    spill,
    status_of,
    take,
    tip_of,
)
from touchline.schemas.codec import encode
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import SignalStatus
from touchline.schemas.wire import SIGNALS

MAX_GROUPS: Final = 64
"""The most groups of one rule that are kept for one customer; the oldest is given up."""

_TIDY_EVERY: Final = 10 * MINUTE
_SILENT: Final = CLOSING | CONTEXT
"""Roles that say nothing to an empty state, whatever the detector."""


@dataclass(slots=True)
class Watch:
    """One customer at one moment. Times in milliseconds; `watermark` None until every source was heard of; `mark` is
    the shard's, which the customer's own may be ahead of.

    `noticed`: how far the stream was when this came to light: an event's own raw partition, or what a timer waited for.
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
    partitions: int = 1


Spot = tuple[Rule, str, Group]
"""A rule, the name of a group (WHOLE: the customer as a whole), and what is kept of it."""


class Watcher:
    """The rules in force, at work."""

    def __init__(self, rules: RuleSet, own_parties: frozenset[str], candidates: CandidateSender | None = None) -> None:
        self._rules = rules
        self._terms = {rule.key: terms_of(rule) for rule in rules.rules}
        departments = {rule.spec.owner for rule in rules.rules}
        self._builder = SignalBuilder(own_parties | departments, rules.hash)
        self._candidates = candidates

    def take(self, watch: Watch, event: EnrichedTouchpoint, at: int, hits: Hits, *, too_late: bool) -> None:
        """Shows an event to the rules that wait for it."""
        fates: set[Taken] | None = None
        rules, customer = self._rules.rules, watch.customer
        for number, roles in hits:
            rule = rules[number]
            item = rule.view(event, at, roles)
            if item is None:
                self._rules.tally(rule.spec.id, rule.needs or "")
                continue
            names = rule.groups(event)
            if not names:
                self._rules.tally(rule.spec.id, rule.spec.per)
            groups = customer.groups.get(rule.key)
            for name in names:
                group = groups.get(name) if groups is not None else None
                if group is not None:
                    fate = self._next(watch, (rule, name, group), item, too_late=too_late)
                else:
                    fate = TOO_LATE if too_late else self._first(watch, rule, name, item)
                if fate is not TAKEN:
                    fates = {fate} if fates is None else fates | {fate}
        for fate in fates or ():
            watch.out.count(fate.value)
        if watch.horizon - customer.tidied >= _TIDY_EVERY:
            self._tidy(watch)

    def _next(self, watch: Watch, spot: Spot, item: Item, *, too_late: bool) -> Taken:
        rule, _, group = spot
        before = tip_of(group, rule.detector)
        fate = take(group, rule.detector, item, watch.horizon, too_late=too_late)
        if len(group.recent) > MAX_RECENT:
            spilled = spill(group, rule.detector, watch.horizon)
            if spilled:
                watch.out.count("evicted.recent", spilled)
        if group.tip is not before:
            self._changed(watch, spot, before)
        return fate

    def _first(self, watch: Watch, rule: Rule, name: str, item: Item) -> Taken:
        """An event of a group of which nothing is kept, but for events that said nothing by themselves."""
        customer, key = watch.customer, rule.key
        earlier: list[Item] = []
        if customer.quiet:
            earlier = [known for of, group, known in customer.quiet if of == key and group == name]
            if is_known(item, earlier):
                return DUPLICATE
        machine = rule.detector.step(EMPTY, item) if item.roles & ~_SILENT else EMPTY
        if machine is EMPTY:
            customer.quiet.append((key, name, item))
            if len(customer.quiet) > MAX_RECENT:
                self._quieten(watch)
            return TAKEN
        group = self._new_group(watch, rule, name)
        if earlier:
            customer.quiet = [quiet for quiet in customer.quiet if quiet[0] != key or quiet[1] != name]
            group.recent = sorted(earlier, key=key_of)
            return self._next(watch, (rule, name, group), item, too_late=False)
        group.recent.append(item)
        group.tip = machine
        self._changed(watch, (rule, name, group), EMPTY)
        return TAKEN

    @staticmethod
    def _quieten(watch: Watch) -> None:
        """Forgets quiet events that nothing can come before any more, and the oldest when there are still too many."""
        customer = watch.customer
        quiet = [known for known in customer.quiet if known[2].at >= watch.horizon]
        if len(quiet) > MAX_RECENT:
            watch.out.count("evicted.recent")
            del quiet[0]
        customer.quiet = quiet

    def _changed(self, watch: Watch, spot: Spot, before: Machine) -> None:
        rule, _, group = spot
        after = tip_of(group, rule.detector)
        if after.evicted > before.evicted:
            watch.out.count("evicted", after.evicted - before.evicted)
        if after.crossings is not before.crossings or after.pending is not before.pending:
            self._say(watch, spot)
            self._set_due(watch, rule, group)

    def _new_group(self, watch: Watch, rule: Rule, name: str) -> Group:
        groups = watch.customer.groups.setdefault(rule.key, {})
        if len(groups) >= MAX_GROUPS:
            oldest = next(iter(groups))
            self._close(watch, self._terms[rule.key], oldest, groups.pop(oldest))
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
        for rule, name, group in self._groups(watch.customer):
            self._close(watch, self._terms[rule.key], name, group)
        watch.customer.groups, watch.customer.quiet = {}, []
        watch.customer.due = NEVER

    def _groups(self, customer: Customer) -> Iterator[Spot]:
        for key, groups in customer.groups.items():
            rule = self._rules.by_key[key]
            for name, group in groups.items():
                yield rule, name, group

    def _tidy(self, watch: Watch) -> None:
        """Takes what is behind the horizon together, and frees groups that say nothing any more."""
        customer, horizon = watch.customer, watch.horizon
        customer.tidied = horizon
        if customer.quiet:
            self._quieten(watch)
        freed: list[tuple[str, str]] = []
        for key, groups in customer.groups.items():
            rule = self._rules.by_key[key]
            for name, group in groups.items():
                if group.recent and group.recent[-1].at >= horizon:
                    continue
                base = fold(group, rule.detector, horizon)
                if not group.emitted and rule.detector.idle(base, horizon):
                    freed.append((key, name))
        for key, name in freed:
            del customer.groups[key][name]
            if not customer.groups[key]:
                del customer.groups[key]

    def settle(self, watch: Watch, former: Callable[[str], Terms | None]) -> bool:
        """Lets go of the state of rules whose logic is another now, or that are gone; what they had open expires, in
        the words of `former`. A cooldown that runs goes on under the rule of the same id. Returns whether there was
        anything to let go of."""
        customer, by_key = watch.customer, self._rules.by_key
        gone = [key for key in customer.groups if key not in by_key]
        quiet = [known for known in customer.quiet if known[0] in by_key]
        if not gone and len(quiet) == len(customer.quiet):
            return False
        customer.quiet = quiet
        for key in gone:
            groups = customer.groups.pop(key)
            watch.out.count("rules.forgotten", len(groups))
            terms = former(key)
            if terms is None:
                continue  # written by a release that kept none
            heir = self._rules.by_id.get(terms.id)
            for name, group in groups.items():
                self._close(watch, terms, name, group)
                if heir is not None and heir.spec.per == terms.per:
                    _inherit(customer, heir, name, group, watch.horizon)
        customer.due = self._least(watch)
        return True

    def _say(self, watch: Watch, spot: Spot) -> None:
        rule, name, group = spot
        crossings = rule.detector.crossings(tip_of(group, rule.detector), watch.watermark)
        if not crossings and not group.emitted:
            return
        for old, crossing in paired(group.emitted, crossings):
            if crossing is not None:
                self._tell(watch, spot, old, crossing)
            elif old is not None and old.status != SignalStatus.RETRACTED.value:
                old.status = SignalStatus.RETRACTED.value
                self._send(watch, self._terms[rule.key], name, old)

    def _tell(self, watch: Watch, spot: Spot, old: Emitted | None, crossing: Crossing) -> None:
        rule, name, group = spot
        revision = 1 if old is None else old.revision + 1
        status = status_of(crossing, revision, rule.detector.timing, watch.watermark)
        if old is None:
            if status is SignalStatus.RETRACTED:
                return
            taken = [said.signal for said in group.emitted]
            old = Emitted(signal_id(rule, name or watch.key, crossing, taken), 0, status, crossing)
            group.emitted.append(old)
        elif _same(old, crossing, status):
            old.crossing = crossing
            return
        former = old.crossing
        old.status, old.crossing = status.value, crossing
        self._send(watch, self._terms[rule.key], name, old, former)

    def _close(self, watch: Watch, terms: Terms, name: str, group: Group) -> None:
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
        detector = rule.detector
        due = detector.next_due(tip_of(group, detector), watermark)
        least = NEVER if due is None else due
        for said in group.emitted:
            if said.status not in FINAL:
                least = min(least, detector.timing.ends(said.crossing.last))
        return least


def _inherit(customer: Customer, heir: Rule, name: str, group: Group, horizon: int) -> None:
    """What another logic keeps of a group: when a signal was last opened, while that still holds others back."""
    opened = [said.crossing.at for said in group.emitted if said.status != SignalStatus.RETRACTED.value]
    if group.base.last_open is not None:
        opened.append(group.base.last_open)
    last, cooldown = max(opened, default=None), heir.spec.cooldown
    if cooldown and last is not None and last + cooldown > horizon:
        fresh = Group()
        fresh.base = fresh.tip = Machine(last_open=last)
        customer.groups.setdefault(heir.key, {}).setdefault(name, fresh)


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
