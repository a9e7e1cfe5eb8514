"""What a rule keeps: events, and a state after some of them. Times in milliseconds since 1970 UTC.

`Machine` and what it holds never change: a step makes a new one. So a state can be kept, compared and gone back to at
no cost, which is what makes out-of-order events simple.
"""

from enum import IntEnum
from typing import Final

import msgspec

from touchline.pipeline.friction.fields import Value

RESOLVE: Final = 1 << 20
UNLESS: Final = 1 << 21
EXPECT: Final = 1 << 22
CONTEXT: Final = 1 << 23
FIRST: Final = 1
"""The roles of an event in a rule, as bits: what counts, the first step, what an absence comes after. The steps of a
sequence are FIRST, FIRST << 1 …"""

CLOSING: Final = RESOLVE | UNLESS | EXPECT
"""Roles that can end a signal or disprove it, and never open one."""

OPENING: Final = ~(CLOSING | CONTEXT)
"""Roles that say something to an empty state, whatever the detector."""

Key = tuple[int, int, int, str]


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event as one rule sees it. `facts`: the fields of it that any rule may need later."""

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

    def playing(self, roles: int) -> "Item":
        """The same event in other roles."""
        if roles == self.roles:
            return self
        return Item(
            self.at, self.partition, self.offset, self.event, self.source, roles, self.party, self.channel, self.facts
        )


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


class Emitted(msgspec.Struct, array_like=True, gc=False):
    """What was last said of a crossing. `status` is a `SignalStatus`."""

    signal: str
    revision: int
    status: str
    crossing: Crossing
