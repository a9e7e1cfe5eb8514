"""Two who migrate at once: one does it, the other waits; and a dead one does not stop others for ever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import lock, upkeep
from touchline.agents.sinks.lock import Locked, only_one
from touchline.pipeline.warehouse.sqlfiles import Migration, migrations

SLOW = Migration(1, "0001_slow.sql", "a" * 64, ("CREATE TABLE slow (x Int32) ENGINE = MergeTree ORDER BY x",))
"""Its statement fails when it is run twice, as a migration's must not: so a second one that ran it would show."""


def locked(settings: WarehouseSettings) -> bool:
    return bool(upkeep.query(settings, "EXISTS TABLE migration_lock").rows[0][0])


def test_of_many_at_once_one_applies_each_migration(empty: WarehouseSettings) -> None:
    start = threading.Barrier(4)

    def one(_: int) -> list[str]:
        start.wait()
        return upkeep.migrate(empty, known=[SLOW])

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(one, range(4)))
    assert sorted(done) == [[], [], [], [SLOW.name]]
    assert not locked(empty)


def test_one_that_waits_too_long_says_for_whom(empty: WarehouseSettings) -> None:
    with upkeep.connected(empty) as connection, only_one(connection, wait=0):
        with pytest.raises(Locked, match=r"another one migrates this warehouse: .*, process \d+, at .* UTC"):
            upkeep.migrate(empty, known=[SLOW], wait=0.5)
        assert upkeep.query(empty, "SELECT count() FROM schema_migrations").rows == [(0,)]
    assert upkeep.migrate(empty, known=[SLOW], wait=0.5) == [SLOW.name]


def test_what_is_up_to_date_needs_no_lock(tables: WarehouseSettings) -> None:
    with upkeep.connected(tables) as connection, only_one(connection, wait=0):
        assert upkeep.migrate(tables, known=migrations(), wait=0) == []


def test_the_lock_of_a_dead_one_is_taken_over(empty: WarehouseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    upkeep.query(empty, "CREATE TABLE migration_lock (nothing UInt8) ENGINE = Memory COMMENT 'somebody who died'")
    with pytest.raises(Locked, match="somebody who died"):
        upkeep.migrate(empty, known=[SLOW], wait=0)
    monkeypatch.setattr(lock, "STALE", timedelta(seconds=-1))
    assert upkeep.migrate(empty, known=[SLOW], wait=0) == [SLOW.name]
    assert upkeep.query(empty, "SHOW TABLES LIKE 'migration_lock%'").rows == []


def test_a_failure_lets_go_of_it(empty: WarehouseSettings) -> None:
    with pytest.raises(upkeep.BadMigration):
        upkeep.migrate(empty, known=[Migration(1, "0001_bad.sql", "b" * 64, ("CREATE TABLE bad (x NoSuchType)",))])
    assert not locked(empty)


def test_signs_of_life_keep_it(empty: WarehouseSettings) -> None:
    with upkeep.connected(empty) as connection, only_one(connection, wait=0) as alive:
        before = upkeep.query(empty, "SELECT comment FROM system.tables WHERE name = 'migration_lock'").rows
        alive()
        after = upkeep.query(empty, "SELECT comment FROM system.tables WHERE name = 'migration_lock'").rows
    assert before
    assert after[0][0].split(" at ")[0] == before[0][0].split(" at ")[0]
