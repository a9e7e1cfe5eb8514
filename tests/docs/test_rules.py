"""docs/rules.md: its example from file to signal, each snippet, the tables, and the mistakes as they are told."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import TypeAdapter

from tests.docs.pages import ROOT, blocks
from touchline.agents.settings import JourneySettings, RuleHome, load_settings
from touchline.cli import main
from touchline.pipeline.friction.compiler import logic_hash
from touchline.pipeline.friction.evidence import WORDS
from touchline.pipeline.friction.fields import TYPES
from touchline.pipeline.friction.load import parse_rules
from touchline.pipeline.friction.ruletest import run_rule_tests
from touchline.pipeline.friction.where import parse_where
from touchline.schemas.rulefile import Detect, RuleSpec
from touchline.schemas.ruletestfile import Expected
from touchline.schemas.touchpoint import Touchpoint
from touchline.schemas.yamlfile import FileError

PAGE = ROOT / "docs" / "rules.md"
TEXT = PAGE.read_text("utf-8")
NAMED = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
SHOWN = [block.text for block in blocks(PAGE, "text")]
COMMANDS = [block.text.splitlines() for block in blocks(PAGE, "sh")]
FRAME = """
schema: friction/1
rules:
- id: snippet
  owner: somebody
  stage: support
  evidence: "{count} by {channel}"
  action: act
"""
DETECTORS = (
    "match", "count", "distinct", "sequence", "absence", "sum", "average", "percentile", "ratio", "score", "all", "any",
)  # fmt: skip
PARTS = """
- {id: promise_broken, owner: a, stage: support, evidence: late, action: act, detect: {match: {event: promise.broken}}}
- {id: asked_where, owner: a, stage: support, evidence: asked, action: act, detect: {match: {event: question.asked}}}
"""
"""The rules that the snippets of `all` and `any` name."""
FIRES: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "match": [("0h", "call.completed", {"transfers": 2})],
    "count": [("0h", "call.started", {}), ("1h", "email.received", {}), ("72h", "chat.started", {})],
    "distinct": [("0h", "contact.opened", {}), ("1h", "chat.started", {}), ("48h", "ticket.opened", {})],
    "sequence": [("0h", "self_service.failed", {"topic": "bill"}), ("24h", "chat.started", {"topic": "bill"})],
    "absence": [("0h", "order.placed", {"promised_at": "2026-03-03"})],
    "sum": [
        ("0h", "call.completed", {}),
        ("1h", "call.completed", {"wait_seconds": 900}),
        ("48h", "call.abandoned", {"wait_seconds": 900}),
    ],
    "average": [("0h", "survey.answered", {"score": {"scale": "csat", "value": value}}) for value in (1, 4)]
    + [("1h", "survey.answered", {"score": {"scale": "csat", "value": 2.5}})],
    "percentile": [("0h", "page.loaded", {"load_seconds": seconds}) for seconds in (9, 1, 1, 1, 1, 1, 1, 1, 1)]
    + [("1h", "page.loaded", {"load_seconds": 4})],
    "ratio": [
        ("0h", "payment.failed", {}),
        ("1h", "payment.approved", {}),
        ("2h", "payment.approved", {}),
        ("24h", "payment.failed", {}),
    ],
    "score": [("0h", "order.delivered", {}), ("1h", "call.abandoned", {}), ("48h", "payment.failed", {})],
}
"""What makes each snippet fire, once; without the last of them it is silent."""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the page begins, with its files saved."""
    monkeypatch.chdir(tmp_path)
    init, change, _ = COMMANDS[0]
    assert CliRunner().invoke(main, init.split()[1:]).exit_code == 0
    folder = tmp_path / change.removeprefix("cd ")
    monkeypatch.chdir(folder)
    for name, text in NAMED.items():
        if "." in name:
            (folder / name).write_text(text, "utf-8")
    return folder


def tried(line: str) -> str:
    result = CliRunner().invoke(main, line.split()[1:])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_the_shipped_example_fires_until_it_is_changed_as_the_page_says(shop: Path) -> None:
    command = COMMANDS[0][2]
    assert "signal     device_keeps_failing opened" in tried(command)
    rules = shop / "rules" / "devices.yaml"
    assert "`at_least: 3` to\n`at_least: 4`" in TEXT
    rules.write_text(rules.read_text("utf-8").replace("at_least: 3", "at_least: 4"), "utf-8")
    assert "signal     none" in tried(command)


