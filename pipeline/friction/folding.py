"""Takes what nothing can come before any more into the bases of groups, and lets go of what says nothing more."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from touchline.pipeline.engine.clock import DAY
from touchline.pipeline.friction.code import Mark
from touchline.pipeline.friction.customer import Customer, Group, Heard, follows, heard_of
from touchline.pipeline.friction.rules import Rule, RuleSet
from touchline.pipeline.friction.state import EMPTY, Machine
from touchline.pipeline.friction.telling import Spot, Teller, Watch
from touchline.pipeline.friction.timeline import MAX_RECENT, SPILL, let_go, tip_of

MAX_GROUPS: Final = 64
"""The most groups of one rule that are kept for one customer; the one that was heard of least lately is given up."""

SWEEP_EVERY: Final = DAY
"""How often what says nothing more is looked for among all groups of a customer."""


class Folder:
    """The rules in force, at rest."""

    def __init__(self, rules: RuleSet, teller: Teller) -> None:
        self._rules = rules
        self._teller = teller

    def tidy(self, watch: Watch) -> None:
        """Takes the events behind the horizon into the bases."""
        customer, horizon = watch.customer, watch.horizon
        customer.tidied = horizon
        recent = customer.recent
        if recent and recent[0].item.at < horizon:
            count = len(recent)
            if recent[-1].item.at >= horizon:
                count = next(n for n, heard in enumerate(recent) if heard.item.at >= horizon)
            self._fold(watch, count)
        if horizon - customer.swept >= SWEEP_EVERY:
            self.sweep(watch)

    def spill(self, watch: Watch) -> None:
        """Keeps the recent events few: those behind the horizon go into the bases, and the oldest others when there are
        still too many."""
        recent, horizon = watch.customer.recent, max(watch.horizon, watch.own)
        count = next((n for n, heard in enumerate(recent) if heard.item.at >= horizon), len(recent))
        if len(recent) - count > MAX_RECENT:
            count += SPILL
            watch.out.count("evicted.recent", SPILL)
        if count:
            self._fold(watch, count)

    def _fold(self, watch: Watch, count: int) -> None:
        """Takes so many of the oldest recent events into the bases of their groups."""
        customer, by_key, groups = watch.customer, self._rules.by_key, watch.customer.groups
        gone, rest = customer.recent[:count], customer.recent[count:]
        if rest or customer.unread:
            still = {mark[:2] for heard in rest for mark in heard.marks}
            for key, name in {mark[:2]: None for heard in gone for mark in heard.marks}:
                group = customer.group(key, name)
                if (group is not None or customer.unread) and key in by_key:
                    self._fold_group(watch, (by_key[key], name, group or Group()), gone, goes_on=(key, name) in still)
        else:
            changed = [
                (key, name, group) for key, of in groups.items() for name, group in of.items()
                if group.fill is None and (group.todo or group.late or (group.tip or group.base) is not group.base)
            ]  # fmt: skip
            for key, name, group in changed:
                if key in by_key:
                    self.let_go(watch, by_key[key], name, group)
        last = gone[-1].item
        customer.floor, customer.recent = (last.at, last.partition, last.offset), rest
        customer.unread = customer.unread and bool(rest)
        for key in [key for key, of in groups.items() if len(of) > MAX_GROUPS and key in by_key]:
            self._evict(watch, key)

    def _fold_group(self, watch: Watch, spot: Spot, gone: Sequence[Heard], *, goes_on: bool) -> None:
        """Takes events of one group into its base. `goes_on`: it has others that are still recent."""
        customer, (rule, name, group) = watch.customer, spot
        if not goes_on:
            self.let_go(watch, rule, name, group)
            return
        tip_of(customer, rule.key, name, group, rule.detector)
        for item in heard_of(gone, rule.key, name):
            group.base = rule.detector.step(group.base, item)
        if group.base is not EMPTY:
            self._keep(watch, rule, name, group)

    def _keep(self, watch: Watch, rule: Rule, name: str, group: Group) -> None:
        """Keeps a group that followed from recent events and does no more."""
        if watch.customer.group(rule.key, name) is None:
            watch.customer.groups.setdefault(rule.key, {})[name] = group

    def let_go(self, watch: Watch, rule: Rule, name: str, group: Group) -> None:
        """Makes the state of a group without recent events its base, and frees it when it says nothing more."""
        groups, detector = watch.customer.groups, rule.detector
        base = let_go(group, tip_of(watch.customer, rule.key, name, group, detector), detector, watch.horizon)
        if group.emitted or not detector.idle(base, watch.horizon):
            self._keep(watch, rule, name, group)
        elif rule.key in groups and groups[rule.key].pop(name, None) is not None and not groups[rule.key]:
            del groups[rule.key]

    def sweep(self, watch: Watch) -> None:
        """Lets go of what is final in groups of which nothing was heard since, and of those that say nothing more."""
        customer = watch.customer
        customer.swept = watch.horizon
        still = {mark[:2] for heard in customer.recent for mark in heard.marks}
        for key, name in spots(customer):
            rule, group = self._rules.by_key[key], customer.groups[key][name]
            if (key, name) not in still:
                self.let_go(watch, rule, name, group)

    def _evict(self, watch: Watch, key: str) -> None:
        """Makes room where a rule has too many groups. Those that follow from recent events alone don't count: which of
        them are here depends on what was read from storage meanwhile."""
        customer, rule = watch.customer, self._rules.by_key[key]
        groups = customer.groups[key]
        kept = {name: group for name, group in groups.items() if not follows(group)}
        while len(kept) > MAX_GROUPS:
            tips = {name: tip_of(customer, key, name, group, rule.detector) for name, group in kept.items()}
            oldest = min(kept, key=lambda name: (_newest(tips[name]), name))
            self._teller.close(watch, self._teller.terms[key], oldest, groups.pop(oldest))
            watch.out.count("evicted.groups")
            del kept[oldest]
            customer.forget(_marks_of(key, oldest))


def spots(customer: Customer) -> Iterator[tuple[str, str]]:
    """Rule and name of all groups, in an order that does not depend on which of them were there first."""
    for key in sorted(customer.groups):
        yield from [(key, name) for name in sorted(customer.groups[key])]


def _marks_of(key: str, name: str) -> Callable[[Mark], bool]:
    return lambda mark: mark[:2] == (key, name)


def _newest(machine: Machine) -> int:
    """The time of the newest event that a state knows of."""
    times = [item.at for item in machine.window[-1:]] + [c.last for c in machine.crossings[-1:]]
    times += [pending.item.at for pending in machine.pending[-1:]]
    if machine.level is not None:
        times.append(machine.level.at)
    return max(times, default=machine.last_open or 0)
