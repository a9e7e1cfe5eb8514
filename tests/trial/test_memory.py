"""`touchline try`: one event through everything in memory."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from touchline.cli import main

REOPENED = (
    '{"kind": "ticket.reopened", "customer_id": "c-1", "subjects": ["ticket:7"], "occurred_at": "2026-03-02T12:00:00Z"}'
)
"""At noon: at night the decision would be to wait for the morning."""


def tried(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["try", *arguments])


def said(*arguments: str) -> dict[str, object]:
    result = tried(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.output)
    return found


def names(found: dict[str, object], of: str, name: str) -> list[str]:
    rows = found[of]
    assert isinstance(rows, list)
    return [row[name] for row in rows]


def test_what_it_is_and_what_comes_of_it() -> None:
    found = said(REOPENED)
    touchpoint = found["touchpoint"]
    assert isinstance(touchpoint, dict)
    assert (touchpoint["channel"], touchpoint["customer"]) == ("service_desk", "c-1")
    assert names(found, "signals", "rule") == ["ticket_reopened"]
    assert names(found, "decisions", "reason") == ["no_channel"]


def test_with_a_history_there_is_an_address_and_a_message(tmp_path: Path) -> None:
    history = tmp_path / "history.ndjson"
    profile = {
        "event_id": "1",
        "source": "crm",
        "occurred_at": "2026-03-02T09:00:00Z",
        "kind": "profile.updated",
        "customer_id": "c-1",
        "identifiers": {"email": "c-1@example.com"},
    }
    history.write_text(json.dumps(profile) + "\n")
    event = {**json.loads(REOPENED), "occurred_at": "2026-03-02T12:00:00Z"}
    result = tried(json.dumps(event), "--history", str(history))
    assert result.exit_code == 0, result.output
    assert "ticket_reopened opened" in result.output
    assert "email to c-1@example.com" in result.output


def test_what_is_noticed_by_its_absence() -> None:
    order = {
        "kind": "order.placed",
        "customer_id": "c-1",
        "occurred_at": "2026-03-02T12:00:00Z",
        "subjects": ["order:1"],
        "attributes": {"promised_at": "2026-03-04T12:00:00Z"},
    }
    assert names(said(json.dumps(order)), "signals", "rule") == []
    assert names(said(json.dumps(order), "--wait", "24h"), "signals", "rule") == []
    later = said(json.dumps(order), "--wait", "4d")
    assert names(later, "signals", "rule") == ["promise_at_risk", "promise_broken"]


@pytest.mark.parametrize(
    ("event", "code", "words"),
    [
        ('{"kind": "order.placed", "customerid": "c-1"}', 1, 'did you mean "customer_id"'),
        ('{"kind": "order.placed", "customer_id": "c-1", "occurred_at": "2026-03-02T12:00:00"}', 1, "occurred_at"),
        ('{"kind": "Order", "customer_id": "c-1"}', 1, "kind"),
        ('{"kind": ', 2, "is no JSON"),
        ('{"specversion": "1.0"}', 2, "CloudEvent"),
        ("no-such-file.json", 2, "can't be read"),
    ],
)
def test_why_it_would_be_refused(event: str, code: int, words: str) -> None:
    result = tried(event)
    assert result.exit_code == code, result.output
    assert words in result.output
    assert "Traceback" not in result.output


def test_a_history_with_a_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    history = tmp_path / "history.ndjson"
    history.write_text('{"kind": "a.b"}\n[]\n')
    result = tried(REOPENED, "--history", str(history))
    assert result.exit_code == 2
    assert f"{history}:2 is no JSON object" in result.output


def test_an_event_from_the_input_and_a_wait_that_is_none() -> None:
    result = CliRunner().invoke(main, ["try", "-", "--json"], input=REOPENED)
    assert result.exit_code == 0, result.output
    result = tried(REOPENED, "--wait", "soon")
    assert result.exit_code == 2
    assert "--wait" in result.output
    assert tried(REOPENED, "--send", "--wait", "1h").exit_code == 2


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ('{"kind": "a.b", "wait_seconds": NaN}', "a number is NaN, infinite or too large: write null"),
        ('{"kind": "a.b", "wait_seconds": 1e400}', "a number is NaN, infinite or too large: write null"),
        ('{"kind": "a.b",\n "customer_id" "c"}', "line 2, column 16: expecting ':' delimiter"),
        ('{"kind": "a.b"', "line 1, column 15: expecting ',' delimiter"),
        ("", "name a file, or write the event"),
    ],
)
def test_what_is_no_event_is_told_with_its_place(event: str, words: str) -> None:
    result = tried(event)
    assert result.exit_code == 2
    assert words in result.output
