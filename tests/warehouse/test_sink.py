"""The sink: every error of the lower library is one of ours, and retries, time-outs and cuts change no figure."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta

import pytest
from pydantic import SecretStr

from tests.warehouse import facts as make
from tests.warehouse import servers
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.clickhouse import BadQuery, Connection, NotAllowed, NotNow, Unreachable, WrongSchema
from touchline.agents.sinks.facts import ClickHouseSink
from touchline.pipeline.engine.processor import Fatal, Problem, Retry
from touchline.pipeline.warehouse.periods import PERIODS
from touchline.pipeline.warehouse.tables import TOUCHPOINTS

SOME = [make.touchpoint(n, occurred_at=make.START + timedelta(seconds=n)) for n in range(3_000)]


def ask(port: int, *, timeout: int = 5_000) -> Problem:
    """What a question to a port raises."""
    connection = Connection(WarehouseSettings(port=port, timeout=timeout))
    try:
        with pytest.raises(Problem) as raised:
            connection.query("SELECT 1")
        assert f"127.0.0.1:{port}" in str(raised.value)
        return raised.value
    finally:
        connection.close()


def test_a_server_that_is_not_there_is_retried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = ask(port)
    assert isinstance(error, Unreachable)
    assert "can't be reached" in str(error)


@pytest.mark.parametrize(
    ("talk", "says"),
    [
        (servers.hang_up, "was cut"),
        (servers.say_nothing, "did not answer in time"),
        (servers.talk_nonsense, "sent what can't be read"),
    ],
)
def test_a_server_that_misbehaves_is_retried(talk: servers.Talk, says: str) -> None:
    with servers.serving(talk) as port:
        error = ask(port, timeout=300)
    assert isinstance(error, Unreachable)
    assert says in str(error)


@pytest.mark.parametrize(
    ("code", "kind", "base"),
    [
        (60, WrongSchema, Fatal),  # unknown table
        (81, WrongSchema, Fatal),  # unknown database
        (16, WrongSchema, Fatal),  # no such column
        (516, NotAllowed, Fatal),  # authentication failed
        (497, NotAllowed, Fatal),  # access denied
        (164, NotAllowed, Fatal),  # a read-only user
        (62, BadQuery, Fatal),  # syntax
        (242, NotNow, Retry),  # table is read-only
        (243, NotNow, Retry),  # disk full
        (241, NotNow, Retry),  # out of memory
        (252, NotNow, Retry),  # too many parts
        (202, NotNow, Retry),  # too many queries
        (999, NotNow, Retry),  # keeper
        (1002, NotNow, Retry),  # unknown
        (424_242, NotNow, Retry),  # of a later release
    ],
)
def test_errors_of_the_server_say_what_to_do(code: int, kind: type[Problem], base: type[Problem]) -> None:
    with servers.serving(servers.failing_with(code, "No way. Stack trace:\n0. ./a.cpp")) as port:
        error = ask(port)
    assert type(error) is kind
    assert isinstance(error, base)
    assert "No way" in str(error)
    assert "Stack trace" not in str(error)


def test_a_missing_table_is_fatal_and_names_the_command(empty: WarehouseSettings) -> None:
    async def write() -> None:
        sink = ClickHouseSink(empty)
        try:
            await sink.insert(TOUCHPOINTS, TOUCHPOINTS.as_columns(SOME[:1]))
        finally:
            await sink.close()

    with pytest.raises(WrongSchema, match="`touchline warehouse migrate`"):
        asyncio.run(write())


def test_a_wrong_password_is_fatal_and_is_not_told(tables: WarehouseSettings) -> None:
    wrong = WarehouseSettings(host=tables.host, port=tables.port, user="reader", password=SecretStr("no-such-secret"))
    with pytest.raises(NotAllowed, match=r"warehouse.user and warehouse.password") as raised:
        upkeep.query(wrong, "SELECT 1")
    assert "no-such-secret" not in str(raised.value)


async def count(sink: ClickHouseSink, times: list[int]) -> None:
    """Counts the periods of some times (in seconds)."""
    for period in PERIODS:
        await sink.recount(TOUCHPOINTS, period, sorted(period.starts_of(times)))


@pytest.mark.parametrize("after", [500, 20_000, 150_000])
def test_an_insert_that_is_cut_is_made_again_and_counts_once(migrated: WarehouseSettings, after: int) -> None:
    async def write(settings: WarehouseSettings) -> int:
        sink, tries = ClickHouseSink(settings), 0
        columns = TOUCHPOINTS.as_columns(SOME)
        while True:
            tries += 1
            try:
                await sink.insert(TOUCHPOINTS, columns)
                await count(sink, [ms // 1_000 for ms in columns[0]])
            except Retry:
                continue
            await sink.close()
            return tries

    with servers.serving(servers.cutting(migrated.port, after)) as port:
        assert asyncio.run(write(migrated.model_copy(update={"port": port}))) == 2
    assert upkeep.query(migrated, "SELECT count() FROM touchpoints").rows == [(len(SOME),)]
    assert upkeep.query(migrated, "SELECT sum(touchpoints) FROM touchpoints_by_hour").rows == [(len(SOME),)]


def test_a_replay_adds_nothing(migrated: WarehouseSettings) -> None:
    async def write() -> None:
        sink = ClickHouseSink(migrated)
        for _ in range(3):
            await sink.insert(TOUCHPOINTS, TOUCHPOINTS.as_columns(SOME))
        await sink.close()

    asyncio.run(write())
    assert upkeep.query(migrated, "SELECT count() FROM touchpoints").rows == [(len(SOME),)]


def test_inserts_of_several_shards_go_in_together(migrated: WarehouseSettings) -> None:
    async def write() -> None:
        sink = ClickHouseSink(migrated.model_copy(update={"batch_wait": 200}))
        await sink.insert(TOUCHPOINTS, TOUCHPOINTS.as_columns(SOME[:1]))
        await asyncio.gather(*(sink.insert(TOUCHPOINTS, TOUCHPOINTS.as_columns([fact])) for fact in SOME[1:9]))
        await sink.close()

    asyncio.run(write())
    stored = "SELECT count(), uniqExact(_part) FROM fact_touchpoints"
    assert upkeep.query(migrated, stored).rows[0][0] == 9
    assert upkeep.query(migrated, stored).rows[0][1] <= 2


def test_a_cancelled_caller_leaves_the_connection_whole(migrated: WarehouseSettings) -> None:
    async def write() -> None:
        sink = ClickHouseSink(migrated)
        task = asyncio.create_task(sink.insert(TOUCHPOINTS, TOUCHPOINTS.as_columns(SOME)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await sink.insert(TOUCHPOINTS, TOUCHPOINTS.as_columns(SOME[:5]))
        await sink.close()

    asyncio.run(write())
    assert upkeep.query(migrated, "SELECT count() FROM touchpoints").rows == [(len(SOME),)]
