"""What detectors share: times, crossings one after the other, and how they end.

A detector is a pure step: the state before and one event give the state after. A *moment* (match, sequence) is true at
its event and at no other time; a *state* (count, distinct) is true or false from one of its events to the next.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from msgspec.structs import replace

from touchline.pipeline.friction.fields import Value
from touchline.pipeline.friction.state import RESOLVE, UNLESS, Crossing, End, Item, Machine
from touchline.schemas.signal import MAX_EVIDENCE

MAX_WINDOW: Final = 64
"""The most events that one rule keeps of one group."""

MAX_CROSSINGS: Final = 16
"""The most signals of one rule and group that are open at once; the oldest expires."""

_ANCHORS: Final = MAX_EVIDENCE // 2
_OPEN: Final = End.OPEN


@dataclass(frozen=True, slots=True)
class Timing:
    """Lengths of time in milliseconds. `grace`: how long after its own time something may still come to light."""

    within: int
    cooldown: int
    expires: int
    grace: int = 0

    def ends(self, last: int) -> int:
        """From which watermark on a crossing has expired that was true last then."""
        return last + self.expires + self.grace + 1


class Detector(Protocol):
    """The steps of one rule."""

    @property
    def timing(self) -> Timing:
        """Its lengths of time."""

    def step(self, machine: Machine, item: Item) -> Machine:
        """The state after the next event in order."""

    def late(self, machine: Machine, item: Item) -> Machine:
        """The state after an event that came too late: nothing opens; what is open may be resolved or disproved."""

    def crossings(self, machine: Machine, watermark: int | None) -> Sequence[Crossing]:
        """What the state says, in order of time."""

    def next_due(self, machine: Machine, watermark: int | None) -> int | None:
        """When the watermark alone opens something next, None when nothing waits for it."""

    def forget(self, machine: Machine, done: frozenset[tuple[str, ...]], watermark: int) -> Machine:
        """The state without the crossings with these anchors, which nothing can change any more."""

    def idle(self, machine: Machine, horizon: int) -> bool:
        """Whether the state, at the horizon, says nothing more than an empty one."""


@dataclass(frozen=True, slots=True)
class Positive(ABC):
    """What all detectors share but absence. `alias` names the newest event in the evidence."""

    timing: Timing
    alias: str

    def step(self, machine: Machine, item: Item) -> Machine:
        """Resolves first, so that an event which does both begins anew."""
        if machine.crossings:
            machine = self._aged(machine, item.at)
        if item.roles & RESOLVE:
            machine = self._resolved(machine, item)
            if item.roles == RESOLVE:
                return machine
        return self.take(machine, item)

    @abstractmethod
    def take(self, machine: Machine, item: Item) -> Machine:
        """The state after an event that this detector waits for."""

    def late(self, machine: Machine, item: Item) -> Machine:
        """Ends what was open and had not been added to since; breaks a sequence that it lies within."""
        if not machine.crossings:
            return machine
        crossings = tuple(self._late(crossing, item) for crossing in machine.crossings)
        return machine if crossings == machine.crossings else replace(machine, crossings=crossings)

    def _late(self, crossing: Crossing, item: Item) -> Crossing:
        if crossing.end is not End.OPEN:
            return crossing
        if item.roles & UNLESS and crossing.first < item.at < crossing.at:
            return replace(crossing, end=End.DISPROVED, closed=crossing.at, over=True)
        if item.roles & RESOLVE and crossing.last < item.at <= crossing.last + self.timing.expires:
            return replace(crossing, end=End.RESOLVED, closed=item.at, over=True)
        return crossing

    def crossings(self, machine: Machine, watermark: int | None) -> Sequence[Crossing]:
        """Events alone decide."""
        return machine.crossings

    def next_due(self, machine: Machine, watermark: int | None) -> int | None:
        """Nothing opens by time alone."""
        return None

    def forget(self, machine: Machine, done: frozenset[tuple[str, ...]], watermark: int) -> Machine:
        """Without the crossings that are done. What expired without an event to notice it has ended all the same."""
        if not machine.crossings:
            return machine
        machine = self._aged(machine, watermark)
        kept = tuple(crossing for crossing in machine.crossings if crossing.anchors not in done)
        return machine if len(kept) == len(machine.crossings) else replace(machine, crossings=kept)

    def idle(self, machine: Machine, horizon: int) -> bool:
        """No event is in reach of the window, nothing is open, no cooldown runs."""
        return (
            not machine.crossings
            and (not machine.window or machine.window[-1].at < horizon - self.timing.within)
            and (machine.last_open is None or machine.last_open + self.timing.cooldown < horizon)
        )

    def _aged(self, machine: Machine, at: int) -> Machine:
        """Ends what nothing has been added to for too long."""
        expires = self.timing.expires
        for crossing in machine.crossings:
            if crossing.end is _OPEN and at > crossing.last + expires:
                break
        else:
            return machine
        standing = _standing(machine)
        crossings = tuple(
            replace(c, end=End.EXPIRED, closed=c.last + expires, over=True)
            if c.end is End.OPEN and at > c.last + expires
            else c
            for c in machine.crossings
        )
        armed = machine.armed or (standing is not None and crossings[-1].end is not End.OPEN)
        return replace(machine, crossings=crossings, armed=armed)

    def _resolved(self, machine: Machine, item: Item) -> Machine:
        """Ends what is open. What led to it is not counted again."""
        if machine.armed and not machine.window and not machine.crossings and machine.level is None:
            return machine
        crossings = tuple(
            replace(c, end=End.RESOLVED, closed=item.at, over=True) if c.end is End.OPEN else c
            for c in machine.crossings
        )
        return replace(machine, crossings=crossings, window=(), level=None, armed=True)

    def _cool(self, machine: Machine, at: int) -> bool:
        return machine.last_open is None or at >= machine.last_open + self.timing.cooldown

    def moment(self, machine: Machine, chain: tuple[Item, ...], facts: dict[str, dict[str, Value]]) -> Machine:
        """True at the last event of the chain: opens, or adds to what was opened less than a cooldown ago."""
        at = chain[-1].at
        if self._cool(machine, at):
            before = machine.crossings
            if before and not before[-1].over:
                before = (*before[:-1], replace(before[-1], over=True))
            return self._opened(replace(machine, crossings=before), chain, len(chain), facts)
        standing = _standing(machine)
        if standing is None:
            return machine
        return self._updated(machine, standing, chain, standing.count, facts)

    def state(
        self, machine: Machine, anchors: tuple[Item, ...], count: int, facts: dict[str, dict[str, Value]]
    ) -> Machine:
        """True from this event on: opens when it was false before, or adds to what is open."""
        standing = _standing(machine)
        if standing is not None:
            return self._updated(machine, standing, anchors[-1:], count, facts)
        if not machine.armed or not self._cool(machine, anchors[-1].at):
            return machine
        return self._opened(machine, anchors, count, facts)

    def rest(self, machine: Machine, at: int) -> Machine:
        """False from this event on: the next time that it turns true is a new crossing, once the cooldown is over."""
        if machine.armed and not machine.crossings:
            return machine
        if not self._cool(machine, at):
            return machine
        standing = _standing(machine)
        if standing is None:
            return machine if machine.armed else replace(machine, armed=True)
        return replace(machine, armed=True, crossings=(*machine.crossings[:-1], replace(standing, over=True)))

    def hold(self, machine: Machine, item: Item, count: int, facts: dict[str, dict[str, Value]]) -> Machine:
        """Neither true nor false: adds to what is open, and opens nothing."""
        standing = _standing(machine)
        return machine if standing is None else self._updated(machine, standing, (item,), count, facts)

    def _opened(
        self, machine: Machine, anchors: tuple[Item, ...], count: int, facts: dict[str, dict[str, Value]]
    ) -> Machine:
        last = anchors[-1]
        ids = tuple(item.event for item in anchors)
        opened = Crossing(
            at=last.at, first=anchors[0].at, anchors=ids[-MAX_EVIDENCE:], events=ids[-MAX_EVIDENCE:], total=len(ids),
            count=count, last=last.at, party=last.party, channel=last.channel, facts=facts,
        )  # fmt: skip
        crossings = (*machine.crossings, opened)
        if sum(c.end is End.OPEN for c in crossings) > MAX_CROSSINGS:
            index = next(i for i, c in enumerate(crossings) if c.end is End.OPEN)
            oldest = replace(crossings[index], end=End.EXPIRED, closed=last.at, over=True)
            crossings = (*crossings[:index], oldest, *crossings[index + 1 :])
        return replace(machine, crossings=crossings, armed=False, last_open=last.at)

    def _updated(
        self,
        machine: Machine,
        standing: Crossing,
        added: tuple[Item, ...],
        count: int,
        facts: dict[str, dict[str, Value]],
    ) -> Machine:
        new = tuple(item.event for item in added if item.event not in standing.events)
        events = standing.events + new
        if len(events) > MAX_EVIDENCE:
            events = events[:_ANCHORS] + events[len(events) - (MAX_EVIDENCE - _ANCHORS) :]
        last = added[-1]
        updated = replace(
            standing, events=events, total=standing.total + len(new), count=count, last=last.at,
            party=last.party, channel=last.channel, facts=facts,
        )  # fmt: skip
        return replace(machine, crossings=(*machine.crossings[:-1], updated))

    def _facts(self, item: Item) -> dict[str, dict[str, Value]]:
        return {self.alias: item.facts} if item.facts else {}


def _standing(machine: Machine) -> Crossing | None:
    """The newest crossing, when it is open and can still be added to."""
    if not machine.crossings:
        return None
    last = machine.crossings[-1]
    return last if last.end is End.OPEN and not last.over else None


def pruned(window: tuple[Item, ...], since: int) -> tuple[Item, ...]:
    """The events of the window from a time on."""
    if not window or window[0].at >= since:
        return window
    return tuple(item for item in window if item.at >= since)
