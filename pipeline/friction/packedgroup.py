"""How a group is written: what it says of its events, by their places in its own list of them.

A list is written up to its last part that is not the usual one. Times are told as how long they are after the group's
first event, and an event with other roles than FIRST as its place and its roles.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Raw

from touchline.pipeline.friction.customer import Group, Row, Stored
from touchline.pipeline.friction.fields import Value
from touchline.pipeline.friction.state import (
    EMPTY,
    FIRST,
    RESOLVE,
    Crossing,
    Emitted,
    End,
    Item,
    Level,
    Machine,
    Pending,
)
from touchline.schemas.vocabulary import SignalStatus

_decode: Final = msgspec.msgpack.Decoder().decode
_STATUSES: Final = tuple(status.value for status in SignalStatus)
_NUMBER_OF: Final = {status: number for number, status in enumerate(_STATUSES)}
_ENDS: Final = tuple(End)
_LOW: Final = RESOLVE.bit_length() - 1

_GROUP: Final[tuple[Any, ...]] = ([], [], [], None)
_MACHINE: Final[tuple[Any, ...]] = (0, None, [], [], None, True, 0)
_PENDING: Final[tuple[Any, ...]] = (None, None, None, None)
_CROSSING: Final[tuple[Any, ...]] = (None,) * 9 + ([], False, 0, None)
"""What goes without saying at the end of each list."""

Code = Callable[[str], int | str]
Word = Callable[[int | str], str]


def short_of(roles: int) -> int:
    """Roles as a small number: those that close first, for steps beyond the third are rare."""
    return roles >> _LOW | (roles & RESOLVE - 1) << 4


def roles_of(short: int) -> int:
    """The roles again."""
    return short >> 4 | (short & 15) << _LOW


def _trimmed(parts: list[Any], usual: Sequence[Any]) -> list[Any]:
    """The parts without those at the end that are as usual."""
    last = len(parts)
    while last and parts[last - 1] == usual[last - 1]:
        last -= 1
    return parts[:last]


def _whole(parts: list[Any], usual: Sequence[Any]) -> Sequence[Any]:
    """The parts with those that went without saying."""
    missing = len(parts) - len(usual)
    return (*parts, *usual[missing:]) if missing else parts


def written_group(group: Group, row_of: Callable[[Item], Row], code: Code) -> Stored:
    """A group as it is written. `row_of`: how its events are."""
    writer = _Writer(row_of, code)
    base, late = group.base, group.late
    for item in (*base.window[:1], *[pending.item for pending in base.pending[:1]], *late[:1]):
        writer.since = item.at
        writer.place(item)
        break
    machine = writer.machine(base)
    parts = [machine]
    if group.emitted or late:
        said = [writer.emitted(one, base.crossings) for one in group.emitted]
        tip = writer.machine(group.tip) if late and group.tip is not None else None
        parts = _trimmed([machine, said, [writer.ref(item) for item in late], tip], _GROUP)
    return Stored(tuple(writer.rows), parts)


class _Writer:
    __slots__ = ("code", "places", "row_of", "rows", "since")

    def __init__(self, row_of: Callable[[Item], Row], code: Code) -> None:
        self.row_of, self.code = row_of, code
        self.rows: list[Row] = []
        self.places: dict[str, int] = {}
        self.since = 0

    def place(self, item: Item) -> int:
        event = item.event
        place = self.places.get(event)
        if place is not None and self.rows[place] is self.row_of(item):
            return place
        self.rows.append(self.row_of(item))
        place = len(self.rows) - 1
        self.places.setdefault(event, place)
        return place

    def ref(self, item: Item) -> Any:
        place = self.place(item)
        return place if item.roles == FIRST else [place, short_of(item.roles)]

    def window(self, window: Sequence[Item]) -> Any:
        """The events; only how many there are, where they are the first ones of the group, in the role FIRST."""
        refs = [self.ref(item) for item in window]
        return len(refs) if refs == list(range(len(refs))) else refs

    def machine(self, machine: Machine) -> list[Any]:
        if machine is EMPTY:
            return []
        since, level, opened = self.since, machine.level, machine.last_open
        return _trimmed(
            [
                self.window(machine.window), None if opened is None else opened - since,
                [self.pending(pending) for pending in machine.pending] if machine.pending else [],
                [self.crossing(crossing) for crossing in machine.crossings] if machine.crossings else [],
                None if level is None else [level.at - since, level.value], machine.armed, machine.evicted,
            ],
            _MACHINE,
        )  # fmt: skip

    def pending(self, pending: Pending) -> list[Any]:
        at, context = pending.item.at, pending.context
        return _trimmed(
            [
                self.ref(pending.item), pending.deadline - at, pending.closed - at if pending.closed else None,
                None if context is None else self.ref(context),
            ],
            _PENDING,
        )  # fmt: skip

    def crossing(self, crossing: Crossing) -> list[Any]:
        events, anchors, code = crossing.events, crossing.anchors, self.code
        many = len(anchors)
        facts = [
            [code(alias), *[part for name, value in told.items() for part in (code(name), value)]]
            for alias, told in crossing.facts.items()
        ]
        return _trimmed(
            [
                crossing.at - self.since, crossing.at - crossing.first, self.ids(events),
                many if events[:many] == anchors else self.ids(anchors),
                crossing.total, crossing.count, crossing.last - crossing.at, code(crossing.party),
                code(crossing.channel), facts, crossing.over, crossing.end.value,
                crossing.closed - crossing.at if crossing.closed else None,
            ],
            _CROSSING,
        )  # fmt: skip

    def ids(self, events: Sequence[str]) -> list[int | str]:
        """Ids of events, of those that are written anyway their places."""
        return [self.places.get(event, event) for event in events]

    def emitted(self, said: Emitted, crossings: Sequence[Crossing]) -> list[Any]:
        place = next((n for n, known in enumerate(crossings) if known is said.crossing), None)
        what = self.crossing(said.crossing) if place is None else place
        return [UUID(said.signal).bytes, said.revision, _NUMBER_OF[said.status], what]


def read_group(group: Group, rest: Raw | Sequence[Any], items: Sequence[Item], word: Word) -> None:
    """Reads what `written_group` wrote into a group."""
    base, emitted, late, tip = _whole(_decode(rest) if isinstance(rest, Raw) else [*rest], _GROUP)
    reader = _Reader(items, word)
    group.base = reader.machine(base)
    group.emitted = [reader.emitted(said, group.base.crossings) for said in emitted]
    group.late = [reader.at(ref) for ref in late] if late else ()
    group.tip = None if tip is None else reader.machine(tip)


class _Reader:
    __slots__ = ("items", "since", "word")

    def __init__(self, items: Sequence[Item], word: Word) -> None:
        self.items, self.word = items, word
        self.since = items[0].at if items else 0

    def at(self, ref: Any) -> Item:
        return self.items[ref] if ref.__class__ is int else self.items[ref[0]].playing(roles_of(ref[1]))

    def machine(self, parts: list[Any]) -> Machine:
        if not parts:
            return EMPTY
        window, opened, pending, crossings, level, armed, evicted = _whole(parts, _MACHINE)
        since = self.since
        return Machine(
            tuple(self.items[:window]) if window.__class__ is int else tuple([self.at(ref) for ref in window]), armed,
            None if opened is None else since + opened,
            tuple([self.crossing(crossing) for crossing in crossings]) if crossings else (),
            tuple([self.pending(one) for one in pending]) if pending else (), evicted,
            None if level is None else Level(since + level[0], level[1]),
        )  # fmt: skip

    def pending(self, parts: list[Any]) -> Pending:
        ref, deadline, closed, context = _whole(parts, _PENDING)
        item = self.at(ref)
        return Pending(
            item, item.at + deadline, 0 if closed is None else item.at + closed,
            None if context is None else self.at(context),
        )  # fmt: skip

    def crossing(self, parts: list[Any]) -> Crossing:
        after, first, named, many, total, count, last, party, channel, facts, over, end, closed = _whole(
            parts, _CROSSING
        )
        at, word = self.since + after, self.word
        events = self.ids(named)
        anchors = events[:many] if many.__class__ is int else self.ids(many)
        told: dict[str, dict[str, Value]] = {
            word(line[0]): {word(line[n]): line[n + 1] for n in range(1, len(line), 2)} for line in facts
        }
        return Crossing(
            at, at - first, anchors, events, total, count, at + last, word(party), word(channel), told, over,
            _ENDS[end], 0 if closed is None else at + closed,
        )  # fmt: skip

    def ids(self, named: Sequence[Any]) -> tuple[str, ...]:
        return tuple([self.items[e].event if e.__class__ is int else e for e in named])

    def emitted(self, parts: list[Any], crossings: Sequence[Crossing]) -> Emitted:
        signal, revision, status, what = parts
        crossing = crossings[what] if what.__class__ is int else self.crossing(what)
        return Emitted(str(UUID(bytes=signal)), revision, _STATUSES[status], crossing)
