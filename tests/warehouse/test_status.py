"""What `status` tells: what is still to apply, what was altered by hand, what is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.warehouse import facts as make
from tests.warehouse.shape import found as shape_found
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.facts import ClickHouseSink
from touchline.agents.sinks.status import Mutation, Status, status
from touchline.cli import main
from touchline.pipeline.warehouse import shape
from touchline.pipeline.warehouse.sqlfiles import migrations
from touchline.pipeline.warehouse.tables import TOUCHPOINTS


async def insert(settings: WarehouseSettings, facts: Sequence[object]) -> None:
    """Touchpoints, not counted."""
    sink = ClickHouseSink(settings)
    await sink.insert(TOUCHPOINTS, TOUCHPOINTS.as_columns(facts))
    await sink.close()


def test_the_expected_shape_is_what_the_migrations_give(tables: WarehouseSettings) -> None:
    file = Path(shape.__file__).with_name(shape.FILE)
    assert file.read_bytes() == shape.written(shape_found(tables)), "run python -m tests.warehouse.shape"


def test_an_empty_database_lacks_every_migration(empty: WarehouseSettings) -> None:
    found = status(empty)
    assert found.outstanding == [migration.name for migration in migrations()]
    assert not found.is_well
    upkeep.migrate(empty, known=migrations()[:2])
    assert status(empty).outstanding == [migration.name for migration in migrations()[2:]]


def test_all_is_well_after_them(tables: WarehouseSettings) -> None:
    found = status(tables)
    assert found.is_well
    assert (found.outstanding, found.altered, found.mutations) == ([], [], [])
    assert found.version.count(".") >= 2
    assert all(0 < disk.free <= disk.total for disk in found.disks)


def test_only_a_mutation_that_failed_is_something_to_mend() -> None:
    """A command may hold whatever its author wrote."""
    going = Mutation("fact_touchpoints", "(UPDATE text = 'note: gone' WHERE event_id = 'x')", "")
    failed = Mutation("fact_touchpoints", "(DELETE WHERE throwIf(1))", "Code: 395")
    plain = Status("26.1", [], [], 0, None, [], [], [going])
    assert plain.is_well
    assert not replace(plain, mutations=[going, failed]).is_well
    assert str(failed) == "fact_touchpoints (DELETE WHERE throwIf(1)): Code: 395"


def test_a_mutation_that_the_server_works_on_is_told(migrated: WarehouseSettings) -> None:
    asyncio.run(insert(migrated, [make.touchpoint(1)]))
    broken = "ALTER TABLE fact_touchpoints DELETE WHERE throwIf(event_id != '') = 1 SETTINGS mutations_sync = 0"
    upkeep.query(migrated, broken)
    told = status(migrated).mutations
    upkeep.query(migrated, f"KILL MUTATION WHERE database = '{migrated.database}' SYNC")
    (found,) = told
    assert (found.table, "throwIf" in found.command) == ("fact_touchpoints", True)


@pytest.mark.parametrize(
    ("alteration", "says"),
    [
        ("ALTER TABLE fact_touchpoints ADD COLUMN mine UInt8", "fact_touchpoints has a column mine that is not ours"),
        (
            "ALTER TABLE fact_touchpoints MODIFY COLUMN sentiment Nullable(Float32)",
            "fact_touchpoints.sentiment is Nullable(Float32), not Nullable(Float64)",
        ),
        ("ALTER TABLE fact_signals DROP COLUMN evidence", "fact_signals has no column evidence (String)"),
        ("DROP VIEW signals", "signals is missing"),
        (
            "DROP VIEW signals; CREATE TABLE signals (x Int8) ENGINE = MergeTree ORDER BY x",
            "signals is a MergeTree, not a View",
        ),
        ("CREATE TABLE my_own (x Int8) ENGINE = Memory", ""),
    ],
)
def test_a_table_that_was_altered_by_hand_is_told(empty: WarehouseSettings, alteration: str, says: str) -> None:
    upkeep.migrate(empty)
    for text in alteration.split("; "):
        upkeep.query(empty, text)
    altered = status(empty).altered
    if says:
        assert any(line.startswith(says) for line in altered), altered
    else:
        assert altered == []


def test_sizes_and_what_waits_to_be_counted(migrated: WarehouseSettings) -> None:
    asyncio.run(insert(migrated, [make.touchpoint(n) for n in range(5)]))
    found = status(migrated)
    assert found.stale == 1
    assert found.newest is not None
    assert found.newest.replace(tzinfo=None) == make.START.replace(tzinfo=None)
    assert {size.table: size.rows for size in found.tables}["fact_touchpoints"] == 5
    upkeep.refresh(migrated)
    assert upkeep.verify(migrated) == []
    assert status(migrated).stale == 0


def test_the_command_says_what_to_do(empty: WarehouseSettings, tmp_path: Path) -> None:
    path = tmp_path / "touchline.yaml"
    path.write_text(f"warehouse: {{port: {empty.port}, database: {empty.database}}}\n", encoding="utf-8")

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["--settings", str(path), "warehouse", *arguments])
        return result.exit_code, result.output

    code, output = run("status")
    assert code == 1
    assert f"{len(migrations())} migrations are to be applied: `touchline warehouse migrate`" in output
    upkeep.migrate(empty)
    code, output = run("status")
    assert code == 0, output
    assert "newest touchpoint: none" in output
    upkeep.query(empty, "ALTER TABLE fact_signals DROP COLUMN evidence")
    code, output = run("status", "--json")
    assert code == 1
    assert '"altered":["fact_signals has no column evidence (String)"]' in output
    assert "1 things are not as the migrations left them" in output
