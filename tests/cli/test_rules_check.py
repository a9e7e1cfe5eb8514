"""`touchline rules check`: each mistake with its line, column and reason; what is wrong beyond them; the cost."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from touchline.cli import main

RULE = """schema: friction/1
rules:
- id: slow
  owner: desk
  stage: support
  per: order
  detect:
    absence:
      after: {as: s, event: order.shipped}
      expect:
        event: delivery.scanned
        where: status == 'delivered'
      deadline: s.promised_at + 24h
      grace: 2h
  evidence: "{s.order}: {deadline}"
  action: call
"""
FRAME = """schema: friction/1
rules:
- id: one
  owner: desk
  stage: support
  detect:
    {detect}
  resolve: {resolve}
  evidence: "{{count}} times"
  action: call
"""
STEPS = "sequence: {steps: [{event: chat.started}, {event: chat.ended}], within: 1h, unless: UNLESS}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["rules", "check", *arguments])


def checked(text: str, *arguments: str, settings: str = "") -> tuple[int, list[dict[str, Any]]]:
    """Exit code and findings, without those of missing tests."""
    Path("rules.yaml").write_text(text, "utf-8")
    Path("touchline.yaml").write_text(settings, "utf-8")
    done = run("rules.yaml", "--json", "--no-builtin", *arguments)
    assert "Traceback" not in done.output
    return done.exit_code, [one for one in json.loads(done.stdout)["findings"] if one["code"] != "untested"]


def frame(detect: str, resolve: str = "[]") -> str:
    return FRAME.format(detect=detect, resolve=resolve)


def told(text: str, **options: Any) -> list[tuple[str, str]]:
    return [(one["severity"], one["code"]) for one in checked(text, **options)[1]]


@pytest.mark.usefixtures("folder")
def test_a_good_rule_costs_something_and_has_no_tests() -> None:
    assert checked(RULE) == (0, [])
    done = run("rules.yaml", "--no-builtin")
    assert "rules.yaml:3:7: warning: slow: has no tests" in done.stdout
    (cost,) = [line.split() for line in done.stdout.splitlines() if line.startswith("slow ")]
    assert cost[1] == "2"
    assert 100 < int(cost[2]) < int(cost[3].replace(",", "")) < 20_000
    assert "rules that look at an event, by kind: delivery.scanned 1, order.shipped 1\n" in done.stdout
    assert done.stderr == "0 errors, 1 warnings, 0 notes\n"
    assert (run("rules.yaml").exit_code, run("rules.yaml", "--strict").exit_code) == (0, 1)
    beside = run("rules.yaml", "--builtin").stdout
    assert re.search(r"^and [0-9]+ built-in ones +[0-9,]+$", beside, re.MULTILINE)
    assert "promise_broken" not in beside, "what nobody asked to check is not told line by line"
    assert "built-in" not in done.stdout
    every = json.loads(run("rules.yaml", "--builtin", "--json").stdout)["rules"]
    assert {"slow", "promise_broken"} <= {one["rule"] for one in every}


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        (
            "  owner: desk\n",
            "  owner: desk\n  owner: shop\n",
            "5:3",
            'found duplicate key "owner" (the key stands twice)',
        ),
        ("owner: desk", "onwer: desk", "4:3", 'is not a field here, did you mean "owner"?'),
        (
            "grace: 2h",
            "grace: 2",
            "14:14",
            "2 is no length of time: write it with its unit, such as 30s, 10m, 24h or 7d",
        ),
        ("grace: 2h", "grace: 2 weeks", "14:14", "2 weeks"),
        ("+ 24h", "+ 24", "13:17", "is no deadline"),
        ("status == 'delivered'", "len(status) > 3", "12:16", "a call is not allowed in a condition"),
        ("status == 'delivered'", "status.upper == 'X'", "12:16", 'no event is called "status" here'),
        ("status == 'delivered'", "status in [x for x in status]", "12:26", "a comprehension is not allowed"),
        ("status == 'delivered'", "attempts > 2 ** 999999999", "12:27", "arithmetic is not allowed in a condition"),
        (
            "status == 'delivered'",
            "re.match('a+', status)",
            "12:16",
            "there are no regular expressions: write 'word' in",
        ),
        ("status == 'delivered'", "status.matches('a+')", "12:16", "there are no regular expressions"),
        ("status == 'delivered'", "status =~ 'a+'", "12:23", "there are no regular expressions"),
        ("status == 'delivered'", "status like 'a%'", "12:23", "there are no regular expressions"),
        ("status == 'delivered'", "status = 'delivered'", "12:23", "is no condition: == compares"),
        ("deadline: s.", "deadline: t.", "13:17", 'no event is called "t" here: "after" is called "s"'),
        ("stage: support", "stage: suport", "5:10", 'did you mean "support"?'),
        ("- id: slow", "- id: [slow", "4:8", "expected"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_mistake_is_told_with_its_place_and_reason(old: str, new: str, place: str, message: str) -> None:
    assert old in RULE
    code, found = checked(RULE.replace(old, new))
    assert code == 1
    assert [f"{one['line']}:{one['column']}" for one in found if message in one["message"]] == [place], found


@pytest.mark.usefixtures("folder")
def test_all_mistakes_of_all_files_are_told() -> None:
    Path("a.yaml").write_text(RULE.replace("grace: 2h", "grace: 2").replace("owner: desk", "onwer: desk"), "utf-8")
    Path("b.yaml").write_text(RULE.replace("status ==", "status.x ==").replace("{s.order}", "{t.order}"), "utf-8")
    Path("c.yaml").write_text("rules: [", "utf-8")
    Path("d.yaml").write_text(RULE.replace("id: slow", "id: slower").replace("order.shipped", "order.shiped"), "utf-8")
    done = run(".")
    assert done.exit_code == 1
    lines = [line.split(": ")[0] for line in done.stdout.splitlines() if "error: " in line]
    assert lines == ["a.yaml:3:3", "a.yaml:4:3", "a.yaml:14:14", "b.yaml:12:16", "b.yaml:15:14", "c.yaml:1:9"]
    assert 'd.yaml:9:29: warning: rules.0.detect.absence.after.event: "order.shiped" is not in the' in done.stdout
    assert 'did you mean "order.shipped"?' in done.stdout


@pytest.mark.usefixtures("folder")
def test_the_same_id_twice_is_told_once_and_the_other_rule_is_still_checked() -> None:
    second = RULE.split("rules:\n")[1]
    code, found = checked(RULE + second + second.replace("id: slow", "id: third").replace("24h", "24"))
    assert code == 1
    assert [(one["line"], one["message"][:30]) for one in found] == [
        (17, '"slow" stands already in rules'),
        (41, "is no deadline: write 48h, or "),
    ]


@pytest.mark.parametrize(
    ("detect", "found"),
    [
        ("match: {event: delivery.scanned, where: status == 5}", [("error", "type")]),
        ("match: {event: delivery.scanned, where: status > 5}", [("error", "type")]),
        ("match: {event: call.completed, where: transfers == '2'}", [("error", "type")]),
        ("match: {event: call.completed, where: transfers}", [("error", "type")]),
        ("match: {event: call.completed, where: \"'2' in transfers\"}", [("error", "type")]),
        ("match: {event: call.completed, where: transfers >= 2}", []),
        ("match: {event: call.completed, where: transfer >= 2}", [("warning", "unknown_attribute")]),
        ("match: {event: our.own_kind, where: mine >= 2}", [("warning", "unknown_kind")]),
        ("match: {event: [call.completed, our.own_kind]}", [("warning", "unknown_kind")]),
        ("match: {event: tikcet.*}", [("warning", "unknown_kind")]),
        ("match: {event: ticket.*, where: order == '7'}", []),
        ("distinct: {event: chat.started, value: chanel, at_least: 3, within: 1h}", [("warning", "unknown_attribute")]),
        ("match: {event: call.completed, where: wait_seconds > 5 and wait_seconds < 3}", [("error", "contradiction")]),
        ("match: {event: call.completed, where: channel == 'web' and channel == 'app'}", [("error", "contradiction")]),
        ("match: {event: call.completed, where: kind == 'chat.ended'}", [("error", "contradiction")]),
        ("match: {event: call.completed, where: transfers > 2 or 5 < transfers < 4}", [("warning", "contradiction")]),
        ("match: {event: call.completed, where: transfers > 2 or transfers <= 2}", [("warning", "always_true")]),
        ("match: {event: call.completed, where: kind == 'call.completed'}", [("warning", "always_true")]),
        (STEPS.replace("UNLESS", "{event: chat.ended}"), [("error", "unreachable")]),
        (STEPS.replace("UNLESS", "{event: chat.*, where: vip}"), [("warning", "unknown_attribute")]),
        ("absence: {after: {event: app.opened}, expect: {event: app.opened}, deadline: 14d}", [("note", "same")]),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("folder")
def test_what_is_wrong_with_kinds_types_and_conditions(detect: str, found: list[tuple[str, str]]) -> None:
    assert told(frame(detect)) == found


@pytest.mark.parametrize(
    ("detect", "resolve", "found"),
    [
        ("count: {event: chat.started, at_least: 2, within: 1h}", "{event: chat.*}", [("error", "unreachable")]),
        ("count: {event: chat.started, at_least: 2, within: 1h}", "{event: chat.ended}", []),
        ("count: {event: chat.started, at_least: 2, within: 1h}", "{event: chat.started, where: wait_seconds > 9}", []),
        ("match: {event: chat.started}", "{event: chat.started}", [("warning", "resolve")]),
        ("sequence: {steps: [{event: chat.started}, {event: chat.ended}], within: 1h}", "{event: chat.ended}",
         [("error", "unreachable")]),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("folder")
def test_what_resolves_by_what_it_looks_for(detect: str, resolve: str, found: list[tuple[str, str]]) -> None:
    assert told(frame(detect, resolve)) == found


@pytest.mark.usefixtures("folder")
def test_a_deadline_is_a_time_and_a_group_has_few_values() -> None:
    assert told(RULE.replace("s.promised_at", "s.items").replace("order.shipped", "order.placed")) == [
        ("error", "type")
    ]
    assert told(RULE.replace("s.promised_at", "s.promised")) == [("warning", "unknown_attribute")]
    assert told(RULE.replace("per: order", "per: promised_at").replace("shipped", "placed")) == [
        ("warning", "unbounded")
    ]


@pytest.mark.usefixtures("folder")
def test_what_waits_for_a_late_source_needs_its_grace() -> None:
    late = "journey: {source_lateness: {nightly: 26h, soon: 1h}}"
    assert told(RULE, settings=late) == [("note", "grace")]
    named = RULE.replace("status == 'delivered'", "source == 'nightly'")
    assert told(named, settings=late) == [("error", "grace")]
    assert told(named.replace("grace: 2h", "grace: 26h"), settings=late) == []
    assert told(named.replace("nightly", "soon"), settings=late) == []


@pytest.mark.usefixtures("folder")
def test_tests_beside_a_rule_are_looked_at_and_not_run() -> None:
    Path("rules.test.yaml").write_text(
        "schema: friction-test/1\ntests:\n- {name: a, events: [{at: 0h, kind: order.shipped}], expect: []}\n", "utf-8"
    )
    Path("rules.yaml").write_text(RULE, "utf-8")
    assert "rules.yaml:3:7: warning: slow: has no test in which it fires\n" in run("rules.yaml").stdout
    Path("rules.test.yaml").write_text("tests: 1", "utf-8")
    assert "rules.test.yaml:1:1: error: schema: is needed" in run("rules.yaml").stdout


@pytest.mark.usefixtures("folder")
def test_without_a_path_the_rules_of_the_settings_are_checked() -> None:
    Path("mine.yaml").write_text(RULE, "utf-8")
    Path("touchline.yaml").write_text("journey: {rules: [mine.yaml], builtin_rules: false}", "utf-8")
    assert "mine.yaml:3:7: warning: slow: has no tests" in run().stdout
    assert "promise_broken" not in run().stdout
    assert run("nowhere").exit_code == 2


@pytest.mark.usefixtures("folder")
def test_the_shipped_rules_have_no_errors_and_no_warnings() -> None:
    done = run("--strict")
    assert (done.exit_code, done.stderr[:22]) == (0, "0 errors, 0 warnings, "), done.stdout


MAP = """schema: map/1
name: loans
inputs:
- files: LOANS
  touchpoints:
  - kind: {from: "{activity}", map: {Asked: loan.asked, Granted: loan.granted}, default: null}
    at: "{at}"
    customer: "{who}"
    subjects: ["loan:{loan}"]
    attributes:
      amount: {from: "{amount}", as: number}
      months: "{months}"
      urgent: {from: "{urgency}", map: {A: true}, default: false}
