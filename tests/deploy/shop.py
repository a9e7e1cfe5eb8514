"""The simulated shop through every agent, in the warehouse: what the dashboards are tried on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tests.warehouse.test_upkeep import write
from touchline.agents.registry import build
from touchline.agents.settings import Settings, WarehouseSettings
from touchline.agents.sinks import fixes
from touchline.pipeline.engine.local import LocalRun
from touchline.pipeline.warehouse.tables import FACTS
from touchline.schemas import wire
from touchline.schemas.control import Control
from touchline.simulator import Plan, touchpoints

PLAN = Plan(customers=100, days=60, start=datetime(2026, 3, 1, tzinfo=UTC), seed=3, late=0.05)
END = PLAN.start + timedelta(days=PLAN.days)

_SETTINGS = Settings.model_validate(
    {
        "clock": "log",
        "kafka": {"partitions": 1, "raw_partitions": 1},
        "outreach": {"mode": "live", "hold_out": 0.3, "experiment": "spring", "quiet_hours": None},
        "owners": {
            "logistics": {"when": "digest"},
            "customer_service": {"budget": 1},
            **{f"carrier-{where}": {} for where in ("north", "east", "west")},
        },
    }
)
_AGENTS = ("enrich", "journey", "incident", "outreach", "desk", "deliver")


def lived() -> list[tuple[str, Sequence[Any]]]:
    """The topics that the warehouse reads, each with its facts in order."""
    local = LocalRun([build(agent, _SETTINGS) for agent in _AGENTS])
    for event in touchpoints(PLAN, lambda _: None):
        local.publish(wire.RAW, event.key, event.value, event.at)
    end = PLAN.end + _SETTINGS.journey.lateness
    high = msgspec.json.encode(Control(high=end))
    local.publish(wire.RAW, None, high, PLAN.end, ((wire.CONTROL_HEADER, b"1"),))
    local.run(PLAN.end)
    ticks = (wire.TICK_HEADER, wire.CONTROL_HEADER)
    return [
        (
            table.topic,
            [
                table.decode(record.value)
                for record in local.topics.all(table.topic)
                if record.value is not None and not any(name in ticks for name, _ in record.headers)
            ],
        )
        for table in FACTS
    ]


def store(settings: WarehouseSettings) -> None:
    """Writes it into a migrated database and counts it, with two changes that were meant to mend something."""
    asyncio.run(write(settings, *lived()))
    middle = PLAN.start + timedelta(days=PLAN.days / 2)
    fixes.record(settings, "promise_broken", "", "logistics", "Orders leave the day they come", middle)
    fixes.record(settings, "self_service_failed", "", "digital", "A search that finds", middle + timedelta(days=3))
