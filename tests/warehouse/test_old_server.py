"""The sink's own code against a ClickHouse server that is none of ours: the wire, and a server that dies in mid-insert.

Run in CI, where the Debian package `clickhouse-server` is installed; skipped visibly elsewhere.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from clickhouse_driver import Client
from pydantic import SecretStr

from tests.warehouse import facts as make
from tests.warehouse import servers
from tests.warehouse.oldserver import COMMAND, OldServer, old_server
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import facts as sinks
from touchline.agents.sinks.clickhouse import BadQuery, Connection, NotAllowed, Unreachable, WrongSchema
from touchline.agents.sinks.facts import ClickHouseSink
from touchline.pipeline.engine.processor import Retry
from touchline.pipeline.warehouse.rows import Values
from touchline.pipeline.warehouse.tables import DELIVERIES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(COMMAND is None, reason="needs Debian's clickhouse-server"),
]

TABLE = """CREATE TABLE fact_deliveries (
    delivery_id String, revision UInt32, decision_id String, signal_id String, rule String, customer String,
    channel String, adapter String, status String, attempts UInt32, at DateTime, error String,
    next_try_at Nullable(DateTime)
) ENGINE = ReplacingMergeTree(revision) ORDER BY delivery_id"""
COLUMNS = (
    "delivery_id, revision, decision_id, signal_id, rule, customer, channel, adapter, status, attempts, at, error, "
    "next_try_at"
)
PLAIN = [name.strip() for name in COLUMNS.split(",")]
INSERT = f"INSERT INTO fact_deliveries ({COLUMNS}) VALUES"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OldServer]:
    with old_server(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server


@pytest.fixture
def server(running: OldServer, monkeypatch: pytest.MonkeyPatch) -> OldServer:
    """With an empty plain table in the place of ours, and settings of the session that it knows."""
    monkeypatch.setattr("touchline.agents.sinks.clickhouse._SETTINGS", {})
    monkeypatch.setattr(sinks, "statement", lambda name: INSERT)
    client = Client("127.0.0.1", port=running.port)
    client.execute("DROP TABLE IF EXISTS fact_deliveries")
    client.execute(TABLE)
    client.disconnect()
    return running


def settings_of(port: int, **more: Any) -> WarehouseSettings:
    return WarehouseSettings(port=port, database="default", **{"batch_wait": 0, "timeout": 5_000, **more})


def rows(first: int, count: int) -> Sequence[Values]:
    """Deliveries as columns of the plain table, whose times are seconds."""
    facts = [make.delivery(n, at=make.START + timedelta(seconds=n)) for n in range(first, first + count)]
    columns = dict(zip(DELIVERIES.columns, DELIVERIES.as_columns(facts), strict=True))
    columns["at"] = [ms // 1_000 for ms in columns["at"]]
    return [columns[name] for name in PLAIN]


async def stored(sink: ClickHouseSink, columns: Sequence[Values]) -> int:
    """Inserts until it is in, as the agent does. Returns how many tries it took."""
    for tries in range(1, 100):
        try:
            await sink.insert(DELIVERIES, columns)
        except Retry:
            await asyncio.sleep(0.1)
        else:
            return tries
    raise AssertionError("it never went in")


def count(port: int) -> int:
    client = Client("127.0.0.1", port=port)
    try:
        return int(client.execute("SELECT count() FROM fact_deliveries FINAL")[0][0])
    finally:
        client.disconnect()


def test_rows_go_in_and_come_out_as_they_were(server: OldServer) -> None:
    async def write() -> None:
        sink = ClickHouseSink(settings_of(server.port))
        await sink.insert(DELIVERIES, rows(0, 3_000))
        await sink.close()

    asyncio.run(write())
    connection = Connection(settings_of(server.port))
    found = connection.query(
        "SELECT delivery_id, status, at, error, next_try_at FROM fact_deliveries WHERE revision = 1"
    )
    assert {name for name, _ in found.columns} == {"delivery_id", "status", "at", "error", "next_try_at"}
    assert min(tuple(row) for row in found.rows)[:2] == ("l-0", "attempted")
    assert len(found.rows) == 3_000
    connection.close()


def test_errors_say_what_to_do(server: OldServer) -> None:
    connection = Connection(settings_of(server.port))
    with pytest.raises(WrongSchema, match="touchline warehouse migrate"):
        connection.query("SELECT * FROM nowhere")
    with pytest.raises(BadQuery):
        connection.query("SELEKT 1")
    assert connection.query("SELECT 1").rows == [(1,)]  # the connection is whole after an error
    connection.close()
    wrong = Connection(settings_of(server.port, user="reader", password=SecretStr("guessed")))
    with pytest.raises(NotAllowed) as raised:
        wrong.query("SELECT 1")
    assert "guessed" not in str(raised.value)
    reader = Connection(settings_of(server.port, user="reader", password=SecretStr("look")))
    with pytest.raises(NotAllowed):
        reader.query("DROP TABLE fact_deliveries")
    reader.close()


def test_large_results_and_a_query_that_is_cancelled(server: OldServer) -> None:
    client = Client("127.0.0.1", port=server.port)
    numbers = client.execute_iter("SELECT number, toString(number) FROM numbers(300000)", {"max_block_size": 10_000})
    assert sum(1 for _ in numbers) == 300_000
    client.execute_with_progress("SELECT count() FROM numbers(100000000000)")
    client.cancel()
    client.disconnect()
    assert client.execute("SELECT 2") == [(2,)]
    client.disconnect()


@pytest.mark.parametrize("after", [300, 20_000, 200_000])
def test_an_insert_that_is_cut_is_made_again_and_counts_once(server: OldServer, after: int) -> None:
    async def write(port: int) -> int:
        sink = ClickHouseSink(settings_of(port))
        tries = await stored(sink, rows(0, 4_000))
        await sink.close()
        return tries

    with servers.serving(servers.cutting(server.port, after)) as port:
        assert asyncio.run(write(port)) == 2
    assert count(server.port) == 4_000


def test_a_server_that_stands_still_is_waited_for(server: OldServer) -> None:
    async def write() -> None:
        sink = ClickHouseSink(settings_of(server.port, timeout=500))
        await sink.insert(DELIVERIES, rows(0, 10))
        server.pause()
        try:
            with pytest.raises(Unreachable, match="in time"):
                await sink.insert(DELIVERIES, rows(10, 10))
        finally:
            server.go_on()
        await stored(sink, rows(10, 10))
        await sink.close()

    asyncio.run(write())
    assert count(server.port) == 20


def test_a_server_that_is_killed_in_mid_insert_loses_nothing_that_was_acknowledged(
    server: OldServer, tmp_path: Path
) -> None:
    """Ten kills at random points while rows go in; what was acknowledged is there, each once."""
    random, batch, batches = Random(7), 2_000, 40
    done = threading.Event()

    def kill() -> None:
        for _ in range(10):
            time.sleep(random.uniform(0.01, 0.25))
            if done.is_set():
                return
            server.kill()
            server.start()

    async def write() -> list[int]:
        sink = ClickHouseSink(settings_of(server.port))
        tries = [await stored(sink, rows(number * batch, batch)) for number in range(batches)]
        await sink.close()
        return tries

    killer = threading.Thread(target=kill)
    killer.start()
    tries = asyncio.run(write())
    done.set()
    killer.join()
    assert max(tries) > 1, "no kill hit an insert"
    assert count(server.port) == batch * batches
