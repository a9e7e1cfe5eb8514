"""Every query on the analysts' page runs as the read-only user and finds something; Python on it works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import READER
from tests.warehouse.shop import UNTIL
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.clickhouse import NotAllowed

PAGE = (Path(__file__).parents[2] / "docs" / "analysts.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


def on_the_last_day(query: str) -> str:
    """The query as it would be asked when the shop's last day is over."""
    now = f"toDateTime('{UNTIL:%Y-%m-%d %H:%M:%S}', 'UTC')"
    return query.replace("now()", now).replace("today()", f"toDate({now})")


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_a_query_of_the_page_finds_something(shop_reader: WarehouseSettings, number: int) -> None:
    result = upkeep.query(shop_reader, on_the_last_day(QUERIES[number]))
    assert len(result.rows) > 0
    assert len(result.columns) == len(result.rows[0])
    for column, (name, _) in enumerate(result.columns):
        assert any(row[column] is not None for row in result.rows), name


def test_the_page_asks_twenty_five_questions_each_with_its_query() -> None:
    asked = re.findall(
        r"^\*\*(\d+)\. [^*]+\?\*\*[^`]*?\n```sql\n(.*?)```", PAGE.replace("`c-", "c-"), re.DOTALL | re.MULTILINE
    )
    assert [int(number) for number, _ in asked] == list(range(1, 26))
    assert {query for _, query in asked} < set(QUERIES)


def test_the_counts_on_the_page_agree(shop_reader: WarehouseSettings) -> None:
    ((facts, counted),) = upkeep.query(shop_reader, QUERIES[-1]).rows
    assert facts == counted > 5_000


def test_the_python_of_the_page_works(shop_reader: WarehouseSettings, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    here = (
        f'port={shop_reader.port}, user="{shop_reader.user}", password="{READER[1]}", database="{shop_reader.database}"'
    )
    exec(code.replace('port=9000, user="reader", database="touchline"', here), {})  # noqa: S102
    assert "voice" in capsys.readouterr().out


def test_every_view_is_on_the_page(shop_reader: WarehouseSettings) -> None:
    views = upkeep.query(
        shop_reader, "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'"
    )
    for (name,) in views.rows:
        base, _, unit = name.partition("_by_")
        assert f"`{name}`" in PAGE or f"`{name}(" in PAGE or (unit and f"`{base}_by_minute`" in PAGE), name


@pytest.mark.parametrize(
    "statement", ["TRUNCATE TABLE fact_touchpoints", "INSERT INTO fact_signals SELECT * FROM fact_signals"]
)
def test_the_reader_can_do_no_harm(shop_reader: WarehouseSettings, statement: str) -> None:
    with pytest.raises(NotAllowed):
        upkeep.query(shop_reader, statement)
