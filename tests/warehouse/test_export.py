"""`touchline warehouse export`: files that others read, whole or not there, from the real HTTP port."""

from __future__ import annotations

import contextlib
import csv
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from click.testing import CliRunner
from clickhouse_driver import Client

from tests.conftest import READER
from touchline.cli import main
from touchline.embedded import EmbeddedWarehouse

ODD = "ünï 𝄞 \x00 \t '\\\" , \n"


@pytest.fixture
def shell(warehouse: EmbeddedWarehouse, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """The command line in a folder of its own, as the owner of a small table."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("PORT", warehouse.port), ("HTTP_PORT", warehouse.http_port), ("DATABASE", database)):
        monkeypatch.setenv(f"TOUCHLINE_WAREHOUSE__{name}", str(value))
    client = Client(warehouse.host, port=warehouse.port, database=database)
    client.execute(
        "CREATE TABLE t (n UInt64, word LowCardinality(String), at DateTime64(3, 'UTC'), list Array(String), "
        "map Map(LowCardinality(String), String), maybe Nullable(Float64)) ENGINE = MergeTree ORDER BY n"
    )
    client.execute(
        "INSERT INTO t SELECT number, %(odd)s, toDateTime64('2026-03-01 09:00:00.123', 3, 'UTC') + number, "
        "['a', toString(number)], map('k', 'v'), if(number %% 2, NULL, number / 4) FROM numbers(3)",
        {"odd": ODD},
    )
    client.disconnect()
    return CliRunner()


def as_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(("USER", "PASSWORD"), READER, strict=True):
        monkeypatch.setenv(f"TOUCHLINE_WAREHOUSE__{name}", value)


def export(shell: CliRunner, *arguments: str, given: str | None = None) -> tuple[int, str]:
    done = shell.invoke(main, ["warehouse", "export", *arguments], input=given)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


def read_back(warehouse: EmbeddedWarehouse, sql: str, file: Path) -> list[list[Any]]:
    """What ClickHouse's own reader finds in a Parquet file."""
    text = f"{sql} FROM file('{file}', Parquet) ORDER BY 1 FORMAT JSONCompact"
    url = f"http://{warehouse.host}:{warehouse.http_port}/?output_format_json_quote_64bit_integers=0"
    with urlopen(url, text.encode(), timeout=60) as answer:
        rows: list[list[Any]] = json.load(answer)["data"]
        return rows


@pytest.mark.parametrize("who", ["owner", "reader"])
def test_a_parquet_file_holds_what_the_table_holds(
    warehouse: EmbeddedWarehouse, shell: CliRunner, who: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if who == "reader":
        as_reader(monkeypatch)
    code, said = export(shell, "--table", "t", "--to", "t.parquet")
    file = tmp_path / "t.parquet"
    assert (code, said) == (0, f"wrote t.parquet ({file.stat().st_size:,} bytes)\n")
    assert read_back(warehouse, "SELECT *", file) == [
        [n, ODD, f"2026-03-01 09:00:0{n}.123", ["a", str(n)], {"k": "v"}, None if n % 2 else n / 4] for n in range(3)
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


def test_csv_and_ndjson(shell: CliRunner, tmp_path: Path) -> None:
    query = "SELECT n, word, maybe FROM t ORDER BY n"
    assert export(shell, query, "--to", "t.csv")[0] == 0
    assert export(shell, "-", "--to", "t.ndjson", given=f"{query};\n")[0] == 0
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.reader(file))
    assert read == [["n", "word", "maybe"], ["0", ODD, "0"], ["1", ODD, r"\N"], ["2", ODD, "0.5"]]
    lines = [json.loads(line) for line in (tmp_path / "t.ndjson").read_text("utf-8").splitlines()]
    assert lines == [{"n": n, "word": ODD, "maybe": value} for n, value in enumerate((0, None, 0.5))]


def test_a_large_result_is_whole(warehouse: EmbeddedWarehouse, shell: CliRunner, tmp_path: Path) -> None:
    query = "SELECT number, toString(sipHash64(number)) AS text FROM numbers(600000) SETTINGS max_block_size = 5000"
    assert export(shell, query, "--to", "many.parquet")[0] == 0
    assert read_back(warehouse, "SELECT count(), sum(number)", tmp_path / "many.parquet") == [
        [600_000, 179_999_700_000]
    ]


def test_a_query_that_finds_nothing_gives_a_file_with_columns(
    warehouse: EmbeddedWarehouse, shell: CliRunner, tmp_path: Path
) -> None:
    assert export(shell, "SELECT n FROM t WHERE 0", "--to", "none.parquet")[0] == 0
    assert read_back(warehouse, "SELECT n", tmp_path / "none.parquet") == []
    assert export(shell, "SELECT n FROM t WHERE 0", "--to", "none.csv")[0] == 0
    assert (tmp_path / "none.csv").read_text() == '"n"\n'


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT nope FROM t", "Unknown expression identifier `nope`"),
        ("SELECT throwIf(number = 900000) FROM numbers(1000000) SETTINGS max_block_size = 10000", "Value passed to"),
    ],
    ids=["at once", "in mid-result"],
)
@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson"])
def test_after_an_error_the_older_file_stays_and_nothing_is_left(
    shell: CliRunner, tmp_path: Path, query: str, says: str, ending: str
) -> None:
    (tmp_path / f"old.{ending}").write_text("as it was")
    code, said = export(shell, query, "--to", f"old.{ending}")
    assert code == 1
    assert says in said
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(f"old.{ending}", "as it was")]


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_reader_who_asks_for_too_much_is_told_what_to_do(
    shell: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    as_reader(monkeypatch)
    code, said = export(shell, "SELECT number FROM numbers(1000001)", "--to", f"many.{ending}")
    assert code == 1
    assert said.count("add LIMIT") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["SELECT 1", "--to", "a.parqet"], 'did you mean ".parquet"'),
        (["--to", "a.csv"], "either a query or --table"),
        (["SELECT 1", "--table", "t", "--to", "a.csv"], "either a query or --table"),
        (["--table", "t; DROP TABLE t", "--to", "a.csv"], "is no name of a table"),
        (["DROP TABLE t", "--to", "a.csv"], '"DROP" begins no query'),
        (["SELECT 1; SELECT 2", "--to", "a.csv"], "one statement at a time"),
        (["SELECT 1 FORMAT JSON", "--to", "a.csv"], "leave FORMAT"),
        (["INSERT INTO t (n) VALUES (1)", "--to", "a.csv"], '"INSERT" begins no query'),
    ],
)
def test_what_can_not_be_exported(shell: CliRunner, tmp_path: Path, arguments: list[str], says: str) -> None:
    code, said = export(shell, *arguments)
    assert code == 2
    assert says in said
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_and_one_in_place_of_the_file(shell: CliRunner, tmp_path: Path) -> None:
    code, said = export(shell, "SELECT 1", "--to", "gone/a.csv")
    assert (code, "gone/a.csv can't be written: No such file or directory" in said) == (1, True)
    (tmp_path / "b.csv").mkdir()
    assert "b.csv is a folder" in export(shell, "SELECT 1", "--to", "b.csv")[1]


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server that says the same to whoever asks, and hangs up; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError), server.accept()[0] as client:
                client.recv(1 << 16)
                client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
    thread.join()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "was cut"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "was cut"),
        (b"HTTP/1.0 200 OK\r\n\r\nhalf", "was cut"),
        (b"\x02\x00hello", "was cut, or what listens there is not ClickHouse's HTTP port"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "HTTP status 502"),
        (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 37\r\n\r\nCode: 516. DB::Exception: wrong (v 26)",
            "Check warehouse.user",
        ),
    ],
    ids=["short", "without an end", "without a length", "no HTTP", "another server", "refused"],
)
def test_an_answer_that_is_not_whole_is_no_file(
    shell: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes, says: str
) -> None:
    with answering(answer) as port:
        monkeypatch.setenv("TOUCHLINE_WAREHOUSE__HTTP_PORT", str(port))
        code, said = export(shell, "SELECT 1", "--to", "a.csv")
    assert code == 1
    assert says in said
    assert list(tmp_path.iterdir()) == []


def test_nobody_there(shell: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("TOUCHLINE_WAREHOUSE__HTTP_PORT", str(unused.getsockname()[1]))
        code, said = export(shell, "SELECT 1", "--to", "a.csv")
    assert code == 1
    assert "is warehouse.http_port right?" in said
