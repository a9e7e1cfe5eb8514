"""What is kept of a journey, for each rule and group. Times in milliseconds since 1970 UTC.

`Machine` and what it holds never change: a step makes a new one. So a state can be kept, compared and gone back to at
no cost, which is what makes out-of-order events simple.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import msgspec

from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.friction.fields import Value
from touchline.pipeline.friction.profile import ProfileState
from touchline.pipeline.friction.relation import Relation

RESOLVE: Final = 1 << 20
UNLESS: Final = 1 << 21
EXPECT: Final = 1 << 22
CONTEXT: Final = 1 << 23
FIRST: Final = 1
"""The roles of an event in a rule, as bits: what counts, the first step, what an absence comes after. The steps of a
sequence are FIRST, FIRST << 1 …"""

CLOSING: Final = RESOLVE | UNLESS | EXPECT
"""Roles that can end a signal or disprove it, and never open one."""

NOWHERE: Final = -1
"""Of a customer whose touchpoints come from several raw partitions."""

Key = tuple[int, int, int, str]


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event as one rule sees it. `facts`: the fields of it that the rule may need later."""

    at: int
    partition: int
    offset: int
    event: str
    source: str
    roles: int
    party: str
    channel: str
    facts: dict[str, Value]

    @property
    def key(self) -> Key:
        """What orders events: time, then where they stood on the raw topic, then their id."""
        return (self.at, self.partition, self.offset, self.event)


class End(IntEnum):
    """How a crossing ended, if it did."""

    OPEN = 0
    RESOLVED = 1
    EXPIRED = 2
    DISPROVED = 3


class Crossing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One time that a rule's condition turned from false to true: `(at, closed)` is its interval.

    `anchors` are the events that made it true, `events` those and the newest since; `first` is the key's time of the
    oldest anchor; `count` what the detector counted last, `total` how many events it rests on. `last` is when it was
    true last, and `over`: nothing more is added to it. `facts` by alias.
    """

    at: int
    first: int
    anchors: tuple[str, ...]
    events: tuple[str, ...]
    total: int
    count: int
    last: int
    party: str
    channel: str
    facts: dict[str, dict[str, Value]]
    over: bool = False
    end: End = End.OPEN
    closed: int = 0


class Pending(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event after which something is expected until `deadline`. `closed` is when it came too late, 0 before."""

    item: Item
    deadline: int
    closed: int = 0
    context: Item | None = None


