"""`touchline outreach uplift`, from files and from the warehouse, as somebody types it."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

from tests.conftest import READER
from tests.uplift.world import WITHIN, World, as_files, tally
from tests.warehouse.test_upkeep import write
from touchline.agents.settings import Settings, WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.backtest.run import history_run
from touchline.cli import main
from touchline.embedded import EmbeddedWarehouse
from touchline.pipeline.measures.uplift import Tally
from touchline.pipeline.warehouse.tables import DECISIONS, TOUCHPOINTS
from touchline.schemas.codec import decode_decision, encode
from touchline.schemas.outreach import Decision
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.uplift import sources

WORLD = World(7, customers=300)
DATABASE = "test_uplift"
FILES = ["--decisions", "decisions.ndjson", "--touchpoints", "touchpoints.ndjson"]
TEN_DAYS = ["--outcome", "kind=complaint.made within=10d", "--share", "0.5"]


@pytest.fixture(scope="module")
def made() -> tuple[bytes, bytes, Tally]:
    """Decisions and touchpoints of a shop as files, and what the measure counts in them."""
    frictions = WORLD.frictions()
    decided = WORLD.decisions(frictions, WORLD.hold_out)
    stream = WORLD.lived(decided)
    return *as_files(decided, stream), tally(WORLD, decided, stream)


@pytest.fixture
def folder(made: tuple[bytes, bytes, Tally], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "decisions.ndjson").write_bytes(made[0])
    (tmp_path / "touchpoints.ndjson").write_bytes(made[1])
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["outreach", "uplift", *arguments])


def told(*arguments: str) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def decided(folder: Path) -> list[Decision]:
    return [decode_decision(line) for line in (folder / "decisions.ndjson").read_bytes().splitlines()]


def rewrite(folder: Path, decisions: list[Decision]) -> None:
    (folder / "decisions.ndjson").write_bytes(b"".join(encode(one) + b"\n" for one in decisions))


def test_figures_for_a_program(folder: Path, made: tuple[bytes, bytes, Tally]) -> None:
    report, expected = told(*FILES, *TEN_DAYS), made[2]
    assert (report["within"], report["effect"], report["observed"]) == (WITHIN / 1_000, 0.05, 0)
    (experiment,) = report["experiments"]
    assert experiment["experiment"] == WORLD.experiment
    for name in ("treated", "held_out"):
        arm, wanted = experiment["all"][name], getattr(expected, name)
        assert [arm[key] for key in ("customers", "outcomes", "reached", "open")] == [
            wanted.customers, wanted.outcomes, wanted.reached, wanted.open,
        ]  # fmt: skip
    row = experiment["all"]
    assert row["uplift"] == pytest.approx(row["treated"]["rate"] - row["held_out"]["rate"])
    assert row["interval"][0] < row["uplift"] < row["interval"][1]
    assert row["held_out"]["lead"] == pytest.approx(list(expected.held_out.lead or ()))
    assert (row["says"], row["mismatch"]) == ("too_small", False)
    assert {rule["rule"] for rule in experiment["rules"]} >= {"promise_broken", "repeated_contact"}


def test_for_people(folder: Path) -> None:
    done = run(*FILES, *TEN_DAYS)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "decisions.ndjson, touchpoints.ndjson · up to 2026-04-09 23:41 UTC · outcome: kind=complaint.made within=10d"
    )
    assert lines[2].startswith(f"{WORLD.experiment}: ")
    assert "Too small to say anything: to see 5 points it takes " in done.stdout
    assert re.search(r"lead, from when the message would have come: median .* cases\)", done.stdout)
    enough = run(*FILES, *TEN_DAYS, "--effect", "0.4").stdout
    assert "Too small" not in enough.split("rules", 1)[0]
    one = run(*FILES, *TEN_DAYS, "--rule", "promise_broken").stdout
    assert "all rules" not in one
    assert one.count("promise_broken") == 1


def test_a_wrong_split_is_told_and_is_an_error(folder: Path) -> None:
    done = run(*FILES, *TEN_DAYS[:2], "--share", "0.2")
    assert done.exit_code == 1
    assert "Do not read this" in done.stdout
    assert "where 20 % was planned" in done.stdout
    assert "customers are not split as was planned: all rules, " in done.stderr


def test_the_planned_share_is_that_of_the_settings(folder: Path) -> None:
    plain = told(*FILES, *TEN_DAYS[:2])
    assert plain["experiments"][0]["all"]["split"] is None
    (folder / "touchline.yaml").write_text(f"outreach: {{hold_out: 0.5, experiment: {WORLD.experiment}}}", "utf-8")
    assert told(*FILES, *TEN_DAYS[:2])["experiments"][0]["all"]["share"] == 0.5


def test_a_policy_for_a_rule_has_a_share_of_its_own(folder: Path) -> None:
    (folder / "policies").mkdir()
    policy = f"{{id: gentle, rules: promise_broken, hold_out: 0.5, experiment: {WORLD.experiment}}}"
    (folder / "policies" / "own.yaml").write_text(f"schema: outreach/1\npolicies: [{policy}]", "utf-8")
    (folder / "touchline.yaml").write_text("outreach: {policies: [policies]}", "utf-8")
    (experiment,) = told(*FILES, *TEN_DAYS[:2])["experiments"]
    shares = {row["rule"]: row["share"] for row in experiment["rules"]}
    assert {rule for rule, share in shares.items() if share} == {"promise_broken"}
    assert experiment["all"]["share"] is None
    assert "the planned share is not the same for all rules" in " ".join(experiment["remarks"])


def test_what_was_observed_does_not_count_but_what_waits_for_a_ramp_does(folder: Path) -> None:
    whole = told(*FILES, *TEN_DAYS)["experiments"]
    rewrite(folder, [replace(one, observed=True, observed_by="ramp") for one in decided(folder)])
    ramp = told(*FILES, *TEN_DAYS)["experiments"][0]["all"]
    assert ramp["treated"]["customers"] == whole[0]["all"]["treated"]["customers"]
    assert ramp["treated"]["reached"] == 0
    rewrite(folder, [replace(one, observed=True, observed_by="mode") for one in decided(folder)])
    none = told(*FILES, *TEN_DAYS)
    assert none["experiments"] == []
    assert none["observed"] == sum(one.arm in ("treated", "held_out") for one in decided(folder)) > 0
    assert "nothing is delivered in observe mode" in " ".join(none["remarks"])
    both = told(*FILES, *TEN_DAYS, "--observed")
    assert both["experiments"][0]["all"]["held_out"] == whole[0]["all"]["held_out"]


def test_experiments_stand_side_by_side(folder: Path) -> None:
    other = [replace(one, decision_id=f"x{one.decision_id}", experiment="other") for one in decided(folder)]
    rewrite(folder, decided(folder) + other)
    report = told(*FILES, *TEN_DAYS)
    first, second = report["experiments"]
    assert (first["experiment"], second["experiment"]) == ("other", WORLD.experiment)
    assert first["all"] == second["all"]
    assert len(told(*FILES, *TEN_DAYS, "--experiment", "other")["experiments"]) == 1


def test_who_does_not_come_back(folder: Path) -> None:
    complained = told(*FILES, *TEN_DAYS)["experiments"][0]["all"]
    silent = told(*FILES, "--outcome", "missing=complaint.made within=10d")["experiments"][0]["all"]
    for arm in ("treated", "held_out"):
        assert silent[arm]["outcomes"] == silent[arm]["customers"] - complained[arm]["outcomes"]
        assert silent[arm]["lead"] is None


def test_decisions_as_tail_prints_them(folder: Path) -> None:
    whole = told(*FILES, *TEN_DAYS)
    lines = [b'{"topic":"outreach.decisions","key":"c","value":%b}\n' % encode(one) for one in decided(folder)]
    (folder / "decisions.ndjson").write_bytes(b'{"value":null}\n\n' + b"".join(lines))
    assert told(*FILES, *TEN_DAYS) == whole


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (FILES[:2], 2, "--decisions and --touchpoints go together"),
        ([*FILES, "--outcome", "rule=long_wait within=3d"], 2, "is judged by what customers do"),
        ([*FILES, "--outcome", "kind=complaint.made"], 2, "lacks within=30d"),
        ([*FILES, "--share", "1"], 2, "1.0 is not in the range 0<x<1"),
        ([*FILES, "--until", "soon"], 2, '"soon" is no date'),
        (["--decisions", "bad.ndjson", *FILES[2:]], 1, "bad.ndjson:2 is no decision: "),
        (["--decisions", "naive.ndjson", *FILES[2:]], 1, "naive.ndjson:1 is no decision: its times have no offset"),
        ([*FILES[:2], "--touchpoints", "bad.ndjson"], 1, "bad.ndjson:1 is no JSON"),
        ([], 1, "ClickHouse at 127.0.0.1:1 can't be reached"),
    ],
)
def test_a_mistake_ends_in_one_message(folder: Path, arguments: list[str], code: int, message: str) -> None:
    (folder / "bad.ndjson").write_text("\n{nonsense\n", "utf-8")
    naive = '{"customer":"c","rule":"r","outcome":"sent","at":"2026-03-01T00:00:00","signal_at":"2026-03-01T00:00:00"}'
    (folder / "naive.ndjson").write_text(naive, "utf-8")
    (folder / "touchline.yaml").write_text("warehouse: {port: 1}", "utf-8")
    done = run(*arguments)
    assert done.exit_code == code
    assert message.replace("bad.ndjson:1", "bad.ndjson:2") in done.stderr
    assert "Traceback" not in done.output


@pytest.fixture(scope="module")
def reader(warehouse: EmbeddedWarehouse, made: tuple[bytes, bytes, Tally]) -> Iterator[WarehouseSettings]:
    """The read-only user on a database with the shop."""
    owner = WarehouseSettings(host=warehouse.host, port=warehouse.port, database=DATABASE, batch_wait=0)
    upkeep.migrate(owner)
    events: list[EnrichedTouchpoint] = []
    shop = history_run(Settings(), [], lambda event, _at: events.append(event))
    for line in made[1].splitlines():
        shop.raw(line)
    shop.finish()
    decisions = [decode_decision(line) for line in made[0].splitlines()]
    asyncio.run(write(owner, (TOUCHPOINTS.topic, events), (DECISIONS.topic, decisions)))
    name, password = READER
    yield owner.model_copy(update={"user": name, "password": SecretStr(password)})
    upkeep.query(owner, f"DROP DATABASE {owner.database} SYNC")


@pytest.mark.parametrize(
    "asked",
    [
        TEN_DAYS,
        ["--outcome", "missing=complaint.*, order.placed within=5d", "--until", "2026-04-01"],
        ["--outcome", "kind=survey.answered where=score <= 2 within=7d", "--rule", "promise_broken"],
        [*TEN_DAYS, "--experiment", "other"],
    ],
    ids=["complaints", "missing", "condition", "nothing"],
)
@pytest.mark.parametrize("portion", [100_000, 20])
def test_the_warehouse_says_what_the_files_say(
    folder: Path, reader: WarehouseSettings, asked: list[str], portion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_CUSTOMERS_A_PORTION", portion)
    name, password = READER
    where = f"host: {reader.host}, port: {reader.port}, database: {DATABASE}, user: {name}, password: {password}"
    (folder / "touchline.yaml").write_text(f"warehouse: {{{where}}}", "utf-8")
    files, facts = told(*FILES, *asked), told(*asked)
    assert facts.pop("source") == f"warehouse {reader.host}:{reader.port}"
    assert files.pop("source") == "decisions.ndjson, touchpoints.ndjson"
    assert facts == files
    assert bool(facts["experiments"]) == ("other" not in asked)
