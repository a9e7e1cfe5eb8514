"""What outreach would have done with a history: the same as it does, decision for decision."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from touchline.agents import enrich, incident, journey, outreach
from touchline.agents.settings import Settings
from touchline.backtest.run import history_run, outreach_of, work_off
from touchline.backtest.sources import Lines
from touchline.cli import main
from touchline.pipeline.backtest.outreach import PastDecision
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.engine.local import LocalRun
from touchline.pipeline.friction.load import load_rules
from touchline.schemas.codec import decode_decision, decode_touchpoint, encode
from touchline.schemas.control import Control
from touchline.schemas.outreach import Decision
from touchline.schemas.vocabulary import Outcome
from touchline.schemas.wire import CONTROL_HEADER, DECISIONS, RAW, TOUCHPOINTS
from touchline.simulator import Plan, touchpoints

POLICY = """
schema: outreach/1
caps:
  total: {messages: 2, within: 7d}
policies:
- id: late
  rules: promise_broken
  delay: 2h
  priority: 80
  hold_out: 0.2
- id: asked_again
  rules: repeated_contact
  route: person
  queue: service
  answer_within: 4h
"""
PLAN = Plan(customers=400, days=21, start=datetime(2026, 3, 1, tzinfo=UTC), seed=4, late=0.02, duplicates=0.01)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "history.ndjson").write_bytes(b"".join(event.value + b"\n" for event in touchpoints(PLAN)))
    return folder


def in_force(found: list[Decision]) -> dict[str, Decision]:
    newest: dict[str, Decision] = {}
    for decision in found:
        if decision.signal_id not in newest or decision.revision > newest[decision.signal_id].revision:
            newest[decision.signal_id] = decision
    return newest


def as_they_ran(folder: Path, partitions: int) -> dict[str, Decision]:
    """The agents themselves on partitions in memory, as an import drives them: to the end of history and no further."""
    kafka = {"partitions": partitions, "raw_partitions": partitions}
    settings = Settings.model_validate(
        {"clock": "log", "kafka": kafka, "outreach": {"policies": [str(folder / "policy.yaml")]}}
    )
    agents = [agent.build(settings) for agent in (enrich, journey, incident, outreach)]
    run = LocalRun(agents, partitions=partitions, batch=700)
    for event in touchpoints(PLAN):
        run.publish(RAW, event.key, event.value, 0)
    run.run(0)
    times = [
        to_ms(decode_touchpoint(record.value or b"").occurred_at)
        for record in run.topics.all(TOUCHPOINTS)
        if not record.headers
    ]
    end = encode(Control(high=max(times)))
    for partition in range(partitions):
        log = run.topics.logs.setdefault((RAW, partition), [])
        log.append(log[0]._replace(offset=len(log), key=None, value=end, headers=((CONTROL_HEADER, b"1"),)))
    run.run(0)
    return in_force([decode_decision(record.value or b"") for record in run.topics.all(DECISIONS)])


@pytest.mark.parametrize("partitions", [1, 3])
def test_the_agents_decide_the_same(folder: Path, partitions: int) -> None:
    run = history_run(
        Settings(), [load_rules()], lambda event, at: None, outreach_of(Settings(), [folder / "policy.yaml"])
    )
    work_off(Lines([folder / "history.ndjson"]), run, lambda *_: None)
    (trial,) = run.trials
    assert trial.outreach is not None
    found, expected = trial.outreach.decisions, as_they_ran(folder, partitions)
    assert {key: facts(one) for key, one in found.items() if key in expected} == {
        key: facts(one) for key, one in expected.items()
    }
    later = found.keys() - expected.keys()
    assert len(later) <= 0.05 * len(found)  # the back-test hears of incidents up to the very end
    assert len({one.reason for one in found.values()}) >= 7
    assert any(one.linked for one in found.values())


def facts(one: Decision | PastDecision) -> tuple[object, ...]:
    return (one.revision, one.outcome, one.reason, one.channel, one.at, one.policy, one.route, one.target, one.linked)


def test_the_command_tells_what_went_out_and_what_the_caps_cut(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    command = ["rules", "backtest", "--events", "history.ndjson", "--policy", "policy.yaml"]
    told = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)["outreach"]
    assert sum(told["reasons"].values()) == told["signals"] - told["undecided"]
    assert sum(sum(row["sent"].values()) for row in told["rules"]) == told["messages"] + told["requests"]
    assert sum(int(count) * days for count, days in told["days"].items()) == told["messages"]
    assert sum(told["capped"].values()) == told["reasons"]["frequency_cap"] > 0
    tasks = next(row for row in told["rules"] if row["rule"] == "repeated_contact")
    assert set(tasks["sent"]) == {"tasks"}
    for row in told["rules"]:
        assert row["signals"] == sum(row["sent"].values()) + sum(row["not_sent"].values()) + row["held"]
    assert {Outcome.SENT.value, "frequency_cap"} <= set(told["reasons"])
    shown = CliRunner().invoke(main, command).stdout
    assert f"{told['messages']} messages to {told['customers']} customers and {told['requests']} requests" in shown
    assert "the caps cut: " in shown


def test_without_policies_nobody_asks(folder: Path) -> None:
    found = CliRunner().invoke(main, ["rules", "backtest", "--events", str(folder / "history.ndjson"), "--json"])
    assert json.loads(found.stdout)["outreach"] is None


def test_a_mistake_in_a_policy_has_its_place(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("schema: outreach/1\npolicies:\n- id: a\n  rules: x\n  delai: 2h\n")
    command = [
        "rules",
        "backtest",
        "--events",
        str(folder / "history.ndjson"),
        "--policy",
        str(tmp_path / "wrong.yaml"),
    ]
    found = CliRunner().invoke(main, command)
    assert found.exit_code == 2
    assert "wrong.yaml:5:3: policies.0.delai" in found.output
