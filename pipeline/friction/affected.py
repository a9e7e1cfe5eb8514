"""The detector of incidents: so many different customers within a time."""

from dataclasses import dataclass
from typing import Final

from touchline.pipeline.friction.positive import Positive, pruned
from touchline.pipeline.friction.state import Item, Machine

MAX_COUNTED: Final = 1_000
"""The most customers that are counted at a time: twice the most that a rule may ask for."""


@dataclass(frozen=True, slots=True)
class AffectedDetector(Positive):
    """At least so many customers within the closed window; of each the newest event is kept. In an item of an incident
    the customer stands in `source`: events are told apart by their id within a customer."""

    customers: int

    def take(self, machine: Machine, item: Item) -> Machine:
        """Counts the customers in `[t - within, t]`."""
        customer = item.source
        window = (
            *(known for known in pruned(machine.window, item.at - self.timing.within) if known.source != customer),
            item,
        )
        evicted = machine.evicted
        if len(window) > MAX_COUNTED:
            window, evicted = window[1:], evicted + 1
        machine = Machine(window, machine.armed, machine.last_open, machine.crossings, (), evicted)
        if len(window) < self.customers:
            return self.rest(machine, item.at)
        return self.state(machine, window[-self.customers :], len(window), self._facts(item))
