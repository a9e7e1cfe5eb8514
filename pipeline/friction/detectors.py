"""The detectors that an event makes true: match, count, distinct, sequence."""

from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from touchline.pipeline.friction.code import Facts, Pairing, Unknown
from touchline.pipeline.friction.fields import Value
from touchline.pipeline.friction.positive import MAX_WINDOW, Positive, pruned
from touchline.pipeline.friction.state import FIRST, RESOLVE, UNLESS, Item, Machine

MAX_TRIES: Final = 500
"""The most chains that one event of a sequence looks at."""


@dataclass(frozen=True, slots=True)
class MatchDetector(Positive):
    """Each event that fits."""

    def may_open(self, machine: Machine, waiting: int, item: Item) -> bool:
        """Each does, but for those that only end something."""
        return item.roles != RESOLVE

    def take(self, machine: Machine, item: Item) -> Machine:
        """A moment of one event."""
        return self.moment(machine, (item,), self._facts(item))


@dataclass(frozen=True, slots=True)
class CountDetector(Positive):
    """At least so many events within the closed window."""

    at_least: int

    def may_open(self, machine: Machine, waiting: int, item: Item) -> bool:
        """Not before there are enough of them."""
        return item.roles != RESOLVE and len(machine.window) + waiting + 1 >= self.at_least

    def take(self, machine: Machine, item: Item) -> Machine:
        """Counts what lies in `[t - within, t]`."""
        window = (*pruned(machine.window, item.at - self.timing.within), item)
        evicted = machine.evicted
        if len(window) > MAX_WINDOW:
            window, evicted = window[1:], evicted + 1
        machine = Machine(window, machine.armed, machine.last_open, machine.crossings, (), evicted)
        if len(window) < self.at_least:
            return self.rest(machine, item.at)
        return self.state(machine, window[-self.at_least :], len(window), self._facts(item))


@dataclass(frozen=True, slots=True)
class DistinctDetector(Positive):
    """At least so many different values of a field within the closed window; of each value the newest event is kept."""

    at_least: int
    value: str

    def may_open(self, machine: Machine, waiting: int, item: Item) -> bool:
        """Not before there are enough of them, for each has one value at most."""
        return item.roles != RESOLVE and len(machine.window) + waiting + 1 >= self.at_least

    def take(self, machine: Machine, item: Item) -> Machine:
        """Counts the values in `[t - within, t]`."""
        value = item.facts[self.value]
        since = item.at - self.timing.within
        window = (*(i for i in machine.window if i.at >= since and i.facts[self.value] != value), item)
        evicted = machine.evicted
        if len(window) > MAX_WINDOW:
            window, evicted = window[1:], evicted + 1
        machine = Machine(window, machine.armed, machine.last_open, machine.crossings, (), evicted)
        if len(window) < self.at_least:
            return self.rest(machine, item.at)
        values: dict[str, Value] = {"values": ", ".join(str(i.facts[self.value]) for i in window[-20:])}
        facts = {**self._facts(item), "": values}
        return self.state(machine, window[-self.at_least :], len(window), facts)


@dataclass(frozen=True, slots=True)
class SequenceDetector(Positive):
    """Steps in their order within the closed window. Of several chains the one with the newest events counts.

    `pairings`: for each step its condition on earlier steps, if any; `names`: how steps are called.
    """

    names: tuple[str, ...]
    pairings: tuple[Pairing | None, ...]
    unknown: Unknown = field(compare=False)

    def may_open(self, machine: Machine, waiting: int, item: Item) -> bool:
        """Only the last step after others."""
        return bool(item.roles & (FIRST << len(self.names) - 1)) and bool(machine.window or waiting)

    def take(self, machine: Machine, item: Item) -> Machine:
        """Completes a chain, and waits for the next step."""
        window = () if item.roles & UNLESS else pruned(machine.window, item.at - self.timing.within)
        last = len(self.names) - 1
        if not window and not item.roles & ((FIRST << last) - 1):
            return machine if not machine.window else replace(machine, window=())
        chain = self._chain(window, item) if item.roles & (FIRST << last) and not item.roles & UNLESS else None
        evicted = machine.evicted
        if item.roles & ((FIRST << last) - 1):
            window = (*window, item)
            if len(window) > MAX_WINDOW:
                window, evicted = window[1:], evicted + 1
        machine = Machine(window, machine.armed, machine.last_open, machine.crossings, (), evicted)
        if chain is None:
            return machine
        return self.moment(
            machine, chain, {n: told for n, i in zip(self.names, chain, strict=True) if (told := self.kept(i))}
        )

    def _chain(self, window: tuple[Item, ...], last: Item) -> tuple[Item, ...] | None:
        search = _Search(self, window)
        return search.before(len(self.names) - 2, len(window), (last,))


@dataclass(slots=True)
class _Search:
    detector: SequenceDetector
    window: tuple[Item, ...]
    tries: int = 0

    def before(self, step: int, end: int, chain: tuple[Item, ...]) -> tuple[Item, ...] | None:
        """The newest events for the steps up to `step`, before `end` in the window; tries are bounded."""
        if step < 0:
            return chain if self._fits(chain) else None
        for index in range(end - 1, -1, -1):
            if self.tries >= MAX_TRIES:
                return None
            if self.window[index].roles & (FIRST << step):
                self.tries += 1
                found = self.before(step - 1, index, (self.window[index], *chain))
                if found is not None:
                    return found
        return None

    def _fits(self, chain: tuple[Item, ...]) -> bool:
        known: dict[str, Facts] = {}
        for name, pairing, item in zip(self.detector.names, self.detector.pairings, chain, strict=True):
            if pairing is not None and not pairing(item.facts, known, self.detector.unknown):
                return False
            known[name] = item.facts
        return True
