"""docs/measures.md says what the views say, and its queries run as the read-only user."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from tests.conftest import READER
from tests.docs.pages import Block, blocks
from tests.warehouse.lives import lives
from tests.warehouse.measures_page import BEGIN, PAGE, written
from tests.warehouse.runs import store
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.measures import figures
from touchline.embedded import EmbeddedWarehouse


@pytest.fixture(scope="module")
def reader(warehouse: EmbeddedWarehouse) -> Iterator[WarehouseSettings]:
    """The read-only user on a database with random lives."""
    owner = WarehouseSettings(host=warehouse.host, port=warehouse.port, database="test_measures_page", batch_wait=0)
    upkeep.migrate(owner)
    store(lives(3, 400), owner)
    name, password = READER
    yield owner.model_copy(update={"user": name, "password": SecretStr(password)})
    upkeep.query(owner, f"DROP DATABASE {owner.database} SYNC")


def test_the_page_says_what_the_views_say(tables: WarehouseSettings) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text[text.index(BEGIN) :] == written(tables), "python -m tests.warehouse.measures_page writes it anew"


@pytest.mark.parametrize("block", blocks(PAGE, "sql"), ids=str)
def test_a_query_of_the_page_finds_something(reader: WarehouseSettings, block: Block) -> None:
    result = upkeep.query(reader, block.text)
    assert len(result.rows) > 0


def test_each_view_of_the_page_is_there_and_all_are_on_it(tables: WarehouseSettings) -> None:
    made = upkeep.query(
        tables,
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND match(name, '^(measure|each)_')",
    )
    text = PAGE.read_text(encoding="utf-8")
    assert len(made.rows) >= 41
    assert [name for (name,) in made.rows if f"`{name}`" not in text] == []


def test_the_catalogue_is_complete(tables: WarehouseSettings) -> None:
    rows = upkeep.query(tables, "SELECT * FROM measures")
    assert len(rows.rows) >= 30
    for row in rows.rows:
        told = dict(zip((name for name, _ in rows.columns), row, strict=True))
        assert told.pop("better") in {"up", "down", "neither"}
        may_be_empty = {"low", "high", "arms", "by"}
        assert [name for name, text in told.items() if not text and name not in may_be_empty] == [], told["measure"]


def test_views_give_the_types_that_they_declare(tables: WarehouseSettings) -> None:
    declared = upkeep.query(
        tables,
        """SELECT table, groupArray((name, type)) FROM (SELECT * FROM system.columns ORDER BY table, position)
        WHERE database = currentDatabase() AND match(table, '^(measure|each)_') GROUP BY table""",
    )
    for view, columns in declared.rows:
        assert upkeep.query(tables, f"SELECT * FROM {view}").columns == tuple(columns), view  # noqa: S608 -- our names


def test_every_measure_has_a_value_where_there_is_everything(reader: WarehouseSettings) -> None:
    found = figures(reader)
    assert {one.measure.measure for one in found if one.value is None} == set()
    for one in found:
        assert one.cases > 0
        if one.low is not None and one.high is not None and one.value is not None:
            assert one.low - 1e-9 <= one.value <= one.high + 1e-9


def test_an_empty_warehouse_has_no_figure_and_no_error(migrated: WarehouseSettings) -> None:
    assert {one.value for one in figures(migrated)} == {None}
