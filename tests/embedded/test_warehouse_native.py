"""The warehouse as clickhouse-driver sees it, plain and compressed."""

from __future__ import annotations

import datetime as dt
import decimal
import ipaddress
import socket
import struct
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from tests.conftest import READER
from tests.embedded.helpers import wait_until
from touchline.embedded import EmbeddedWarehouse

HEAVY = "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(sipHash64(number))"
MOMENT = dt.datetime(2026, 3, 29, 1, 30, 5, 678000, tzinfo=dt.UTC)
# Each column's type, and values of it as the driver takes and gives them.
COLUMNS: dict[str, tuple[str, list[Any]]] = {
    "text": ("String", ["", "größer", "x" * 70_000, "nul\x00"]),
    "low": ("LowCardinality(String)", ["web", "web", "", "voice"]),
    "low_null": ("LowCardinality(Nullable(String))", [None, "a", None, ""]),
    "at": ("DateTime64(3, 'UTC')", [MOMENT] * 4),
    "second": ("DateTime('UTC')", [MOMENT.replace(microsecond=0)] * 4),
    "day": ("Date", [dt.date(1970, 1, 1), dt.date(2026, 2, 28), dt.date(2149, 6, 6), dt.date(2000, 1, 1)]),
    "u8": ("UInt8", [0, 1, 254, 255]),
    "u16": ("UInt16", [0, 1, 2, 65_535]),
    "u32": ("UInt32", [0, 1, 2, 2**32 - 1]),
    "u64": ("UInt64", [0, 1, 2, 2**64 - 1]),
    "i8": ("Int8", [0, 1, -128, 127]),
    "i16": ("Int16", [0, 1, -(2**15), 7]),
    "i32": ("Int32", [0, 1, -(2**31), 7]),
    "i64": ("Int64", [0, 1, -(2**63), 7]),
    "real": ("Float64", [0.0, -1.5, 1e300, 0.1]),
    "null_text": ("Nullable(String)", [None, "", "a", None]),
    "null_real": ("Nullable(Float64)", [None, 0.0, 1.5, None]),
    "texts": ("Array(String)", [[], ["a"], ["", "b" * 200], ["c", "d", "e"]]),
    "low_texts": ("Array(LowCardinality(String))", [[], ["a", "a"], ["b"], []]),
    "deep": ("Array(Array(UInt8))", [[], [[]], [[1], [2, 3]], [[4]]]),
    "map": ("Map(String, String)", [{}, {"a": "1"}, {"b": "", "": "c"}, {}]),
    "low_map": ("Map(LowCardinality(String), UInt64)", [{}, {"a": 1}, {"b": 2, "a": 3}, {}]),
    "id": ("UUID", [uuid.UUID(int=value) for value in (0, 1, 2**127, 2**128 - 1)]),
    "choice": ("Enum8('a' = 1, 'it\\'s, b' = -2)", ["a", "it's, b", "a", "a"]),
    "flag": ("Bool", [True, False, True, False]),
    "pair": ("Tuple(String, UInt8)", [("", 0), ("a", 1), ("b" * 300, 2), ("c", 3)]),
    "named": ("Tuple(name String, counts Array(UInt8))", [("", []), ("a", [1]), ("b", [1, 2]), ("c", [])]),
    "money": ("Decimal(18, 4)", [decimal.Decimal(value) for value in ("0.0000", "-1.5000", "99.9999", "3.0000")]),
    "code": ("FixedString(3)", ["abc", "def", "xyz", "123"]),
    "address": ("IPv4", [ipaddress.IPv4Address(value) for value in ("10.0.0.0", "127.0.0.1", "1.2.3.4", "8.8.8.8")]),
}  # fmt: skip


@pytest.fixture(params=[False, True], ids=["plain", "lz4"])
def client(request: pytest.FixtureRequest, warehouse: EmbeddedWarehouse, database: str) -> Iterator[Any]:
    made = Client(warehouse.host, port=warehouse.port, database=database, compression=request.param)
    yield made
    made.disconnect()


@pytest.fixture
def plain(warehouse: EmbeddedWarehouse, database: str) -> Iterator[Any]:
    made = Client(warehouse.host, port=warehouse.port, database=database)
    yield made
    made.disconnect()


def _reader(warehouse: EmbeddedWarehouse, database: str) -> Any:
    name, password = READER
    return Client(warehouse.host, port=warehouse.port, database=database, user=name, password=password)


