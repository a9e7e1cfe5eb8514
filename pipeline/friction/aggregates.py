"""The detectors that reckon with numbers over a closed window: sum, average, percentile, ratio.

Numbers count to six decimal places, as whole millionths: so sums are exact, and the same in any order of addition.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from touchline.pipeline.friction.fields import Value
from touchline.pipeline.friction.positive import MAX_WINDOW, Positive, pruned
from touchline.pipeline.friction.state import FIRST, Item, Machine

MILLION: Final = 1_000_000
PART: Final = FIRST << 1
"""The role of an event of a ratio that fits `part`; FIRST is that of one that fits `of`."""

Measured = tuple[int, int]
"""What was measured, in millionths, as numerator and denominator."""


def millionths(value: object) -> int:
    """A number as whole millionths. What is no number is none: rules see to it that there is one."""
    if isinstance(value, int):
        return value * MILLION
    return round(value * MILLION) if isinstance(value, float) else 0


def shown_number(measured: Measured) -> int | float:
    """As it goes into a signal, to six decimal places."""
    numerator, denominator = measured
    whole, rest = divmod(numerator, denominator * MILLION)
    return whole if rest == 0 else round(numerator / (denominator * MILLION), 6)


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold in millionths: at least that, or at most that."""

    threshold: int
    at_most: bool

    def holds(self, measured: Measured) -> bool:
        """Compares without dividing, so exactly."""
        numerator, denominator = measured
        edge = self.threshold * denominator
        return numerator <= edge if self.at_most else numerator >= edge


@dataclass(frozen=True, slots=True)
class Aggregate(Positive):
    """A number measured over the window of enough events, compared with a threshold."""

    limit: Limit
    min_events: int

    def may_open(self, machine: Machine, waiting: int, item: Item) -> bool:
        """Not before there are enough of them."""
        return bool(item.roles & FIRST) and len(machine.window) + waiting + 1 >= self.min_events

    def take(self, machine: Machine, item: Item) -> Machine:
        """Measures what lies in `[t - within, t]`."""
        if not item.roles & FIRST:
            return machine
        window = (*pruned(machine.window, item.at - self.timing.within), item)
        evicted = machine.evicted
        if len(window) > MAX_WINDOW:
            window, evicted = window[1:], evicted + 1
        machine = Machine(window, machine.armed, machine.last_open, machine.crossings, (), evicted)
        if len(window) < self.min_events:
            return self.rest(machine, item.at)
        measured = self.measured(window)
        if not self.limit.holds(measured):
            return self.rest(machine, item.at)
        told: dict[str, Value] = {"value": shown_number(measured), "n": len(window)}
        return self.state(machine, window, self.counted(window), {**self.named(window), "": told})

    @abstractmethod
    def measured(self, window: Sequence[Item]) -> Measured:
        """The number, of a window that is not empty."""

    def counted(self, window: Sequence[Item]) -> int:
        """How many events it rests on."""
        return len(window)

    def named(self, window: Sequence[Item]) -> dict[str, dict[str, Value]]:
        """The events that have a name."""
        return self._facts(window[-1])

    def idle(self, machine: Machine, horizon: int) -> bool:
        """A single event may be enough, so what is not ready for the next crossing is not the same as nothing."""
        return machine.armed and Positive.idle(self, machine, horizon)


@dataclass(frozen=True, slots=True)
class SumDetector(Aggregate):
    """The sum of a field."""

    value: str

    def measured(self, window: Sequence[Item]) -> Measured:
        """Of all that lies in the window."""
        return sum(millionths(item.facts.get(self.value)) for item in window), 1


@dataclass(frozen=True, slots=True)
class AverageDetector(Aggregate):
    """The average of a field."""

    value: str

    def measured(self, window: Sequence[Item]) -> Measured:
        """Of all that lies in the window."""
        return sum(millionths(item.facts.get(self.value)) for item in window), len(window)


@dataclass(frozen=True, slots=True)
class PercentileDetector(Aggregate):
    """The `p`-th percentile of a field by the nearest rank, so always a value that was there."""

    value: str
    p: int

    def measured(self, window: Sequence[Item]) -> Measured:
        """Of all that lies in the window."""
        values = sorted(millionths(item.facts.get(self.value)) for item in window)
        return values[-(-self.p * len(values) // 100) - 1], 1


@dataclass(frozen=True, slots=True)
class RatioDetector(Aggregate):
    """The share of the events with the role PART. `part` names the newest of them."""

    part: str

    def measured(self, window: Sequence[Item]) -> Measured:
        """Of all that lies in the window."""
        return self.counted(window) * MILLION, len(window)

    def counted(self, window: Sequence[Item]) -> int:
        """How many of them fit `part`."""
        return sum(item.roles & PART > 0 for item in window)

    def named(self, window: Sequence[Item]) -> dict[str, dict[str, Value]]:
        """The newest event, and the newest that fits `part`."""
        found = self._facts(window[-1])
        newest = next((item for item in reversed(window) if item.roles & PART), None)
        if self.part and newest is not None and (told := self.kept(newest)):
            found[self.part] = told
        return found
