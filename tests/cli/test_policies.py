"""`touchline policies`: mistakes with exit code and place, what would be done and who says so, and publishing."""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from touchline.agents.policybook import policies_of
from touchline.agents.runtime.policiestopic import policy_texts, standing
from touchline.agents.runtime.topics import create_topics, delete_topics
from touchline.agents.settings import Settings, load_settings
from touchline.cli import main

POLICIES = """\
schema: outreach/1
policies:
- id: late_orders
  rules: [promise_broken, parcel_stuck]
  channels: [sms, email]
  priority: 88
"""
RULE = """\
- id: {}
  owner: {}
  stage: support
  severity: {}
  detect: {{match: {{event: contact.opened}}}}
  evidence: "{{count}}"
  action: act
"""
RULES = "schema: friction/1\nrules:\n" + "".join(
    RULE.format(*one)
    for one in [
        ("mine", "care", "critical"), ("promise_broken", "logistics", "high"), ("parcel_stuck", "logistics", "medium"),
        ("long_wait", "care", "medium"), ("escalation_threatened", "care", "critical"),
        ("bad_review", "product", "low"),
    ]
)  # fmt: skip
"""Some in the place of all the built-in ones, which take their time to read."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings, a policy and a rule."""
    monkeypatch.chdir(tmp_path)
    Path("touchline.yaml").write_text(
        "journey: {rules: [rules], builtin_rules: false}\noutreach: {policies: [policies], cooldown: 5d}\n",
        encoding="utf-8",
    )
    for name, text in (("policies/shop.yaml", POLICIES), ("rules/mine.yaml", RULES)):
        Path(name).parent.mkdir()
        Path(name).write_text(text, encoding="utf-8")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["policies", *arguments])


def write(text: str) -> None:
    Path("policies/shop.yaml").write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("folder")
def test_policies_without_a_mistake_are_counted() -> None:
    done = run("check")
    assert done.exit_code == 0
    assert done.stdout == "14 policies for 6 rules: 4 to the customer, 1 to queue:complaints, 1 to the owner\n"
    assert done.stderr == "0 errors, 0 warnings, 0 notes\n"
    found = json.loads(run("check", "--json").stdout)
    assert found["policies"]["late_orders"] == ["promise_broken", "parcel_stuck"]
    assert found["policies"]["critical_friction"] == ["mine"]


@pytest.mark.usefixtures("folder")
def test_mistakes_are_told_with_their_place_and_end_in_exit_code_1() -> None:
    write(POLICIES.replace("parcel_stuck", "parcel_stock") + "- {id: late_orders, severity: high, template: sory}\n")
    done = run("check")
    assert done.exit_code == 1
    first, second = done.stdout.splitlines()
    unknown = 'there is no rule "parcel_stock", did you mean "parcel_stuck"?'
    assert first == f"policies/shop.yaml:4:27: error: policies.0.rules.1: {unknown}"
    assert second == (
        'policies/shop.yaml:7:8: error: policies.1.id: "late_orders" stands already in policies/shop.yaml:3'
    )
    assert done.stderr == "2 errors, 0 warnings, 0 notes\n"
    found = json.loads(run("check", "--json").stdout)
    assert (found["errors"], found["policies"]) == (2, {})
    assert found["findings"][0] == {
        "file": "policies/shop.yaml", "line": 4, "column": 27, "where": "policies.0.rules.1", "severity": "error",
        "code": "mistake", "message": unknown,
    }  # fmt: skip
    write("schema: outreach/1\npolicies: [")
    done = run("check")
    assert (done.exit_code, "is not closed" in done.stdout) == (1, True)


@pytest.mark.usefixtures("folder")
def test_warnings_count_where_they_are_asked_to() -> None:
    write(POLICIES + "  experiment: spring\n")
    done = run("check")
    assert (done.exit_code, '"spring" holds nobody out' in done.stdout) == (0, True)
    assert run("check", "--strict").exit_code == 1


@pytest.mark.usefixtures("folder")
def test_other_files_may_be_named_and_one_that_is_missing_is_wrong_usage() -> None:
    Path("other.yaml").write_text(POLICIES.replace("late_orders", "others"), encoding="utf-8")
    found = json.loads(run("check", "other.yaml", "--no-builtin", "--json").stdout)
    assert set(found["policies"]) == {"default", "others"}
    done = run("check", "nowhere")
    assert (done.exit_code, "there is no such file or folder of policies" in done.stderr) == (2, True)
    Path("rules/mine.yaml").write_text(RULES.replace("owner: care", "ownr: care", 1), encoding="utf-8")
    done = run("check")
    assert (done.exit_code, "rules/mine.yaml:4:3" in done.stderr) == (2, True)


