"""Scores: points that fade, and a crossing when they fall below a threshold (or rise above it).

Inside, a score always falls: one that rises is kept with its sign turned. Everything is in millionths of a point.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from touchline.pipeline.friction.aggregates import Measured, shown_number
from touchline.pipeline.friction.fields import Value
from touchline.pipeline.friction.positive import MAX_WINDOW, Positive, pruned
from touchline.pipeline.friction.state import FIRST, RESOLVE, Item, Level, Machine

NAMED: Final = 5
"""The most events that a signal names for having brought the score down."""

GONE: Final = 20
"""After so many half-lives without an event nothing is left of a score: a millionth of it."""


@dataclass(frozen=True, slots=True)
class ScoreDetector(Positive):
    """`points` for each role FIRST, FIRST << 1 …; true below `below`, false above `rearm`; `sign` -1 for a score that
    rises."""

    points: tuple[int, ...]
    half_life: int
    below: int
    rearm: int
    sign: int

    def take(self, machine: Machine, item: Item) -> Machine:
        """Adds the points of the event to what is left of those before.

        Where nothing is left the score begins at 0. If that is below the threshold already there is nothing to cross
        until it has been above."""
        fresh = self.is_gone(machine, item.at)
        machine, (numerator, denominator) = self.added(machine, item, fresh=fresh)
        if fresh:
            machine = replace(machine, armed=self.below <= 0)
        named = tuple(i for i in machine.window if i is not item and self.given(i) < 0)[-NAMED + 1 :]
        anchors = (*named, item)
        told: dict[str, Value] = {"value": shown_number((self.sign * numerator, denominator))}
        facts = {**self._facts(item), "": told}
        if numerator < self.below * denominator:
            return self.state(machine, anchors, len(anchors), facts)
        if numerator > self.rearm * denominator:
            return self.rest(machine, item.at)
        return self.hold(machine, item, len(anchors), facts)

    def may_open(self, machine: Machine, waiting: int, item: Item) -> bool:
        """What brings a score below its threshold is an event with points below zero, where one that only fades can't
        fall below it and is not there yet. What waits has no such points."""
        level = machine.level
        return item.roles != RESOLVE and (
            self.below > 0 or self.given(item) < 0 or level is None or level.value < self.below
        )

    def given(self, item: Item) -> int:
        """The points of an event; one that fits several entries has those of all."""
        roles = item.roles & (RESOLVE - 1)
        return sum(points for number, points in enumerate(self.points) if roles & (FIRST << number))

    @abstractmethod
    def is_gone(self, machine: Machine, at: int) -> bool:
        """Whether nothing of the score is left then."""

    @abstractmethod
    def added(self, machine: Machine, item: Item, *, fresh: bool) -> tuple[Machine, Measured]:
        """The state with the event, and the score at its time."""

    def idle(self, machine: Machine, horizon: int) -> bool:
        """Nothing of the score is left, nothing is open, no cooldown runs."""
        return (
            not machine.crossings
            and self.is_gone(machine, horizon)
            and (machine.last_open is None or machine.last_open + self.timing.cooldown < horizon)
        )


@dataclass(frozen=True, slots=True)
class ExponentialScore(ScoreDetector):
    """Halves again and again. One number is the whole score; of the events only the newest bad ones are kept."""

    def is_gone(self, machine: Machine, at: int) -> bool:
        """After GONE half-lives."""
        return machine.level is None or at - machine.level.at > GONE * self.half_life

    def added(self, machine: Machine, item: Item, *, fresh: bool) -> tuple[Machine, Measured]:
        """What was there has faded since its own time."""
        given = self.given(item)
        level, window = machine.level, machine.window
        if fresh or level is None:
            value, window = float(given), ()
        else:
            value = level.value * 2.0 ** ((level.at - item.at) / self.half_life) + given
        if given < 0:
            window = (*window, item)[-NAMED:]
        return replace(machine, window=window, level=Level(item.at, value)), (round(value), 1)


@dataclass(frozen=True, slots=True)
class LinearScore(ScoreDetector):
    """Fades evenly, until nothing is left after two half-lives. All events since are kept."""

    def is_gone(self, machine: Machine, at: int) -> bool:
        """When the newest event has faded."""
        return not machine.window or at - machine.window[-1].at >= 2 * self.half_life

    def added(self, machine: Machine, item: Item, *, fresh: bool) -> tuple[Machine, Measured]:
        """Each event's own points by its own age."""
        span = 2 * self.half_life
        window, evicted = (*pruned(machine.window, item.at - span + 1), item), machine.evicted
        if len(window) > MAX_WINDOW:
            window, evicted = window[1:], evicted + 1
        total = sum(self.given(i) * (span - item.at + i.at) for i in window)
        return replace(machine, window=window, evicted=evicted), (total, span)
