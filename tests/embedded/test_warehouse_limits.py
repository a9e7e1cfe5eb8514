"""A reader's query without a limit is ended, over both protocols, with a message that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from tests.conftest import READER
from touchline.cli import main
from touchline.embedded import EmbeddedWarehouse
from touchline.embedded.warehouse.settings import Limits

ROWS = "SELECT number FROM numbers(1000001)"
TIME = "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(sipHash64(number))"
MEMORY = "SELECT length(groupArray(number)) FROM numbers(100000000)"
Refused = tuple[int, str]


def by_native(warehouse: EmbeddedWarehouse, query: str, settings: dict[str, int]) -> Refused:
    name, password = READER
    client = Client(warehouse.host, port=warehouse.port, user=name, password=password, settings=settings)
    with pytest.raises(ServerException) as caught:
        client.execute(query)
    assert client.execute("SELECT 1") == [(1,)], "the connection goes on"
    client.disconnect()
    return int(caught.value.code), str(caught.value.message)


def by_http(warehouse: EmbeddedWarehouse, query: str, settings: dict[str, int]) -> Refused:
    name, password = READER
    headers = {"X-ClickHouse-User": name, "X-ClickHouse-Key": password}
    url = f"http://{warehouse.host}:{warehouse.http_port}/?{urlencode({'default_format': 'JSON', **settings})}"
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(url, query.encode(), headers), timeout=100)
    with caught.value as answer:
        return int(answer.headers["X-ClickHouse-Exception-Code"]), answer.read().decode()


@pytest.mark.parametrize("ask", [by_native, by_http])
@pytest.mark.parametrize(
    ("query", "settings", "code", "says"),
    [
        (ROWS, {}, 396, "What to do: add LIMIT"),
        (ROWS, {"max_result_rows": 0}, 396, "What to do: add LIMIT"),
        (ROWS, {"max_result_rows": 5_000_000}, 396, "What to do: add LIMIT"),
        (TIME, {"max_execution_time": 1}, 159, "What to do: ask for a shorter time"),
        (MEMORY, {"max_memory_usage": 50_000_000}, 241, "What to do: ask for a shorter time"),
    ],
    ids=["rows", "no limit wished", "a higher one wished", "time", "memory"],
)
def test_a_query_that_meets_a_limit_is_told_what_to_do(
    warehouse: EmbeddedWarehouse,
    ask: Callable[[EmbeddedWarehouse, str, dict[str, int]], Refused],
    query: str,
    settings: dict[str, int],
    code: int,
    says: str,
) -> None:
    found, message = ask(warehouse, query, settings)
    assert found == code
    assert message.count(says) == 1


def test_the_command_line_says_it_once(warehouse: EmbeddedWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"PORT": warehouse.port, "DATABASE": "default", "USER": READER[0], "PASSWORD": READER[1]}
    for name, value in given.items():
        monkeypatch.setenv(f"TOUCHLINE_WAREHOUSE__{name}", str(value))
    done = CliRunner().invoke(main, ["warehouse", "query", ROWS])
    assert done.exit_code == 1
    assert done.output.startswith("Error: ClickHouse at ")
    assert done.output.count("What to do: add LIMIT") == 1


def test_an_owner_has_no_such_limit_and_no_such_advice(warehouse: EmbeddedWarehouse) -> None:
    client = Client(warehouse.host, port=warehouse.port)
    assert len(client.execute(ROWS, columnar=True)[0]) == 1_000_001
    with pytest.raises(ServerException) as caught:
        client.execute(ROWS, settings={"max_result_rows": 10, "max_block_size": 10})
    assert "What to do" not in caught.value.message
    client.disconnect()


def test_the_users_of_a_server_have_the_same_limits() -> None:
    file = Path(__file__).parents[2] / "deploy" / "clickhouse" / "users.xml"
    profile = ET.parse(file).getroot().find("profiles/touchline_read")  # noqa: S314 -- our own
    assert profile is not None
    for name, limit in Limits().as_settings().items():
        assert profile.findtext(name) == limit
        assert profile.findtext(f"constraints/{name}/max") == limit
        assert profile.findtext(f"constraints/{name}/min") == "1", "0 would be no limit"
    assert profile.findtext("readonly") == "2"