@pytest.mark.usefixtures("folder")
def test_a_plan_is_shown_with_where_each_value_stands() -> None:
    lines = run("show", "parcel_stuck").stdout.splitlines()
    assert lines[0] == "parcel_stuck (friction, medium, owner logistics): policy late_orders"
    said = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[1:]}
    assert said["channels"] == "sms, email policies/shop.yaml:5"
    assert said["priority"] == "88 policies/shop.yaml:6"
    assert said["cooldown"] == "5 d settings"
    assert said["purpose"] == "service the rule's polarity"
    shown = run("show", "escalation_threatened").stdout
    assert "queue:complaints" in shown
    assert "built-in people.yaml:" in shown
    assert "to owner:customer_service after 2 h" in shown
    (one,) = json.loads(run("show", "parcel_stuck", "--json").stdout)
    assert (one["policy"], one["values"]["priority"], one["said_in"]["priority"]) == (
        "late_orders", 88, "policies/shop.yaml:6",
    )  # fmt: skip


@pytest.mark.usefixtures("folder")
def test_all_plans_are_shown_in_a_table() -> None:
    shown = run("show", "--all").stdout
    rows = {line.split()[0]: line.split() for line in shown.splitlines()[1:] if line[:1] != " "}
    assert rows["parcel_stuck"] == [
        "parcel_stuck", "late_orders", "customer", "service", "88", "-", "policies/shop.yaml:3",
    ]  # fmt: skip
    assert rows["bad_review"][2] == "owner:product"
    assert rows["mine"][1] == "critical_friction"
    assert rows["long_wait"][1] == "default"
    assert "messages to a customer: at the most 3 within 7 d" in shown
    assert len(json.loads(run("show", "--all", "--json").stdout)) == 6


@pytest.mark.usefixtures("folder")
def test_what_can_not_be_shown_is_said() -> None:
    done = run("show", "parcel_stock")
    assert (done.exit_code, 'no rule "parcel_stock", did you mean "parcel_stuck"?' in done.stderr) == (2, True)
    assert run("show").exit_code == run("show", "mine", "--all").exit_code == 2
    write(POLICIES.replace("priority", "prio"))
    done = run("show", "mine")
    assert (done.exit_code, "policies/shop.yaml:6:3: policies.0.prio: is not a field" in done.stderr) == (2, True)


@pytest.fixture
def settings(folder: Path, bootstrap: str) -> Iterator[Settings]:
    """The same in an environment with all topics."""
    file = folder / "touchline.yaml"
    text = f"environment: p{uuid.uuid4().hex[:12]}\nkafka: {{bootstrap: '{bootstrap}'}}\n"
    file.write_text(text + file.read_text(encoding="utf-8"), encoding="utf-8")
    made = load_settings(file, {})
    asyncio.run(create_topics(made))
    yield made
    asyncio.run(delete_topics(made))


def test_what_was_checked_is_published_as_a_whole_with_the_built_in_policies(settings: Settings) -> None:
    done = run("publish")
    assert done.exit_code == 0, done.output
    texts = policy_texts(asyncio.run(standing(settings)).policies or b"")
    found = policies_of(settings, texts)
    assert done.stdout == f"published {len(found.entries)} policies as {found.book.content}\n"
    assert "set outreach.policies_from to topic" in done.stderr
    assert [one.name for one in texts if not one.builtin] == ["policies/shop.yaml"]
    assert {"late_orders", "whole_relationship"} <= found.entries.keys()
    shown = json.loads(run("publish", "--json").stdout)
    assert (shown["hash"], "late_orders" in shown["policies"]) == (found.book.content, True)


def test_policies_with_a_mistake_are_not_published(settings: Settings) -> None:
    write(POLICIES.replace("parcel_stuck", "nothing"))
    done = run("publish", "policies")
    assert (done.exit_code, 'there is no rule "nothing"' in done.stderr) == (2, True)
    assert asyncio.run(standing(settings)).policies is None


Outreach = Callable[..., Result]


@pytest.fixture
def outreach(settings: Settings) -> Outreach:
    return lambda *arguments: CliRunner().invoke(main, ["outreach", *arguments])


