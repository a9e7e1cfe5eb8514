"""What is kept of one possible cause of incidents: what many customers have in common. Times in milliseconds."""

from bisect import bisect_left
from typing import Final

import msgspec

from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.friction.affected import AffectedDetector
from touchline.pipeline.friction.customer import Floor
from touchline.pipeline.friction.roll import WITHDRAWN, Roll, name_of
from touchline.pipeline.friction.state import CLOSING, Crossing, Emitted, End, Item, Key
from touchline.pipeline.friction.timeline import FINAL, Fate

MAX_RECENT: Final = 3_000
"""The most candidates of one cause that can still be put in order."""

MAX_BYTES: Final = 1_000_000
"""The most that is kept of one cause. A record of the changelog must not be longer: with ids of usual length the other
bounds are met first."""


class Cause(msgspec.Struct, array_like=True, gc=False):
    """One rule and group. `rule`: the key of its logic. `base`: as of the horizon, before which nothing can come that
    counts; `recent`: the candidates since in their order; `floor`: where the last one in the base stood. There is no
    tip: many candidates come between two looks, and each look steps through the recent ones once.

    `reached`: on the log clock, up to when it was told of.
    """

    rule: str
    base: Roll = msgspec.field(default_factory=Roll)
    recent: list[Item] = msgspec.field(default_factory=list)
    emitted: list[Emitted] = msgspec.field(default_factory=list)
    floor: Floor = (0, 0, 0)
    reached: int = 0

    def take(self, item: Item, detector: AffectedDetector, horizon: int) -> Fate | None:
        """Puts a candidate in its place. Returns why it does not count, None when it does."""
        if item.at < horizon or item.key[:3] <= self.floor:
            if item.roles & CLOSING:
                self.base.machine = detector.late(self.base.machine, item)
            elif item.roles & WITHDRAWN:
                self.base.step(detector, item)
            return Fate.TOO_LATE
        place = bisect_left(self.recent, item.key, key=_key_of)
        for known in self.recent[place : place + 1]:
            if known.key == item.key and known.source == item.source:
                return Fate.DUPLICATE
        self.recent.insert(place, item)
        return None

    def remove(self, event: str) -> None:
        """A signal was none, or has moved, while it can still be put in order."""
        self.recent = [item for item in self.recent if item.event != event]

    def fold(self, detector: AffectedDetector, horizon: int) -> int:
        """Takes what is before the horizon into the base. Returns how many more had to be taken, although others may
        still come before them."""
        behind = bisect_left(self.recent, (horizon, 0, 0, ""), key=_key_of)
        spilled = max(0, len(self.recent) - behind - MAX_RECENT)
        for item in self.recent[: behind + spilled]:
            self.base.step(detector, item)
            self.floor = item.key[:3]
        del self.recent[: behind + spilled]
        return spilled

    def tip(self, detector: AffectedDetector) -> Roll:
        """The state after all candidates."""
        if not self.recent:
            return self.base
        roll = self.base.copy()
        for item in self.recent:
            roll.step(detector, item)
        return roll

    def forget(self, detector: AffectedDetector, horizon: int) -> list[str]:
        """Lets go of what has ended and nothing can change any more. Returns the incidents."""
        done = [e for e in self.emitted if e.status in FINAL and _ended(e, detector) < horizon]
        self.base.forget(detector, frozenset(e.crossing.anchors for e in done), horizon)
        self.emitted = [e for e in self.emitted if e not in done]
        return [said.signal for said in done]

    def shorten(self) -> None:
        """Gives up about half of something."""
        base = self.base
        over = {name_of(one) for one in base.machine.crossings if one.end is not End.OPEN}
        if over & base.affected.keys():
            base.affected = {name: customers for name, customers in base.affected.items() if name not in over}
        elif len(self.recent) > 1:
            del self.recent[: len(self.recent) // 2]
        else:
            base.affected = {name: dict(list(of.items())[: len(of) // 2]) for name, of in base.affected.items()}
            window = base.machine.window
            base.machine = msgspec.structs.replace(base.machine, window=window[len(window) // 2 :])

    def next_due(self, detector: AffectedDetector, horizon: int, *, live: bool) -> int:
        """When it has to be looked at again, if nothing comes; NEVER when nothing is kept."""
        timing, machine = detector.timing, self.base.machine
        if not self.recent and not self.emitted and detector.idle(machine, horizon):
            return NEVER
        dues = [timing.ends(e.crossing.last) for e in self.emitted if e.status not in FINAL]
        dues.extend(_ended(e, detector) + 1 for e in self.emitted if e.status in FINAL)
        if self.recent:
            dues.append(self.recent[-1 if live else 0].at + 1)
        if machine.window:
            dues.append(machine.window[-1].at + timing.within + 1)
        if machine.last_open is not None:
            dues.append(machine.last_open + timing.cooldown + 1)
        return min((due for due in dues if due > horizon), default=horizon + 1)


def _key_of(item: Item) -> Key:
    return item.key


_encode: Final = msgspec.msgpack.Encoder().encode
decode_cause: Final = msgspec.msgpack.Decoder(Cause).decode


def encode_cause(cause: Cause) -> bytes:
    """As it is stored. What is too long is shortened: first the customers of what has ended, then the oldest candidates
    that can still be put in order, then the customers of what stands and those who are counted."""
    data = _encode(cause)
    while len(data) > MAX_BYTES:
        cause.shorten()
        data = _encode(cause)
    return data


def _ended(said: Emitted, detector: AffectedDetector) -> int:
    crossing: Crossing = said.crossing
    return crossing.closed or detector.timing.ends(crossing.last)
