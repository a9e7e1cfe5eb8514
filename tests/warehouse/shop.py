"""The simulated shop in the warehouse: what the agents themselves make of it, all six kinds of facts.

Touchpoints, signals, decisions with an experiment, tasks of people who are there and notices to owners are the agents'
own. Only what became of the messages is made up, for no mail leaves a test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

import msgspec

from tests.warehouse import facts as make
from tests.warehouse.runs import _facts as without_ticks
from touchline.agents.registry import build
from touchline.agents.settings import OutreachMode, OutreachSettings, Settings, WarehouseSettings
from touchline.agents.sinks.facts import ClickHouseSink
from touchline.agents.sinks.fixes import record
from touchline.agents.sinks.upkeep import rebuild
from touchline.pipeline.engine.local import LocalRun
from touchline.pipeline.warehouse.tables import BY_TOPIC, DECISIONS, DELIVERIES, FACTS, FactTable
from touchline.schemas import wire
from touchline.schemas.codec import encode
from touchline.schemas.control import ClockMode, Control
from touchline.schemas.outreach import Decision, Delivery
from touchline.schemas.staff import PersonChanged, StaffEvent, queue_key
from touchline.schemas.vocabulary import DeliveryStatus, Outcome, Route
from touchline.simulator import Plan, touchpoints

DAYS = 75
_QUEUES = ("complaints", "social", "service", "finance")
_AGENTS = ("enrich", "journey", "incident", "outreach", "desk")
_STEP = 20_000

Shop = dict[FactTable, Sequence[Any]]
"""The facts of each table, in the order in which the agents wrote them."""


def shop(customers: int = 120, until: datetime | None = None) -> Shop:
    """What the agents make of the shop. `until`: midnight after its last day, without it the last one (UTC)."""
    end = until or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = end - timedelta(days=DAYS)
    outreach = OutreachSettings(mode=OutreachMode.LIVE, hold_out=0.3, experiment="spring", quiet_hours=None)
    settings = Settings(clock=ClockMode.LOG, outreach=outreach)
    one = settings.kafka.model_copy(update={"partitions": 1, "raw_partitions": 1})
    local = LocalRun([build(agent, settings.model_copy(update={"kafka": one})) for agent in _AGENTS])
    for event in _staff(start):
        local.publish(wire.STAFF, queue_key(event.queue).encode(), encode(event), _ms(start))
    last = 0
    for event in touchpoints(Plan(customers=customers, days=DAYS, start=start, seed=3), _nobody):
        local.publish(wire.RAW, event.key, event.value, event.at)
        last = max(last, event.at)
    high = msgspec.json.encode(Control(high=last + settings.journey.lateness))
    local.publish(wire.RAW, None, high, last, ((wire.CONTROL_HEADER, b"1"),))
    local.run(last)
    found: Shop = {
        table: [table.decode(value) for value in without_ticks(local.topics.all(topic))]
        for topic, table in BY_TOPIC.items()
    }
    found[DELIVERIES] = list(_carried(found[DECISIONS]))
    return found


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)


def _nobody(_: Any) -> None:
    pass


def _staff(start: datetime) -> Iterator[StaffEvent]:
    """Two people at each queue, who are always there."""
    for queue in _QUEUES:
        for person in ("anna", "ben"):
            yield PersonChanged(
                event_id=f"{queue}-{person}", at=start, queue=queue, person=person, languages=("en", "de"),
                seniority=9, capacity=3, present_from=start,
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
    middle = datetime.now(UTC) - timedelta(days=DAYS // 2)
    record(settings, "promise_broken", "", "logistics", "Orders leave the day they come", middle)


async def _store(found: Shop, settings: WarehouseSettings) -> None:
    sink = ClickHouseSink(settings)
    for table in FACTS:
        for at in range(0, len(found[table]), _STEP):
            await sink.insert(table, table.as_columns(found[table][at : at + _STEP]))
    await sink.close()
