"""`touchline rules test` as its users meet it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from touchline.cli import main

RULE = """
schema: friction/1
rules:
- id: again
  owner: desk
  stage: support
  detect:
    count: {event: contact.opened, at_least: 2, within: 1h}
  evidence: "{count} contacts"
  action: call
"""
TESTS = """
schema: friction-test/1
tests:
- name: two
  events:
  - {at: 0m, kind: contact.opened}
  - {at: 60m, kind: contact.opened}
  expect: [{rule: again, at: 60m}]
- name: one
  events:
  - {at: 0m, kind: contact.opened}
  expect: []
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "rules/again.yaml", RULE)
    write(tmp_path / "rules/again.test.yaml", TESTS)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["rules", "test", *arguments])


@pytest.mark.parametrize("path", ["rules", "rules/again.test.yaml", "rules/again.yaml"])
def test_all_pass(folder: Path, path: str) -> None:
    done = run(path)
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        ["passed  rules/again.test.yaml:4: two", "passed  rules/again.test.yaml:9: one"],
    )
    assert done.stderr == "2 passed, 0 failed\n"


def test_one_that_fails_shows_its_timeline_and_the_exit_code_is_1(folder: Path) -> None:
    write(folder / "rules/again.yaml", RULE.replace("within: 1h", "within: 59m"))
    done = run("rules")
    assert done.exit_code == 1
    assert "FAILED  rules/again.test.yaml:4: two\n    - +60 min   again open\n        missing\n" in done.stdout
    assert "1 passed, 1 failed" in done.stderr


def test_what_fails_in_another_order_says_so(folder: Path) -> None:
    late = TESTS.replace("at: 60m, kind", "at: 60m, arrives: 90m, kind").replace(
        "[{rule: again, at: 60m}]", "[]\n  shuffle: true"
    )
    write(folder / "rules/again.test.yaml", late)
    done = run("rules")
    assert done.exit_code == 1
    assert "    in another order of arrival (number 1):\n    + +60 min   again open\n" in done.stdout


def test_json_has_the_timeline_and_the_warnings(folder: Path) -> None:
    write(folder / "rules/again.test.yaml", TESTS.replace("at: 60m}]", "at: 59m}]").split("- name: one")[0])
    write(folder / "rules/alone.yaml", RULE.replace("again", "alone"))
    done = run("rules", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["passed"], told["failed"]) == (1, 0, 1)
    (line,) = told["tests"][0]["timeline"]
    assert (line["mark"], line["differs"], line["found"]["at"]) == ("differs", ["at"], 3_600_000)
    assert told["warnings"] == [
        {"file": "rules/again.yaml", "rule": "again", "message": "has no test in which it stays silent"},
        {"file": "rules/alone.yaml", "rule": None, "message": "no test is beside it"},
    ]


def test_silence_is_shown_only_where_something_happens_that_the_rule_waits_for(folder: Path) -> None:
    write(
        folder / "rules/again.test.yaml",
        TESTS.replace(
            "- name: one\n  events:\n  - {at: 0m, kind: contact.opened}",
            "- name: one\n  events:\n  - {at: 0m, kind: page.viewed}",
        ),
    )
    done = run("rules")
    assert (done.exit_code, "warning: rules/again.yaml: again has no test in which it stays silent" in done.stderr) == (
        0,
        True,
    )


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (
            "rules/again.test.yaml",
            TESTS.replace("expect: []", "expcet: []"),
            'again.test.yaml:12:3: tests.1.expcet: is not a field here, did you mean "expect"?',
        ),
        (
            "rules/again.yaml",
            RULE.replace("1h", "1"),
            "again.yaml:8:57: rules.0.detect.count.within: 1 is no length of time",
        ),
        ("rules/b.test.yaml", TESTS, "rules/b.yaml:1:1: there is no such file or folder of rules"),
    ],
)
def test_mistakes_of_all_files_are_told_and_the_exit_code_is_2(
    folder: Path, path: str, text: str, message: str
) -> None:
    write(folder / path, text)
    write(folder / "rules/z.test.yaml", "schema: friction-test/1\n")
    done = run("rules")
    assert done.exit_code == 2
    assert message in done.stderr
    assert "rules/z.test.yaml:1:1: tests: is needed" in done.stderr


def test_no_tests_and_no_such_path_are_wrong_usage(folder: Path) -> None:
    (folder / "rules/again.test.yaml").unlink()
    assert (run("rules").exit_code, run("nowhere").exit_code, run("rules/again.yaml").exit_code) == (2, 2, 2)
    assert "there are no rule tests in rules" in run("rules").stderr
    assert "nowhere:1:1: there is no such file or folder" in run("nowhere").stderr
    assert "rules/again.yaml:1:1: has no tests: there is no again.test.yaml" in run("rules/again.yaml").stderr


def test_a_near_miss_is_told_the_right_command() -> None:
    done = CliRunner().invoke(main, ["rules", "tset"])
    assert (done.exit_code, 'there is no command "rules tset", did you mean "test"?' in done.stderr) == (2, True)


def test_a_signal_of_a_rule_that_is_not_there_is_a_slip(folder: Path) -> None:
    write(folder / "rules/again.test.yaml", TESTS.replace("rule: again", "rule: agian"))
    done = run("rules")
    assert done.exit_code == 2
    place = "rules/again.test.yaml:8:19: tests.0.expect.0.rule: "
    assert place + 'rules/again.yaml has no rule "agian", did you mean "again"?' in done.stderr
