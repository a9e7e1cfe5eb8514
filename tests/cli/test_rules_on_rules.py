"""Rules on rules at the command line: check, test, explain, why-not, diff."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.friction.support import HEAD, rule
from touchline.cli import main

A = rule("a", "{match: {event: chat.started}}", ", resolve: {event: chat.ended}")
B = rule("b", "{match: {event: chat.ended}}", ", resolve: {event: chat.started}")
C = rule("c", "{match: {event: call.started}}", ", per: order")
D = rule("d", "{match: {event: call.completed}}", ", per: order")


def linked(detect: str, more: str = "") -> str:
    return rule("both", detect, more)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "touchline.yaml").write_text("journey: {rules: [rules], builtin_rules: false}", "utf-8")
    return tmp_path


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(main, ["rules", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def checked(**files: str) -> list[tuple[str, str, str]]:
    """What the check finds besides missing tests: severity, code, message."""
    for name, text in files.items():
        (Path("rules") / f"{name}.yaml").write_text(HEAD + text, "utf-8")
    found: list[dict[str, Any]] = json.loads(run("check", "rules", "--json", "--no-builtin").stdout)["findings"]
    return [(one["severity"], one["code"], one["message"]) for one in found if one["code"] != "untested"]


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        (A + C + linked("{all: {rules: [a, c], within: 1h}}"), []),
        (A + B + linked("{all: {rules: [a, b], within: 1h}}"), [("error", "unreachable", "each of the rules is")]),
        (A + B + C + linked("{all: {rules: [a, [b, c]], within: 1h}}"), []),
        (A + B + C + linked("{any: {rules: [a, b, c], at_least: 2, within: 1h}}"), []),
        (A + B + C + linked("{all: {rules: [a, b, c], within: 1h}}"), [("error", "unreachable", "can never be true")]),
        (A + B.replace("chat.started", "chat.answered") + linked("{all: {rules: [a, b], within: 1h}}"),
         [("warning", "unknown_kind", "chat.answered")]),
        (A + C + linked("{any: {rules: [a, c], at_least: 2, within: 1h}}"), [("note", "same", "at_least is 2, of 2")]),
        (A + C + linked("{any: {rules: [a, c], within: 1h}}", ", polarity: delight"),
         [("warning", "polarity", "is a delight, and the rules that it names tell of friction")]),
        (C + D + linked("{all: {rules: [c, d], within: 1h}}"),
         [("note", "per", "its rules are per order, and signals of different ones come together")]),
        (C + D + linked("{all: {rules: [c, d], within: 1h}}", ", per: order"), []),
        (A + C + linked("{all: {rules: [a, e], within: 1h}}"), [("error", "mistake", 'no rule is called "e"')]),
        (A + linked("{all: {rules: [a, both], within: 1h}}"), [("error", "mistake", "goes in a circle: both → both")]),
    ],
)  # fmt: skip
def test_the_check_finds_what_can_never_be_or_is_hardly_meant(rules: str, found: list[tuple[str, str, str]]) -> None:
    told = checked(rules=rules)
    assert [one[:2] for one in told] == [one[:2] for one in found], told
    assert all(said in message for (_, _, message), (_, _, said) in zip(told, found, strict=True)), told


def test_rules_of_other_files_are_known_to_the_check_also_those_with_mistakes() -> None:
    both = linked("{all: {rules: [a, c], within: 1h}}")
    assert checked(one=A, two=C, three=both) == []
    told = checked(one=A.replace("chat.ended", "Chat.Ended"), two=C, three=both)
    assert [one[:2] for one in told] == [("error", "mistake")]
    assert '"Chat.Ended" is no kind' in told[0][2]


def test_built_in_rules_may_be_named_where_they_are_in_force() -> None:
    (Path("rules") / "one.yaml").write_text(HEAD + A + linked("{all: {rules: [a, long_wait], within: 1h}}"), "utf-8")
    assert "no rule is called" not in run("check", "rules", "--builtin").stdout
    assert 'no rule is called "long_wait"' in run("check", "rules", "--no-builtin").stdout


def test_the_check_tells_what_it_costs() -> None:
    (Path("rules") / "one.yaml").write_text(HEAD + A + C + linked("{all: {rules: [a, c], within: 1h}}"), "utf-8")
    lines = run("check", "rules", "--no-builtin").stdout.splitlines()
    (cost,) = [line.split() for line in lines if line.startswith("both ")]
    assert cost[1] == "0"
    assert 200 < int(cost[2]) < int(cost[3].replace(",", "")) < 25_000


TESTS = """
schema: friction-test/1
tests:
- name: both
  events:
  - {at: 0h, kind: chat.started}
  - {at: 30m, kind: call.completed, wait_seconds: 700}
  expect:
  - {rule: both, at: 30m, count: 2}
  shuffle: true