"""
LOANS = """
- id: asked
  owner: desk
  stage: purchase
  per: loan
  detect: {match: {as: ask, event: loan.asked, where: WHERE}}
  resolve: {event: [loan.granted, loan.grunted, loan.refused]}
  evidence: "{ask.loan} of {ask.months} since {ask.at}"
  action: Call
"""


def loans(where: str, files: str = "loans.csv") -> list[str]:
    Path("rules.yaml").write_text("schema: friction/1\nrules:" + LOANS.replace("WHERE", where), "utf-8")
    Path("loans.yaml").write_text(MAP.replace("LOANS", files), "utf-8")
    lines = run("rules.yaml", "--no-builtin", "--map", "loans.yaml").stdout.splitlines()
    return [line.split(": ", 3)[-1] for line in lines if "rules.0." in line]


@pytest.mark.usefixtures("folder")
def test_a_map_makes_kinds_attributes_and_subjects_known() -> None:
    always = [
        '"loan.grunted" is not in the catalogue of kinds, did you mean "loan.granted"?',
        '"loan.refused" is not in the catalogue of kinds',
        '"at" is no attribute that the catalogue lists for loan.asked, did you mean "occurred_at"?',
    ]
    assert loans("amount > 3 and urgent and months == '12'") == always
    assert loans("amont > 3")[0] == (
        '"amont" is no attribute that the catalogue lists for loan.asked, did you mean "amount"?'
    )
    assert loans("months > 3")[0] == '"months" is a text in loan.asked, compared as a number: that is never true'
    assert loans("months > 3", "loans.ndjson") == always, "NDJSON may hold a number there"
    assert loans("urgent == 'A'")[0].startswith('"urgent" is true or false in loan.asked')


@pytest.mark.usefixtures("folder")
def test_a_kind_that_nobody_lists_is_told_once_with_what_to_do() -> None:
    text = RULE.replace("order.shipped", "loan.sent").replace("delivery.scanned", "loan.sent")
    Path("rules.yaml").write_text(text, "utf-8")
    done = run("rules.yaml", "--no-builtin").stdout
    assert done.count('"loan.sent" is not in the catalogue of kinds\n') == 1
    assert "--map MAP knows those of an import map" in done
