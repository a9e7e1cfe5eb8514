"""docs/loop.md: its rules and events come to its decisions, its ledger and its SQL, from end to end."""

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.docs.pages import ROOT, blocks
from tests.warehouse.test_upkeep import write
from touchline.agents import enrich, incident, journey, outreach
from touchline.agents.settings import Settings, WarehouseSettings, load_settings
from touchline.agents.sinks import upkeep
from touchline.cli import main
from touchline.embedded import EmbeddedWarehouse
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.engine.local import LocalRun
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction import profile
from touchline.pipeline.warehouse.tables import DECISIONS, DELIVERIES, SIGNALS, TOUCHPOINTS
from touchline.schemas import codec
from touchline.schemas.control import Control
from touchline.schemas.outreach import Decision, Delivery
from touchline.schemas.vocabulary import Channel, DeliveryStatus, Outcome
from touchline.schemas.wire import CONTROL_HEADER, CUSTOMERS, RAW

PAGE = ROOT / "docs" / "loop.md"
TEXT = PAGE.read_text("utf-8")
RULES, LINKS = (block.text for block in blocks(PAGE, "yaml"))
EVENTS = [json.loads(line) for line in blocks(PAGE, "ndjson")[0].text.splitlines()]
SQL = blocks(PAGE, "sql")[0].text
SHOWN = blocks(PAGE, "text")[0].text
DATABASE = "test_loop"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LocalRun:
    """The events through all agents that decide, time passing as it would."""
    rules = tmp_path_factory.mktemp("loop") / "rules.yaml"
    rules.write_text(RULES, "utf-8")
    settings = Settings.model_validate(
        {
            "clock": "log",
            "kafka": {"raw_partitions": 1, "partitions": 1},
            "journey": {"builtin_rules": False, "rules": [str(rules)]},
            "outreach": {"mode": "live", "quiet_hours": None},
        }
    )
    local = LocalRun([agent.build(settings) for agent in (enrich, journey, incident, outreach)])
    for event in EVENTS:
        now = to_ms(datetime.fromisoformat(event["occurred_at"]))
        local.publish(RAW, None, codec.encode(Control(high=now)), now, ((CONTROL_HEADER, b"1"),))
        local.run(now)
        local.publish(RAW, event["customer_id"].encode(), json.dumps(event).encode(), now)
        local.run(now)
    return local


def decisions(run: LocalRun) -> list[Decision]:
    return [codec.decode_decision(record.value or b"") for record in run.topics.all(DECISIONS.topic) if record.key]


def test_the_events_of_the_page_come_to_its_decisions(run: LocalRun) -> None:
    rows = re.findall(r"^\| (\d{4}-\S+ \S+) \| `(\w+)` \| (.*?) \| (.*?) \|$", TEXT, re.M)
    found = decisions(run)
    assert len(rows) == len(found) == 4
    for (at, rule, what, why), decision in zip(rows, found, strict=True):
        told = f"sent by {decision.channel}" if decision.outcome is Outcome.SENT else str(decision.reason)
        assert (at, rule, what) == (f"{decision.at:%Y-%m-%d %H:%M}", decision.rule, told)
        assert (decision.decision_id in why) == (decision.outcome is Outcome.SENT)


def test_answers_are_in_the_profile(run: LocalRun) -> None:
    told = [record for record in run.topics.all(CUSTOMERS) if not record.headers]  # the others are ticks
    last = codec.decode_profile(told[-1].value or b"")
    assert (sorted(last.addresses), last.responded, last.consent) == (
        ["sms", "voice"],
        Channel.SMS,
        {"service/sms": False},
    )


def test_every_kind_of_the_page_is_one_and_those_that_change_profiles_are_told() -> None:
    table = TEXT.split("## What may come back")[1].split("## A survey")[0]
    named = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", table))
    assert named <= Catalogue().kinds.keys()
    assert profile.KINDS - named == {"consent.granted", "customer.erased"}


def test_the_settings_of_links_load(tmp_path: Path) -> None:
    path = tmp_path / "touchline.yaml"
    path.write_text(LINKS, "utf-8")
    settings = load_settings(path, {"LINKS_SECRET": "0123456789abcdefghijklmnopqrstuvwxyz"})
    assert settings.serves
    assert settings.outreach.links is not None


@pytest.fixture(scope="module")
def warehoused(run: LocalRun, warehouse: EmbeddedWarehouse) -> Iterator[WarehouseSettings]:
    """The facts of the run, each message sent two seconds after it was decided."""
    settings = WarehouseSettings(host=warehouse.host, port=warehouse.port, database=DATABASE, batch_wait=0)
    upkeep.migrate(settings)
    facts: list[tuple[str, list[Any]]] = [
        (table.topic, [table.decode(record.value or b"") for record in run.topics.all(table.topic) if record.key])
        for table in (TOUCHPOINTS, SIGNALS, DECISIONS)
    ]
    sent = [_delivery(one, one.channel) for one in decisions(run) if one.channel is not None]
    asyncio.run(write(settings, *facts, (DELIVERIES.topic, sent)))
    yield settings
    upkeep.query(settings, f"DROP DATABASE {DATABASE} SYNC")


def _delivery(decision: Decision, channel: Channel) -> Delivery:
    return Delivery(
        delivery_id=f"v-{decision.decision_id}", revision=1, decision_id=decision.decision_id,
        signal_id=decision.signal_id, rule=decision.rule, customer=decision.customer, channel=channel,
        adapter="webhook", status=DeliveryStatus.SENT, attempts=1, at=decision.at + timedelta(seconds=2),
    )  # fmt: skip


def test_the_ledger_tells_what_the_page_shows(warehoused: WarehouseSettings, tmp_path: Path) -> None:
    path = tmp_path / "touchline.yaml"
    store = f"{{host: {warehoused.host}, port: {warehoused.port}, database: {DATABASE}}}"
    path.write_text(f"warehouse: {store}\n", "utf-8")
    command = ["--settings", str(path), "customer", "show", "c-1042", "--days", "3650"]
    shown = CliRunner().invoke(main, command).stdout
    assert SHOWN in shown
    assert "answer    bounced by email, for good" in shown
    assert "answer    unsubscribed by sms" in shown


def test_who_has_not_answered_is_counted(warehoused: WarehouseSettings) -> None:
    answered = [("detractor_unanswered", 1, 0), ("parcel_late", 2, 0)]
    assert sorted(map(tuple, upkeep.query(warehoused, SQL).rows)) == answered
    without = SQL.replace("mapContains(attributes, 'decision_id')", "0")
    assert sorted(map(tuple, upkeep.query(warehoused, without).rows)) == [
        ("detractor_unanswered", 1, 1),
        ("parcel_late", 2, 2),
    ]
