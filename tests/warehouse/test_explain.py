"""Signals and silences explained from the facts, as the read-only user sees them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

from tests.conftest import READER
from tests.warehouse import facts as make
from tests.warehouse.test_upkeep import write
from touchline.agents.settings import Settings, WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.backtest.run import history_run
from touchline.cli import main
from touchline.embedded import EmbeddedWarehouse
from touchline.explain.history import WarehouseHistory
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.warehouse.tables import SIGNALS, TOUCHPOINTS

DATABASE = "test_explain"
EVENTS = [
    make.touchpoint(
        number,
        event_id=f"e-{number}",
        occurred_at=make.START + timedelta(hours=number),
        received_at=make.START + timedelta(hours=number),
        kind="contact.opened",
        customer="c-1" if number % 2 == 0 else "c-2",
        text="the text of a customer",
        raw_offset=number,
        late_seconds=0.0,
    )
    for number in range(6)
]


@pytest.fixture(scope="module")
def reader(warehouse: EmbeddedWarehouse) -> Iterator[WarehouseSettings]:
    """The read-only user on a database with the events and the signal that the rules find in them."""
    owner = WarehouseSettings(host=warehouse.host, port=warehouse.port, database=DATABASE, batch_wait=0)
    upkeep.migrate(owner)
    run = history_run(Settings(), [rules := load_rules()], lambda _event, _at: None)
    for event in EVENTS:
        run.enriched(event)
    run.finish()
    signals = [
        make.signal(1, signal_id=s.signal_id, rule=s.rule, customer=s.customer, group=s.group, ruleset=rules.hash)
        for s in run.trials[0].signals.values()
    ]
    gone = make.signal(2, signal_id="gone", customer="c-1", ruleset="other")
    asyncio.run(write(owner, (TOUCHPOINTS.topic, EVENTS), (SIGNALS.topic, [*signals, gone])))
    name, password = READER
    yield owner.model_copy(update={"user": name, "password": SecretStr(password)})
    upkeep.query(owner, f"DROP DATABASE {owner.database} SYNC")


@pytest.fixture
def run(reader: WarehouseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.chdir(tmp_path)
    name, password = READER
    where = f"host: {reader.host}, port: {reader.port}, database: {DATABASE}, user: {name}, password: {password}"
    (tmp_path / "touchline.yaml").write_text(f"warehouse: {{{where}}}", "utf-8")
    return Runner()


class Runner:
    """Runs `touchline rules` with the settings of the reader."""

    def __call__(self, *arguments: str) -> Result:
        done = CliRunner().invoke(main, ["rules", *arguments])
        assert "the text of a customer" not in done.output
        return done


def test_a_customers_touchpoints_come_in_the_order_of_arrival(reader: WarehouseSettings) -> None:
    history = WarehouseHistory(reader, make.START + timedelta(days=1))
    found = history.journey("c-1", None)
    assert [event.event_id for event in found.events] == ["e-0", "e-2", "e-4"]
    assert found.until == to_ms(make.START + timedelta(days=1))
    until = to_ms(make.START + timedelta(hours=2))
    assert [event.event_id for event in history.journey("c-1", until).events] == ["e-0", "e-2"]
    assert not history.journey("c-1' OR '1' = '1", None).events


def test_a_signal_of_the_warehouse_is_explained(run: Runner) -> None:
    at = (make.START + timedelta(hours=7)).isoformat()
    silence = run("why-not", "--rule", "repeated_contact", "--customer", "c-1", "--at", at, "--json")
    told = json.loads(silence.stdout)
    assert [reason["code"] for reason in told["reasons"]] == ["fired"]
    (signal,) = {s["signal_id"] for step in told["steps"] for s in step["signals"]}
    done = run("explain", signal)
    assert done.exit_code == 0, done.stderr
    assert f"signal {signal} of c-1, rule repeated_contact" in done.stdout
    assert [line.split(", ")[1] for line in done.stdout.splitlines() if "contact.opened by" in line] == [
        f"e-{number} of {EVENTS[0].source}" for number in (0, 2, 4)
    ]
    assert "state: 2 of 3 within 3 d → 3 of 3 within 3 d; a signal is open" in done.stdout


def test_a_silence_up_to_a_moment(run: Runner) -> None:
    at = (make.START + timedelta(hours=3)).isoformat()
    done = run("why-not", "--rule", "repeated_contact", "--customer", "c-1", "--at", at)
    assert "2 of 3 within 3 d" in done.stdout.splitlines()[2]


def test_a_signal_that_todays_rules_do_not_give_says_so(run: Runner) -> None:
    done = run("explain", "gone")
    assert done.exit_code == 1
    assert "does not give signal gone of rule repeated_contact: the rules are other ones now" in done.stderr
    assert run("explain", "never").exit_code == 1


def test_who_looks_at_the_wrong_time_is_told_where_there_is_something(reader: WarehouseSettings, run: Runner) -> None:
    """An import of an old history lies further back than the wall clock looks."""
    history = WarehouseHistory(reader, make.START + timedelta(days=1))
    day = make.START + timedelta(days=1)
    assert history.elsewhere("c-1").endswith(f"the newest is of {make.START:%Y-%m-%d}: --at {day:%Y-%m-%d} looks there")
    assert history.elsewhere("nobody") == ""
    late = (make.START + timedelta(days=400)).isoformat()
    done = run("why-not", "--rule", "repeated_contact", "--customer", "c-1", "--at", late)
    assert done.exit_code == 1
    assert 'no touchpoint of customer "c-1" is in this history of 180 days; the newest is of' in done.stderr
