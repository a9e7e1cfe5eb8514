"""Histories for proofs: what the agents' own logic makes of a stream of touchpoints, as facts and in the warehouse."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from touchline.agents.registry import build
from touchline.agents.settings import OutreachMode, OutreachSettings, Settings, WarehouseSettings
from touchline.agents.sinks.facts import ClickHouseSink
from touchline.agents.sinks.upkeep import rebuild
from touchline.pipeline.engine.local import LocalRun
from touchline.pipeline.engine.records import PlainRecord
from touchline.pipeline.warehouse.tables import DECISIONS, SIGNALS, TOUCHPOINTS
from touchline.schemas import wire
from touchline.schemas.control import ClockMode, Control
from touchline.schemas.outreach import Decision
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint

_STEP = 20_000


class Event(NamedTuple):
    """A touchpoint as it goes on the wire. `at` in milliseconds since 1970 UTC."""

    at: int
    key: bytes
    value: bytes


class History(NamedTuple):
    """What the agents wrote, in the order in which they did: ticks are left out."""

    touchpoints: Sequence[EnrichedTouchpoint]
    signals: Sequence[Signal]
    decisions: Sequence[Decision]


def run(events: Iterable[Event]) -> History:
    """Everything from the raw touchpoint to the decision, on the built-in rules and the events' own clock."""
    settings = Settings(clock=ClockMode.LOG, outreach=OutreachSettings(mode=OutreachMode.LIVE))
    one = settings.kafka.model_copy(update={"partitions": 1, "raw_partitions": 1})
    settings = settings.model_copy(update={"kafka": one})
    local = LocalRun([build(agent, settings) for agent in ("enrich", "journey", "incident", "outreach")])
    end = 0
    for event in events:
        local.publish(wire.RAW, event.key, event.value, event.at)
        end = max(end, event.at)
    high = msgspec.json.encode(Control(high=end + settings.journey.lateness))
    local.publish(wire.RAW, None, high, end, ((wire.CONTROL_HEADER, b"1"),))
    local.run(end)
    tables = (TOUCHPOINTS, SIGNALS, DECISIONS)
    return History(*([table.decode(value) for value in facts_of(local.topics.all(table.topic))] for table in tables))


def facts_of(records: Iterable[PlainRecord]) -> Iterable[bytes]:
    """The values of records, without ticks."""
    ticks = (wire.TICK_HEADER, wire.CONTROL_HEADER)
    return (r.value for r in records if r.value is not None and not any(name in ticks for name, _ in r.headers))


def store(history: History, settings: WarehouseSettings) -> None:
    """Writes a history into a migrated database, and counts it."""
    asyncio.run(_store(history, settings))
    rebuild(settings)


async def _store(history: History, settings: WarehouseSettings) -> None:
    sink = ClickHouseSink(settings)
    for table, facts in zip((TOUCHPOINTS, SIGNALS, DECISIONS), history, strict=True):
        for at in range(0, len(facts), _STEP):
            await sink.insert(table, table.as_columns(facts[at : at + _STEP]))
    await sink.close()