- name: one of them
  events:
  - {at: 0h, kind: chat.started}
  - {at: 30m, kind: call.completed, wait_seconds: 7}
  expect: []
"""


def test_a_rule_is_tested_without_the_rules_of_other_files_that_it_names() -> None:
    (Path("rules") / "one.yaml").write_text(HEAD + A + B, "utf-8")
    (Path("rules") / "two.yaml").write_text(HEAD + linked("{all: {rules: [a, long_wait], within: 1h}}"), "utf-8")
    (Path("rules") / "two.test.yaml").write_text(TESTS, "utf-8")
    done = run("test", "rules/two.yaml")
    assert (done.exit_code, done.stderr) == (0, "2 passed, 0 failed\n"), done.output
    named = TESTS.replace("- {rule: both, at", "- {rule: long_wait, count: 1}\n  - {rule: both, at")
    (Path("rules") / "two.test.yaml").write_text(named, "utf-8")  # what is asked for is looked at
    assert run("test", "rules/two.yaml").exit_code == 0
    (Path("rules") / "two.test.yaml").write_text(named.replace("count: 1", "count: 3"), "utf-8")
    assert run("test", "rules/two.yaml").exit_code == 1
    (Path("rules") / "two.test.yaml").write_text(
        TESTS.replace("call.completed, wait_seconds: 7}", "page.viewed}"), "utf-8"
    )
    assert "both has no test in which it stays silent" in run("test", "rules/two.yaml").stderr


def raw(number: int, hour: int, kind: str) -> str:
    at = f"2026-05-04T{hour:02d}:00:00Z"
    return json.dumps(
        {"event_id": f"e-{number}", "source": "tel", "occurred_at": at, "kind": kind, "customer_id": "c-1",
         "subjects": ["order:7"]}
    )  # fmt: skip


def history(*events: str) -> str:
    Path("history.ndjson").write_text("\n".join(events), "utf-8")
    return "history.ndjson"


def test_a_signal_on_signals_is_explained_by_them() -> None:
    (Path("rules") / "one.yaml").write_text(HEAD + A + C + linked("{all: {rules: [a, c], within: 4h}}"), "utf-8")
    file = history(raw(1, 9, "page.viewed"), raw(2, 10, "chat.started"), raw(3, 12, "call.started"))
    why = run("why-not", "--rule", "both", "--customer", "c-1", "--events", file).stdout
    fired = why.split("it was not silent: signal ")[1].split(" ")[0]
    told = run("explain", fired, "--events", file).stdout
    assert "looks for: all per customer, threshold 2, within 4 h" in told
    assert "2026-05-04 10:00 UTC  chat.started by chat, e-2 of tel\n    a opened (revision 1)" in told
    assert "state: nothing → 1 of 2 stand: a since 2026-05-04 10:00 UTC; missing: c" in told
    assert "    c opened (revision 1)" in told
    assert "2 of 2 stand: a since 2026-05-04 10:00 UTC, c since 2026-05-04 12:00 UTC; a signal is open since" in told
    assert "e-1" not in told
    steps = json.loads(run("explain", fired, "--events", file, "--json").stdout)["steps"]
    linked_ = [one["signal_id"] for step in steps for one in step["linked"]]
    (values,) = [one["values"] for step in steps for one in step["signals"]]
    assert values["signals"] == ", ".join(linked_)


def test_two_sets_that_differ_in_a_rule_on_rules_are_compared() -> None:
    (Path("old.yaml")).write_text(HEAD + A + C + linked("{all: {rules: [a, c], within: 1h}}"), "utf-8")
    (Path("new.yaml")).write_text(HEAD + A + C + linked("{all: {rules: [a, c], within: 4h}}"), "utf-8")
    file = history(raw(2, 10, "chat.started"), raw(3, 12, "call.started"), raw(4, 23, "page.viewed"))
    done = run("diff", "old.yaml", "new.yaml", "--events", file)
    (line,) = [line.split() for line in done.stdout.splitlines() if line.startswith("both ")]
    assert line[1:] == ["0", "1", "0", "1", "0", "0"]
    backtest = [
        "backtest",
        "--events",
        file,
        "--rules",
        "new.yaml",
        "--no-builtin",
        "--outcomes",
        "rule=both within=4h",
    ]
    assert "3 rules" in run(*backtest).stdout
