"""What is read from the warehouse is what was written, on the real wire, whatever stands in it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.request import urlopen

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.warehouse import facts as make
from tests.warehouse.test_upkeep import write
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.facts import ClickHouseSink
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


F = TypeVar("F")


def unchecked(fact: F, **values: Any) -> F:
    """A fact with values that its contract refuses: what an older or newer release may have let through."""
    made = copy(fact)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def insert(settings: WarehouseSettings, *parts: tuple[FactTable, list[Any]]) -> None:
    """Facts as the sink writes them, and all counted."""

    async def run() -> None:
        sink = ClickHouseSink(settings)
        for facts, rows in parts:
            await sink.insert(facts, facts.as_columns(rows))
        await sink.close()

    asyncio.run(run())
    upkeep.rebuild(settings)


def test_words_that_nobody_knows_are_kept_as_they_are(migrated: WarehouseSettings) -> None:
    """No column is an enumeration: what a newer release or a rule of one's own calls it goes in, and is counted."""
    names = [f"{word}.{number}" for number in range(3_000) for word in ("knit", ODD)]
    touched = [
        unchecked(make.touchpoint(n), kind=name, source=name, channel=name, stage=name, party=name, actor=name)
        for n, name in enumerate(names)
    ]
    words = {"rule": ODD, "severity": ODD, "owner": ODD, "control": ODD}
    signal = unchecked(make.signal(), status=ODD, polarity=ODD, stage=ODD, party=ODD, channel=ODD, **words)
    decision = unchecked(
        make.decision(), outcome=ODD, reason=ODD, purpose=ODD, channel=ODD, route=ODD, arm=ODD, **words
    )
    insert(migrated, (TOUCHPOINTS, touched), (SIGNALS, [signal]), (DECISIONS, [decision]))
    found = upkeep.query(migrated, "SELECT kind, channel, actor FROM touchpoints").rows
    assert Counter(map(tuple, found)) == Counter((name, name, name) for name in names)
    counted = upkeep.query(migrated, "SELECT kind, touchpoints FROM touchpoints_by_minute WHERE party = kind").rows
    assert Counter(map(tuple, counted)) == Counter((name, 1) for name in names)
    assert upkeep.query(migrated, "SELECT rule, status, severity FROM signals_by_minute").rows == [(ODD, ODD, ODD)]
    assert upkeep.query(migrated, "SELECT outcome, reason, arm FROM decisions_by_minute").rows == [(ODD, ODD, ODD)]
    assert upkeep.verify(migrated) == []


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (datetime.min.replace(tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
        (datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
        (datetime(1970, 1, 1, 0, 0, 0, 1_000, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 0, 1_000, tzinfo=UTC)),
        (
            datetime(2105, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
            datetime(2105, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        ),
        (datetime(2106, 2, 8, tzinfo=UTC), None),
        (datetime.max.replace(tzinfo=UTC), None),
    ],
    ids=lambda value: str(value)[:10],
)
def test_extreme_times_are_kept_as_the_nearest_that_fits(
    migrated: WarehouseSettings, told: datetime, kept: datetime | None
) -> None:
    """`kept` None: the end of what fits."""
    insert(migrated, (TOUCHPOINTS, [unchecked(make.touchpoint(), occurred_at=told)]))
    asked = "SELECT toUnixTimestamp64Milli(occurred_at), minute = toStartOfMinute(occurred_at) FROM touchpoints"
    ((at, in_its_minute),) = upkeep.query(migrated, asked).rows
    assert in_its_minute
    if kept is not None:
        assert at == round(kept.timestamp() * 1_000)
    else:
        assert datetime(2105, 12, 31, tzinfo=UTC).timestamp() * 1_000 < at < 2**32 * 1_000
    assert upkeep.query(migrated, "SELECT sum(touchpoints) FROM touchpoints_by_day").rows == [(1,)]
    assert upkeep.verify(migrated) == []


def test_strings_of_a_megabyte_go_in_and_come_out(migrated: WarehouseSettings) -> None:
    """On both protocols, whatever limits stand before the warehouse."""
    long = (ODD * 60_000)[: 1 << 20]
    touched = [unchecked(make.touchpoint(n), text=f"{n}{long}", attributes={"note": long}) for n in range(3)]
    signal = unchecked(make.signal(), evidence=long, values={"note": long})
    insert(migrated, (TOUCHPOINTS, touched), (SIGNALS, [signal]))
    found = upkeep.query(migrated, "SELECT text, attributes['note'] FROM touchpoints ORDER BY event_id").rows
    assert found == [(f"{n}{long}", long) for n in range(3)]
    assert upkeep.query(migrated, "SELECT evidence, values['note'] FROM signals").rows == [(long, long)]
    url = f"http://{migrated.host}:{migrated.http_port}/?database={migrated.database}"
    with urlopen(
        url, b"SELECT text FROM touchpoints ORDER BY event_id FORMAT JSONCompactColumns", timeout=60
    ) as answer:
        assert json.load(answer) == [[f"{n}{long}" for n in range(3)]]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40), st.dictionaries(st.sampled_from(["a", "b.c"]), st.text(max_size=9) | st.booleans()))
def test_any_text_is_kept(tables: WarehouseSettings, text: str, attributes: dict[str, Any]) -> None:
    upkeep.query(tables, "TRUNCATE TABLE fact_touchpoints")
    asyncio.run(write(tables, (TOUCHPOINTS.topic, [make.touchpoint(text=text, attributes=attributes)])))
    found = stored(tables, TOUCHPOINTS)
    assert found["text"] == text
    assert set(found["attributes"]) <= set(attributes)
