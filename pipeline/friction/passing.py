"""Passes what was said on to the rules that name its rule, once all of it is said.

A rule on rules is looked at when everything has been said that an event or a timer brings, not after each signal: else
one event that resolves a signal and opens another would let it be true for a moment, or not, by the order of the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from touchline.pipeline.friction.composite import CompositeDetector, part_of
from touchline.pipeline.friction.customer import Customer, Group
from touchline.pipeline.friction.rules import CUSTOMER, WHOLE, Rule, RuleSet
from touchline.pipeline.friction.state import EMPTY, Emitted, Machine, Pending
from touchline.pipeline.friction.timeline import tip_of

if TYPE_CHECKING:
    from touchline.pipeline.friction.telling import Spot, Watch

_Where = tuple[int, str, str]
"""The depth of a rule on rules, its state key, and the group."""


@dataclass(slots=True)
class _Waiting:
    """A rule on rules, and the newest of each of its signals that is still to be told to it."""

    rule: Rule
    detector: CompositeDetector
    parts: dict[str, Pending] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passing:
    """What a watcher needs for it. `begin`: makes a group; `changed`: says what follows from another state."""

    rules: RuleSet
    begin: Callable[[Customer, str, str], Group]
    changed: Callable[[Watch, Spot, Machine, Machine], None]

    def run(self, watch: Watch) -> None:
        """Hands everything on, from the lowest level up: a rule is looked at when all below it has been."""
        waiting: dict[_Where, _Waiting] = {}
        while watch.links or waiting:
            for part, group, said in watch.links:
                self._sort(part, group, said, waiting)
            watch.links.clear()
            where = min(waiting)
            self._tell(watch, where, waiting.pop(where))

    def _sort(self, part: Rule, name: str, said: Emitted, waiting: dict[_Where, _Waiting]) -> None:
        linked = isinstance(part.detector, CompositeDetector)
        for rule, detector, number in self.rules.above[part.spec.id]:
            where = (detector.depth, rule.key, WHOLE if rule.spec.per == CUSTOMER else name)
            one = waiting.setdefault(where, _Waiting(rule, detector))
            one.parts[said.signal] = part_of(said, part.spec.id, name, number, linked=linked)

    def _tell(self, watch: Watch, where: _Where, one: _Waiting) -> None:
        rule, detector, name = one.rule, one.detector, where[-1]
        group = watch.customer.group(rule.key, name)
        before = EMPTY if group is None else tip_of(watch.customer, rule.key, name, group, detector)
        after = detector.told(before, list(one.parts.values()), watch.horizon)
        if after is before:
            return
        if group is None:
            group = self.begin(watch.customer, rule.key, name)
        group.base = group.tip = after
        lost = detector.current(after).evicted - detector.current(before).evicted
        if lost > 0:
            watch.out.count("evicted", lost)
        self.changed(watch, (rule, name, group), replace(before, evicted=after.evicted), after)  # counted already