def _code(client: Any, *query: Any, **options: Any) -> int:
    with pytest.raises(ServerException) as caught:
        client.execute(*query, **options)
    return int(caught.value.code)


def _make_table(client: Any) -> None:
    columns = ", ".join(f"{name} {type_name}" for name, (type_name, _) in COLUMNS.items())
    client.execute(f"CREATE TABLE everything ({columns}) ENGINE = MergeTree ORDER BY u8")


def _as_given(value: Any) -> Any:
    """The driver gives DateTime('UTC') without a zone: it is the server's own."""
    return value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) else value


@pytest.mark.parametrize("columnar", [False, True], ids=["rows", "columns"])
def test_every_type_comes_back_as_it_was_inserted(client: Any, columnar: bool) -> None:
    _make_table(client)
    values = [list(given) for _, given in COLUMNS.values()]
    data = values if columnar else list(zip(*values, strict=True))
    assert client.execute("INSERT INTO everything VALUES", data, columnar=columnar) == 4
    read = client.execute("SELECT * FROM everything ORDER BY u8", columnar=True)
    for (name, (_, given)), found in zip(COLUMNS.items(), read, strict=True):
        assert [_as_given(value) for value in found] == given, name


def test_states_of_aggregates_are_read_through_their_functions(client: Any) -> None:
    client.execute(
        "CREATE TABLE states (day Date, visitors AggregateFunction(uniq, String), "
        "waits AggregateFunction(quantilesTDigest(0.5), Float64), total SimpleAggregateFunction(sum, UInt64)) "
        "ENGINE = AggregatingMergeTree ORDER BY day"
    )
    client.execute(
        "INSERT INTO states SELECT toDate('2026-01-01'), uniqState(toString(number % 10)), "
        "quantilesTDigestState(0.5)(toFloat64(number)), count() FROM numbers(100)"
    )
    read = client.execute("SELECT uniqMerge(visitors), quantilesTDigestMerge(0.5)(waits), sum(total) FROM states")
    assert read[0][0] == 10
    assert read[0][1][0] == pytest.approx(49.5, abs=1)
    assert read[0][2] == 100
    assert _code(client, "INSERT INTO states (day, visitors) VALUES", [(dt.date(2026, 1, 1), "x")]) == 48


def test_inserts_of_some_columns_defaults_and_generators(client: Any) -> None:
    client.execute(
        "CREATE TABLE t (a UInt64, b String DEFAULT 'none', c UInt64 MATERIALIZED a + 1, `odd name` UInt8) "
        "ENGINE = MergeTree ORDER BY a"
    )
    assert client.execute("INSERT INTO t (`odd name`, a) VALUES", [(7, 1)]) == 1
    assert client.execute("insert into t (a) settings async_insert = 0 values", ({"a": n} for n in (2, 3))) == 2
    assert client.execute("INSERT INTO t VALUES", [(4, "given", 0)]) == 1
    client.execute("INSERT INTO t (a, b) VALUES (5, 'in; the text'), (6, 'x')")
    client.execute("INSERT INTO t (a) SELECT 7")
    client.execute("WITH 8 AS n INSERT INTO t (a) SELECT n")
    assert client.execute("SELECT a, b, c, `odd name` FROM t ORDER BY a") == [
        (1, "none", 2, 7), (2, "none", 3, 0), (3, "none", 4, 0), (4, "given", 5, 0),
        (5, "in; the text", 6, 0), (6, "x", 7, 0), (7, "none", 8, 0), (8, "none", 9, 0),
    ]  # fmt: skip


def test_results_without_rows_have_columns(client: Any) -> None:
    assert client.execute("SELECT 1 AS a, 'x' AS b WHERE 0", with_column_types=True) == (
        [],
        [("a", "UInt8"), ("b", "String")],
    )
    assert client.execute("SHOW TABLES", with_column_types=True) == ([], [("name", "String")])
    assert client.execute("CREATE TABLE t (a UInt8) ENGINE = Memory") == []


def test_a_large_result_comes_block_by_block(client: Any) -> None:
    blocks = client.execute_iter(
        "SELECT number, toString(number) FROM numbers(1000000)",
        {},
        settings={"max_block_size": 50_000},
        chunk_size=50_000,
    )
    total = rows = 0
    for block in blocks:
        rows += len(block)
        total += sum(row[0] for row in block)
    assert (rows, total) == (1_000_000, 499_999_500_000)