def test_the_first_rule_says_what_is_shown(shop: Path) -> None:
    (command,) = COMMANDS[1]
    assert [line.rstrip() for line in tried(command).splitlines()] == SHOWN[0].splitlines()
    assert "`--wait 4d`" in TEXT
    assert "signal     none" in tried(command.replace("6d", "4d"))


def test_the_rule_tests_print_what_is_shown(shop: Path) -> None:
    ((command,),) = [block for block in COMMANDS if block[0].startswith("touchline rules test")]
    assert tried(command) == SHOWN[1]
    rules = shop / "rules" / "refunds.yaml"
    rules.write_text(rules.read_text("utf-8").replace("deadline: 5d", "deadline: 4d"), "utf-8")
    failed = CliRunner().invoke(main, command.split()[1:])
    assert failed.exit_code == 1
    assert SHOWN[2] in failed.stdout


def test_the_check_finds_nothing_wrong_with_the_page(shop: Path) -> None:
    (command,) = next(block for block in COMMANDS if block[0].startswith("touchline rules check"))
    done = CliRunner().invoke(main, [*command.split()[1:], "--strict"])
    assert (done.exit_code, done.stderr) == (0, "0 errors, 0 warnings, 0 notes\n"), done.stdout


def test_a_silence_and_a_signal_are_explained_as_shown(shop: Path) -> None:
    (command,) = next(block for block in COMMANDS if block[0].startswith("touchline rules why-not"))
    assert tried(command) in SHOWN
    events = shop / "events" / "june.ndjson"
    third = events.read_text("utf-8").splitlines()[1].replace("d-2", "d-3")
    events.write_text(events.read_text("utf-8") + third + "\n", "utf-8")
    fired = re.search(r"it was not silent: signal (\S+)", tried(command))
    assert fired is not None
    (explain,) = next(block for block in COMMANDS if block[0].startswith("touchline rules explain"))
    told = tried(explain.replace("SIGNAL", fired[1]))
    assert "state: 2 of 3 within 24 h → 3 of 3 within 24 h; a signal is open since 2026-06-01 12:00 UTC" in told


@pytest.mark.parametrize(("detector", "least"), [("all", 2), ("any", 1)])
def test_a_snippet_on_signals_fires_once_for_enough_of_them(detector: str, least: int, tmp_path: Path) -> None:
    snippet = "".join(f"  {line}\n" for line in NAMED[detector].splitlines())
    (tmp_path / "snippet.yaml").write_text(FRAME + snippet + PARTS, "utf-8")
    events = [{"at": "0h", "kind": "promise.broken"}, {"at": "168h", "kind": "question.asked"}]
    parts = [{"rule": "promise_broken"}, {"rule": "asked_where"}]
    tests = [
        {"name": "both", "events": events, "expect": [*parts, {"rule": "snippet", "count": 2}], "shuffle": True},
        {"name": "one", "events": events[:1], "expect": [*parts[:1], *[{"rule": "snippet"}][: 2 - least]]},
        {"name": "none", "events": [], "expect": []},
    ]
    file = tmp_path / "snippet.test.yaml"
    file.write_text(json.dumps({"schema": "friction-test/1", "tests": tests}), "utf-8")
    assert [outcome.problems for outcome in run_rule_tests([file])] == [(), (), ()]


@pytest.mark.parametrize("detector", FIRES)
def test_a_snippet_fires_and_without_its_last_event_does_not(detector: str, tmp_path: Path) -> None:
    snippet = "".join(f"  {line}\n" for line in NAMED[detector].splitlines())
    (tmp_path / "snippet.yaml").write_text(FRAME + snippet, "utf-8")
    events = []
    for at, kind, given in FIRES[detector]:
        own = {name: given[name] for name in given if name in TYPES}
        rest = {name: given[name] for name in given if name not in TYPES}
        events.append({"at": at, "kind": kind, **own, "attributes": rest})
    tests = [
        {"name": "fires", "events": events, "advance": "60h", "expect": [{"rule": "snippet"}], "shuffle": True},
        {"name": "silent", "events": events[:-1], "advance": "60h", "expect": [], "shuffle": True},
    ]
    file = tmp_path / "snippet.test.yaml"
    file.write_text(json.dumps({"schema": "friction-test/1", "tests": tests}), "utf-8")
    assert [outcome.problems for outcome in run_rule_tests([file])] == [(), ()]


