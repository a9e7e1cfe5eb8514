"""What rules mean, written down as directly as possible and without regard to speed.

It has all events of a group in their order and looks at them again and again. It shares no code with the detectors.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
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
    value: float | None = None

    def shown(self) -> "Shown":
        closed = None if self.end == "expired" else self.closed  # a signal does not tell when it expired
        return (self.at, self.end, closed, len(self.events), self.value)


Shown = tuple[int, str, int | None, int, float | None]
"""When it began, how it ended and when, on how many events it rests, and the number that was measured last, to four
places."""


def shown_order(shown: Shown) -> tuple[int, str, int, int, float]:
    at, end, closed, events, value = shown
    return (at, end, closed or 0, events, value or 0.0)


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

    def open(self, now: int, events: set[str], value: float | None = None) -> None:
        self.found.append(Found(now, now, set(events), value=value))
        self.opened = now

    def add(self, event: Event, value: float | None = None) -> None:
        standing = self.standing()
        if standing is not None:
            standing.events.add(event.id)
            standing.last, standing.value = event.at, value

    def resolve(self, now: int) -> None:
        for crossing in self.found:
            if crossing.end == "open":
                crossing.end, crossing.closed, crossing.over = "resolved", now, True

    def finish(self, watermark: int) -> list[Found]:
        for crossing in self.found:
            if crossing.end == "open" and watermark > crossing.last + self.expires:
                crossing.end, crossing.closed = "expired", crossing.last + self.expires
        return self.found


@dataclass(frozen=True)
class Meaning:
    """What every rule has. `resolves`: events that end a signal."""

    cooldown: int
    expires: int
    resolves: Test

    def crossings(self, events: Sequence[Event], watermark: int) -> list[Shown]:
        """As signals show them."""
        return sorted((crossing.shown() for crossing in self.found(events, watermark)), key=shown_order)

    def found(self, events: Sequence[Event], watermark: int) -> list[Found]:
        raise NotImplementedError


@dataclass(frozen=True)
class StateMeaning(Meaning):
    """What is true or false from one of its events to the next. `_judged`: whether the events since the last one that
    resolved make it true, on what that rests, and the number behind it; neither true nor false changes nothing."""

    counts: Test

    def found(self, events: Sequence[Event], watermark: int) -> list[Found]:
        life, armed = Life(self.cooldown, self.expires), True
        past: list[Event] = []
        for event in sorted(events, key=lambda e: e.order):
            if not self.resolves(event) and not self.counts(event):
                continue
            armed |= life.age(event.at)
            if self.resolves(event):
                life.resolve(event.at)
                armed, past = True, []
            if not self.counts(event):
                continue
            if self._begins(past, event.at):
                armed, past = self._ready(), []
            past.append(event)
            verdict, about, value = self._judged(past)
            if life.standing() is not None and verdict is not False:
                life.add(event, value)
            elif verdict and armed and life.cool(event.at):
                life.open(event.at, about, value)
                armed = False
            elif verdict is False and life.cool(event.at):
                armed = True
                standing = life.standing()
                if standing is not None:
                    standing.over = True
        return life.finish(watermark)

    def _begins(self, past: Sequence[Event], now: int) -> bool:
        return False

    def _ready(self) -> bool:
        return True

    def _judged(self, past: list[Event]) -> tuple[bool | None, set[str], float | None]:
        raise NotImplementedError


@dataclass(frozen=True)
class WindowMeaning(StateMeaning):
    """count (`value` None) and distinct."""

    at_least: int
    within: int
    value: Callable[[Event], Any] | None = None

    def _judged(self, past: list[Event]) -> tuple[bool | None, set[str], float | None]:
        window = [e for e in past if e.at >= past[-1].at - self.within]
        if self.value is not None:
            newest = {self.value(event): event for event in window}
            window = sorted(newest.values(), key=lambda e: e.order)
        return len(window) >= self.at_least, {e.id for e in window[-self.at_least :]}, None


Measure = Callable[[list[Event]], Fraction]


@dataclass(frozen=True)
class MeasureMeaning(StateMeaning):
    """sum, average, percentile, ratio."""

    measure: Measure
    limit: Fraction
    at_most: bool
    min_events: int
    within: int

    def _judged(self, past: list[Event]) -> tuple[bool | None, set[str], float | None]:
        window = [e for e in past if e.at >= past[-1].at - self.within]
        value = self.measure(window)
        holds = value <= self.limit if self.at_most else value >= self.limit
        return holds and len(window) >= self.min_events, {e.id for e in window}, told(value)


def told(value: Fraction) -> float:
    """As a signal tells it, to six places, and as it is compared here."""
    return round(round(float(value), 6), 4)


def exact(value: float) -> Fraction:
    """What was written, not what the processor makes of it."""
    return Fraction(str(value))


def percentile(values: list[Fraction], p: int) -> Fraction:
    """The least of the values that p per cent of them don't exceed."""
    return min(v for v in values if 100 * sum(w <= v for w in values) >= p * len(values))


