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
from touchline.pipeline.friction.packedgroup import Code, read_group, roles_of, short_of, written_group
from touchline.pipeline.friction.profile import ProfileState
from touchline.pipeline.friction.relation import Relation
from touchline.pipeline.friction.state import FIRST, Item
from touchline.pipeline.friction.words import Words

_encode: Final = msgspec.msgpack.Encoder().encode
_read_row: Final = msgspec.msgpack.Decoder(list[int | float | str | bool | None]).decode
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
    recent: Sequence[tuple[int, Sequence[Any]]]
    tidied: int
    swept: int
    due: int | None
    home: int | None
    reached: int | None
    floor: tuple[int, int, int] | None
    profile: ProfileState | None
    relation: Relation | None


_read: Final = msgspec.msgpack.Decoder(_StoredCustomer).decode


def _write(customer: Customer, words: Words) -> _StoredCustomer:
    """A customer as it is written. In one piece, for it is what the worker does most."""
    now, code, token = customer.seen, words.code, object()
    ages: list[int] = []
    rows: list[Any] = []
    recent: list[tuple[int, Sequence[Any]]] = []
    for heard in customer.recent:
        row = heard.row
        if row is None:
            row = heard.row = _row(customer, heard.item, code)
            heard.line = _line(heard.marks, words.code_of_name)
        _place(row, token, rows, ages, now)
        recent.append((row.place, heard.line or ()))
    groups: list[_StoredGroup] = []
    names: list[str] = []
    numbers = {"": 0}
    for rule, of in customer.groups.items():
        for name, group in of.items():
            if follows(group):
                continue
            stored = group.as_stored()
            if stored is None:
                stored = written_group(group, lambda item: _row(customer, item, code), code)
                group.keep(stored)
            number = numbers.get(name)
            if number is None:
                names.append(name)
                number = numbers[name] = len(names)
            due = None if group.due is None or group.due == NEVER else group.due - now
            refs = [_place(row, token, rows, ages, now) for row in stored.rows]
            groups.append(_StoredGroup(words.code_of_name(rule), number, due, refs, stored.rest))  # type: ignore[arg-type]
    if len(customer.rows) > 2 * len(rows):
        for event in [event for event, row in customer.rows.items() if row.token is not token]:
            del customer.rows[event]
    at, partition, offset = customer.floor
    return _StoredCustomer(
        now, ages, rows, names, groups, recent, now - customer.tidied, now - customer.swept,
        None if customer.due == NEVER else customer.due - now, customer.home,
        now - customer.reached if customer.reached else None, (now - at, partition, offset) if at else None,
        customer.profile, customer.relation,
    )  # fmt: skip


def _place(row: Row, token: object, rows: list[Any], ages: list[int], now: int) -> int:
    """The place of an event among those that are written; `token` tells one writing from another."""
    if row.token is not token:
        row.token, row.place = token, len(rows)
        rows.append(row.raw)
        ages.append(now - row.at)
    return row.place


def _row(customer: Customer, item: Item, code: Code) -> Row:
    """An event as it is written, whatever its roles are."""
    event, facts = item.event, item.facts
    row = customer.rows.get(event)
    if row is not None and row.item is not None:
        known = row.item
        if known is item or (known.facts is facts and known.at == item.at and known.source == item.source):
            return row
    told = [part for name, value in facts.items() for part in (code(name), value)] if facts else ()
    parts = (item.partition, item.offset, event, code(item.source), code(item.party), code(item.channel), *told)
    row = customer.rows[event] = Row(item.at, parts, item)
    return row


def _line(marks: Sequence[Mark], code: Code) -> tuple[Any, ...]:
    """The names of groups, then rule, number of the name and roles of each mark."""
    names = {"": 0}
    line: list[Any] = [None]
    for rule, name, roles in marks:
        line += (code(rule), names.setdefault(name, len(names)), short_of(roles))
    line[0] = tuple(names)[1:]
    return tuple(line)


class _Reader:
    """Reads one customer."""

    __slots__ = ("known", "word")

    def __init__(self, words: Words) -> None:
        self.word = words.word

    def unpack(self, stored: _StoredCustomer) -> Customer:
        word, now, names = self.word, stored.seen, ["", *stored.names]
        customer = Customer()
        self.known = customer.rows  # not the customer: who holds the groups that hold this would never be let go
        rows = [Row(now - age, raw) for age, raw in zip(stored.ages, stored.rows, strict=True)]
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
            kept = Stored(tuple([rows[ref] for ref in line.refs]), line.rest)
            group = Group.unread(kept, due, self.fill)
            of = groups.get(rule)
            if of is None:
                groups[rule] = {names[line.name]: group}
            else:
                of[names[line.name]] = group
        for ref, marks in stored.recent:
            row = rows[ref]
            customer.recent.append(Heard(self.item(row), self.marks(marks), row, marks))
        customer.unread = bool(stored.recent)
        return customer

    def marks(self, line: Sequence[Any]) -> Sequence[Mark]:
        names, word = ["", *line[0]], self.word
        return tuple([(word(line[n]), names[line[n + 1]], roles_of(line[n + 2])) for n in range(1, len(line), 3)])

    def item(self, row: Row) -> Item:
        """The event, read once."""
        item = row.item
        if item is None:
            parts: list[Any] = _read_row(row.raw)  # type: ignore[arg-type]
            partition, offset, event, source, party, channel = parts[:_WHERE]
            word, rest = self.word, parts[_WHERE:]
            facts = {word(rest[n]): rest[n + 1] for n in range(0, len(rest), 2)} if rest else _NO_FACTS
            item = row.item = Item(
                row.at, partition, offset, event, word(source), FIRST, word(party), word(channel), facts
            )
            self.known[event] = row
        return item

    def fill(self, group: Group) -> None:
        """Reads a group that somebody asks for."""
        stored = group.stored
        if stored is not None:
            read_group(group, stored.rest, [self.item(row) for row in stored.rows], self.word)


def packing(words: Words) -> tuple[Callable[[Customer], bytes], Callable[[bytes], Customer]]:
    """What writes a customer and what reads one, with a shard's words."""

    def encode(customer: Customer) -> bytes:
        return _encode(_write(customer, words))

    def decode(data: bytes) -> Customer:
        return _Reader(words).unpack(_read(data))

    return encode, decode
