"""The ledger of a customer and of a day, as the command tells them from the facts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.conftest import READER
from tests.warehouse import facts as make
from tests.warehouse.test_upkeep import write
from touchline.agents.settings import WarehouseSettings, load_settings
from touchline.agents.sinks import upkeep
from touchline.cli import main
from touchline.embedded import EmbeddedWarehouse
from touchline.explain.ledger import read_ledger
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.warehouse.tables import DECISIONS, DELIVERIES, SIGNALS, TOUCHPOINTS
from touchline.schemas.touchpoint import Score
from touchline.schemas.vocabulary import Channel, DeliveryStatus, Outcome, Reason, ScoreScale, SignalStatus

DATABASE = "test_ledger"
AT = make.START


def minutes(count: float) -> Any:
    return AT + timedelta(minutes=count)


def clock(count: float) -> str:
    return f"{minutes(count):%H:%M:%S}"


def answer(number: int, kind: str, at: float, channel: Channel = Channel.EMAIL, **more: Any) -> Any:
    attributes = {"decision_id": "d-1", **more.pop("attributes", {})}
    return make.touchpoint(
        number, event_id=f"a-{number}", occurred_at=minutes(at), kind=kind, channel=channel, customer="c-1",
        attributes=attributes, **more,
    )  # fmt: skip


HELD = {"outcome": Outcome.HELD, "reason": Reason.QUIET_HOURS, "revision": 0, "channel": None, "message": None}
NOT = {"outcome": Outcome.SUPPRESSED, "channel": None, "message": None}
TOUCHES = [
    make.touchpoint(1, event_id="t-1", occurred_at=AT, kind="call.started", customer="c-1"),
    make.touchpoint(2, event_id="t-2", occurred_at=AT, kind="call.started", customer="c-quiet"),
    answer(3, "message.bounced", 12, attributes={"hard": True}),
    answer(4, "message.clicked", 20, Channel.SMS, attributes={"link": "https://shop.example.com/s"}),
    answer(5, "survey.answered", 21, Channel.SURVEY, score=Score(scale=ScoreScale.CSAT, value=2), text="Not\nat all"),
    answer(6, "consent.withdrawn", 30, attributes={"purpose": "marketing"}),
    answer(7, "message.opened", 40, attributes={"decision_id": "d-of-last-year"}),
]
LONG_AGO, LATELY = AT - timedelta(days=40), AT - timedelta(days=3)
SIGNALLED = [
    *[make.signal(n, customer="c-old", raised_at=LONG_AGO, at=LONG_AGO) for n in (30, 31, 32)],
    make.signal(1, customer="c-1"),
    make.signal(1, customer="c-1", revision=2, status=SignalStatus.RESOLVED, raised_at=minutes(50)),
    make.signal(9, customer="c-silent"),
    make.signal(2, customer="c-1", group="order:7", rule="late_parcel", raised_at=minutes(5), at=minutes(5)),
]
DECIDED = [
    make.decision(30, customer="c-old", at=LONG_AGO, **HELD),
    make.decision(30, customer="c-old", at=LATELY),
    make.decision(31, customer="c-old", at=LONG_AGO),
    make.decision(32, customer="c-old", at=LONG_AGO),
    make.decision(1, at=minutes(1), explanation="Held until 08:00.", **HELD),
    make.decision(1, at=minutes(10), explanation="Sent by email.", channel=Channel.EMAIL),
    make.decision(2, at=minutes(6), explanation="Not sent: the cap is 3.", reason=Reason.FREQUENCY_CAP, **NOT),
    *[
        make.decision(n, customer=f"c-{n}", at=minutes(n), observed=True, rule="long_wait", explanation=f"Sent, {n}.")
        for n in range(10, 14)
    ],
    make.decision(20, customer="c-20", at=minutes(1), reason=Reason.COOLDOWN, explanation="Not sent: 3 d.", **NOT),
    make.decision(9, customer="c-silent", at=AT - timedelta(days=2)),
    make.decision(21, customer="c-21", at=AT + timedelta(days=1), reason=Reason.COOLDOWN, **NOT),
]
DELIVERED = [
    make.delivery(31, customer="c-old", at=LONG_AGO),
    make.delivery(31, customer="c-old", at=LATELY, revision=2, status=DeliveryStatus.SENT),
    make.delivery(32, customer="c-old", at=LONG_AGO),
    make.delivery(9, customer="c-silent", at=AT - timedelta(days=2), status=DeliveryStatus.SENT),
    make.delivery(1, at=minutes(11)),
    make.delivery(1, at=minutes(11.1), revision=2, status=DeliveryStatus.SENT),
]


@pytest.fixture(scope="module")
def settings(warehouse: EmbeddedWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Settings of the read-only user, on a database with the facts."""
    owner = WarehouseSettings(host=warehouse.host, port=warehouse.port, database=DATABASE, batch_wait=0)
    upkeep.migrate(owner)
    facts = ((TOUCHPOINTS, TOUCHES), (SIGNALS, SIGNALLED), (DECISIONS, DECIDED), (DELIVERIES, DELIVERED))
    asyncio.run(write(owner, *((table.topic, rows) for table, rows in facts)))
    name, password = READER
    path = tmp_path_factory.mktemp("ledger") / "touchline.yaml"
    path.write_text(
        f"warehouse: {{host: '{warehouse.host}', port: {warehouse.port}, database: {DATABASE}, user: {name}, "
        f"password: {password}}}\n",
        "utf-8",
    )
    yield path
    upkeep.query(owner, f"DROP DATABASE {DATABASE} SYNC")


