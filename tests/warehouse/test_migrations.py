"""Migrations: numbered, forward only, re-runnable, and what they make is what the rows need."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import replace

import pytest

from tests.warehouse import facts as make
from tests.warehouse.test_upkeep import write
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.pipeline.warehouse.sqlfiles import Migration, migrations, split, statement
from touchline.pipeline.warehouse.tables import DECISIONS, FACTS, FactTable
from touchline.schemas.vocabulary import Arm

RELEASED = 5
"""The newest migration that is in a release."""

MAKES = re.compile(r"CREATE (OR REPLACE |MATERIALIZED )?(VIEW|TABLE) (IF NOT EXISTS )?(?P<name>\w+)")
COLUMNS = "SELECT name, default_kind FROM system.columns WHERE database = currentDatabase() AND table = '{}'"


def names(settings: WarehouseSettings, table: str, *, given: bool = False) -> list[str]:
    """The columns of a table; `given`: only those that have no value of their own."""
    rows = upkeep.query(settings, COLUMNS.format(table)).rows
    return [name for name, default in rows if not (given and default)]


def test_numbers_rise_and_none_comes_twice() -> None:
    numbers = [migration.number for migration in migrations()]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 1


def test_what_was_never_released_is_made_once() -> None:
    """Until a release has it, a table or view is changed where it is made, so that nobody reads two versions of it."""
    unreleased = [text for migration in migrations() if migration.number > RELEASED for text in migration.statements]
    made = Counter(found["name"] for text in unreleased if (found := MAKES.match(text)))
    assert [name for name, times in made.items() if times > 1] == []
    assert made


def test_an_empty_database_gets_all_of_them_and_a_second_run_none(empty: WarehouseSettings) -> None:
    assert upkeep.migrate(empty) == [migration.name for migration in migrations()]
    assert upkeep.migrate(empty) == []


def test_the_database_is_made_where_it_is_missing(empty: WarehouseSettings) -> None:
    new = empty.model_copy(update={"database": f"{empty.database}_new"})
    assert upkeep.migrate(new)
    assert upkeep.query(new, "SELECT count() FROM touchpoints").rows == [(0,)]
    upkeep.query(empty, f"DROP DATABASE {new.database} SYNC")


def test_a_database_name_that_is_no_name_is_refused(empty: WarehouseSettings) -> None:
    with pytest.raises(upkeep.BadMigration, match=r"letters, digits and _ \(warehouse.database\)"):
        upkeep.migrate(empty.model_copy(update={"database": "a; DROP TABLE b"}))


def test_rows_from_before_experiments_are_kept_and_counted(empty: WarehouseSettings) -> None:
    upkeep.migrate(empty, known=migrations()[:5])
    for number in (1, 2):
        upkeep.query(
            empty,
            f"""INSERT INTO fact_decisions (decision_id, signal_id, customer, outcome, reason, signal_at, at)
            VALUES ('d-{number}', 's-{number}', 'c-1', 'sent', 'sent', '2026-03-01 09:00:00', '2026-03-01 09:00:05')""",  # noqa: S608
        )
    upkeep.query(
        empty,
        """INSERT INTO minute_decisions (minute, outcome, reason, version, decisions, customers, delay_ms)
        SELECT minute, outcome, reason, 1, count(), uniqState(customer), 10000 FROM fact_decisions
        GROUP BY minute, outcome, reason""",
    )
    assert upkeep.migrate(empty) == [migration.name for migration in migrations()[5:]]
    assert upkeep.verify(empty) == []
    assert upkeep.query(empty, "SELECT decisions, customers, route, arm FROM decisions_by_day").rows == [(2, 1, "", "")]
    asyncio.run(write(empty, (DECISIONS.topic, [make.decision(3, experiment="spring", arm=Arm.TREATED)])))
    assert upkeep.verify(empty) == []
    upkeep.rebuild(empty)
    assert upkeep.verify(empty) == []
    asked = "SELECT experiment, arm, sum(decisions) FROM decisions_by_minute GROUP BY experiment, arm ORDER BY arm"
    assert upkeep.query(empty, asked).rows == [("", "", 2), ("spring", "treated", 1)]


def test_every_statement_can_be_run_again(tables: WarehouseSettings) -> None:
    with upkeep.connected(tables) as connection:
        for migration in migrations():
            for text in migration.statements:
                connection.query(text)


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts.name)
def test_tables_have_the_columns_that_the_rows_write(tables: WarehouseSettings, facts: FactTable) -> None:
    assert names(tables, facts.table, given=True) == list(facts.columns)
    listed = re.search(r"\((.*)\) VALUES", statement(f"insert_{facts.name}"), re.DOTALL)
    assert listed is not None
    assert [name.strip() for name in listed[1].split(",")] == list(facts.columns)


def test_every_table_and_column_is_commented(tables: WarehouseSettings) -> None:
    bare = "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND comment = ''"
    assert upkeep.query(tables, bare).rows == []
    bare = "SELECT name FROM system.tables WHERE database = currentDatabase() AND comment = ''"
    assert upkeep.query(tables, bare).rows == []


def test_no_table_has_a_column_for_addresses_or_messages(tables: WarehouseSettings) -> None:
    rows = upkeep.query(tables, "SELECT name FROM system.columns WHERE database = currentDatabase()").rows
    assert not {name for (name,) in rows} & {"identifiers", "message", "address", "addresses", "to", "email", "phone"}


def test_views_for_people_hold_no_states_that_clients_can_not_read(tables: WarehouseSettings) -> None:
    rows = upkeep.query(
        tables,
        """SELECT DISTINCT table FROM system.columns
        WHERE database = currentDatabase() AND type LIKE '%AggregateFunction%'""",
    ).rows
    assert {name for (name,) in rows if not name.startswith(("minute_", "hour_", "day_"))} == {
        f"{what}_states{unit}" for what in ("touchpoint", "signal", "decision") for unit in ("", "_by_hour", "_by_day")
    } | {"customer_states_by_day"}


def test_a_changed_migration_is_an_error_that_says_so(tables: WarehouseSettings) -> None:
    first, *others = migrations()
    with pytest.raises(upkeep.BadMigration, match=f"{first.name} was changed after it was applied .*new migration"):
        upkeep.migrate(tables, known=[replace(first, checksum="0" * 64), *others])


def test_a_newer_warehouse_is_an_error_that_says_so(tables: WarehouseSettings) -> None:
    newest = migrations()[-1].name
    with pytest.raises(upkeep.BadMigration, match=f"{newest}, which this release does not know"):
        upkeep.migrate(tables, known=migrations()[:-1])


def test_a_migration_that_failed_half_way_is_run_again(empty: WarehouseSettings) -> None:
    good = "CREATE TABLE IF NOT EXISTS half (x Int32) ENGINE = MergeTree ORDER BY x"
    broken = Migration(1, "0001_half.sql", "a" * 64, (good, "ALTER TABLE half ADD COLUMN IF NOT EXISTS y NoSuchType"))
    with pytest.raises(upkeep.BadMigration, match=r"0001_half.sql, statement 2 of 2: .*not recorded as applied"):
        upkeep.migrate(empty, known=[broken])
    mended = replace(broken, statements=(good, "ALTER TABLE half ADD COLUMN IF NOT EXISTS y Int32"), checksum="b" * 64)
    assert upkeep.migrate(empty, known=[mended]) == ["0001_half.sql"]
    assert names(empty, "half") == ["x", "y"]


def test_a_file_is_split_at_the_semicolons_that_end_lines() -> None:
    text = "-- first; this is no end\nCREATE x 'a;b';\n\n-- second\nSELECT 1\n  , 2 ;\n-- nothing follows\n"
    assert split(text) == ("CREATE x 'a;b'", "SELECT 1\n  , 2")
