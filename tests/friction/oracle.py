"""What rules mean, written down as directly as possible and without regard to speed.

It has all events of a group in their order and looks at them again and again. It shares no code with the detectors.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

DEADLINE_AHEAD = 400 * 86_400_000


@dataclass(frozen=True)
class Event:
    """An event of the oracle's own."""

    id: str
    kind: str
    at: int
    partition: int
    offset: int
    channel: str
    attributes: tuple[tuple[str, Any], ...]

    @property
    def order(self) -> tuple[int, int, int, str]:
        return (self.at, self.partition, self.offset, self.id)

    def get(self, name: str) -> Any:
        return dict(self.attributes).get(name)


Test = Callable[[Event], bool]
PairTest = Callable[[Event, Event], bool]


def never(_: Event) -> bool:
    return False


@dataclass
class Found:
    """One crossing: from `at`, ended by `end` at `closed`, resting on `events`."""

    at: int
    last: int
    events: set[str]
    end: str = "open"
    closed: int | None = None
    over: bool = False

    def shown(self) -> tuple[int, str, int | None, int]:
        return (self.at, self.end, self.closed, len(self.events))


@dataclass
class Life:
    """Crossings one after the other: cooldown, resolution, expiry."""

    cooldown: int
    expires: int
    found: list[Found] = field(default_factory=list)
    opened: int | None = None

    def age(self, now: int) -> bool:
        """Expires what is too old. True when that was what stood."""
        standing = self.standing()
        for crossing in self.found:
            if crossing.end == "open" and now > crossing.last + self.expires:
                crossing.end, crossing.closed, crossing.over = "expired", crossing.last + self.expires, True
        return standing is not None and standing.over

    def standing(self) -> Found | None:
        last = self.found[-1] if self.found else None
        return last if last is not None and last.end == "open" and not last.over else None

    def cool(self, now: int) -> bool:
        return self.opened is None or now >= self.opened + self.cooldown

    def open(self, now: int, events: set[str]) -> None:
        self.found.append(Found(now, now, set(events)))
        self.opened = now

    def resolve(self, now: int) -> None:
        for crossing in self.found:
            if crossing.end == "open":
                crossing.end, crossing.closed, crossing.over = "resolved", now, True

    def finish(self, watermark: int) -> list[tuple[int, str, int | None, int]]:
        for crossing in self.found:
            if crossing.end == "open" and watermark > crossing.last + self.expires:
                crossing.end = "expired"
            if crossing.end == "expired":
                crossing.closed = None  # a signal does not tell when it expired
        return sorted(c.shown() for c in self.found)


@dataclass(frozen=True)
class Meaning:
    """What every rule has. `resolves`: events that end a signal."""

    cooldown: int
    expires: int
    resolves: Test

    def crossings(self, events: Sequence[Event], watermark: int) -> list[tuple[int, str, int | None, int]]:
        raise NotImplementedError


@dataclass(frozen=True)
class StateMeaning(Meaning):
    """count (`value` None) and distinct."""

    counts: Test
    at_least: int
    within: int
    value: Callable[[Event], Any] | None = None

    def crossings(self, events: Sequence[Event], watermark: int) -> list[tuple[int, str, int | None, int]]:
        life, armed = Life(self.cooldown, self.expires), True
        events = sorted(events, key=lambda e: e.order)
        for index, event in enumerate(events):
            if not self.resolves(event) and not self.counts(event):
                continue
            armed |= life.age(event.at)
            if self.resolves(event):
                life.resolve(event.at)
                armed = True
            if not self.counts(event):
                continue
            window = self._window(events[: index + 1])
            if len(window) >= self.at_least:
                standing = life.standing()
                if standing is not None:
                    standing.events.add(event.id)
                    standing.last = event.at
                elif armed and life.cool(event.at):
                    life.open(event.at, {e.id for e in window[-self.at_least :]})
                    armed = False
            elif life.cool(event.at):
                armed = True
                standing = life.standing()
                if standing is not None:
                    standing.over = True
        return life.finish(watermark)

    def _window(self, events: Sequence[Event]) -> list[Event]:
        now = events[-1]
        window: list[Event] = []
        for event in events:
            if self.resolves(event):
                window = []
            if self.counts(event) and now.at - self.within <= event.at <= now.at:
                window.append(event)
        if self.value is None:
            return window
        newest = {self.value(event): event for event in window}
        return sorted(newest.values(), key=lambda e: e.order)


