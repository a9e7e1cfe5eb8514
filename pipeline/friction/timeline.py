"""Events of one rule and group in their order, whatever order they come in; and what must be said of the difference.

The base is the state as of the horizon, before which nothing can come that counts. What came since is kept in order.
An event that comes in order is one step; one that comes between others is put in its place and all after it is stepped
again from the base. So the state is a function of the ordered events, which is all that the order of arrival could
have changed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

from touchline.pipeline.friction.positive import Detector, Timing
from touchline.pipeline.friction.state import CLOSING, Crossing, Emitted, End, Group, Item, Key, Machine
from touchline.schemas.vocabulary import SignalStatus

MAX_RECENT: Final = 64
"""The most events of one rule and group that can still be put in order."""

MAX_LATE: Final = 8
_SPILL: Final = 16

FINAL: Final = frozenset({SignalStatus.RESOLVED.value, SignalStatus.EXPIRED.value, SignalStatus.RETRACTED.value})


class Taken(Enum):
    """What became of an event; the value is the name of its counter."""

    TAKEN = "taken"
    DUPLICATE = "duplicates"
    TOO_LATE = "too_late"


TAKEN: Final = Taken.TAKEN
DUPLICATE: Final = Taken.DUPLICATE
TOO_LATE: Final = Taken.TOO_LATE
_NOTHING: Final[frozenset[tuple[str, ...]]] = frozenset()


def tip_of(group: Group, detector: Detector) -> Machine:
    """The state after all events."""
    if group.tip is None:
        group.tip = _replayed(group, detector)
    return group.tip


def _replayed(group: Group, detector: Detector) -> Machine:
    machine = group.base
    for item in group.recent:
        machine = detector.step(machine, item)
    for item in group.late:
        machine = detector.late(machine, item)
    return machine


def take(group: Group, detector: Detector, item: Item, horizon: int, *, too_late: bool) -> Taken:
    """Puts an event in its place. `horizon`: no event before it, in milliseconds, is still to come in time."""
    tip = group.tip
    if tip is None:
        tip = tip_of(group, detector)
    recent = group.recent
    if not too_late and (item.at, item.partition, item.offset) > group.floor:
        if recent:
            if is_known(item, recent):
                return DUPLICATE
            last = recent[-1]
            if item.at < last.at or (item.at == last.at and item.key <= last.key):
                recent.insert(bisect_right(recent, item.key, key=key_of), item)
                group.tip = _replayed(group, detector)
                return TAKEN
            if last.at < horizon:
                tip = fold(group, detector, horizon)
        group.recent.append(item)
        group.tip = detector.step(tip, item)
        return TAKEN
    if item.roles & CLOSING:
        closer = item if item.roles & CLOSING == item.roles else _closing(item)
        group.base = detector.late(group.base, closer)
        group.tip = detector.late(tip, closer)
        if group.recent:
            group.late = [*group.late[-MAX_LATE + 1 :], closer]
    return TOO_LATE


def is_known(item: Item, items: Iterable[Item]) -> bool:
    """Whether the same event of the same source is among them."""
    event, source = item.event, item.source
    for known in items:  # noqa: SIM110 -- hot: a generator costs more than the comparisons
        if known.event == event and known.source == source:
            return True
    return False


def key_of(item: Item) -> Key:
    """What orders events."""
    return item.key


def _closing(item: Item) -> Item:
    return Item(
        item.at, item.partition, item.offset, item.event, item.source, item.roles & CLOSING, item.party, item.channel,
        item.facts,
    )  # fmt: skip


def fold(group: Group, detector: Detector, horizon: int) -> Machine:
    """Takes all events into the base, once the horizon has passed the last of them, and lets go of what is final.
    Returns the base."""
    machine = group.tip
    if machine is None:
        machine = tip_of(group, detector)
    recent = group.recent
    if recent:
        last = recent[-1]
        group.floor = (last.at, last.partition, last.offset)
        group.recent = []
        group.late = ()
    done = _NOTHING
    if group.emitted:
        finals = [e for e in group.emitted if _is_final(e, detector, horizon)]
        if finals:
            done = frozenset(e.crossing.anchors for e in finals)
            group.emitted = [e for e in group.emitted if e not in finals]
    group.base = group.tip = machine = detector.forget(machine, done, horizon)
    return machine


def _is_final(said: Emitted, detector: Detector, horizon: int) -> bool:
    """Whether it has ended and nothing that may still come in time could have been added to it, or bring it back."""
    crossing, timing = said.crossing, detector.timing
    if said.status == SignalStatus.EXPIRED.value and crossing.end is End.OPEN:
        return timing.ends(crossing.last) <= horizon
    return said.status in FINAL and max(crossing.at, crossing.closed) + timing.grace < horizon


def spill(group: Group, detector: Detector, horizon: int) -> int:
    """Keeps the recent events few: takes those before the horizon into the base, and the oldest others when there are
    still too many. Returns how many of those, which can no longer be put in order."""
    if len(group.recent) <= MAX_RECENT:
        return 0
    before = sum(item.at < horizon for item in group.recent)
    forced = _SPILL if len(group.recent) - before > MAX_RECENT else 0
    for item in group.recent[: before + forced]:
        group.base = detector.step(group.base, item)
        group.floor = item.key[:3]
    group.recent = group.recent[before + forced :]
    return forced


def status_of(crossing: Crossing, revision: int, timing: Timing, watermark: int | None) -> SignalStatus:
    """What a crossing is at a watermark."""
    if crossing.end is End.RESOLVED:
        return SignalStatus.RESOLVED
    if crossing.end is End.DISPROVED:
        return SignalStatus.RETRACTED
    if crossing.end is End.EXPIRED or (watermark is not None and watermark >= timing.ends(crossing.last)):
        return SignalStatus.EXPIRED
    return SignalStatus.OPENED if revision == 1 else SignalStatus.UPDATED


def paired(emitted: Sequence[Emitted], crossings: Iterable[Crossing]) -> list[tuple[Emitted | None, Crossing | None]]:
    """Which crossing each thing said was about: the one with the same anchors, else the first that shares an event with
    it. So a signal keeps its id when its anchors move."""
    known = {e.crossing.anchors: e for e in emitted}
    pairs: list[tuple[Emitted | None, Crossing | None]] = []
    moved: list[Crossing] = []
    for crossing in crossings:
        same = known.pop(crossing.anchors, None)
        if same is not None:
            pairs.append((same, crossing))
        else:
            moved.append(crossing)
    left = sorted(known.values(), key=lambda e: (e.status == SignalStatus.RETRACTED.value, e.crossing.at, e.signal))
    for crossing in moved:
        events = set(crossing.events)
        old = next((e for e in left if not events.isdisjoint(e.crossing.events)), None)
        if old is not None:
            left.remove(old)
        pairs.append((old, crossing))
    pairs.extend((e, None) for e in left)
    return pairs
