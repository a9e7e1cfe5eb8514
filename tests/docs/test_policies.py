"""docs/policies.md: its example from file to plan, each block, the tables, and the mistake as it is told."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.docs.pages import ROOT, blocks, section
from touchline.agents.policybook import book_of
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.settings import OutreachMode, RuleHome, Settings, load_settings
from touchline.cli import main
from touchline.pipeline.engine.clock import DAY
from touchline.pipeline.outreach.policyfiles import BUILTIN
from touchline.schemas.policyfile import DefaultsSpec, PolicyFile, PolicySpec
from touchline.schemas.vocabulary import Channel, Route
from touchline.schemas.yamlfile import YamlFile

PAGE = ROOT / "docs" / "policies.md"
TEXT = PAGE.read_text("utf-8")
YAML = [block.text for block in blocks(PAGE, "yaml")]
POLICIES = [text for text in YAML if text.startswith("schema: outreach/1")]
SETTINGS = [text for text in YAML if text.startswith("outreach:")]
SHOWN = [block.text for block in blocks(PAGE, "text")]
LATE = Path("policies") / "late.yaml"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the page begins."""
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["init", "shop"]).exit_code == 0
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def run(command: str) -> str:
    done = CliRunner().invoke(main, command.split()[1:])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.usefixtures("shop")
def test_the_first_ten_minutes() -> None:
    (commands,) = [
        block.text.splitlines() for block in section(PAGE, "A first policy in ten minutes") if block.language == "sh"
    ]
    assert commands[:2] == ["touchline init shop", "cd shop"]
    run(commands[2])
    assert run(commands[3]) == SHOWN[0]
    LATE.write_text(POLICIES[0])
    run("touchline policies check --strict")
    told = run("touchline policies show promise_broken").splitlines()
    ends = {line.split()[0]: line.split()[-1] for line in told[1:]}
    changed = {name for name, end in ends.items() if end.startswith(str(LATE))}
    assert changed == {"channels", "cooldown", "priority"}
    assert len(run("touchline policies show --all").splitlines()) > 60
    LATE.write_text(POLICIES[0].replace("promise_broken,", "promise_broke,"))
    done = CliRunner().invoke(main, ["policies", "check"])
    assert (done.exit_code, done.stdout) == (1, SHOWN[1])


@pytest.mark.parametrize("text", POLICIES)
def test_each_policy_on_the_page_is_in_order(shop: Path, text: str) -> None:
    (shop / LATE).write_text(text)
    done = CliRunner().invoke(main, ["policies", "check", "--strict"])
    assert done.exit_code == 0, done.output


def test_what_the_examples_say_of_themselves_is_so(shop: Path) -> None:
    def book(number: int) -> dict[str, object]:
        (shop / LATE).write_text(POLICIES[number])
        made = book_of(load_settings(shop / "touchline.yaml", {}))
        return {"book": made, **made.by_rule}

    late, task, notice, whole = (book(number) for number in range(4))
    assert late["promise_broken"].cooldown == DAY  # type: ignore[attr-defined]
    assert task["delivery_damaged"].target == "queue:care"  # type: ignore[attr-defined]
    assert notice["parcel_stuck"].route is Route.OWNER  # type: ignore[attr-defined]
    assert whole["praised_contact"].cap_group == "surveys"  # type: ignore[attr-defined]
    assert whole["praised_contact"].channels == (Channel.EMAIL, Channel.SMS)  # type: ignore[attr-defined]


def settings(text: str, tmp_path: Path) -> Settings:
    file = tmp_path / "touchline.yaml"
    file.write_text(text)
    return load_settings(file, {})


def test_the_settings_load_and_are_switches(tmp_path: Path) -> None:
    builtin, live, topic = (settings(text, tmp_path).outreach for text in SETTINGS)
    assert (builtin.builtin_policies, topic.policies_from) == (False, RuleHome.TOPIC)
    assert live.mode is OutreachMode.LIVE
    switches = book_of(settings(SETTINGS[1], tmp_path)).switches
    assert (switches.allow, switches.ramp) == (frozenset({"c-1042", "c-7"}), (50, 100, 500))
    assert set(switches.test_recipient) == {Channel.EMAIL, Channel.SMS}


def test_every_field_is_in_the_table() -> None:
    rows = re.findall(r"^\| (`[^|]*`) \|", TEXT.split("## A policy, field by field")[1].split("\n## ")[0], re.M)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == set(PolicySpec.__dataclass_fields__)
    prose = TEXT.split("A file has `schema: outreach/1`")[1].split("## Check")[0]
    for name in (set(DefaultsSpec.__dataclass_fields__) | set(PolicyFile.__dataclass_fields__)) - {
        "schema",
        "policies",
    }:
        assert f"`{name}`" in prose


def test_what_is_said_of_the_built_in_policies_is_so() -> None:
    told = TEXT.split("## The built-in policies")[1].split("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", told.split("their queues")[0].split("Seven rules")[1]))
    plans = book_of(Settings()).by_rule
    people = {rule: plan for rule, plan in plans.items() if plan.route is Route.PERSON}
    assert named == set(people)
    assert len(named) == 7
    assert {plan.target for plan in people.values()} == {"queue:complaints", "queue:social", "queue:care"}
    assert plans["bad_review"].route is Route.OWNER
    assert all(YamlFile.read(file).data for file in BUILTIN.glob("*.yaml"))
    assert "pipeline/outreach/policies/" in told


def test_every_metric_is_one() -> None:
    names = {family.name for family in Metrics("any").registry.collect()}
    for name in re.findall(r"touchline_\w+", TEXT):
        assert name.removesuffix("_total") in names