class Level(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A score in millionths of a point as it was at a time, before it faded further."""

    at: int
    value: float


class Machine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The state of one detector for one group after some events in their order."""

    window: tuple[Item, ...] = ()
    armed: bool = True
    last_open: int | None = None
    crossings: tuple[Crossing, ...] = ()
    pending: tuple[Pending, ...] = ()
    evicted: int = 0
    level: Level | None = None


EMPTY: Final = Machine()
_BEGINNING: Final = (0, 0, 0)


class Emitted(msgspec.Struct, array_like=True, gc=False):
    """What was last said of a crossing. `status` is a `SignalStatus`."""

    signal: str
    revision: int
    status: str
    crossing: Crossing


Floor = tuple[int, int, int]

Quiet = tuple[str, str, Item]
"""A rule's state key, the name of a group, and an event that says nothing to an empty state: a confirmation of what
was never awaited. It is kept while something that happened before it may still come."""


class _PackedEmitted(msgspec.Struct, array_like=True, gc=False):
    """`crossing`: itself, or its place among those of the base."""

    signal: str
    revision: int
    status: str
    crossing: Crossing | int


class _PackedGroup(msgspec.Struct, array_like=True, gc=False):
    base: Machine
    recent: list[Item]
    late: list[Item]
    emitted: list[_PackedEmitted]
    floor: Floor
    tip: Machine | None


class Group:
    """One rule and one group: `base`, the state as of the horizon; `recent`, the events since in their order; `tip`,
    the state after them.

    `late`: what came too late and was applied to `base` and `tip` alike. `floor`: time, partition and offset of the
    last event that went into `base`. `due`: when the watermark alone changes something, None when not computed yet.
    """

    __slots__ = ("base", "due", "emitted", "floor", "late", "recent", "tip")

    def __init__(self) -> None:
        self.base = EMPTY
        self.tip: Machine | None = EMPTY
        self.recent: list[Item] = []
        self.late: Sequence[Item] = ()
        self.emitted: list[Emitted] = []
        self.floor: Floor = _BEGINNING
        self.due: int | None = None

    def pack(self) -> _PackedGroup:
        """As it is stored. The tip follows from the rest, unless something came too late."""
        tip = self.tip if self.late else None
        emitted = [_packed(said, self.base.crossings) for said in self.emitted]
        return _PackedGroup(self.base, self.recent, list(self.late), emitted, self.floor, tip)

    @classmethod
    def unpack(cls, packed: _PackedGroup) -> "Group":
        """The group again; its tip is None until somebody computes it."""
        group = cls()
        group.base, group.recent, group.late = packed.base, packed.recent, packed.late
        group.emitted = [_unpacked(said, packed.base.crossings) for said in packed.emitted]
        group.floor = packed.floor
        group.tip = packed.tip if packed.tip is not None else (None if packed.recent else packed.base)
        return group


def _packed(said: Emitted, crossings: Sequence[Crossing]) -> _PackedEmitted:
    crossing = said.crossing
    place = next((n for n, known in enumerate(crossings) if known is crossing), crossing)
    return _PackedEmitted(said.signal, said.revision, said.status, place)


def _unpacked(said: _PackedEmitted, crossings: Sequence[Crossing]) -> Emitted:
    crossing = crossings[said.crossing] if isinstance(said.crossing, int) else said.crossing
    return Emitted(said.signal, said.revision, said.status, crossing)


class Customer:
    """All that is kept of one customer. `groups`: by rule (its state key) and group. `quiet`: in order of arrival.
    `tidied`: the horizon when idle groups were last looked for. `due`: the least of its groups' times. `seen`: the time
    of the newest event. `home`: the raw partition that all their touchpoints came from, or NOWHERE. `reached`: the
    greatest watermark of their own. `relation`: of those who have, or not long ago had, signals.
    """

    __slots__ = ("due", "groups", "home", "profile", "quiet", "reached", "relation", "seen", "tidied")

    def __init__(self) -> None:
        self.profile: ProfileState | None = None
        self.groups: dict[str, dict[str, Group]] = {}
        self.quiet: list[Quiet] = []
        self.tidied = 0
        self.due = NEVER
        self.seen = 0
        self.home: int | None = None
        self.reached = 0
        self.relation: Relation | None = None

    @property
    def next_due(self) -> int:
        """When time alone changes something next, in signals or in what is told of the relationship."""
        relation = self.relation
        return self.due if relation is None else min(self.due, relation.due)


class _PackedCustomer(msgspec.Struct, array_like=True, gc=False):
    profile: ProfileState | None
    groups: dict[str, dict[str, _PackedGroup]]
    quiet: list[Quiet]
    tidied: int
    due: int
    seen: int
    home: int | None = None
    reached: int = 0
    relation: Relation | None = None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_PackedCustomer).decode


def encode_customer(customer: Customer) -> bytes:
    """As it is stored."""
    groups = {rule: {name: group.pack() for name, group in of.items()} for rule, of in customer.groups.items()}
    packed = _PackedCustomer(
        customer.profile, groups, customer.quiet, customer.tidied, customer.due, customer.seen, customer.home,
        customer.reached, customer.relation,
    )  # fmt: skip
    return _encode(packed)


def decode_customer(data: bytes) -> Customer:
    """What `encode_customer` wrote."""
    packed = _decode(data)
    customer = Customer()
    customer.profile, customer.quiet, customer.tidied = packed.profile, packed.quiet, packed.tidied
    customer.due, customer.seen = packed.due, packed.seen
    customer.home, customer.reached, customer.relation = packed.home, packed.reached, packed.relation
    customer.groups = {
        rule: {name: Group.unpack(group) for name, group in of.items()} for rule, of in packed.groups.items()
    }
    return customer
