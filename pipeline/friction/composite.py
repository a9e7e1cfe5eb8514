"""Signals of signals: true while signals of enough other rules stand at once.

What such a rule hears of are *parts*, the signals of the rules that it names, and of each its moments: when it began,
and when it was resolved. As with events there is a state as of the horizon, and the moments since in their order; what
is said follows from both. So it is a function of the signals that stand in the end, however they came about, and a part
that is retracted in time has never been there. Nothing is kept of a signal that is older than the horizon but what may
still count: that it stands, within reach of the next, and that it belongs to something open.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from typing import Final, Self

from msgspec.structs import replace

from touchline.pipeline.friction.positive import MAX_CROSSINGS, Timing
from touchline.pipeline.friction.state import FIRST, RESOLVE, Crossing, Emitted, End, Item, Machine, Pending
from touchline.pipeline.friction.words import UNIQUE
from touchline.schemas.signal import MAX_EVIDENCE
from touchline.schemas.vocabulary import SignalStatus

MAX_PARTS: Final = 64
"""The most signals that count at once, and that one crossing links; the oldest is given up."""

MAX_MOMENTS: Final = 128
"""The most beginnings and ends that are still to be put in order; the oldest is given up."""

PARTS: Final = "parts"
"""Where a crossing keeps the signals that it links, with the number of their rule, or its complement once resolved."""

_EVENTS: Final = 5
"""How many events of each signal are named."""


def part_of(said: Emitted, rule: str, group: str, number: int, *, linked: bool) -> Pending:
    """A signal as a part. `number`: the place of its rule in the composite; `linked`: whether that is one itself.

    `closed`: when it was resolved, 0 while it stands; one that was retracted ends when it begins. Only what makes the
    signal is taken from it, not what was added: else all that happens to a part would have to be said again."""
    crossing = said.crossing
    events = crossing.anchors[1:] if linked else crossing.anchors
    named = "\n".join((rule, group, *crossing.anchors))
    item = Item(
        crossing.at, 1, number, said.signal, _digest(named), FIRST << number, crossing.party, crossing.channel,
        {"events": "\n".join(events[-_EVENTS:])},
    )  # fmt: skip
    closed = crossing.closed if said.status == SignalStatus.RESOLVED.value else 0
    return Pending(item, crossing.at, crossing.at if said.status == SignalStatus.RETRACTED.value else closed)


def _digest(text: str) -> str:
    return UNIQUE + blake2b(text.encode(), digest_size=8).hexdigest()


def _moments(part: Pending) -> list[Item]:
    """When it began and when it was resolved; nothing of one that never stood."""
    item = part.item
    if not part.closed:
        return [item]
    if part.closed <= item.at:
        return []
    return [item, Item(part.closed, 0, item.offset, item.event, item.source, RESOLVE, "", "", {})]


def _order(item: Item) -> tuple[int, int, int, str]:
    """As events are ordered, but by what a signal rests on: its id depends on the order of arrival."""
    return (item.at, item.partition, item.offset, item.source)


def linked_rules(crossing: Crossing) -> dict[str, int]:
    """The signals that the state of a crossing links, each with the number of its rule."""
    return {signal: n if n >= 0 else ~n for signal, n in _parts(crossing).items()}


def _parts(crossing: Crossing) -> dict[str, int]:
    return {signal: n for signal, n in crossing.facts[PARTS].items() if isinstance(n, int)}


@dataclass(frozen=True, slots=True)
class CompositeDetector:
    """True while signals of at least `at_least` sides stand, begun within the closed window. `sides`: of each of the
    rules the side that it is on; of those on one side any will do. A signal that was resolved stands no more; one that
    expired stands, for nobody said that it was over.

    It is looked at whenever signals begin, all that begin at one time together. The grace of its `timing` is how much
    later than its own time a part may come to light. `depth`: how many levels of rules on rules there are with it.
    """

    timing: Timing
    rules: tuple[str, ...]
    sides: tuple[int, ...]
    at_least: int
    depth: int = 1

    def told(self, machine: Machine, parts: Sequence[Pending], horizon: int) -> Machine:
        """The state after parts began, were changed, resolved or retracted."""
        limit = horizon - self.timing.grace
        settled = self._settled(machine, limit)
        told = {part.item.event for part in parts}
        items = [p.item for p in settled.pending if p.item.event not in told]
        for part in parts:
            items.extend(item for item in _moments(part) if item.at >= limit)
            settled = self._corrected(settled, part, limit)
        more = max(len(items) - MAX_MOMENTS, 0)
        pending = tuple(Pending(item, item.at) for item in sorted(items, key=_order)[more:])
        if pending == settled.pending:
            return settled
        return replace(settled, pending=pending, evicted=settled.evicted + more)

    def keeping(self, captures: frozenset[str]) -> Self:
        """It keeps nothing of events."""
        return self

    def waits(self, machine: Machine, waiting: int, item: Item) -> bool:
        """No event concerns it."""
        return True

    def step(self, machine: Machine, item: Item) -> Machine:
        """No event concerns it."""
        return machine

    def late(self, machine: Machine, item: Item) -> Machine:
        """No event concerns it."""
        return machine

    def crossings(self, machine: Machine, watermark: int | None) -> Sequence[Crossing]:
        """What the parts say."""
        return [self._told(crossing) for crossing in self.current(machine).crossings]

    def current(self, machine: Machine) -> Machine:
        """The state after all moments that are known."""
        return self._after(machine, (part.item for part in machine.pending)) if machine.pending else machine

    def next_due(self, machine: Machine, watermark: int | None) -> int | None:
        """Nothing opens by time alone."""
        return None

    def forget(self, machine: Machine, done: frozenset[tuple[str, ...]], watermark: int) -> Machine:
        """Takes in what is behind the horizon, and lets go of what is done and of signals out of reach."""
        limit = watermark - self.timing.grace
        settled = self._settled(machine, limit)
        window = tuple(item for item in settled.window if item.at >= limit - self.timing.within)
        crossings = tuple(crossing for crossing in settled.crossings if crossing.anchors not in done)
        if len(window) == len(settled.window) and len(crossings) == len(settled.crossings):
            return settled
        return replace(settled, window=window, crossings=crossings)

    def idle(self, machine: Machine, horizon: int) -> bool:
        """No signal is within reach, nothing is open, no cooldown runs."""
        limit, opened = horizon - self.timing.grace, machine.last_open
        return (
            not machine.pending
            and not machine.crossings
            and (not machine.window or machine.window[-1].at < limit - self.timing.within)
            and (opened is None or opened + self.timing.cooldown < limit)
        )

    def _settled(self, machine: Machine, limit: int) -> Machine:
        """With the moments before the limit taken in: nothing can come before them any more."""
        if not machine.pending or machine.pending[0].deadline >= limit:
            return machine
        settled = self._after(machine, (p.item for p in machine.pending if p.deadline < limit))
        return replace(settled, pending=tuple(p for p in machine.pending if p.deadline >= limit))

    def _corrected(self, machine: Machine, part: Pending, limit: int) -> Machine:
        """What came too late to be put in order, and still disproves or resolves."""
        signal, began = part.item.event, part.item.at
        if not part.closed or part.closed >= limit:
            return machine
        window = tuple(item for item in machine.window if item.event != signal)
        crossings = tuple(
            self._resolved(crossing, frozenset((signal,)), part.closed)
            if part.closed > max(began, crossing.at)
            else self._disproved(crossing, signal)
            for crossing in machine.crossings
        )
        if window == machine.window and crossings == machine.crossings:
            return machine
        return replace(machine, window=window, crossings=crossings)

    def _disproved(self, crossing: Crossing, signal: str) -> Crossing:
        """Without a signal that did not stand when it began."""
        parts = _parts(crossing)
        if parts.pop(signal, None) is None:
            return crossing
        left = replace(crossing, facts={PARTS: {**parts}}, count=crossing.count - 1)
        if self.holds(n if n >= 0 else ~n for n in parts.values()):
            return left
        return replace(left, end=End.DISPROVED, closed=crossing.at, over=True)

    def _after(self, machine: Machine, items: Iterable[Item]) -> Machine:
        """The state after the next moments in their order."""
        for at, together in groupby(items, key=lambda item: item.at):
            moments = list(together)
            ended = frozenset(item.event for item in moments if item.roles == RESOLVE)
            begun = tuple(item for item in moments if item.roles != RESOLVE)
            if ended:
                machine = self._ended(machine, ended, at)
            if begun:
                machine = self._begun(machine, begun, at)
        return machine

    def _ended(self, machine: Machine, ended: frozenset[str], at: int) -> Machine:
        window = tuple(item for item in machine.window if item.event not in ended)
        crossings = tuple(self._resolved(crossing, ended, at) for crossing in machine.crossings)
        return replace(machine, window=window, crossings=crossings)

    def _resolved(self, crossing: Crossing, ended: frozenset[str], at: int) -> Crossing:
        """Resolved when signals of too few sides are left that are not."""
        parts = _parts(crossing)
        if not self._is_open(crossing, at) or not any(parts.get(signal, -1) >= 0 for signal in ended):
            return crossing
        parts = {signal: ~n if signal in ended and n >= 0 else n for signal, n in parts.items()}
        crossing = replace(crossing, facts={PARTS: {**parts}})
        if self.holds(n for n in parts.values() if n >= 0):
            return crossing
        return replace(crossing, end=End.RESOLVED, closed=at, over=True)

    def side(self, side: int) -> str:
        """The rules of a side: `a or b`."""
        return " or ".join(rule for rule, own in zip(self.rules, self.sides, strict=True) if own == side)

    def holds(self, rules: Iterable[int]) -> bool:
        """Whether rules of that number are enough."""
        return len({self.sides[rule] for rule in rules}) >= self.at_least

    def _is_open(self, crossing: Crossing, at: int) -> bool:
        """Whether it has neither ended nor expired by then. That it expires is not noted: it follows from the time."""
        return crossing.end is End.OPEN and at <= crossing.last + self.timing.expires

    def _begun(self, machine: Machine, begun: tuple[Item, ...], at: int) -> Machine:
        """Opens when it turns true, adds to what is open while it is, and lets go of that when it is not."""
        window = (*(item for item in machine.window if item.at >= at - self.timing.within), *begun)
        more = max(len(window) - MAX_PARTS, 0)
        window = window[more:]
        machine = replace(machine, window=window, evicted=machine.evicted + more)
        last = machine.crossings[-1] if machine.crossings else None
        standing = last if last is not None and not last.over and self._is_open(last, at) else None
        cool = machine.last_open is None or at >= machine.last_open + self.timing.cooldown
        if self.holds(item.offset for item in window):
            if standing is not None:
                return replace(machine, crossings=(*machine.crossings[:-1], self._joined(standing, window, at)))
            return self._opened(machine, window, at) if cool else machine
        if standing is not None and cool:
            return replace(machine, crossings=(*machine.crossings[:-1], replace(standing, over=True)))
        return machine

    def _opened(self, machine: Machine, window: tuple[Item, ...], at: int) -> Machine:
        """Its anchors are those of the newest signal of each rule, after a word that no other crossing has."""
        newest = list({item.offset: item for item in window}.values())
        anchors = (_digest("\n".join(item.source for item in newest)), *_events(newest)[-MAX_EVIDENCE:])
        events, last = _events(window), self._first(window)
        opened = Crossing(
            at=at, first=window[0].at, anchors=anchors, events=_trimmed(events), total=len(events), count=len(window),
            last=at, party=last.party, channel=last.channel, facts={PARTS: {i.event: i.offset for i in window}},
        )  # fmt: skip
        crossings = list(machine.crossings)
        unended = [number for number, crossing in enumerate(crossings) if self._is_open(crossing, at)]
        if len(unended) >= MAX_CROSSINGS:
            oldest = unended[0]
            crossings[oldest] = replace(crossings[oldest], end=End.EXPIRED, closed=at, over=True)
        return replace(machine, crossings=(*crossings, opened), last_open=at)

    def _joined(self, standing: Crossing, window: tuple[Item, ...], at: int) -> Crossing:
        parts, last = _parts(standing), self._first(window)
        new = [item for item in window if item.event not in parts]
        added = [event for event in _events(new) if event not in standing.events]
        parts |= {item.event: item.offset for item in new}
        return replace(
            standing, events=_trimmed([*standing.events, *added]), total=standing.total + len(added),
            count=standing.count + len(new), last=at, party=last.party, channel=last.channel,
            facts={PARTS: {**_bounded(parts)}},
        )  # fmt: skip

    def _first(self, window: tuple[Item, ...]) -> Item:
        """The one that says whose it is: the newest of the side that is named first."""
        return min(reversed(window), key=lambda item: self.sides[item.offset])

    def _told(self, crossing: Crossing) -> Crossing:
        """As it is said: with the rules and the signals in words."""
        linked = linked_rules(crossing)
        present = set(linked.values())
        words = {
            "rules": ", ".join(rule for number, rule in enumerate(self.rules) if number in present),
            "signals": ", ".join(_trimmed(list(linked))),
        }
        return replace(crossing, facts={"": {**words}})


def _events(items: Iterable[Item]) -> list[str]:
    """The events of several signals, each once."""
    return list(dict.fromkeys(event for item in items for event in str(item.facts["events"]).split("\n")))


def _trimmed(names: list[str]) -> tuple[str, ...]:
    """Those that it began with and the newest."""
    first = MAX_EVIDENCE // 2
    return tuple(names if len(names) <= MAX_EVIDENCE else [*names[:first], *names[first - MAX_EVIDENCE :]])


def _bounded(parts: dict[str, int]) -> dict[str, int]:
    """Not more signals than are kept: gives up the oldest that is resolved, or whose rule has another."""
    while len(parts) > MAX_PARTS:
        rules = list(parts.values())
        del parts[next(signal for signal, n in parts.items() if n < 0 or rules.count(n) > 1)]
    return parts
