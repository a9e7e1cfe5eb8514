"""Every query on the analysts' page runs as the read-only user and finds something; Python on it works as it stands."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from tests.conftest import READER
from tests.warehouse.shop import UNTIL
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.clickhouse import NotAllowed
from touchline.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "analysts.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


def on_the_last_day(query: str) -> str:
    """The query as it would be asked when the shop's last day is over."""
    now = f"toDateTime('{UNTIL:%Y-%m-%d %H:%M:%S}', 'UTC')"
    return query.replace("now()", now).replace("today()", f"toDate({now})")


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_a_query_of_the_page_finds_something(shop_reader: WarehouseSettings, number: int) -> None:
    result = upkeep.query(shop_reader, on_the_last_day(QUERIES[number]))
    assert len(result.rows) > 0
    assert len(result.columns) == len(result.rows[0])
    for column, (name, _) in enumerate(result.columns):
        assert any(row[column] is not None for row in result.rows), name


def test_the_page_asks_twenty_five_questions_each_with_its_query() -> None:
    asked = re.findall(
        r"^\*\*(\d+)\. [^*]+\?\*\*[^`]*?\n```sql\n(.*?)```", PAGE.replace("`c-", "c-"), re.DOTALL | re.MULTILINE
    )
    assert [int(number) for number, _ in asked] == list(range(1, 26))
    assert {query for _, query in asked} < set(QUERIES)


def test_the_counts_on_the_page_agree(shop_reader: WarehouseSettings) -> None:
    ((facts, counted),) = upkeep.query(shop_reader, QUERIES[-1]).rows
    assert facts == counted > 5_000


def test_the_python_of_the_page_works(shop_reader: WarehouseSettings, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    here = (
        f'port={shop_reader.port}, user="{shop_reader.user}", password="{READER[1]}", database="{shop_reader.database}"'
    )
    exec(code.replace('port=9000, user="reader", database="touchline"', here), {})  # noqa: S102
    assert "voice" in capsys.readouterr().out


def test_every_view_is_on_the_page(shop_reader: WarehouseSettings) -> None:
    views = upkeep.query(
        shop_reader, "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'"
    )
    for (name,) in views.rows:
        base, _, unit = name.partition("_by_")
        assert f"`{name}`" in PAGE or f"`{name}(" in PAGE or (unit and f"`{base}_by_minute`" in PAGE), name


@pytest.mark.parametrize(
    "statement", ["TRUNCATE TABLE fact_touchpoints", "INSERT INTO fact_signals SELECT * FROM fact_signals"]
)
def test_the_reader_can_do_no_harm(shop_reader: WarehouseSettings, statement: str) -> None:
    with pytest.raises(NotAllowed):
        upkeep.query(shop_reader, statement)


def test_the_exports_of_the_page_write_files(
    shop_reader: WarehouseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        "PORT": shop_reader.port, "HTTP_PORT": shop_reader.http_port, "DATABASE": shop_reader.database,
        "USER": READER[0], "PASSWORD": READER[1],
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(f"TOUCHLINE_WAREHOUSE__{name}", str(value))
    monkeypatch.chdir(tmp_path)
    shown = re.findall(r"^touchline (warehouse export .*)$", PAGE, re.MULTILINE)
    for line in shown:
        done = CliRunner().invoke(main, shlex.split(line))
        assert (done.exit_code, done.output.split(" (")[0]) == (0, f"wrote {line.split()[-1]}")
    ((signals,),) = upkeep.query(shop_reader, "SELECT count() FROM signals").rows
    owner = shop_reader.model_copy(update={"user": "default", "password": SecretStr("")})
    stored = f"SELECT count(), uniqExact(signal_id) FROM file('{tmp_path / 'signals.parquet'}', Parquet)"  # noqa: S608
    assert upkeep.query(owner, stored).rows == [(signals, signals)]
    assert (tmp_path / "days.csv").read_text().startswith('"day","n"\n"20')


def test_the_curl_of_the_page_works(shop_reader: WarehouseSettings) -> None:
    """With its words as they stand, sent by another client: curl may not be there."""
    (line,) = re.findall(r"^curl (.*?)$\n```", PAGE.replace("\\\n", ""), re.MULTILINE | re.DOTALL)
    url, _, header, _, query = shlex.split(line)
    port = f"127.0.0.1:{shop_reader.http_port}"
    asked = Request(  # noqa: S310 -- http, as the page says
        url.replace("127.0.0.1:8123", port).replace("database=touchline", f"database={shop_reader.database}"),
        query.encode(),
        {"X-ClickHouse-Key": READER[1], **dict([header.split(": ")])},
    )
    with urlopen(asked) as answer:  # noqa: S310
        assert json.load(answer)["rows"] > 20
