"""What the dashboards are tried on: the simulated shop through every agent, in the warehouse, and what a shop of two
months can't tell, from random lives of half a year."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tests.warehouse import facts as make
from tests.warehouse.lives import lives
from tests.warehouse.test_upkeep import write
from touchline.agents.registry import build
from touchline.agents.settings import Settings, WarehouseSettings
from touchline.agents.sinks import fixes
from touchline.pipeline.engine.local import LocalRun
from touchline.pipeline.warehouse.tables import DECISIONS, DELIVERIES, FACTS, SIGNALS, TOUCHPOINTS
from touchline.schemas import wire
from touchline.schemas.control import Control
from touchline.schemas.vocabulary import DeliveryStatus, Scope
from touchline.simulator import Plan, touchpoints

PLAN = Plan(customers=40, days=55, start=datetime(2026, 3, 1, tzinfo=UTC), seed=3, late=0.05)
END = PLAN.start + timedelta(days=PLAN.days)
DAYS = 180
"""So many days before `END` hold everything."""

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


def lived() -> dict[str, list[Any]]:
    """The facts of the simulated shop in order, by the topic that the warehouse reads."""
    local = LocalRun([build(agent, _SETTINGS) for agent in _AGENTS])
    for event in touchpoints(PLAN, lambda _: None):
        local.publish(wire.RAW, event.key, event.value, event.at)
    high = msgspec.json.encode(Control(high=PLAN.end + _SETTINGS.journey.lateness))
    local.publish(wire.RAW, None, high, PLAN.end, ((wire.CONTROL_HEADER, b"1"),))
    local.run(PLAN.end)
    ticks = (wire.TICK_HEADER, wire.CONTROL_HEADER)
    return {
        table.topic: [
            table.decode(record.value)
            for record in local.topics.all(table.topic)
            if record.value is not None and not any(name in ticks for name, _ in record.headers)
        ]
        for table in FACTS
    }


def store(settings: WarehouseSettings) -> None:
    """Writes everything into a migrated database and counts it, with two changes that were meant to mend something."""
    found = lived()
    for table, facts in zip((TOUCHPOINTS, SIGNALS, DECISIONS), lives(3, 400), strict=True):
        found[table.topic] += facts
    middle = PLAN.start + timedelta(days=PLAN.days / 2)
    incident = make.signal(
        signal_id="incident", rule="carrier_incident", customer="party:carrier-west", scope=Scope.INCIDENT, at=middle,
        raised_at=middle, values={"customers": 12},
    )  # fmt: skip
    found[SIGNALS.topic].append(incident)
    found[DELIVERIES.topic].append(make.delivery(status=DeliveryStatus.RETRYING, at=middle, error="421 try later"))
    asyncio.run(write(settings, *found.items()))
    fixes.record(settings, "promise_broken", "", "logistics", "Orders leave the day they come", middle)
    fixes.record(settings, "self_service_failed", "", "digital", "A search that finds", middle + timedelta(days=3))
