"""What is kept of one possible cause of incidents: what many customers have in common. Times in milliseconds."""

from bisect import bisect_left
from typing import Final

import msgspec

from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.friction.positive import Detector
from touchline.pipeline.friction.state import CLOSING, EMPTY, Crossing, Emitted, End, Item, Machine
from touchline.pipeline.friction.timeline import DUPLICATE, FINAL, TAKEN, TOO_LATE, Taken, key_of

MAX_RECENT: Final = 5_000
"""The most candidates of one cause that can still be put in order."""

MAX_AFFECTED: Final = 2_000
"""The most customers of one incident that are told apart."""


class Cause(msgspec.Struct, array_like=True, gc=False):
    """One rule and group. `rule`: the key of its logic. `base`, `recent` and `emitted` as in a customer's group; there
    is no tip: many candidates come between two evaluations, and each evaluation steps through the recent ones once.

    `affected`: for each incident its customers, and when each was first.
    """

    rule: str
    base: Machine = EMPTY
    recent: list[Item] = msgspec.field(default_factory=list)
    emitted: list[Emitted] = msgspec.field(default_factory=list)
    affected: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)

    def take(self, item: Item, detector: Detector, horizon: int, *, late: bool) -> Taken:
        """Puts a candidate in its place. `late`: it may end what is open, and opens nothing."""
        if item.at < horizon:
            if item.roles & CLOSING:
                self.base = detector.late(self.base, item)
            return TOO_LATE
        if late:
            item = msgspec.structs.replace(item, roles=item.roles & CLOSING)
        place = bisect_left(self.recent, item.key, key=key_of)
        after = self.recent[place : place + 1]
        if after and after[0].key == item.key and after[0].source == item.source:
            return DUPLICATE
        self.recent.insert(place, item)
        return TAKEN

    def withdraw(self, event: str) -> None:
        """A signal was retracted, or has moved: it counts no more where it stood."""
        self.recent = [item for item in self.recent if item.event != event]
        if any(item.event == event for item in self.base.window):
            window = tuple(item for item in self.base.window if item.event != event)
            self.base = msgspec.structs.replace(self.base, window=window)

    def retract(self, event: str, customer: str, *, least: int) -> None:
        """A signal was none. An incident that is left with fewer than `least` customers was none either, also when
        what it rests on is behind the horizon."""
        self.withdraw(event)
        if any(item.source == customer for item in (*self.base.window, *self.recent)):
            return
        for affected in self.affected.values():
            affected.pop(customer, None)
        few = {e.crossing.anchors for e in self.emitted if len(self.affected.get(e.signal, ())) < least}
        crossings = tuple(
            msgspec.structs.replace(c, end=End.DISPROVED, closed=c.last, over=True)
            if c.anchors in few and c.end is End.OPEN
            else c
            for c in self.base.crossings
        )
        self.base = msgspec.structs.replace(self.base, crossings=crossings, armed=True)

    def evaluate(self, detector: Detector, horizon: int) -> tuple[Machine, tuple[Item, ...], int]:
        """Takes what is behind the horizon into the base. Returns the state after all candidates, those candidates that
        it can tell of, and how many had to be taken into the base although others may still come before them."""
        items = (*self.base.window, *self.recent)
        behind = bisect_left(self.recent, (horizon, 0, 0, ""), key=key_of)
        spilled = max(0, len(self.recent) - behind - MAX_RECENT)
        for item in self.recent[: behind + spilled]:
            self.base = detector.step(self.base, item)
        del self.recent[: behind + spilled]
        machine = self.base
        for item in self.recent:
            machine = detector.step(machine, item)
        return machine, items, spilled

    def note_affected(self, said: Emitted, items: tuple[Item, ...]) -> int:
        """Adds the customers of an incident. Returns how many it has."""
        crossing = said.crossing
        affected = self.affected.setdefault(said.signal, {})
        for item in items:
            if crossing.first <= item.at <= crossing.last and item.roles & ~CLOSING:
                known = affected.get(item.source)
                if known is None and len(affected) >= MAX_AFFECTED:
                    continue
                affected[item.source] = item.at if known is None else min(known, item.at)
        return len(affected)

    def first_affected(self, signal: str, most: int) -> tuple[str, ...]:
        """The customers of an incident in order of time, at most so many."""
        affected = self.affected.get(signal, {})
        return tuple(sorted(affected, key=lambda customer: (affected[customer], customer))[:most])

    def forget(self, detector: Detector, horizon: int) -> list[str]:
        """Lets go of what has ended and nothing can change any more. Returns the incidents."""
        done = [e for e in self.emitted if e.status in FINAL and _ended(e, detector) < horizon]
        anchors = frozenset(e.crossing.anchors for e in done)
        self.base = detector.forget(self.base, anchors, horizon)
        self.emitted = [e for e in self.emitted if e not in done]
        for said in done:
            self.affected.pop(said.signal, None)
        return [said.signal for said in done]

    def next_due(self, detector: Detector, horizon: int) -> int:
        """When time alone changes something next; NEVER when nothing is kept."""
        timing, base = detector.timing, self.base
        dues = [timing.ends(e.crossing.last) for e in self.emitted if e.status not in FINAL]
        dues.extend(_ended(e, detector) + 1 for e in self.emitted if e.status in FINAL)
        if self.recent:
            dues.append(self.recent[-1].at + 1)
        if base.window:
            dues.append(base.window[-1].at + timing.within + 1)
        if base.last_open is not None:
            dues.append(base.last_open + timing.cooldown + 1)
        if not self.recent and not self.emitted and detector.idle(base, horizon):
            return NEVER
        return min((due for due in dues if due > horizon), default=horizon + 1)


def _ended(said: Emitted, detector: Detector) -> int:
    crossing: Crossing = said.crossing
    return crossing.closed or detector.timing.ends(crossing.last)
