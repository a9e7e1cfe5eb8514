"""What is read from the warehouse is what was written, on the real wire, whatever stands in it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.warehouse import facts as make
from tests.warehouse.test_upkeep import write
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.pipeline.warehouse.tables import DECISIONS, DELIVERIES, SIGNALS, TOUCHPOINTS, FactTable
from touchline.schemas.touchpoint import Score
from touchline.schemas.vocabulary import Arm, Carried, Route, ScoreScale

ODD = "ünï 𝄞 \x00 \t '\\\" %s {x} \n"
FULL = make.touchpoint(
    occurred_at=datetime(2026, 3, 1, 9, 0, 0, 123_456, tzinfo=UTC),
    text=ODD + "x" * 16_000,
    sentiment=-0.125,
    subjects=("order:1", "ticket:ü"),
    score=Score(scale=ScoreScale.CES, value=2.5, upper=7, low_is_good=True),
    wait_seconds=0.0,
    duration_seconds=31_622_400.0,
    attributes={"odd": ODD, "big": 2**63 - 1, "small": 1e-300, "yes": True, "none": None},
    late_seconds=12.5,
)
EACH: list[tuple[FactTable, Any]] = [
    (TOUCHPOINTS, FULL),
    (TOUCHPOINTS, make.touchpoint()),
    (SIGNALS, make.signal(evidence=ODD, channel=None, provisional=True, subjects=("order:1",))),
    (DECISIONS, make.decision(explanation=ODD, release_at=make.START + timedelta(hours=3))),
    (DECISIONS, make.decision(channel=None, message=None)),
    (
        DECISIONS,
        make.decision(
            route=Route.PERSON,
            target="queue:service",
            policy="vip",
            template="sorry",
            observed=True,
            observed_by="ramp",
            experiment=ODD,
            arm=Arm.HELD_OUT,
            priority=-3,
            linked=("s-2", "s-3"),
        ),
    ),
    (DELIVERIES, make.delivery(what=Carried.NOTICE, target="owner:logistics")),
    (DELIVERIES, make.delivery(error="refused", next_try_at=make.START + timedelta(minutes=1))),
]


def as_read(value: Any) -> Any:
    """Tuples come as lists, times as aware times in UTC, here as milliseconds."""
    if isinstance(value, datetime):
        return round(value.replace(tzinfo=UTC).timestamp() * 1_000)
    return list(value) if isinstance(value, tuple) else value


def stored(database: WarehouseSettings, facts: FactTable) -> dict[str, Any]:
    """The one row of a table."""
    result = upkeep.query(database, f"SELECT {', '.join(facts.columns)} FROM {facts.table}")  # noqa: S608 -- our names
    (values,) = result.rows
    return {name: as_read(value) for (name, _), value in zip(result.columns, values, strict=True)}


@pytest.mark.parametrize(("facts", "fact"), EACH, ids=lambda value: getattr(value, "name", ""))
def test_a_row_is_read_as_it_was_written(migrated: WarehouseSettings, facts: FactTable, fact: Any) -> None:
    asyncio.run(write(migrated, (facts.topic, [fact])))
    written = {name: as_read(values[0]) for name, values in zip(facts.columns, facts.as_columns([fact]), strict=True)}
    assert stored(migrated, facts) == written
    assert upkeep.verify(migrated) == []


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40), st.dictionaries(st.sampled_from(["a", "b.c"]), st.text(max_size=9) | st.booleans()))
def test_any_text_is_kept(tables: WarehouseSettings, text: str, attributes: dict[str, Any]) -> None:
    upkeep.query(tables, "TRUNCATE TABLE fact_touchpoints")
    asyncio.run(write(tables, (TOUCHPOINTS.topic, [make.touchpoint(text=text, attributes=attributes)])))
    found = stored(tables, TOUCHPOINTS)
    assert found["text"] == text
    assert set(found["attributes"]) <= set(attributes)