@dataclass(frozen=True)
class ScoreMeaning(StateMeaning):
    """score. `rising`: true above the limit, else below it."""

    points: Callable[[Event], float]
    half_life: int
    linear: bool
    limit: float
    rearm: float
    rising: bool

    def _begins(self, past: Sequence[Event], now: int) -> bool:
        if not past:
            return True
        gap = now - past[-1].at
        return gap >= 2 * self.half_life if self.linear else gap > 20 * self.half_life

    def _ready(self) -> bool:
        return self.limit >= 0 if self.rising else self.limit <= 0

    def _left(self, age: int) -> Fraction:
        if self.linear:
            return max(Fraction(0), 1 - Fraction(age, 2 * self.half_life))
        return Fraction(2.0 ** (-age / self.half_life))

    def _judged(self, past: list[Event]) -> tuple[bool | None, set[str], float | None]:
        now = past[-1]
        score = sum((exact(self.points(e)) * self._left(now.at - e.at) for e in past), Fraction(0))
        if not self.linear:
            score = Fraction(round(score, 6))
        sign = 1 if self.rising else -1
        led = [e for e in past if sign * self.points(e) > 0 and self._left(now.at - e.at) > 0 and e is not now]
        about = {e.id for e in led[-4:]} | {now.id}
        passed = sign * (score - exact(self.limit)) > 0
        back = sign * (score - exact(self.rearm)) < 0
        return True if passed else False if back else None, about, told(score)


@dataclass(frozen=True)
class ChainMeaning(Meaning):
    """match (one step) and sequence. `pair`: what must hold between the first and the last event."""

    steps: tuple[Test, ...]
    within: int
    unless: Test = never
    pair: PairTest | None = None

    def found(self, events: Sequence[Event], watermark: int) -> list[Found]:
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

    def found(self, events: Sequence[Event], watermark: int) -> list[Found]:
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

    def _lives(self, missed: list[Any], watermark: int) -> list[Found]:
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
                crossing.end, crossing.closed = "expired", crossing.last + self.expires
        return found


@dataclass(frozen=True)
class Part:
    """A signal that stands in the end: its id, its rule, when it began, and when it was resolved."""

    id: str
    rule: str
    at: int
    closed: int | None

    def stands(self, now: int) -> bool:
        return self.at <= now and (self.closed is None or self.closed > now)


@dataclass
class Link:
    """A crossing of a rule on rules: when which signal came to it."""

    at: int
    joined: dict[str, int] = field(default_factory=dict)
    over: bool = False
    ousted: bool = False

    def last(self, now: float) -> int:
        return max(at for at in self.joined.values() if at <= now)


@dataclass(frozen=True)
class LinkMeaning:
    """all and any, by what holds at each time at which a signal begins. `sides`: rules of which one is enough."""

    sides: tuple[tuple[str, ...], ...]
    at_least: int
    within: int
    cooldown: int
    expires: int
    grace: int

    def crossings(self, parts: Sequence[Part], watermark: int) -> list[tuple[int, str, int | None, frozenset[str]]]:
        """Beginning, end and its time, and the signals that are linked."""
        found: list[Link] = []
        for now in sorted({part.at for part in parts if part.stands(part.at)}):
            stood = [part for part in parts if part.stands(now) and part.at >= now - self.within]
            last = found[-1] if found else None
            standing = last if last is not None and not last.over and self._open(last, parts, now) else None
            cool = last is None or now >= last.at + self.cooldown
            if self._sides(stood) < self.at_least:
                if standing is not None and cool:
                    standing.over = True
                continue
            if standing is None and cool:
                unended = [link for link in found if self._open(link, parts, now)]
                if len(unended) >= 16:
                    unended[0].ousted = unended[0].over = True
                standing = Link(now)
                found.append(standing)
            if standing is not None:
                standing.joined = {part.id: now for part in stood} | standing.joined
        return sorted((self._shown(link, parts, watermark) for link in found), key=lambda shown: shown[:2])

    def _sides(self, parts: Sequence[Part]) -> int:
        return sum(any(part.rule in side for part in parts) for side in self.sides)

    def _open(self, link: Link, parts: Sequence[Part], now: int) -> bool:
        closed = self._closed(link, parts)
        return not link.ousted and (closed is None or closed > now) and now <= link.last(now) + self.expires

    def _closed(self, link: Link, parts: Sequence[Part]) -> int | None:
        """The first end of one of its signals with which too few rules had one left, unless it had expired."""
        for now in sorted(part.closed for part in parts if part.id in link.joined and part.closed is not None):
            if now <= link.at:
                continue
            mine = [part for part in parts if link.joined.get(part.id, now) < now]
            left = [part for part in mine if part.closed is None or part.closed > now]
            if now > max(link.joined[part.id] for part in mine) + self.expires:
                return None
            if self._sides(left) < self.at_least:
                return now
        return None

    def _shown(self, link: Link, parts: Sequence[Part], watermark: int) -> tuple[int, str, int | None, frozenset[str]]:
        closed = None if link.ousted else self._closed(link, parts)
        late = watermark > link.last(float("inf")) + self.expires + self.grace
        end = "resolved" if closed is not None else "expired" if late or link.ousted else "open"
        return (link.at, end, closed, frozenset(link.joined))
