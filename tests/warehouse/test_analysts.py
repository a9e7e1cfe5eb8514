"""Every query on the analysts' page runs as the read-only user and finds something; Python on it works as it stands."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from pydantic import SecretStr

from tests.conftest import READER
from tests.warehouse import facts as make
from tests.warehouse.test_upkeep import write
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.clickhouse import NotAllowed
from touchline.embedded import EmbeddedWarehouse
from touchline.pipeline.warehouse.tables import DECISIONS, DELIVERIES, SIGNALS, TOUCHPOINTS
from touchline.schemas.vocabulary import DeliveryStatus

PAGE = (Path(__file__).parents[2] / "docs" / "analysts.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def reader(warehouse: EmbeddedWarehouse) -> Iterator[WarehouseSettings]:
    """The read-only user on a database with two hours of facts that end now."""
    owner = WarehouseSettings(host=warehouse.host, port=warehouse.port, database="test_analysts", batch_wait=0)
    upkeep.migrate(owner)
    random, start = Random(7), datetime.now(UTC) - timedelta(hours=2)
    touchpoints = make.random_touchpoints(random, 300, start, 110)
    signals = [
        replace(change, customer=touched.customer, events=(touched.event_id,))
        for change, touched in zip(make.random_signals(random, 40, start, 110), touchpoints, strict=False)
    ]
    decisions = make.decisions_on(random, signals)
    deliveries = [
        make.delivery(n, delivery_id=f"l-{made.decision_id}", decision_id=made.decision_id, status=DeliveryStatus.SENT)
        for n, made in enumerate(decisions)
    ]
    parts = ((TOUCHPOINTS.topic, touchpoints), (SIGNALS.topic, signals), (DECISIONS.topic, decisions))
    asyncio.run(write(owner, *parts, (DELIVERIES.topic, deliveries)))
    name, password = READER
    yield owner.model_copy(update={"user": name, "password": SecretStr(password)})
    upkeep.query(owner, f"DROP DATABASE {owner.database} SYNC")


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_a_query_of_the_page_finds_something(reader: WarehouseSettings, number: int) -> None:
    result = upkeep.query(reader, QUERIES[number])
    assert len(result.rows) > 0
    assert len(result.columns) == len(result.rows[0])
    for column, (name, _) in enumerate(result.columns):
        assert any(row[column] is not None for row in result.rows), name


def test_the_page_asks_at_least_ten_questions() -> None:
    assert len(QUERIES) >= 12


def test_the_counts_on_the_page_agree(reader: WarehouseSettings) -> None:
    ((facts, counted),) = upkeep.query(reader, QUERIES[-1]).rows
    assert facts == counted == 300


def test_the_python_of_the_page_works(reader: WarehouseSettings, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    here = f'port={reader.port}, user="{reader.user}", password="{READER[1]}", database="{reader.database}"'
    exec(code.replace('port=9000, user="reader", database="touchline"', here), {})  # noqa: S102
    assert "voice" in capsys.readouterr().out


def test_every_view_is_on_the_page(reader: WarehouseSettings) -> None:
    views = upkeep.query(
        reader, "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'"
    )
    for (name,) in views.rows:
        if name.startswith(("measure_", "each_")):
            continue  # these are on the page of measures: tests/warehouse/test_measures_page.py
        base, _, unit = name.partition("_by_")
        assert f"`{name}`" in PAGE or f"`{name}(" in PAGE or (unit and f"`{base}_by_minute`" in PAGE), name


@pytest.mark.parametrize(
    "statement", ["TRUNCATE TABLE fact_touchpoints", "INSERT INTO fact_signals SELECT * FROM fact_signals"]
)
def test_the_reader_can_do_no_harm(reader: WarehouseSettings, statement: str) -> None:
    with pytest.raises(NotAllowed):
        upkeep.query(reader, statement)
