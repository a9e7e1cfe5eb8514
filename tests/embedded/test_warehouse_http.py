"""The warehouse over HTTP, as curl, a BI tool or a JDBC driver would use it."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import READER
from touchline.embedded import EmbeddedWarehouse
from touchline.embedded.warehouse import frames
from touchline.embedded.warehouse.wire import Reader


class Http:
    """One kept connection."""

    def __init__(self, warehouse: EmbeddedWarehouse, database: str) -> None:
        self.connection = http.client.HTTPConnection(warehouse.host, warehouse.http_port, timeout=20)
        self.database = database
        self.status = 0
        self.headers: dict[str, str] = {}

    def __call__(
        self, query: str = "", body: bytes | Iterator[bytes] | None = None, *, method: str = "POST",
        headers: dict[str, str] | None = None, **parameters: str,
    ) -> bytes:  # fmt: skip
        parameters = {"database": self.database, **({"query": query} if query else {}), **parameters}
        self.connection.request(method, f"/?{urlencode(parameters)}", body, headers or {})
        response = self.connection.getresponse()
        self.status, self.headers = response.status, dict(response.headers)
        return response.read()


@pytest.fixture
def ask(warehouse: EmbeddedWarehouse, database: str) -> Iterator[Http]:
    made = Http(warehouse, database)
    yield made
    made.connection.close()


def test_ping_and_unknown_paths(warehouse: EmbeddedWarehouse, ask: Http) -> None:
    for path, status, answer in (
        ("/ping", 200, b"Ok.\n"),
        ("/", 200, b"Ok.\n"),
        ("/x", 404, b"There is no handle /x\n"),
    ):
        ask.connection.request("GET", path)
        response = ask.connection.getresponse()
        assert (response.status, response.read()) == (status, answer)


def test_queries_in_the_url_in_the_body_and_in_both(ask: Http) -> None:
    assert ask("SELECT 1, 'a\tb'", method="GET") == b"1\ta\\tb\n"
    assert ask("", b"SELECT 2;") == b"2\n"
    assert ask("SELECT", b"3") == b"3\n"
    assert ask("", b"/*" + b"x" * 2_000_000 + b"*/ SELECT 5", max_query_size="3000000") == b"5\n"
    assert ask("SELECT {a:String}, {b:UInt8}", param_a="it's", param_b="5") == b"it\\'s\t5\n"


def test_a_statement_must_be_utf8_and_data_need_not(ask: Http) -> None:
    assert b"not UTF-8" in ask("", b"SELECT '\xff'")
    assert ask.status == 400
    ask("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a")
    ask("", b"INSERT INTO t FORMAT TSV\n\xff\xfe\n")
    assert ask("SELECT hex(a) FROM t") == b"FFFE\n"


def test_formats_and_headers(ask: Http) -> None:
    ask("SELECT 1 AS a", query_id="mine")
    assert ask.headers["X-ClickHouse-Format"] == "TabSeparated"
    assert ask.headers["X-ClickHouse-Query-Id"] == "mine"
    assert ask.headers["Content-Type"] == "text/tab-separated-values; charset=UTF-8"
    assert json.loads(ask("SELECT 1 AS a FORMAT JSONEachRow")) == {"a": 1}
    assert json.loads(ask("SELECT 1 AS a", default_format="JSONCompact"))["data"] == [[1]]
    assert ask.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert ask("SELECT 1 AS a", headers={"X-ClickHouse-Format": "CSVWithNames"}) == b'"a"\n1\n'
    assert ask("SHOW TABLES FORMAT CSVWithNames") == b'"name"\n'


def test_inserts_in_several_formats(ask: Http) -> None:
    assert ask("CREATE TABLE t (a UInt64, b String DEFAULT 'none') ENGINE = MergeTree ORDER BY a") == b""
    ask("INSERT INTO t FORMAT JSONEachRow", b'{"a": 1, "b": "one; \\n"}\n{"a": 2}\n')
    assert json.loads(ask.headers["X-ClickHouse-Summary"])["written_rows"] == "2"
    ask("", b"INSERT INTO t FORMAT CSV\n3,three\n4,four\n")
    ask("", "INSERT INTO t VALUES (5, 'fünf'), (6, 'x')".encode())
    ask("INSERT INTO t (a) SETTINGS async_insert = 0 VALUES (7)")
    ask("INSERT INTO t FORMAT TSV", gzip.compress(b"8\teight\n"), headers={"Content-Encoding": "gzip"})
    ask("INSERT INTO t FORMAT TSV", iter([b"9\tni", b"ne\n"]))  # chunked
    ask("INSERT INTO t (a) FORMAT TSV", frames.pack(b"10\n"), decompress="1")
    assert ask("SELECT a, b FROM t ORDER BY a") == (
        "1\tone; \\n\n2\tnone\n3\tthree\n4\tfour\n5\tfünf\n6\tx\n7\tnone\n8\teight\n9\tnine\n10\tnone\n".encode()
    )


def test_a_refused_insert_keeps_nothing(ask: Http) -> None:
    ask("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    answer = ask("INSERT INTO t FORMAT TSV", b"1\n2\nthree\n")
    assert ask.status == 400
    assert answer.startswith(b"Code: 27. DB::Exception: ")
    assert ask("INSERT INTO t VALUES").startswith(b"Code: 108. ")
    assert ask("SELECT count() FROM t") == b"0\n"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("SELECT nope", 404, 47),
        ("SELEC", 400, 62),
        ("SELECT * FROM missing", 404, 60),
        ("SELECT 1; SELECT 2", 400, 62),
        ("SELECT 1 INTO OUTFILE 'x'", 501, 48),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT 1 FORMAT Strange", 404, 73),
    ],
)
def test_errors_have_clickhouses_status_and_code(ask: Http, query: str, status: int, code: int) -> None:
    answer = ask(query)
    assert ask.status == status
    assert ask.headers["X-ClickHouse-Exception-Code"] == str(code)
    assert answer.startswith(f"Code: {code}. DB::Exception: ".encode())
    assert ask("SELECT 1") == b"1\n", "the connection goes on"


def test_an_error_in_mid_result_is_in_the_body_and_the_body_is_not_whole(ask: Http) -> None:
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask("SELECT throwIf(number = 900000) FROM numbers(1000000) SETTINGS max_block_size = 10000")
    assert b"Code: 395. DB::Exception: " in caught.value.partial


def test_large_results_are_streamed_plain_gzipped_and_framed(ask: Http) -> None:
    query = "SELECT number FROM numbers(300000)"
    plain = ask(query)
    assert plain.count(b"\n") == 300_000
    assert ask.headers["Transfer-Encoding"] == "chunked"
    packed = ask(query, headers={"Accept-Encoding": "gzip"}, enable_http_compression="1")
    assert ask.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed) == plain
    framed = ask(query, compress="1")
    reader = Reader(iter([framed, b""]).__next__)
    out = bytearray()
    while len(out) < len(plain):
        out += frames.read_frame(reader)
    assert out == plain


def test_a_get_changes_nothing(ask: Http) -> None:
    answer = ask("CREATE TABLE t (a UInt8) ENGINE = Memory", method="GET")
    assert answer.startswith(b"Code: 164. ")
    assert ask("SELECT getSetting('max_threads')", method="GET", max_threads="3") == b"3\n"
    assert ask("SHOW TABLES") == b""


def test_users_by_headers_basic_authentication_and_parameters(ask: Http) -> None:
    name, password = READER
    basic = base64.b64encode(f"{name}:{password}".encode()).decode()
    ways: list[tuple[dict[str, str], dict[str, Any]]] = [
        ({"X-ClickHouse-User": name, "X-ClickHouse-Key": password}, {}),
        ({"Authorization": f"Basic {basic}"}, {}),
        ({}, {"user": name, "password": password}),
    ]
    for headers, parameters in ways:
        assert ask("SELECT 1", headers=headers, **parameters) == b"1\n"
        assert ask("CREATE TABLE t (a UInt8) ENGINE = Memory", headers=headers, **parameters).startswith(b"Code: 164. ")
        assert ask("SELECT number FROM numbers(1000001) FORMAT JSON", headers=headers, **parameters).startswith(
            b"Code: 396. "
        )
    answer = ask("SELECT 1", user=name, password="wrong-secret")
    assert ask.status == 403
    assert answer.startswith(b"Code: 516. ")
    assert b"wrong-secret" not in answer


def test_a_page_from_elsewhere_can_t_send_statements_through_a_browser(ask: Http) -> None:
    for headers in ({"Origin": "http://shop.example.com"}, {"Origin": "null"}, {"Host": "shop.example.com:80"}):
        ask("SELECT 1", headers=headers)
        assert ask.status == 403
    assert ask("SELECT 1", headers={"Origin": "http://localhost:3000"}) == b"1\n"