@dataclass(frozen=True)
class ChainMeaning(Meaning):
    """match (one step) and sequence. `pair`: what must hold between the first and the last event."""

    steps: tuple[Test, ...]
    within: int
    unless: Test = never
    pair: PairTest | None = None

    def crossings(self, events: Sequence[Event], watermark: int) -> list[tuple[int, str, int | None, int]]:
        life = Life(self.cooldown, self.expires)
        events = sorted(events, key=lambda e: e.order)
        for index, event in enumerate(events):
            if not (self.resolves(event) or self.unless(event) or any(step(event) for step in self.steps)):
                continue
            life.age(event.at)
            if self.resolves(event):
                life.resolve(event.at)
            chain = self._chain(events, index)
            if chain is None:
                continue
            ids = {e.id for e in chain}
            standing = life.standing()
            if life.cool(event.at):
                if standing is not None:
                    standing.over = True
                life.open(event.at, ids)
            elif standing is not None:
                standing.events |= ids
                standing.last = event.at
        return life.finish(watermark)

    def _chain(self, events: Sequence[Event], last: int) -> list[Event] | None:
        """Of all chains that end at an event the one that is newest, from its last event back."""
        chains = [chain for chain in self._chains(events, last, len(self.steps) - 1) if self._holds(events, chain)]
        if not chains:
            return None
        return [events[i] for i in max(chains, key=lambda chain: tuple(reversed(chain)))]

    def _chains(self, events: Sequence[Event], last: int, step: int) -> list[list[int]]:
        if not self.steps[step](events[last]):
            return []
        if step == 0:
            return [[last]]
        return [[*chain, last] for i in range(last) for chain in self._chains(events, i, step - 1)]

    def _holds(self, events: Sequence[Event], chain: list[int]) -> bool:
        first, last = chain[0], chain[-1]
        between = range(first + 1, last + 1)
        return (
            events[first].at >= events[last].at - self.within
            and (len(chain) == 1 or not any(self.unless(events[i]) for i in between))
            and not any(self.resolves(events[i]) for i in between)
            and (self.pair is None or self.pair(events[first], events[last]))
        )


@dataclass(frozen=True)
class AbsenceMeaning(Meaning):
    """absence. `deadline`: of an event, None when the event does not tell it."""

    after: Test
    expects: PairTest
    deadline: Callable[[Event], int | None]
    grace: int
    unless: Test = never
    context: Test = never

    def crossings(self, events: Sequence[Event], watermark: int) -> list[tuple[int, str, int | None, int]]:
        events = sorted(events, key=lambda e: e.order)
        missed = []
        for index, event in enumerate(events):
            deadline = self.deadline(event) if self.after(event) else None
            if deadline is None:
                continue
            deadline = max(deadline, event.at)
            later = events[index + 1 :]
            in_time = [e for e in later if e.at <= deadline]
            if any(self.expects(event, e) or self.unless(e) for e in in_time):
                continue
            if watermark > deadline + self.grace:
                ends = [
                    e.at
                    for e in later
                    if deadline < e.at <= deadline + self.expires and (self.expects(event, e) or self.resolves(e))
                ]
                about = {event.id, *[e.id for e in in_time if self.context(e)][-1:]}
                missed.append((deadline, event.order, about, min(ends, default=None)))
        return self._lives(missed, watermark)

    def _lives(self, missed: list[Any], watermark: int) -> list[tuple[int, str, int | None, int]]:
        found: list[Found] = []
        opened: int | None = None
        for deadline, _, about, end in sorted(missed, key=lambda m: m[:2]):
            if opened is not None and deadline < opened + self.cooldown:
                expired = deadline > found[-1].last + self.expires
                if not expired and (found[-1].closed is None or found[-1].closed > deadline):
                    found[-1].events |= about
                    found[-1].last = deadline
                continue
            opened = deadline
            found.append(Found(deadline, deadline, set(about), "open" if end is None else "resolved", end))
        for crossing in found:
            if crossing.end == "open" and watermark > crossing.last + self.expires + self.grace:
                crossing.end = "expired"
        return sorted(c.shown() for c in found)
