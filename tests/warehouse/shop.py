"""The simulated shop in the warehouse: what the agents themselves make of it, all six kinds of facts.

Touchpoints, signals, decisions with an experiment, tasks of people who are there and notices to owners are the agents'
own. Only what became of the messages is made up, for no mail leaves a test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import cycle, groupby
from typing import Any

import msgspec

from tests.warehouse import facts as make
from tests.warehouse.runs import facts_of as without_ticks
from touchline.agents.registry import build
from touchline.agents.settings import OutreachMode, OutreachSettings, Settings, WarehouseSettings
from touchline.agents.sinks.facts import ClickHouseSink
from touchline.agents.sinks.fixes import record
from touchline.agents.sinks.upkeep import rebuild
from touchline.pipeline.engine.clock import HOUR, to_ms
from touchline.pipeline.engine.local import LocalRun
from touchline.pipeline.warehouse.tables import DECISIONS, DELIVERIES, FACTS, TASKS, FactTable
from touchline.schemas import wire
from touchline.schemas.codec import encode
from touchline.schemas.control import ClockMode, Control
from touchline.schemas.outreach import Decision, Delivery
from touchline.schemas.staff import PersonChanged, StaffEvent, TaskDone, TaskTaken, queue_key
from touchline.schemas.task import Task, TaskStatus
from touchline.schemas.vocabulary import DeliveryStatus, Outcome, Route
from touchline.simulator import Event, Plan, touchpoints

DAYS = 75
UNTIL = datetime(2026, 3, 16, tzinfo=UTC)
"""Midnight after the last day: what `today()` and `now()` are to those who ask."""

_QUEUES = ("care", "complaints", "social")
_AGENTS = ("enrich", "journey", "incident", "outreach", "desk")
_STEP = 20_000

Shop = dict[FactTable, Sequence[Any]]
"""The facts of each table, in the order in which the agents wrote them."""


def shop(customers: int = 60) -> Shop:
    """What the agents make of the shop."""
    start = UNTIL - timedelta(days=DAYS)
    outreach = OutreachSettings(mode=OutreachMode.LIVE, hold_out=0.3, experiment="spring", quiet_hours=None)
    settings = Settings(clock=ClockMode.LOG, outreach=outreach)
    one = settings.kafka.model_copy(update={"partitions": 1, "raw_partitions": 1})
    local = LocalRun([build(agent, settings.model_copy(update={"kafka": one})) for agent in _AGENTS])
    _tell(local, _people(start))
    last, worked = 0, 0
    plan = Plan(customers=customers, days=DAYS, start=start, seed=3)
    told: Iterable[Event] = merge(touchpoints(plan, _nobody), _survey(customers), key=_at)
    for _, shift in groupby(told, _shift):
        for event in shift:
            local.publish(wire.RAW, event.key, event.value, event.at)
            last = max(last, event.at)
        local.run(last)
        tasks = _facts(local, TASKS)
        _tell(local, _work(tasks[worked:]))
        worked = len(tasks)
        local.run(last)
    high = msgspec.json.encode(Control(high=last + settings.journey.lateness))
    local.publish(wire.RAW, None, high, last, ((wire.CONTROL_HEADER, b"1"),))
    local.run(last)
    found: Shop = {table: _facts(local, table) for table in FACTS}
    found[DELIVERIES] = list(_carried(found[DECISIONS]))
    return found


def _facts(local: LocalRun, table: FactTable) -> list[Any]:
    return [table.decode(value) for value in without_ticks(local.topics.all(table.topic))]


def _tell(local: LocalRun, events: Iterable[StaffEvent]) -> None:
    for event in events:
        local.publish(wire.STAFF, queue_key(event.queue).encode(), encode(event), to_ms(event.at))


def _at(event: Event) -> int:
    return event.at


def _shift(event: Event) -> int:
    return event.at // (6 * HOUR)


def _survey(customers: int) -> Iterator[Event]:
    """What the simulator does not ask: how likely customers are to recommend the shop, each once, two a minute."""
    for number in range(customers):
        at = UNTIL - timedelta(days=6) + timedelta(seconds=30 * number)
        answer = {
            "event_id": f"nps-{number}", "source": "survey", "occurred_at": at.isoformat(), "kind": "survey.answered",
            "customer_id": f"c-{number:06d}", "score": {"scale": "nps", "value": (10, 9, 7, 3, 10)[number % 5]},
        }  # fmt: skip
        yield Event(to_ms(at), f"c-{number:06d}".encode(), msgspec.json.encode(answer))


def _nobody(_: Any) -> None:
    pass


def _people(start: datetime) -> Iterator[StaffEvent]:
    """Two at each queue, who are always there."""
    for queue in _QUEUES:
        for person in ("anna", "ben"):
            yield PersonChanged(
                event_id=f"{queue}-{person}", at=start, queue=queue, person=person, languages=("en", "de"),
                seniority=9, capacity=9, present_from=start,
            )  # fmt: skip


def _work(tasks: Iterable[Task]) -> Iterator[StaffEvent]:
    """Who was offered something began after ten minutes and was done after twenty more, as is told after each shift."""
    for task in tasks:
        if task.status is TaskStatus.ASSIGNED and task.person is not None:
            taken, done = task.at + timedelta(minutes=10), task.at + timedelta(minutes=30)
            yield TaskTaken(
                event_id=f"{task.task_id}-taken", at=taken, queue=task.queue, person=task.person, task_id=task.task_id
            )
            yield TaskDone(
                event_id=f"{task.task_id}-done", at=done, queue=task.queue, person=task.person, task_id=task.task_id,
                outcome="called",
            )  # fmt: skip


def _carried(decisions: Iterable[Decision]) -> Iterator[Delivery]:
    """What became of the messages: most were sent, some failed, some are tried again."""
    states = cycle([DeliveryStatus.SENT, DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.RETRYING])
    sent = (one for one in decisions if one.outcome is Outcome.SENT and one.route is Route.CUSTOMER and one.channel)
    for number, (made, status) in enumerate(zip(sent, states, strict=False)):
        carried = make.delivery(
            number, decision_id=made.decision_id, signal_id=made.signal_id, rule=made.rule, customer=made.customer,
            channel=made.channel, at=made.at + timedelta(seconds=1),
        )  # fmt: skip
        yield carried
        error = "" if status is DeliveryStatus.SENT else "452 4.2.2 the mailbox is full"
        yield replace(carried, revision=2, status=status, error=error, at=carried.at + timedelta(seconds=2))


def store(found: Shop, settings: WarehouseSettings) -> None:
    """Writes the shop into a migrated database, counts it, and records a change that was to mend something."""
    asyncio.run(_store(found, settings))
    rebuild(settings)
    middle = UNTIL - timedelta(days=DAYS // 2)
    record(settings, "promise_broken", "", "logistics", "Orders leave the day they come", middle)


async def _store(found: Shop, settings: WarehouseSettings) -> None:
    sink = ClickHouseSink(settings)
    for table in FACTS:
        for at in range(0, len(found[table]), _STEP):
            await sink.insert(table, table.as_columns(found[table][at : at + _STEP]))
    await sink.close()
