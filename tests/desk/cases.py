"""Requests, events of staff and ticks for the tests of the desk, and what comes out of it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.outreach.cases import signal
from touchline.pipeline.desk.processor import DeskPolicy, DeskProcessor
from touchline.pipeline.engine.clock import HOUR, from_ms, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import Output, PlainRecord
from touchline.schemas.codec import decode_notice, decode_task, encode
from touchline.schemas.control import Tick
from touchline.schemas.notice import Notice
from touchline.schemas.outreach import Decision
from touchline.schemas.request import Request, Skill
from touchline.schemas.signal import Signal
from touchline.schemas.staff import (
    PersonChanged,
    QueueChanged,
    StaffEvent,
    TaskDone,
    TaskReturned,
    TaskTaken,
    queue_key,
)
from touchline.schemas.task import Task
from touchline.schemas.vocabulary import Outcome, Purpose, Reason, Route
from touchline.schemas.wire import NOTICES, REQUESTS, STAFF, TASKS, TICK_HEADER

NINE = to_ms(datetime(2026, 6, 10, 9, tzinfo=UTC))
"""A Wednesday at nine, UTC."""

Item = Request | StaffEvent | Tick


def decision(of: Signal, *, observed: bool = False, at: int = NINE, **changes: Any) -> Decision:
    """What outreach decided about a signal."""
    fields: dict[str, Any] = {
        "decision_id": f"d-{of.signal_id}",
        "revision": 0,
        "signal_id": of.signal_id,
        "signal_revision": of.revision,
        "rule": of.rule,
        "severity": of.severity,
        "owner": of.owner,
        "control": of.control,
        "customer": of.customer,
        "group": of.group,
        "outcome": Outcome.SENT,
        "reason": Reason.SENT,
        "observed": observed,
        "purpose": Purpose.SERVICE,
        "channel": None,
        "message": None,
        "explanation": "a task for a person",
        "signal_at": of.at,
        "at": from_ms(at),
        "route": Route.PERSON,
    }
    return Decision(**{**fields, **changes})


def request(
    request_id: str = "r-1",
    at: int = NINE,
    *,
    target: str = "queue:service",
    about: Signal | None = None,
    observed: bool = False,
    **changes: Any,
) -> Request:
    """A request for a task about a signal of `c-1`."""
    of = about or signal(f"s-{request_id}", at)
    fields: dict[str, Any] = {
        "request_id": request_id,
        "revision": 0,
        "target": target,
        "decision": decision(of, observed=observed, at=at, linked=("s-9",)),
        "signal": of,
        "polarity": of.polarity,
        "priority": 50,
        "at": from_ms(at),
        "due_at": from_ms(at + 4 * HOUR),
        "suggestion": "We are sorry.",
        "journey": ("09:00 call.started by voice",),
    }
    return Request(**{**fields, **changes})


def person(who: str = "anna", at: int = NINE - HOUR, *, queue: str = "service", **changes: Any) -> PersonChanged:
    """Somebody who is there from `at` on, with room for two tasks."""
    fields: dict[str, Any] = {"capacity": 2, "present_from": from_ms(at), "languages": ("en",)}
    return PersonChanged(event_id=f"{who} {at}", at=from_ms(at), queue=queue, person=who, **{**fields, **changes})


def queue(at: int = NINE - HOUR, name: str = "service", **changes: Any) -> QueueChanged:
    """How a queue is run."""
    return QueueChanged(event_id=f"q {at}", at=from_ms(at), queue=name, **changes)


def taken(task_id: str, who: str, at: int) -> TaskTaken:
    """A person began."""
    return TaskTaken(event_id=f"t {task_id} {at}", at=from_ms(at), queue="service", person=who, task_id=task_id)


def done(task_id: str, who: str, at: int, outcome: str = "resolved") -> TaskDone:
    """A person is through."""
    return TaskDone(
        event_id=f"d {task_id} {at}", at=from_ms(at), queue="service", person=who, task_id=task_id, outcome=outcome
    )


def returned(task_id: str, who: str, at: int, reason: str | None = None) -> TaskReturned:
    """A person gives a task back."""
    return TaskReturned(
        event_id=f"b {task_id} {at}", at=from_ms(at), queue="service", person=who, task_id=task_id, reason=reason
    )


def tick(high: int, *, live: bool = True, partition: int = 0, partitions: int = 1) -> Tick:
    """Time has come so far."""
    return Tick(partition=partition, partitions=partitions, high=high, wall=high if live else None)


def record(item: Item, offset: int = 0) -> PlainRecord:
    """What stands on its topic."""
    if isinstance(item, Tick):
        return PlainRecord(offset, item.high, None, encode(item), ((TICK_HEADER, b"1"),))
    if isinstance(item, Request):
        return PlainRecord(offset, to_ms(item.at), item.target.encode(), encode(item))
    return PlainRecord(offset, to_ms(item.at), queue_key(item.queue).encode(), encode(item))


def topic_of(item: Item) -> str:
    """Where it stands."""
    return REQUESTS if isinstance(item, Tick | Request) else STAFF


def shard(policy: DeskPolicy | None = None) -> LocalShard:
    """A desk of one partition."""
    return LocalShard(DeskProcessor(policy), 0, 1)


def feed(desk: LocalShard, *items: Item) -> list[Output]:
    """Hands over items one after the other."""
    found: list[Output] = []
    for item in items:
        found += desk.process(topic_of(item), [record(item)], to_ms(item.at) if not isinstance(item, Tick) else 0)
    return found


def tasks(outputs: Iterable[Output]) -> list[Task]:
    """The tasks among what was sent."""
    return [decode_task(output.value or b"") for output in outputs if output.topic == TASKS]


def notices(outputs: Iterable[Output]) -> list[Notice]:
    """The notices among what was sent."""
    return [decode_notice(output.value or b"") for output in outputs if output.topic == NOTICES]


def states(found: Sequence[Task]) -> list[tuple[str, str, str | None]]:
    """Task, status and person of each."""
    return [(task.task_id, task.status.value, task.person) for task in found]


def languages(*names: str) -> Skill:
    """A skill that is one language, and topics."""
    return Skill(language=names[0], topics=names[1:])
