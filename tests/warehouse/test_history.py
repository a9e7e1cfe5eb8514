"""Touchpoints read back for rules on history: in pieces that a reader may read, and as they were."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.conftest import READER
from tests.warehouse import facts as make
from tests.warehouse.test_upkeep import write
from touchline.agents.settings import Settings, WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.backtest.run import history_run, work_off
from touchline.backtest.sources import Facts
from touchline.cli import main
from touchline.embedded import EmbeddedWarehouse
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.warehouse import history
from touchline.pipeline.warehouse.history import pieces, scalar
from touchline.pipeline.warehouse.tables import TOUCHPOINTS
from touchline.schemas.touchpoint import EnrichedTouchpoint, Score
from touchline.schemas.vocabulary import ScoreScale

KINDS = ("contact.opened", "call.completed", "survey.answered")
EVENTS = [
    make.touchpoint(
        number,
        event_id=f"e{number:04d}",
        occurred_at=make.START + timedelta(minutes=13 * number),
        received_at=make.START + timedelta(minutes=13 * number),
        kind=KINDS[number % 3],
        customer=f"c-{number % 7}",
        subjects=(f"ticket:{number % 5}",),
        wait_seconds=float(number) if number % 2 else None,
        score=Score(scale=ScoreScale.CSAT, value=2) if number % 3 == 2 else None,
        attributes={"transfers": number % 4, "hours": 1.5, "vip": bool(number % 2), "code": "007"},
        late_seconds=float(number % 30 * 30),
    )
    for number in range(200)
]


@pytest.fixture(scope="module")
def reader(warehouse: EmbeddedWarehouse) -> Iterator[WarehouseSettings]:
    """The read-only user on a database with the events."""
    owner = WarehouseSettings(host=warehouse.host, port=warehouse.port, database="test_history", batch_wait=0)
    upkeep.migrate(owner)
    asyncio.run(write(owner, (TOUCHPOINTS.topic, EVENTS)))
    name, password = READER
    yield owner.model_copy(update={"user": name, "password": SecretStr(password)})
    upkeep.query(owner, f"DROP DATABASE {owner.database} SYNC")


def nobody(_what: str, _done: int, _total: int) -> None:
    """Is told nothing."""


def facts(reader: WarehouseSettings) -> Facts:
    return Facts(reader, make.START - timedelta(days=1), make.START + timedelta(days=30))


@pytest.mark.parametrize("rows", [5, 20, 100_000])
def test_touchpoints_come_back_as_they_were(
    reader: WarehouseSettings, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(history.pieces.__kwdefaults__ or {}, "rows", rows)
    told: list[tuple[str, int, int]] = []
    found = list(facts(reader).entries(lambda *args: told.append(args)))
    assert found == [replace(event, raw_partition=0, raw_offset=0) for event in EVENTS]
    assert told[-1] == ("rules", 200, 200)


def test_the_span_is_up_to_and_without_its_end(reader: WarehouseSettings) -> None:
    one = Facts(reader, EVENTS[3].occurred_at, EVENTS[9].occurred_at)
    assert [e.event_id for e in one.entries(nobody) if isinstance(e, EnrichedTouchpoint)] == [
        event.event_id for event in EVENTS[3:9]
    ]


def test_rules_say_the_same_on_the_facts_as_on_what_was_stored(reader: WarehouseSettings) -> None:
    runs = [history_run(Settings(), [load_rules()], lambda event, at: None) for _ in range(2)]
    work_off(facts(reader), runs[0], nobody)
    for event in EVENTS:
        runs[1].enriched(replace(event))
    runs[1].finish()
    first, second = (run.trials[0].signals for run in runs)
    assert first == second
    assert {signal.rule for signal in first.values()} >= {"repeated_contact", "long_wait"}


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 40)), unique_by=lambda hour: hour[0], max_size=20).map(
        sorted
    ),
    st.integers(1, 60),
)
def test_pieces_hold_every_hour_once_in_order(hours: list[tuple[int, int]], rows: int) -> None:
    found = list(pieces(((number * 3_600, count) for number, count in hours), rows=rows))
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    for number, count in hours:
        begin, end = number * 3_600, (number + 1) * 3_600
        inside = [piece for piece in found if piece[0] < end and piece[1] > begin]
        assert sum(min(last, end) - max(first, begin) for first, last in inside) == 3_600
        assert len(inside) == (1 if count <= rows else 60)
    for first, last in found:
        held = sum(count for number, count in hours if first <= number * 3_600 < last)
        assert held <= rows or last - first == 60


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("12", 12), ("-3", -3), ("0", 0), ("1.5", 1.5), ("1e3", 1000.0), ("true", True), ("false", False)),
        *(("007", "007"), ("1.", "1."), ("", ""), ("nan", "nan"), ("12 h", "12 h"), ("True", "True"), ("+1", "+1")),
        ("1" * 30, "1" * 30),
    ],
)
def test_what_a_text_of_the_warehouse_was(text: str, value: object) -> None:
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_the_command_reads_the_warehouse_as_the_reader(reader: WarehouseSettings) -> None:
    given = {"host": reader.host, "port": reader.port, "database": reader.database, "user": reader.user}
    env = {f"TOUCHLINE_WAREHOUSE__{name.upper()}": str(value) for name, value in given.items()}
    env["TOUCHLINE_WAREHOUSE__PASSWORD"] = reader.password.get_secret_value()
    words = ["rules", "backtest", "--warehouse", "2026-02-28..2026-03-10", "--json"]
    result = CliRunner(env=env).invoke(main, words)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["touchpoints"], report["customers"]) == (200, 7)
    assert sum(row["signals"] for row in report["parts"][0]["rules"]) > 0
    env["TOUCHLINE_WAREHOUSE__PASSWORD"] = "wrong"
    refused = CliRunner(env=env).invoke(main, words)
    assert refused.exit_code == 1
    assert "Check warehouse.user" in refused.stderr
