"""The events of one customer in their order, whatever order they come in; and what must be said of the difference.

What came since the horizon is kept in order, once for all rules; before the horizon nothing can come that counts. Each
rule and group has its *base*, the state as of the horizon, and its *tip*, the state after the recent events. An event
that comes in order is one step of the tip, and one that only matters later waits. One that comes between others is put
in its place, and the groups that it concerns are stepped again from their bases. So the state is a function of the
ordered events, which is all that the order of arrival could have changed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

from touchline.pipeline.friction.customer import Customer, Group, Heard
from touchline.pipeline.friction.positive import Detector, Timing
from touchline.pipeline.friction.state import Crossing, Emitted, End, Item, Key, Machine
from touchline.schemas.vocabulary import SignalStatus

MAX_RECENT: Final = 128
"""The most events of one customer that can still be put in order."""

MAX_LATE: Final = 8
SPILL: Final = 16
"""How many of the oldest are given up when there are too many."""

FINAL: Final = frozenset({SignalStatus.RESOLVED.value, SignalStatus.EXPIRED.value, SignalStatus.RETRACTED.value})


class Fate(Enum):
    """Why an event that rules wait for did not count; the value is the name of its counter."""

    DUPLICATE = "duplicates"
    TOO_LATE = "too_late"


_NOTHING: Final[frozenset[tuple[str, ...]]] = frozenset()


def is_known(item: Item, recent: Iterable[Heard]) -> bool:
    """Whether the same event of the same source is among them."""
    event = item.event
    for heard in recent:
        known = heard.item
        if known.event == event and known.source == item.source:
            return True
    return False


def insert(customer: Customer, heard: Heard) -> None:
    """Puts an event in its place."""
    customer.recent.insert(bisect_right(customer.recent, heard.item.key, key=_key_of), heard)


def _key_of(heard: Heard) -> Key:
    return heard.item.key


def tip_of(customer: Customer, key: str, name: str, group: Group, detector: Detector) -> Machine:
    """The state of a group after all events."""
    tip, todo = group.tip, group.todo
    if tip is None:
        tip, todo = group.base, tuple(customer.heard(key, name))
    elif not todo:
        return tip
    for item in todo:
        tip = detector.step(tip, item)
    group.tip, group.todo = tip, ()
    return tip


def again(customer: Customer, key: str, name: str, group: Group, detector: Detector) -> Machine:
    """The same, stepped from the base once more: an event has come between others."""
    tip = group.base
    for item in customer.heard(key, name):
        tip = detector.step(tip, item)
    for item in group.late:
        tip = detector.late(tip, item)
    group.tip, group.todo = tip, ()
    return tip


def apply_late(
    customer: Customer, key: str, name: str, group: Group, detector: Detector, closer: Item
) -> tuple[Machine, Machine]:
    """An event that came too late, in the roles that close something. Returns the state before and after."""
    before = tip_of(customer, key, name, group, detector)
    group.base = detector.late(group.base, closer)
    after = group.tip = detector.late(before, closer)
    if any(True for _ in customer.heard(key, name)):
        group.late = [*group.late[-MAX_LATE + 1 :], closer]
    return before, after


def let_go(group: Group, machine: Machine, detector: Detector, horizon: int) -> Machine:
    """Makes the state of a group without recent events its base, without what is final. Returns the base."""
    done = _NOTHING
    if group.emitted:
        finals = [e for e in group.emitted if _is_final(e, detector, horizon)]
        if finals:
            done = frozenset(e.crossing.anchors for e in finals)
            group.emitted = [e for e in group.emitted if e not in finals]
    if machine.crossings or machine.pending:
        machine = detector.forget(machine, done, horizon)
    group.late = ()
    group.base = group.tip = machine
    return machine


def _is_final(said: Emitted, detector: Detector, horizon: int) -> bool:
    """Whether it has ended and nothing that may still come in time could have been added to it, or bring it back."""
    crossing, timing = said.crossing, detector.timing
    if said.status == SignalStatus.EXPIRED.value and crossing.end is End.OPEN:
        return timing.ends(crossing.last) <= horizon
    return said.status in FINAL and max(crossing.at, crossing.closed) + timing.grace < horizon


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