def test_the_rules_for_incidents_are_some_and_their_test_passes(tmp_path: Path) -> None:
    (rule,) = parse_rules(NAMED["app_release"]).incidents
    assert rule.spec.scope == "incident"
    (tmp_path / "carrier.yaml").write_text(NAMED["carrier_late"], "utf-8")
    (tmp_path / "carrier.test.yaml").write_text(NAMED["carrier_late_test"], "utf-8")
    assert [outcome.problems for outcome in run_rule_tests([tmp_path])] == [()]


def test_every_block_of_yaml_is_run_here(tmp_path: Path) -> None:
    rest = [block.text for block in blocks(PAGE, "yaml") if block.text not in NAMED.values()]
    assert set(NAMED) >= {"rules/refunds.yaml", "rules/refunds.test.yaml", *DETECTORS}
    settings = []
    for text in rest:
        (tmp_path / "touchline.yaml").write_text(text, "utf-8")
        settings.append(load_settings(tmp_path / "touchline.yaml", {}).journey)
    assert settings == [
        JourneySettings(rules=(Path("rules"),)),
        JourneySettings(rules_from=RuleHome.TOPIC),
        JourneySettings(source_lateness={"nightly-export": 26 * 3_600_000}),
    ]


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    below = TEXT.split(f"{heading}\n", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[0].splitlines()[2:]]


def test_the_fields_of_a_rule_are_all_there() -> None:
    named = [re.sub(r"\W", "", row[0]) for row in rows("## A rule, field by field")]
    assert named == list(RuleSpec.__dataclass_fields__)
    assert {*DETECTORS, "affected"} == set(Detect.__dataclass_fields__)
    expect = next(row[1] for row in rows("### Test it") if "expect" in row[0])
    assert set(Expected.__dataclass_fields__) <= set(re.findall(r"`(\w+)`", expect))


def test_the_names_for_evidence_are_all_there() -> None:
    told = TEXT.split("## Evidence")[1].split("## ")[0]
    assert set(re.findall(r"`\{(\w+)\}`", told)) == WORDS | {"values", "deadline", "value", "n", "rules"}


@pytest.mark.parametrize("condition", SHOWN[3].splitlines())
def test_a_condition_is_one(condition: str) -> None:
    assert parse_where(condition).refs


def test_what_the_page_calls_logic_is_logic() -> None:
    told = re.search(r"Changed logic \(([^)]*)\)", TEXT)
    assert told is not None
    rule = NAMED["rules/refunds.yaml"]
    (before,) = parse_rules(rule).rules
    changed = {
        "version": rule.replace("  owner", "  version: 2\n  owner"),
        "per": rule.replace("per: order", "per: customer"),
        "detect": rule.replace("deadline: 5d", "deadline: 6d"),
        "resolve": rule.replace("  owner", "  resolve: {event: order.cancelled}\n  owner"),
        "cooldown": rule.replace("  owner", "  cooldown: 1d\n  owner"),
        "expires": rule.replace("  owner", "  expires: 1d\n  owner"),
    }
    assert re.findall(r"`(\w+)`", told[1]) == list(changed)
    for text in changed.values():
        assert logic_hash(parse_rules(text).rules[0].spec) != logic_hash(before.spec)
    other_words = rule.replace("owner: billing", "owner: finance").replace("medium", "high")
    assert logic_hash(parse_rules(other_words).rules[0].spec) == logic_hash(before.spec)


@pytest.mark.parametrize(("written", "message"), [row[:2] for row in rows("## Mistakes")])
def test_a_mistake_is_told_as_shown(written: str, message: str) -> None:
    written, message = (cell.strip("| ").removeprefix("`").removesuffix("`") for cell in (written, message))
    key, _, value = written.partition(": ")
    rule = NAMED["rules/refunds.yaml"]
    if key == "cooldown":
        wrong = rule.replace("  per: order\n", f"  per: order\n  {written}\n")
    elif key == "event":
        wrong = rule.replace("event: return.received", written)
    else:
        wrong = re.sub(rf"{key.replace('expct', 'expect')}: .*", written.replace("\\", ""), rule, count=1)
    assert value in wrong != rule
    with pytest.raises(FileError) as raised:
        parse_rules(wrong, "rules/refunds.yaml")
    assert str(raised.value).split(" ", 1)[1].splitlines()[-1].endswith(message)


def test_the_event_of_the_page_is_a_touchpoint() -> None:
    TypeAdapter(Touchpoint).validate_json(NAMED["events/return.json"])