def test_memory_stays_while_a_huge_result_is_read(warehouse: EmbeddedWarehouse, plain: Any) -> None:
    def resident() -> int:
        status = Path(f"/proc/{warehouse.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) // 1024

    before, most, rows = resident(), 0, 0
    query, settings = "SELECT repeat('x', 10000) FROM numbers(30000)", {"max_block_size": 1_000}
    for block in plain.execute_iter(query, settings=settings, chunk_size=1_000):
        rows += len(block)
        most = max(most, resident())
    assert rows == 30_000
    assert most - before < 200, "MiB for a result of 300 MB"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT nope", 47),
        ("SELEC 1", 62),
        ("SELECT * FROM missing", 60),
        ("SELECT * FROM missing.t", 81),
        ("SELECT 1; DROP TABLE t", 62),
        ("SELECT throwIf(number = 200000) FROM numbers(300000)", 395),
        ("SELECT 1 INTO OUTFILE 'x'", 48),
        ("SELECT toUInt8('x')", 6),
        ("INSERT INTO missing VALUES", 60),
        ("CREATE TABLE t (a Nothing2) ENGINE = Memory", 50),
    ],
)
def test_errors_have_clickhouses_code_and_the_connection_goes_on(client: Any, query: str, code: int) -> None:
    assert _code(client, query) == code
    assert client.execute("SELECT 1") == [(1,)]


def test_a_refused_insert_says_why_and_the_connection_goes_on(client: Any) -> None:
    client.execute("CREATE TABLE t (a UInt8, CONSTRAINT small CHECK a < 10) ENGINE = MergeTree ORDER BY a")
    assert _code(client, "INSERT INTO t VALUES", [(1,), (20,)]) == 469
    assert _code(client, "INSERT INTO t (c) VALUES", [(1,)]) == 16
    assert client.execute("SELECT count() FROM t") == [(0,)]


def test_settings_of_a_query_hold_for_that_query(plain: Any) -> None:
    query = "SELECT getSetting('max_threads'), getSetting('async_insert')"
    first = plain.execute(query)
    assert plain.execute(query, settings={"max_threads": 7}) == [(7, False)]
    assert plain.execute(query) == first
    assert first[0][1] is False
    assert _code(plain, "SELECT 1", settings={"max_execution_time": 1, "no_such_setting": 1}) == 115
    assert _code(plain, HEAVY, settings={"max_execution_time": 1}) == 159


def test_a_readonly_query_is_followed_by_one_that_writes(plain: Any) -> None:
    assert _code(plain, "CREATE TABLE t (a UInt8) ENGINE = Memory", settings={"readonly": 1}) == 164
    plain.execute("CREATE TABLE t (a UInt8) ENGINE = Memory")
    assert plain.execute("SHOW TABLES") == [("t",)]


def test_parameters_formats_progress_and_profile(plain: Any) -> None:
    assert plain.execute("SELECT %(text)s, %(number)s", {"text": "it's; -- x", "number": 5}) == [("it's; -- x", 5)]
    assert plain.execute("SELECT number FROM numbers(3) FORMAT JSON") == [(0,), (1,), (2,)]
    assert plain.last_query.profile_info.rows == 3
    assert list(plain.execute_with_progress("SELECT 1")) != []
    assert plain.connection.ping()


def test_cancel_ends_the_query_and_keeps_the_connection(plain: Any) -> None:
    timer = threading.Timer(0.3, plain.connection.send_cancel)
    timer.start()
    start = time.monotonic()
    plain.execute(HEAVY)
    assert time.monotonic() - start < 5
    timer.join()
    assert plain.execute("SELECT 1") == [(1,)]
    plain.execute_with_progress("SELECT number FROM numbers(100000000000)")
    plain.cancel()
    assert plain.execute("SELECT 2") == [(2,)]


def test_a_query_is_killed_when_its_client_goes_away(warehouse: EmbeddedWarehouse, plain: Any) -> None:
    leaving = Client(warehouse.host, port=warehouse.port)
    leaving.execute_with_progress(HEAVY)
    running = "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%processes%'"
    wait_until(lambda: plain.execute(running) == [(1,)], 5, "the query to run")
    leaving.connection.socket.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: plain.execute(running) == [(0,)], 5, "the query to be killed")
    leaving.disconnect()


