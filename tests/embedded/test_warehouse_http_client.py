"""The warehouse as ClickHouse's own HTTP clients use it, with aiohttp: a pool of connections, packed answers."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.conftest import READER
from touchline.embedded import EmbeddedWarehouse

HEADERS = {"X-ClickHouse-User": READER[0], "X-ClickHouse-Key": READER[1]}


@asynccontextmanager
async def session(warehouse: EmbeddedWarehouse) -> AsyncIterator[aiohttp.ClientSession]:
    base = f"http://{warehouse.host}:{warehouse.http_port}"
    async with aiohttp.ClientSession(base, headers=HEADERS, timeout=aiohttp.ClientTimeout(total=60)) as made:
        yield made


async def ask(client: aiohttp.ClientSession, query: str, **parameters: str) -> Any:
    """The answer as JSONCompact, packed on the line."""
    asked = {"default_format": "JSONCompact", "enable_http_compression": "1", **parameters}
    async with client.post("/", params=asked, data=query.encode(), headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Encoding"] == "gzip"
        return await answer.json()


def test_a_client_learns_what_there_is(warehouse: EmbeddedWarehouse, database: str) -> None:
    """What a JDBC tool asks when it connects and shows its tree: version, zone, databases, tables, columns."""

    async def connect() -> None:
        async with session(warehouse) as client:
            async with client.get("/ping") as answer:
                assert await answer.text() == "Ok.\n"
            about = await ask(
                client, "SELECT version(), timezone(), currentUser(), currentDatabase()", database=database
            )
            version, zone, _, current = about["data"][0]
            assert int(version.split(".")[0]) >= 24
            assert (zone, current) == ("UTC", database)
            asked = "SELECT name FROM system.databases WHERE name = {wanted:String}"
            assert (await ask(client, asked, param_wanted=database))["data"] == [[database]]
            columns = await ask(
                client,
                "SELECT name, type, comment FROM system.columns WHERE database = {d:String} AND table = {t:String}",
                param_d="system", param_t="tables",
            )  # fmt: skip
            assert ["database", "String"] in [column[:2] for column in columns["data"]]
            known = await ask(
                client, "SELECT name, value, readonly FROM system.settings WHERE name = 'max_result_rows'"
            )
            assert known["data"][0][:2] == ["max_result_rows", "1000000"]

    asyncio.run(connect())


def test_parameters_are_values_never_text_of_the_query(warehouse: EmbeddedWarehouse) -> None:
    async def run() -> Any:
        async with session(warehouse) as client:
            return await ask(
                client,
                "SELECT {text:String} AS text, {list:Array(String)} AS list, {at:DateTime64(3, 'UTC')} AS at, "
                "{many:UInt64} + 1 AS many, {table:Identifier}.number AS n FROM numbers(1) AS t",
                param_text="it's; DROP TABLE t --", param_list="['a','b\\'c']", param_at="2026-03-01 09:00:00.123",
                param_many=str(2**53), param_table="t",
            )  # fmt: skip

    found = asyncio.run(run())
    assert found["data"] == [["it's; DROP TABLE t --", ["a", "b'c"], "2026-03-01 09:00:00.123", 2**53 + 1, 0]]
    assert [column["name"] for column in found["meta"]] == ["text", "list", "at", "many", "n"]
    assert found["rows"] == 1


def test_rows_as_a_jdbc_driver_reads_them(warehouse: EmbeddedWarehouse) -> None:
    async def run() -> bytes:
        async with session(warehouse) as client:
            asked = {"default_format": "RowBinaryWithNamesAndTypes"}
            async with client.post("/", params=asked, data=b"SELECT toUInt32(7) AS n, 'x' AS s") as answer:
                return await answer.read()

    assert asyncio.run(run()) == b"\x02\x01n\x01s\x06UInt32\x06String" + struct.pack("<I", 7) + b"\x01x"


def test_many_at_once_each_gets_its_own_answer_and_errors_have_codes(warehouse: EmbeddedWarehouse) -> None:
    async def one(client: aiohttp.ClientSession, number: int) -> Any:
        if number % 4:
            return (await ask(client, "SELECT {n:UInt8}, sum(number) FROM numbers(1000)", param_n=str(number)))["data"]
        async with client.post("/", data=f"SELECT nope{number}".encode()) as answer:
            return answer.status, answer.headers["X-ClickHouse-Exception-Code"], f"nope{number}" in await answer.text()

    async def run() -> list[Any]:
        async with session(warehouse) as client:
            return await asyncio.gather(*(one(client, number) for number in range(24)))

    expected = [[[n, 499500]] if n % 4 else (404, "47", True) for n in range(24)]
    assert asyncio.run(run()) == expected


def test_parquet_comes_over_http(warehouse: EmbeddedWarehouse) -> None:
    async def run() -> tuple[bytes, str, str]:
        async with session(warehouse) as client:
            query = b"SELECT number, toString(number) AS text FROM numbers(200000) FORMAT Parquet"
            async with client.post("/", data=query) as answer:
                return await answer.read(), answer.headers["Content-Type"], answer.headers["X-ClickHouse-Format"]

    data, kind, written = asyncio.run(run())
    assert (data[:4], data[-4:]) == (b"PAR1", b"PAR1")
    assert (kind, written) == ("application/vnd.apache.parquet", "Parquet")
