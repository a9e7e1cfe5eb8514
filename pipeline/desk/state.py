"""What one shard of the desk remembers. Times in milliseconds since 1970 UTC."""

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from touchline.pipeline.engine.clock import DAY
from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.store import NEVER, KeyedStore
from touchline.pipeline.engine.watermarks import Watermarks
from touchline.schemas.notice import NoticeItem
from touchline.schemas.request import Request
from touchline.schemas.staff import Opening
from touchline.schemas.task import TaskStatus

T = TypeVar("T")

REMEMBERED: Final = 100 * DAY
"""How long it is known that a request was seen, and who last knew a customer."""

MAX_PEOPLE: Final = 500
"""The most people of one queue."""

UNTOLD: Final = (-1, "")


class Person(msgspec.Struct, array_like=True, gc=False):
    """Somebody at a queue. `told`: time and id of the event that told this. Present from `start` until `end`.
    `tasks`: those that are offered to them or taken by them. `idle`: since when they have had no more than now."""

    told: tuple[int, str]
    languages: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    seniority: int = 0
    capacity: int = 0
    start: int = NEVER
    end: int = NEVER
    tasks: list[str] = msgspec.field(default_factory=list)
    idle: int = 0

    def present(self, now: int) -> bool:
        """Whether they are there."""
        return self.start <= now < self.end

    @property
    def room(self) -> int:
        """How many more tasks they may have; below 0 where they took more than they should."""
        return self.capacity - len(self.tasks)


class Queue(msgspec.Struct, array_like=True):
    """One queue. `told`: as of a person. `waiting`: rank and id of the tasks that nobody has, the next one first."""

    told: tuple[int, str] = UNTOLD
    hours: tuple[Opening, ...] = ()
    zone: str = "UTC"
    most_waiting: int | None = None
    due: int | None = None
    people: dict[str, Person] = msgspec.field(default_factory=dict)
    waiting: list[tuple[int, str]] = msgspec.field(default_factory=list)


class TaskState(msgspec.Struct):
    """One task. `seen`: the highest revision of its request; `revision`: its own last one. `request`: until it ends.

    `due`: when it is to be done; `deadline`: when it is next offered to others, first `due` and then as long again.
    `half`: when it is offered to another unless it was taken. `returned`: who gave it back in this period; they don't
    get it again. `passed`: who let it lie; others come first. `said`: the time of the last event of staff about it.
    `settled`: the time of its last state, `why` in which it is.
    """

    seen: int
    status: TaskStatus
    queue: str
    revision: int = -1
    request: Request | None = None
    person: str | None = None
    opened: int = 0
    due: int = 0
    deadline: int = NEVER
    half: int = NEVER
    late: bool = False
    returned: list[str] = msgspec.field(default_factory=list)
    passed: list[str] = msgspec.field(default_factory=list)
    said: int = 0
    escalated_to: str = ""


class Kept(msgspec.Struct, array_like=True):
    """A signal that waits for its owner's next digest. `bucket`: how urgent it is."""

    request: str
    bucket: int
    at: int
    item: NoticeItem


class Owner(msgspec.Struct, array_like=True):
    """One owner. `day`: the day (its number) in their zone of which `used` notices were spent. `heard`: how many
    signals there were of each urgency, by day. `kept`: for the next digest; `dropped`: how many more than are kept."""

    day: int = 0
    used: int = 0
    heard: dict[int, dict[int, int]] = msgspec.field(default_factory=dict)
    kept: list[Kept] = msgspec.field(default_factory=list)
    dropped: int = 0


def _codec(kind: type[T]) -> tuple[Callable[[T], bytes], Callable[[bytes], T]]:
    return msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(kind).decode


class DeskState:
    """All state of one shard.

    `agenda`: what is still to come, in the order of time and key: events whose time has not come, with their bytes, and
    timers, without any. `tasks` by id, `known`: who last helped a customer of a queue, `told`: the highest revision of
    each request to an owner. `marks`: how far each shard of outreach is.
    """

    def __init__(self) -> None:
        self.agenda: KeyedStore[bytes] = KeyedStore(bytes, bytes)
        self.queues: KeyedStore[Queue] = KeyedStore(*_codec(Queue))
        self.tasks: KeyedStore[TaskState] = KeyedStore(*_codec(TaskState))
        self.known: KeyedStore[str] = KeyedStore(*_codec(str))
        self.owners: KeyedStore[Owner] = KeyedStore(*_codec(Owner))
        self.told: KeyedStore[int] = KeyedStore(*_codec(int))
        self.marks = Watermarks()

    @property
    def now(self) -> int:
        """How far event time is."""
        return self.marks.low or 0

    @property
    def pieces(self) -> dict[str, Piece]:
        """The parts by their names in the changelog."""
        own: dict[str, Piece] = {"a": self.agenda, "q": self.queues, "t": self.tasks, "k": self.known}
        return own | {"o": self.owners, "n": self.told, "w": self.marks}

    def sweep(self) -> None:
        """Frees some of what nobody asks for any more."""
        for store in (self.tasks, self.known, self.told):
            store.sweep(self.now)
