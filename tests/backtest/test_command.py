"""The commands, as somebody types them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from touchline.cli import main

RULES = """schema: friction/1
rules:
- id: asked_again
  owner: service
  stage: support
  severity: high
  detect:
    count: {event: contact.opened, at_least: 2, within: 24h}
  cooldown: 24h
  evidence: "{count} contacts"
  action: Call back
- id: never
  owner: service
  stage: support
  detect:
    match: {event: contact.opened, where: hours > 3}
  evidence: "{count}"
  action: None
"""


def line(number: int, customer: str, kind: str, at: str) -> str:
    fields = {"event_id": f"e{number}", "source": "s", "kind": kind, "customer_id": customer, "occurred_at": at}
    return json.dumps(fields) + "\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four customers who ask twice, two of whom complain the day after; and one who complains at once."""
    monkeypatch.chdir(tmp_path)
    lines = []
    for day in range(1, 5):
        customer = f"c-{day}"
        lines.append(line(10 * day, customer, "contact.opened", f"2026-03-0{day}T09:00:00Z"))
        lines.append(line(10 * day + 1, customer, "contact.opened", f"2026-03-0{day}T12:00:00Z"))
        if day % 2:
            lines.append(line(10 * day + 2, customer, "complaint.made", f"2026-03-0{day + 1}T08:00:00Z"))
    lines.append(line(99, "c-9", "complaint.made", "2026-03-06T09:00:00Z"))
    (tmp_path / "events.ndjson").write_text("".join(sorted(lines, key=lambda text: json.loads(text)["occurred_at"])))
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["rules", *arguments])


TEST = ["backtest", "--events", "events.ndjson", "--rules", "rules.yaml", "--no-builtin"]
COMPLAINTS = ["--outcomes", "kind=complaint.made within=3d"]


def test_figures_for_a_program(folder: Path) -> None:
    result = run(*TEST, *COMPLAINTS, "--budget", "0", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["touchpoints"], found["customers"], found["per"]) == (11, 5, "customer")
    (part,) = found["parts"]
    assert (part["cases"], part["bad"]) == (5, 3)
    asked, never = part["rules"]
    wanted = {"rule": "asked_again", "signals": 4, "customers": 4, "warned": 4, "hits": 2, "precision": 0.5}
    assert wanted.items() <= asked.items()
    assert (asked["recall"], asked["lift"], asked["open"]) == (pytest.approx(2 / 3), pytest.approx(5 / 6), 1)
    assert asked["lead"] == [20 * 3600.0] * 3
    assert (never["signals"], never["precision"], never["lead"]) == (0, None, None)
    (owner,) = part["owners"]
    assert (owner["alerts"], owner["busiest_day"], owner["right"], owner["cut"]) == (4, 1, 2, {"asked_again": 4})
    assert found["unknown"] == {"never.hours": 8}


def test_figures_for_a_person(folder: Path) -> None:
    result = run(*TEST, *COMPLAINTS, "--budget", "0")
    assert result.exit_code == 0, result.output
    assert "11 touchpoints of 5 customers, 2026-03-01 to 2026-03-06 · events.ndjson" in result.stdout
    assert "3 of 5 cases had the outcome, base rate .60" in result.stdout
    row = next(text for text in result.stdout.splitlines() if text.startswith("asked_again"))
    assert row.split()[:8] == ["asked_again", "service", "4", "4", "4", "2", ".50", ".15\N{EN DASH}.85"]
    assert row.split()[8:] == [".67", "0.8", "20", "h", "(20", "h", "\N{EN DASH}", "20", "h)"]
    assert "without a signal: never" in result.stdout
    assert "4 cut, 2 of them right: asked_again 4" in result.stdout
    assert "fields that events lacked (rule.field): never.hours 8" in result.stdout


def test_without_outcomes_there_are_alerts_alone(folder: Path) -> None:
    result = run(*TEST)
    assert result.exit_code == 0, result.output
    assert "precision" not in result.stdout
    assert "asked_again" in result.stdout
    assert "severity" in result.stdout