def test_everything_and_single_rules_are_stopped_and_resumed(outreach: Outreach) -> None:
    assert outreach("status").stdout == "mode: observe (nothing is sent)\nstopped: nothing\n"
    done = outreach("stop", "--rule", "mine", "--note", "a wrong text")
    assert done.exit_code == 0, done.output
    assert "stopped: mine since 2" in done.stdout
    assert "UTC: a wrong text" in done.stdout
    assert "stopped: everything since 2" in outreach("stop").stdout
    found = json.loads(outreach("status", "--json").stdout)
    assert [(one["rule"], one["note"]) for one in found["stopped"]] == [("*", ""), ("mine", "a wrong text")]
    again = outreach("resume")
    assert again.exit_code == 0
    assert "everything" not in again.stdout
    assert "stopped: mine" in again.stdout
    done = outreach("resume")
    assert (done.exit_code, done.stderr) == (1, "Error: everything is not stopped; stopped: mine\n")
    done = outreach("resume", "--rule", "mina")
    assert (done.exit_code, 'did you mean "mine"?' in done.stderr) == (1, True)
    outreach("stop")
    assert outreach("resume", "--rule", "").exit_code == 1
    assert "stopped: everything" in outreach("resume", "--rule", "mine").stdout
    outreach("resume")
    outreach("stop", "--rule", "mine")
    assert "stopped: nothing" in outreach("resume", "--rule", "mine").stdout


def test_a_stop_of_a_rule_that_nobody_has_is_refused(settings: Settings, outreach: Outreach) -> None:
    done = outreach("stop", "--rule", "parcel_stock")
    assert done.exit_code == 2
    assert 'nothing was stopped: there is no rule "parcel_stock", did you mean "parcel_stuck"?' in done.stderr
    assert asyncio.run(standing(settings)).stops == {}


@pytest.mark.parametrize("rule", ["", "r" * 129, "no\nname"])
def test_what_can_be_no_name_of_a_rule_stops_nothing(settings: Settings, outreach: Outreach, rule: str) -> None:
    Path("rules/mine.yaml").write_text("rules: [", encoding="utf-8")  # so which rules there are is not known
    done = outreach("stop", "--rule", rule)
    assert (done.exit_code, "nothing was stopped: that is no name of a rule" in done.stderr) == (2, True)
    assert asyncio.run(standing(settings)).stops == {}


def test_a_note_that_is_too_long_or_not_readable_is_cut_and_stops_all_the_same(outreach: Outreach) -> None:
    done = outreach("stop", "--note", "why \udcff " + "w" * 600, "--json")
    assert done.exit_code == 0, done.output
    assert [one["note"] for one in json.loads(done.stdout)["stopped"]] == ["why ? " + "w" * 494]


def test_who_is_in_a_hurry_can_stop_with_broken_rules_and_policies(settings: Settings, outreach: Outreach) -> None:
    Path("rules/mine.yaml").write_text(RULES.replace("owner: care", "ownr: care", 1), encoding="utf-8")
    write("no: policies")
    assert outreach("stop").exit_code == 0
    assert outreach("stop", "--rule", "mine").exit_code == 0
    assert asyncio.run(standing(settings)).stopped == {"*", "mine"}


def test_who_gets_messages_at_all_is_shown(settings: Settings, outreach: Outreach) -> None:
    file = Path("touchline.yaml")
    text = file.read_text(encoding="utf-8").replace(
        "cooldown: 5d",
        "mode: live, allow: [c-1, c-2], test_recipient: {email: me@example.com}, "
        "ramp: {from: 2026-01-01, days: [50, 1500]}",
    )
    file.write_text(text, encoding="utf-8")
    assert outreach("status").stdout.splitlines() == [
        "mode: live", "stopped: nothing", "allow-list: 2 customers and nobody else",
        "test recipient: gets every message by email", "ramp: at the most 1,500 messages today",
    ]  # fmt: skip
    assert "me@example.com" not in outreach("status", "--json").stdout
    file.write_text(text.replace("2026-01-01", "2199-01-01"), encoding="utf-8")
    assert "ramp: at the most 0 messages today" in outreach("status").stdout


@pytest.mark.usefixtures("folder")
def test_without_a_broker_it_says_so() -> None:
    Path("touchline.yaml").write_text("kafka: {bootstrap: '127.0.0.1:1'}\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["outreach", "stop"])
    assert (done.exit_code, "no Kafka broker answers at 127.0.0.1:1" in done.stderr) == (1, True)
