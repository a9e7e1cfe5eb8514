"""How a customer is stored: each event once, words as numbers, times as differences, and nothing that goes without
saying at the end of a list.

A group refers to events by their places in a list of its own, and that list to the events of the customer. So what one
group says stays as it was written while others change: a group that nobody asked for is neither read nor written anew.
A group that follows from recent events alone is not written at all.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.friction.code import Mark
from touchline.pipeline.friction.customer import Customer, Group, Heard, Row, Stored, follows
from touchline.pipeline.friction.fields import Value
from touchline.pipeline.friction.packedgroup import read_group, roles_of, short_of, written_group
from touchline.pipeline.friction.profile import ProfileState
from touchline.pipeline.friction.relation import Relation
from touchline.pipeline.friction.state import FIRST, Item
from touchline.pipeline.friction.words import Words

_encode: Final = msgspec.msgpack.Encoder().encode
_read_row: Final = msgspec.msgpack.Decoder(list[int | float | str | bool | None]).decode
_read_marks: Final = msgspec.msgpack.Decoder().decode
_NO_FACTS: Final[dict[str, Value]] = {}
_WHERE: Final = 6
"""So many parts of a row come before the fields that rules keep."""


class _StoredGroup(msgspec.Struct, array_like=True, gc=False):
    """A group. `due`: after the newest event, None for never. `refs`: the places of its events among those of the
    customer."""

    rule: int | str
    name: int
    due: int | None
    refs: list[int]
    rest: Raw


class _StoredCustomer(msgspec.Struct, array_like=True, gc=False):
    """A customer. Times are told as how long before `seen` they were. `ages`, `rows`: the events, in the same order."""

    seen: int
    ages: list[int]
    rows: list[Raw]
    names: list[str]
    groups: list[_StoredGroup]
    recent: list[tuple[int, Raw]]
    tidied: int
    swept: int
    due: int | None
    home: int | None
    reached: int | None
    floor: tuple[int, int, int] | None
    profile: ProfileState | None
    relation: Relation | None


_read: Final = msgspec.msgpack.Decoder(_StoredCustomer).decode


class _Packer:
    """Writes one customer."""

    __slots__ = ("ages", "code", "customer", "names", "numbers", "places", "raws", "used")

    def __init__(self, customer: Customer, words: Words) -> None:
        self.customer = customer
        self.code = words.code
        self.ages: list[int] = []
        self.raws: list[Raw] = []
        self.places: dict[int, int] = {}
        self.used: dict[str, Row] = {}
        self.names: list[str] = []
        self.numbers: dict[str, int] = {"": 0}

    def pack(self) -> _StoredCustomer:
        customer, now = self.customer, self.customer.seen
        recent = [self.heard(heard) for heard in customer.recent]
        groups = [
            self.group(self.code(rule), name, group)
            for rule, of in customer.groups.items()
            for name, group in of.items()
            if not follows(group)
        ]
        at, partition, offset = customer.floor
        customer.rows = self.used
        return _StoredCustomer(
            now, self.ages, self.raws, self.names, groups, recent, now - customer.tidied, now - customer.swept,
            None if customer.due == NEVER else customer.due - now, customer.home,
            now - customer.reached if customer.reached else None,
            (now - at, partition, offset) if at else None, customer.profile, customer.relation,
        )  # fmt: skip

    def heard(self, heard: Heard) -> tuple[int, Raw]:
        raw = heard.raw
        if raw is None:
            raw = heard.raw = self.marks(heard.marks)
        return self.place(self.row(heard.item)), raw

    def marks(self, marks: Sequence[Mark]) -> Raw:
        """The names of groups, then rule, number of the name and roles of each mark."""
        names, code = {"": 0}, self.code
        line: list[Any] = [None]
        for rule, name, roles in marks:
            line += (code(rule), names.setdefault(name, len(names)), short_of(roles))
        line[0] = list(names)[1:]
        return Raw(_encode(line))

    def group(self, rule: int | str, name: str, group: Group) -> _StoredGroup:
        stored = group.as_stored()
        if stored is None:
            stored = written_group(group, self.row, self.code)
            group.keep(stored)
        due = None if group.due is None or group.due == NEVER else group.due - self.customer.seen
        return _StoredGroup(rule, self.name(name), due, [self.place(row) for row in stored.rows], stored.rest)

    def name(self, name: str) -> int:
        number = self.numbers.get(name)
        if number is None:
            self.names.append(name)
            number = self.numbers[name] = len(self.names)
        return number

    def place(self, row: Row) -> int:
        """The place of an event among those that are written."""
        place = self.places.get(id(row))
        if place is None:
            place = self.places[id(row)] = len(self.raws)
            self.raws.append(row.raw)
            self.ages.append(self.customer.seen - row.at)
            if row.item is not None:
                self.used[row.item.event] = row
        return place

    def row(self, item: Item) -> Row:
        """An event as it is written, whatever its roles are."""
        rows, event = self.customer.rows, item.event
        row = rows.get(event)
        if row is not None and row.item is not None:
            known = row.item
            if known.facts is item.facts and known.at == item.at and known.source == item.source:
                return row
        code = self.code
        parts = [item.partition, item.offset, event, code(item.source), code(item.party), code(item.channel)]
        for name, value in item.facts.items():
            parts += (code(name), value)
        row = rows[event] = Row(item.at, Raw(_encode(parts)), item.playing(FIRST))
        return row


class _Reader:
    """Reads one customer."""

    __slots__ = ("customer", "rows", "word")

    def __init__(self, words: Words) -> None:
        self.word = words.word

    def unpack(self, stored: _StoredCustomer) -> Customer:
        word, now, names = self.word, stored.seen, ["", *stored.names]
        customer = self.customer = Customer()
        rows = self.rows = [Row(now - age, raw) for age, raw in zip(stored.ages, stored.rows, strict=True)]
        customer.seen, customer.home, customer.profile = now, stored.home, stored.profile
        customer.relation = stored.relation
        customer.tidied, customer.swept = now - stored.tidied, now - stored.swept
        customer.due = NEVER if stored.due is None else now + stored.due
        customer.reached = 0 if stored.reached is None else now - stored.reached
        if stored.floor is not None:
            ago, partition, offset = stored.floor
            customer.floor = (now - ago, partition, offset)
        groups = customer.groups
        for line in stored.groups:
            rule = word(line.rule)
            due = NEVER if line.due is None else now + line.due
            kept = Stored([rows[ref] for ref in line.refs], line.rest)
            group = Group.unread(kept, due, self.fill)
            of = groups.get(rule)
            if of is None:
                groups[rule] = {names[line.name]: group}
            else:
                of[names[line.name]] = group
        customer.recent = [Heard(self.item(rows[ref]), self.marks(raw), raw) for ref, raw in stored.recent]
        customer.unread = bool(stored.recent)
        return customer

    def marks(self, raw: Raw) -> Sequence[Mark]:
        line: list[Any] = _read_marks(raw)
        names, word = ["", *line[0]], self.word
        return [(word(line[n]), names[line[n + 1]], roles_of(line[n + 2])) for n in range(1, len(line), 3)]

    def item(self, row: Row) -> Item:
        """The event, read once."""
        item = row.item
        if item is None:
            parts: list[Any] = _read_row(row.raw)
            partition, offset, event, source, party, channel = parts[:_WHERE]
            word, rest = self.word, parts[_WHERE:]
            facts = {word(rest[n]): rest[n + 1] for n in range(0, len(rest), 2)} if rest else _NO_FACTS
            item = row.item = Item(
                row.at, partition, offset, event, word(source), FIRST, word(party), word(channel), facts
            )
            self.customer.rows[event] = row
        return item

    def fill(self, group: Group) -> None:
        """Reads a group that somebody asks for."""
        stored = group.stored
        if stored is not None:
            read_group(group, stored.rest, [self.item(row) for row in stored.rows], self.word)


def packing(words: Words) -> tuple[Callable[[Customer], bytes], Callable[[bytes], Customer]]:
    """What writes a customer and what reads one, with a shard's words."""

    def encode(customer: Customer) -> bytes:
        return _encode(_Packer(customer, words).pack())

    def decode(data: bytes) -> Customer:
        return _Reader(words).unpack(_read(data))

    return encode, decode