def test_a_short_query_does_not_wait_for_a_long_one(warehouse: EmbeddedWarehouse, plain: Any) -> None:
    busy = Client(warehouse.host, port=warehouse.port)
    runner = threading.Thread(target=lambda: busy.execute(HEAVY, settings={"max_execution_time": 30}))
    runner.start()
    wait_until(lambda: plain.execute("SELECT count() FROM system.processes") == [(2,)], 5, "the long query")
    took = []
    for _ in range(20):
        start = time.monotonic()
        plain.execute("SELECT 1")
        took.append(time.monotonic() - start)
    busy.connection.send_cancel()
    runner.join()
    busy.disconnect()
    assert sorted(took)[10] < 0.25


def test_four_clients_at_once(warehouse: EmbeddedWarehouse, database: str, plain: Any) -> None:
    plain.execute("CREATE TABLE t (who UInt8, n UInt64, s String) ENGINE = MergeTree ORDER BY (who, n)")
    failures: list[BaseException] = []

    def work(who: int) -> None:
        client = Client(warehouse.host, port=warehouse.port, database=database, compression=who % 2 == 0)
        try:
            for start in range(0, 10_000, 2_000):
                rows = [(who, number, str(number)) for number in range(start, start + 2_000)]
                assert client.execute("INSERT INTO t VALUES", rows) == 2_000
                read = client.execute("SELECT count(), sum(n) FROM t WHERE who = %(who)s", {"who": who})
                end = start + 2_000
                assert read == [(end, end * (end - 1) // 2)]
        except BaseException as error:  # noqa: BLE001 -- handed over to the test's own thread
            failures.append(error)
        finally:
            client.disconnect()

    threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert plain.execute("SELECT count(), uniqExact(who, n) FROM t") == [(40_000, 40_000)]


# What a client sends when it is cut off or wrong.


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()


def _raw_insert(warehouse: EmbeddedWarehouse, database: str, table: str) -> socket.socket:
    """A connection that has sent an INSERT and got the sample block."""
    connection = socket.create_connection((warehouse.host, warehouse.port), 10)
    hello = b"\x00" + _text("test") + b"\x14\x0a" + b"\x9d\xa9\x03" + _text(database) + _text("default") + _text("")
    connection.sendall(hello)
    assert connection.recv(4096)[0] == 0
    info = b"\x01" + _text("") * 3 + b"\x01" + _text("") * 3 + b"\x00\x00\x00" + _text("") + b"\x00"
    query = b"\x01" + _text("") + info + _text("") + b"\x02\x00" + _text(f"INSERT INTO {table} VALUES")
    connection.sendall(query + b"\x02" + _text("") + b"\x00\x00\x00")
    assert connection.recv(4096)[0] == 1
    return connection


def _block(columns: int, rows: int, body: bytes) -> bytes:
    return b"\x02" + _text("") + b"\x00" + bytes([columns, rows]) + body


def test_a_client_killed_in_mid_block_leaves_nothing(warehouse: EmbeddedWarehouse, database: str, plain: Any) -> None:
    plain.execute("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    whole = _block(1, 3, _text("a") + _text("UInt64") + struct.pack("<3Q", 1, 2, 3))
    for cut in (len(whole) - 1, 12):
        connection = _raw_insert(warehouse, database, "t")
        connection.sendall(whole[:cut])
        connection.close()
    for end in (b"", b"\x02" + _text("") + b"\x00\x00\x00"):  # a whole block; with and without the end of data
        connection = _raw_insert(warehouse, database, "t")
        connection.sendall(whole + end)
        if end:
            assert connection.recv(1) == b"\x05", "end of stream"
        connection.close()
    wait_until(lambda: plain.execute("SELECT count() FROM system.processes") == [(1,)], 5, "the end of all inserts")
    assert plain.execute("SELECT count() FROM t") == [(3,)], "only what was finished"


@pytest.mark.parametrize(
    "wrong",
    [
        _block(1, 3, _text("a") + b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
        _block(1, 3, _text("a") + _text("String") + b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
        _block(1, 1, _text("a") + _text("Array(UInt8)") + b"\xff" * 8),
        _block(1, 1, _text("a") + _text("Strange") + b"x"),
        b"\x02" + _text("") + b"\x00" + b"\xff\xff\xff\xff\x7f" + b"\x01",
        b"\x2a",
    ],
    ids=["name", "string", "array", "type", "columns", "packet"],
)
def test_a_wrong_size_ends_the_connection_with_a_reason(
    warehouse: EmbeddedWarehouse, database: str, plain: Any, wrong: bytes
) -> None:
    plain.execute("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a")
    connection = _raw_insert(warehouse, database, "t")
    connection.sendall(wrong + b"\x00" * 64)
    answer = bytearray()
    while piece := connection.recv(4096):
        answer += piece
    connection.close()
    assert answer[0] == 2
    assert b"DB::Exception" in answer
    assert plain.execute("SELECT count() FROM t") == [(0,)]


def test_an_http_client_on_the_native_port_is_told_so(warehouse: EmbeddedWarehouse) -> None:
    with socket.create_connection((warehouse.host, warehouse.port), 10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.0 400")


# Users


def test_wrong_passwords_users_and_databases_are_refused(warehouse: EmbeddedWarehouse) -> None:
    for user, password, database, code in (
        ("reader", "wrong", "", 516),
        ("nobody", "", "", 516),
        ("default", "given", "", 516),
        ("default", "", "missing", 81),
    ):
        client = Client(warehouse.host, port=warehouse.port, user=user, password=password, database=database)
        assert _code(client, "SELECT 1") == code


def test_a_reader_may_read(warehouse: EmbeddedWarehouse, database: str, plain: Any) -> None:
    plain.execute("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    plain.execute("INSERT INTO t VALUES", [(1,)])
    reader = _reader(warehouse, database)
    for query in (
        "SELECT * FROM t", "WITH 1 AS x SELECT x", "SHOW TABLES", "DESCRIBE t", "EXISTS t", "EXPLAIN SELECT 1",
        "(SELECT 1) UNION ALL (SELECT 2)", f"USE {database}", "/* DROP */ SELECT 'INSERT INTO t'",
    ):  # fmt: skip
        reader.execute(query)
    assert reader.execute("SELECT a FROM t", settings={"max_threads": 1, "readonly": 0}) == [(1,)]
    reader.disconnect()


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO t SELECT 2", "INSERT INTO t VALUES (2)", "CREATE TABLE u (a UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE u (a UInt8)", "DROP TABLE t", "TRUNCATE TABLE t", "ALTER TABLE t DELETE WHERE 1",
        "DELETE FROM t WHERE 1", "OPTIMIZE TABLE t", "RENAME TABLE t TO u", "SET readonly = 0", "SET max_threads = 1",
        "SELECT 1 SETTINGS readonly = 0", "SELECT 1 SETTINGS max_result_rows = 0", "KILL QUERY WHERE 1",
        "SYSTEM FLUSH LOGS",
        "SELECT file('/etc/hostname')", "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT * FROM `file`('/etc/hostname', 'LineAsString')", "SELECT * FROM url('http://127.0.0.1:1', 'CSV')",
        "SELECT * FROM Python(x)", "SELECT * FROM executable('ls', 'TSV', 'a String')",
        "WITH 2 AS x INSERT INTO t SELECT x",
        "GRANT SELECT ON *.* TO reader", "BACKUP TABLE t TO File('/tmp/x')", "ATTACH TABLE u", "DETACH TABLE t",
    ],
)  # fmt: skip
def test_a_reader_may_not(warehouse: EmbeddedWarehouse, database: str, plain: Any, query: str) -> None:
    plain.execute("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    plain.execute("INSERT INTO t VALUES", [(1,)])
    reader = _reader(warehouse, database)
    assert _code(reader, query) == 164
    assert _code(reader, "INSERT INTO t VALUES", [(2,)]) == 164
    assert reader.execute("SELECT a FROM t") == [(1,)]
    reader.disconnect()


def test_a_readers_limits_go_down_but_not_up(warehouse: EmbeddedWarehouse, database: str) -> None:
    reader = _reader(warehouse, database)
    many = "SELECT number FROM numbers(1000001)"
    assert _code(reader, many) == 396
    assert _code(reader, many, settings={"max_result_rows": 2_000_000}) == 396
    assert _code(reader, many, settings={"max_result_rows": 0}) == 396
    assert _code(reader, "SELECT number FROM numbers(20)", settings={"max_result_rows": 10}) == 396
    query = "SELECT getSetting('max_execution_time')"
    assert reader.execute(query, settings={"max_execution_time": 100_000}) == [(60,)]
    assert reader.execute(query, settings={"max_execution_time": 5}) == [(5,)]
    reader.disconnect()
