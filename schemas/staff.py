"""Who works at a queue, and what they make of their tasks, as workforce systems tell it on `outreach.staff`.

Each event is keyed by `queue:<name>`. Somebody who works at several queues is told of at each of them.
"""

import re
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.types import ID, Duration, Name, Time

_CONFIG = ConfigDict(extra="forbid")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

QueueName = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]
"""What stands behind `queue:` in a target."""

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Clock = Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
"""A time of day, `08:00`; `24:00` is the end of one."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("is no time zone: write a name such as Europe/Berlin or UTC") from None
    return name


def _a_minute_or_more(length: int) -> int:
    if length < 60_000:
        raise ValueError("is less than a minute")
    return length


def _days(given: object) -> object:
    """`mon-fri` or `mon, wed` as the days that it means."""
    if not isinstance(given, str):
        return tuple(given) if isinstance(given, list) else given
    found: list[str] = []
    for part in re.split(r"[\s,]+", given.strip()):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last or first) not in _DAYS:
            raise ValueError("expected days such as mon-fri or sat, sun")
        start, end = _DAYS.index(first), _DAYS.index(last or first)
        found += [_DAYS[day % 7] for day in range(start, (end if end >= start else end + 7) + 1)]
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class Opening:
    """On these days from `start` to `end` on the clock of the queue's zone. `end` is after `start`: a night is two."""

    days: Annotated[tuple[Day, ...], BeforeValidator(_days), Field(min_length=1, max_length=7)]
    start: Clock
    end: Clock

    def __post_init__(self) -> None:
        """Refuses an opening without length."""
        if self.end <= self.start:
            raise ValueError("ends before it starts: a night is two openings, until 24:00 and from 00:00")


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class PersonChanged:
    """All that is known of somebody at a queue, as of `at`; it replaces what was told before.

    `capacity`: how many tasks at once. Present from `present_from` (None: not at all) to `present_until` (None: until
    told otherwise). Who goes gives back what they have not taken.
    """

    kind: Literal["person.changed"] = "person.changed"
    event_id: ID
    at: Time
    queue: QueueName
    person: ID
    languages: Annotated[tuple[Language, ...], Field(max_length=16)] = ()
    topics: Annotated[tuple[Name, ...], Field(max_length=32)] = ()
    products: Annotated[tuple[Name, ...], Field(max_length=32)] = ()
    seniority: Annotated[int, Field(ge=0, le=9)] = 0
    capacity: Annotated[int, Field(ge=0, le=100)] = 1
    present_from: Time | None = None
    present_until: Time | None = None


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class QueueChanged:
    """How a queue is run, as of `at`; it replaces what was told before.

    `hours`: when tasks are handed out (none: always), by the clock of `zone`. `most_waiting`: the least urgent beyond
    them are refused. `due`: how long a task has that was given no time, in opening hours.
    """

    kind: Literal["queue.changed"] = "queue.changed"
    event_id: ID
    at: Time
    queue: QueueName
    hours: Annotated[tuple[Opening, ...], Field(max_length=14)] = ()
    zone: Annotated[str, Field(max_length=64), AfterValidator(_known_zone)] = "UTC"
    most_waiting: Annotated[int, Field(ge=1, le=5_000)] | None = None
    due: Annotated[Duration, AfterValidator(_a_minute_or_more)] | None = None


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class TaskTaken:
    """Somebody began to work on a task: the one it was offered to, or another who took it."""

    kind: Literal["task.taken"] = "task.taken"
    event_id: ID
    at: Time
    queue: QueueName
    person: ID
    task_id: ID


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class TaskDone:
    """A task is finished. `outcome`: a word of the queue's own, such as `resolved`, `not_reached`."""

    kind: Literal["task.done"] = "task.done"
    event_id: ID
    at: Time
    queue: QueueName
    person: ID
    task_id: ID
    outcome: Name


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class TaskReturned:
    """Somebody gives a task back, taken or not: it goes to another. `reason`: a word, such as `not_my_topic`."""

    kind: Literal["task.returned"] = "task.returned"
    event_id: ID
    at: Time
    queue: QueueName
    person: ID
    task_id: ID
    reason: Name | None = None


StaffEvent = PersonChanged | QueueChanged | TaskTaken | TaskDone | TaskReturned

STAFF_EVENTS: Final[dict[str, type[StaffEvent]]] = {
    "person.changed": PersonChanged,
    "queue.changed": QueueChanged,
    "task.taken": TaskTaken,
    "task.done": TaskDone,
    "task.returned": TaskReturned,
}
"""The contract of each kind."""


def queue_key(queue: str) -> str:
    """What keys the records of a queue, and names it as a target."""
    return f"queue:{queue}"
