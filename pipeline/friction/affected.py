"""The detector of incidents: so many different customers within a time."""

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from touchline.pipeline.friction.positive import Positive, pruned
from touchline.pipeline.friction.state import Item, Machine

MAX_COUNTED: Final = 1_000
"""The most customers (where signals are counted: signals) that are looked at a time: twice the most that a rule may ask
for."""


@dataclass(frozen=True, slots=True)
class AffectedDetector(Positive):
    """At least so many customers within the closed window. In an item of an incident the customer stands in `source`:
    events are told apart by their id within a customer.

    Of each customer the newest event is kept. A signal may be withdrawn, and then the customer's other signals count:
    `by_signal`, all are kept."""

    customers: int
    by_signal: bool

    def may_open(self, machine: Machine, waiting: int, item: Item) -> bool:
        """Candidates are stepped when their cause is looked at: none of them waits."""
        return True

    def take(self, machine: Machine, item: Item) -> Machine:
        """Counts the customers in `[t - within, t]`."""
        window = pruned(machine.window, item.at - self.timing.within)
        if not self.by_signal:
            window = tuple([known for known in window if known.source != item.source])
        window = (*window, replace(item, facts={}) if item.facts else item)  # only the newest is ever told of
        evicted = machine.evicted
        if len(window) > MAX_COUNTED:
            window, evicted = window[1:], evicted + 1
        machine = Machine(window, machine.armed, machine.last_open, machine.crossings, (), evicted)
        newest = self.newest(window)
        if len(newest) < self.customers:
            return self.rest(machine, item.at)
        return self.state(machine, newest[-self.customers :], len(newest), self._facts(item))

    def newest(self, window: tuple[Item, ...]) -> tuple[Item, ...]:
        """The newest item of each customer, in order."""
        if not self.by_signal:
            return window
        found: dict[str, Item] = {}
        for item in window:
            found.pop(item.source, None)
            found[item.source] = item
        return tuple(found.values())

    def is_true(self, machine: Machine) -> bool:
        """Whether it was true at the last item that was counted."""
        return len(self.newest(machine.window)) >= self.customers

    def withdraw(self, machine: Machine, item: Item, gone: frozenset[tuple[str, ...]]) -> Machine:
        """The state without a signal that counts no more, and without the crossings with these anchors, which nothing
        is left of. It opens nothing, and a cooldown goes on."""
        machine = self._aged(machine, item.at)
        window = tuple([known for known in machine.window if known.event != item.event])
        standing = machine.crossings[-1] if machine.crossings else None
        crossings = tuple([crossing for crossing in machine.crossings if crossing.anchors not in gone])
        armed = machine.armed or (standing is not None and standing.anchors in gone)
        machine = replace(machine, window=window, crossings=crossings, armed=armed)
        return machine if self.is_true(machine) else self.rest(machine, item.at)