def run(settings: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--settings", str(settings), *arguments])


def shown(settings: Path, customer: str, *arguments: str) -> Result:
    return run(settings, "customer", "show", customer, "--days", "3650", *arguments)


def test_a_customer_is_told_as_a_timeline(settings: Path) -> None:
    result = shown(settings, "c-1")
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    day = f"{AT:%Y-%m-%d}"
    assert lines[0].startswith("c-1: 2 signals since ")
    assert lines[0].endswith(", 1 open; 1 message sent, 5 answers")
    assert lines[2:] == [
        "repeated_contact (high friction, service) resolved",
        f"{day} {clock(0)} signal opened: 3 contacts within 72 h",
        f"{day} {clock(1)} decision held, quiet_hours: Held until 08:00.",
        f"{day} {clock(10)} decision sent: Sent by email.",
        f"{day} {clock(11)} delivery attempted by email (smtp), attempt 1",
        f"{day} {clock(11.1)} delivery sent by email (smtp), attempt 1",
        f"{day} {clock(12)} answer bounced by email, for good",
        f"{day} {clock(20)} answer clicked by sms, https://shop.example.com/s",
        f"{day} {clock(21)} answer answered the survey, csat 2: “Not at all”",
        f"{day} {clock(30)} answer unsubscribed by email",
        f"{day} {clock(50)} signal resolved: 3 contacts within 72 h",
        "",
        "late_parcel (high friction, service, order:7) opened",
        f"{day} {clock(5)} signal opened: 3 contacts within 72 h",
        f"{day} {clock(6)} decision suppressed, frequency_cap: Not sent: the cap is 3.",
        "",
        "answers to earlier messages",
        f"{day} {clock(40)} answer opened by email",
    ]


def test_what_is_decided_or_sent_within_the_days_is_told_with_its_signal_however_old(settings: Path) -> None:
    warehouse = load_settings(settings, {}).warehouse
    since = to_ms(LATELY - timedelta(days=1))
    entries = read_ledger(warehouse, "c-old", since).entries
    told = [(entry.last.signal_id, len(entry.decisions), [one.status for one in entry.deliveries]) for entry in entries]
    assert told == [("s-30", 1, []), ("s-31", 1, ["sent"])]


def test_a_program_gets_the_same_as_json(settings: Path) -> None:
    told = json.loads(shown(settings, "c-1", "--json").stdout)
    first, second = told["signals"]
    assert (first["signal_id"], first["status"], second["group"]) == ("s-1", "resolved", "order:7")
    assert [one["status"] for one in first["changes"]] == ["opened", "resolved"]
    assert [(one["outcome"], one["at"]) for one in first["decisions"]] == [
        ("held", minutes(1).isoformat()),
        ("sent", minutes(10).isoformat()),
    ]
    assert [one["status"] for one in first["deliveries"]] == ["attempted", "sent"]
    kinds = ["message.bounced", "message.clicked", "survey.answered", "consent.withdrawn"]
    assert [one["kind"] for one in first["answers"]] == kinds
    assert first["answers"][2]["score"] == 2
    assert [one["event_id"] for one in told["other_answers"]] == ["a-7"]


def test_silence_is_told_until_something_comes_back(settings: Path) -> None:
    lines = shown(settings, "c-silent").stdout.splitlines()
    assert "nothing has come back for " in lines[-1]
    assert json.loads(shown(settings, "c-silent", "--json").stdout)["signals"][0]["silent_seconds"] > 0
    assert "nothing has come back" not in shown(settings, "c-1").stdout
    assert json.loads(shown(settings, "c-1", "--json").stdout)["signals"][0]["silent_seconds"] is None


def test_who_is_not_known_and_who_has_no_signal_is_told_apart(settings: Path) -> None:
    nobody = shown(settings, "c-nobody")
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert 'nothing is known of "c-nobody"' in nobody.stderr
    quiet = shown(settings, "c-quiet")
    assert quiet.exit_code == 0
    assert "0 signals" in quiet.stdout
    assert f"no signal in the last 3650 days; the newest touchpoint is of {AT:%Y-%m-%d %H:%M} UTC" in quiet.stdout


def test_a_day_ends_with_what_would_have_been_sent(settings: Path) -> None:
    result = run(settings, "outreach", "day", "--day", f"{AT:%Y-%m-%d}", "--examples", "1")
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    title = f"{AT:%Y-%m-%d} (UTC): 7 decisions, 1 messages were sent, 4 messages would have been sent"
    assert lines == [
        title, "",
        "sent", "rule channel messages customers", "repeated_contact email 1 1", "",
        "would have been sent", "rule channel messages customers", "long_wait email 4 4", "",
        "not sent", "why decisions rules",
        "suppressed, cooldown 1 repeated_contact 1", "suppressed, frequency_cap 1 repeated_contact 1", "",
        "caps cut 2 messages: cooldown 1, frequency_cap 1", "",
        "deliveries", "status channel messages", "sent email 1", "",
        "for example",
        f"{minutes(13):%H:%M} UTC long_wait c-13: Sent, 13.",
        f"{minutes(6):%H:%M} UTC repeated_contact c-1: Not sent: the cap is 3.",
        f"{minutes(1):%H:%M} UTC repeated_contact c-20: Not sent: 3 d.",
    ]  # fmt: skip
    told = json.loads(run(settings, "outreach", "day", "--day", f"{AT:%Y-%m-%d}", "--json").stdout)
    assert (told["decisions"], told["sent"], told["would_have_been_sent"]) == (7, 1, 4)
    assert told["cut_by_caps"] == {"cooldown": 1, "frequency_cap": 1}
    empty = run(settings, "outreach", "day", "--day", "1999-01-31")
    assert (empty.exit_code, empty.stdout) == (0, "1999-01-31 (UTC): nothing was decided\n")


def test_a_slip_is_told_the_right_name(settings: Path) -> None:
    assert 'no command "outreach dya", did you mean "day"?' in run(settings, "outreach", "dya").stderr