def test_two_parts_of_history(folder: Path) -> None:
    for split in ("half", "2026-03-03"):
        found = json.loads(run(*TEST, *COMPLAINTS, "--split", split, "--json").stdout)
        assert [part["name"] for part in found["parts"]] == ["earlier", "later"]
        assert [part["rules"][0]["signals"] for part in found["parts"]] == [2, 2]
    assert "one side would be empty" in run(*TEST, *COMPLAINTS, "--split", "2030-01-01").stderr


def test_truth_is_seen_by_outcomes_alone(folder: Path) -> None:
    (folder / "truth.ndjson").write_text(line(1, "c-2", "contact.opened", "2026-03-02T13:00:00Z"))
    truth = ["--truth", "truth.ndjson", "--outcomes", "kind=contact.opened within=2h"]
    found = json.loads(run(*TEST, *truth, "--json").stdout)
    row = next(row for row in found["parts"][0]["rules"] if row["rule"] == "asked_again")
    assert (row["signals"], row["warned"], row["hits"]) == (4, 4, 1)


def test_what_makes_figures_doubtful_is_remarked(folder: Path) -> None:
    lines = (folder / "events.ndjson").read_text().splitlines(keepends=True)
    (folder / "events.ndjson").write_text("".join(reversed(lines)))
    result = run(*TEST, "--outcomes", "kind=nothing.such within=1d")
    assert "note: nothing in the history is an outcome" in result.stdout
    assert "10 touchpoints came too late to open a signal" in result.stdout
    assert json.loads(run(*TEST, *COMPLAINTS, "--sort", "--json").stdout)["parts"][0]["rules"][0]["hits"] == 2
    assert "there is no case: no order is in the history" in run(*TEST, *COMPLAINTS, "--per", "order").stdout
    among = ["--among", "kind=order.placed"]
    assert "no customer that had what --among and --until ask for" in run(*TEST, *COMPLAINTS, *among).stdout
    assert "names rules that are not there: nope" in run(*TEST, "--outcomes", "rule=nope within=1d").stdout


def test_what_changes_between_two_sets(folder: Path) -> None:
    (folder / "new.yaml").write_text(RULES.replace("at_least: 2", "at_least: 3").replace("hours > 3", "channel == 'x'"))
    (folder / "new.yaml").write_text(RULES.replace("within: 24h", "within: 2h"))
    found = json.loads(run("diff", "rules.yaml", "new.yaml", "--events", "events.ndjson", "--json").stdout)
    assert [(c["change"], c["customer"], c["before"], c["after"]) for c in found["changed"]] == [
        ("vanishes", f"c-{day}", f"2026-03-0{day}T12:00:00Z", None) for day in range(1, 5)
    ]
    (row,) = found["rules"]
    assert (row["before"], row["after"], row["vanish"]) == (4, 0, 4)
    shown = run("diff", "new.yaml", "rules.yaml", "--events", "events.ndjson", "--show", "1").stdout
    assert "4 changes for 4 customers, on 11 touchpoints" in shown
    assert "appears  asked_again  2026-03-01 12:00Z  2 contacts" in shown
    assert "… and 3 more" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["backtest"], 2, "name the history"),
        (["backtest", "--events", "events.ndjson", "--warehouse", "2026-01-01..2026-01-02"], 2, "name the history"),
        (["backtest", "--warehouse", "2026-01-01"], 2, "is no range"),
        ([*TEST, "--outcomes", "complaint.made"], 2, 'begins with "complaint.made"'),
        ([*TEST, "--among", "kind=a.b"], 2, "name it"),
        ([*TEST, "--split", "soon"], 2, "is no date"),
        (["backtest", "--events", "."], 2, "is a folder: name its files, or a map"),
        (["backtest", "--events", "rules.yaml"], 1, "rules.yaml:1 is no JSON"),
        (["backtest", "--events", "events.ndjson", "--rules", "events.ndjson"], 2, "events.ndjson:"),
        (["diff", "rules.yaml", "none.yaml", "--events", "events.ndjson"], 2, "does not exist"),
    ],
)
def test_a_mistake_is_told(folder: Path, arguments: list[str], code: int, message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
