"""`touchline rules explain` and `touchline rules why-not` on files, as their users meet them."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.friction.support import START, touchpoint
from touchline.cli import main
from touchline.schemas.codec import encode

RULE = """
schema: friction/1
rules:
- id: again
  owner: desk
  stage: support
  severity: high
  detect:
    count: {event: contact.opened, where: "'secret' in text or wait_seconds > 60", at_least: 2, within: 1h}
  resolve: {event: follow_up.made}
  evidence: "{count} contacts"
  action: call
"""


def raw(number: int, minute: int, kind: str, **more: Any) -> str:
    at = f"2026-05-04T09:{minute:02d}:00Z"
    fields = {"event_id": f"e-{number}", "source": "tel", "occurred_at": at, "kind": kind, "customer_id": "c-1"}
    return json.dumps(fields | more)


HISTORY = [
    raw(1, 0, "contact.opened", wait_seconds=90),
    raw(2, 5, "contact.opened", text="my own secret is 4711", identifiers={"email": "c@d.example"}),
    raw(3, 6, "contact.opened", customer_id="c-2", wait_seconds=90),
    raw(4, 10, "follow_up.made"),
    raw(5, 20, "contact.opened", customer_id="c-3", wait_seconds=10, text="hello 4711"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.yaml").write_text(RULE, "utf-8")
    (tmp_path / "history.ndjson").write_text("\n".join(HISTORY), "utf-8")
    (tmp_path / "touchline.yaml").write_text("journey: {rules: [rules.yaml], builtin_rules: false}", "utf-8")
    return tmp_path


def run(*arguments: str, files: str = "history.ndjson") -> Result:
    done = CliRunner().invoke(main, ["rules", *arguments, "--events", files])
    assert "Traceback" not in done.output
    assert "4711" not in done.output
    assert "c@d.example" not in done.output
    return done


def signal_id() -> str:
    told = json.loads(run("why-not", "--rule", "again", "--customer", "c-1", "--json").stdout)
    (opened,) = [s for step in told["steps"] for s in step["signals"] if s["status"] == "opened"]
    return str(opened["signal_id"])


def test_a_signal_is_explained_event_by_event() -> None:
    signal = signal_id()
    done = run("explain", signal)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"signal {signal} of c-1, rule again (high, desk)",
        "looks for: count per customer, threshold 2, within 60 min, expires after 30 d",
        "2026-05-04 09:00 UTC  contact.opened by voice, e-1 of tel",
        "    counts: yes, wait_seconds > 60 is true: wait_seconds is 90.0",
        "    state: nothing → 1 of 2 within 60 min",
        "2026-05-04 09:05 UTC  contact.opened by voice, e-2 of tel",
        "    counts: yes, 'secret' in text is true: text is there (not shown)",
        "    state: 1 of 2 within 60 min → 2 of 2 within 60 min; a signal is open since 2026-05-04 09:05 UTC",
        "    signal opened (revision 1): 2 contacts",
        "2026-05-04 09:10 UTC  follow_up.made by voice, e-4 of tel",
        "    resolve: yes",
        "    state: 2 of 2 within 60 min; a signal is open since 2026-05-04 09:05 UTC → nothing",
        "    signal resolved (revision 2): 2 contacts",
    ]


def test_an_explanation_for_a_program() -> None:
    signal = signal_id()
    told = json.loads(run("explain", signal, "--json").stdout)
    assert (told["signal_id"], told["rule"], told["customer"], told["rules_changed"]) == (signal, "again", "c-1", False)
    assert [step["event"]["event_id"] for step in told["steps"]] == ["e-1", "e-2", "e-4"]
    assert told["steps"][1]["state"] == [
        {
            "group": "",
            "before": ["1 of 2 within 60 min"],
            "after": ["2 of 2 within 60 min", "a signal is open since 2026-05-04 09:05 UTC"],
        }
    ]
    assert [s["status"] for step in told["steps"] for s in step["signals"]] == ["opened", "resolved"]


def test_a_silence_is_explained() -> None:
    done = run("why-not", "--rule", "again", "--customer", "c-3")
    neither = "'secret' in text is false: text is there (not shown); wait_seconds > 60 is false: wait_seconds is 10.0"
    assert done.exit_code == 0
    assert done.stdout.splitlines()[:3] == [
        "rule again for c-3, up to 2026-05-04 09:20 UTC",
        "looks for: count per customer, threshold 2, within 60 min, expires after 30 d",
        f"- contact.opened e-5 of 2026-05-04 09:20 UTC does not count: {neither}",
    ]
    told = json.loads(run("why-not", "--rule", "again", "--customer", "c-2", "--json").stdout)
    assert [(reason["code"], reason["message"]) for reason in told["reasons"]] == [
        ("threshold", "at the most, at 2026-05-04 09:06 UTC: 1 of 2 within 60 min")
    ]


def test_a_moment_in_between() -> None:
    asked = ("why-not", "--rule", "again", "--customer", "c-1", "--json", "--at")
    codes = [
        [reason["code"] for reason in json.loads(run(*asked, at).stdout)["reasons"]]
        for at in ("2026-05-04T09:04Z", "2026-05-04T09:06Z", "2026-05-04T09:11Z")
    ]
    assert codes == [["threshold"], ["fired"], ["fired", "resolved"]]


def test_history_may_be_enriched_or_come_by_a_map(folder: Path) -> None:
    enriched = [touchpoint(f"e-{n}", "contact.opened", START + n * 60_000, wait_seconds=99.0) for n in range(2)]
    (folder / "enriched.ndjson").write_bytes(b"\n".join(map(encode, enriched)))
    assert "it was not silent" in run("why-not", "--rule", "again", "--customer", "c-1", files="enriched.ndjson").stdout
    (folder / "calls.csv").write_text(
        "who,at,waited\nc-9,2026-03-02T10:00:00Z,99\nc-9,2026-03-02T09:30:00Z,99\n", "utf-8"
    )
    (folder / "map.yaml").write_text(
        'schema: map/1\nname: calls\ninputs:\n- files: "*.csv"\n  touchpoints:\n'
        '  - {kind: contact.opened, at: "{at}", customer: "{who}", wait_seconds: "{waited}"}\n',
        "utf-8",
    )
    asked = ("why-not", "--rule", "again", "--customer", "c-9", "--map", "map.yaml")
    assert "it was not silent" in run(*asked, files="calls.csv").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["explain", "nothing"], 1, 'there is no signal "nothing" in this history, by these rules'),
        (["why-not", "--rule", "agian", "--customer", "c-1"], 2, 'there is no rule "agian", did you mean "again"?'),
        (["why-not", "--rule", "again", "--customer", "c-7"], 1, 'no touchpoint of customer "c-7" is in this history'),
        (["why-not", "--rule", "again"], 2, "Missing option '--customer'"),
        (["why-not", "--rule", "again", "--customer", "c-1", "--at", "soon"], 2, '"soon" is no date'),
    ],
)
def test_what_can_not_be_answered_says_why(arguments: list[str], code: int, message: str) -> None:
    done = run(*arguments)
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr


def test_a_file_that_is_no_history_says_why(folder: Path) -> None:
    (folder / "broken").write_text("no, json\n", "utf-8")
    done = run("explain", "x", files="broken")
    assert (done.exit_code, "broken:1 is no JSON" in done.stderr) == (1, True)
