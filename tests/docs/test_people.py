"""docs/people.md: its events are taken, its settings load, its words are those of the contracts, and its first task is
taken and finished in an environment that runs."""

import importlib.util
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from clickhouse_driver import Client
from kafka import KafkaProducer

from tests.desk.cases import request
from tests.docs.pages import ROOT, blocks, section
from tests.outreach.cases import signal
from touchline.agents import desk
from touchline.agents.ownersettings import DeskSettings, OwnerSettings
from touchline.agents.settings import OutreachMode, Settings, load_settings
from touchline.cli import main
from touchline.pipeline.desk.intake import read
from touchline.pipeline.desk.state import REMEMBERED
from touchline.pipeline.desk.tasks import QueuePolicy
from touchline.pipeline.engine.clock import DAY, MINUTE, from_ms, to_ms
from touchline.pipeline.intake.formats import Intake
from touchline.schemas.codec import encode
from touchline.schemas.request import Request, Skill
from touchline.schemas.staff import STAFF_EVENTS
from touchline.schemas.task import TaskStatus
from touchline.schemas.wire import REQUESTS
from touchline.up import Environment

PAGE = ROOT / "docs" / "people.md"
TEXT = PAGE.read_text("utf-8")
FIRST = section(PAGE, "The first task in ten minutes")
PEOPLE, DAMAGED, TAKEN, DONE = (block.text for block in FIRST if block.language == "json")
PUBLISH, LOOK, FINISH = (block.text.splitlines() for block in FIRST if block.language == "sh")
(POLICY,) = (block.text for block in FIRST if block.language == "yaml")
OWNERS, DESK = (block.text for block in blocks(PAGE, "yaml") if block.text != POLICY)
PATIENCE = 90.0


def now_in(text: str, task: str = "TASK") -> str:
    return text.replace("NOW", datetime.now(UTC).isoformat()).replace("TASK", task)


def test_its_events_are_taken() -> None:
    for line in [*PEOPLE.splitlines(), TAKEN, DONE]:
        read(now_in(line).encode())
    touchpoint = Intake().parse(now_in(DAMAGED).encode())
    assert touchpoint.kind == "delivery.damaged"


def test_its_settings_load_and_the_defaults_are_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "touchline.yaml"
    path.write_text(OWNERS)
    settings = load_settings(path, {})
    routes = desk.build(settings).policy.owners.routes
    assert set(routes) == {"owner:logistics", "owner:billing", "party:dhl"}
    path.write_text(DESK)
    assert load_settings(path, {}).desk == DeskSettings()
    assert set(re.findall(r"^  (\w+):", DESK, re.M)) == set(DeskSettings.model_fields)
    owner = OwnerSettings()
    assert f"| `means` | `{owner.means}` |" in TEXT
    assert f"| `when` | `{owner.when}` |" in TEXT
    assert f"| `at`, `zone` | `{owner.at}`, `{owner.zone}` |" in TEXT
    assert f"| `budget` | {owner.budget} |" in TEXT
    assert f"| `least` | `{owner.least}` |" in TEXT


def test_its_figures_are_those_of_the_code() -> None:
    assert (QueuePolicy().aging, QueuePolicy().keep, REMEMBERED) == (6 * MINUTE, 7 * DAY, 100 * DAY)
    assert "Six minutes of waiting (`desk.aging`)" in TEXT
    assert "open a week after it was due (`desk.keep`)" in TEXT
    assert "in this queue, within 100 days" in TEXT


def test_every_kind_of_event_and_every_end_of_a_task_is_explained() -> None:
    kinds = dict(re.findall(r"^\| `((?:person|queue|task)\.\w+)` \|.*?\| (.*) \|$", TEXT, re.M))
    assert kinds.keys() == STAFF_EVENTS.keys()
    for kind, fields in kinds.items():
        named = set(re.findall(r"`(\w+)`", fields))
        assert named == set(STAFF_EVENTS[kind].__dataclass_fields__) - {"kind", "event_id", "at", "queue"}, kind
    for status in TaskStatus:
        if not status.is_open and status is not TaskStatus.DONE:
            assert f"`{status}`" in TEXT


@pytest.mark.skipif(importlib.util.find_spec("touchline.schemas.policyfile") is None, reason="there are no policies")
def test_its_policy_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "people.yaml").write_text(POLICY)
    done = CliRunner().invoke(main, ["policies", "check", str(folder)])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    settings = Settings()
    live = settings.outreach.model_copy(update={"mode": OutreachMode.LIVE})
    data = tmp_path_factory.mktemp("people") / "data"
    with Environment(settings.model_copy(update={"outreach": live}), data) as running:
        yield running


Run = Callable[[str], Result]


@pytest.fixture
def run(environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a line of the page in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    named = ["--settings", str(environment.settings_file)]
    return lambda line: CliRunner().invoke(main, [*named, *line.split()[1:]])


def until(run: Run, line: str, shown: str) -> str:
    """What a command says once it shows something."""
    deadline = time.monotonic() + PATIENCE
    while True:
        done = run(line)
        assert done.exit_code == 0, done.output
        if shown in done.output:
            return done.output
        assert time.monotonic() < deadline, done.output
        time.sleep(0.5)


def asked() -> Request:
    """What outreach asks for the event of the page under its policy."""
    at = to_ms(datetime.now(UTC))
    of = signal("s-page", at, rule="delivery_damaged", customer="c-1042", group="order:123", party="dhl")
    return request("r-page", at, about=of, skill=Skill(topics=("delivery",)), due_at=from_ms(at + 120 * MINUTE))


@pytest.mark.slow
def test_the_first_task_is_offered_taken_and_finished(environment: Environment, run: Run, tmp_path: Path) -> None:
    (tmp_path / "people.ndjson").write_text(PEOPLE)
    for line in PUBLISH:
        done = run(line)
        assert done.exit_code == 0, done.output
    producer = KafkaProducer(bootstrap_servers=environment.bootstrap)
    producer.send(REQUESTS, encode(asked()), key=b"queue:service").get(10)
    listing, showing, tailing = LOOK
    until(run, listing, "assigned")
    task = json.loads(until(run, f"{listing} --json", '"assigned"').splitlines()[0])
    assert (task["person"], task["customer"]) == ("anna", "c-1042")
    shown = run(showing.replace("TASK", task["task_id"])).output
    assert "delivery_damaged" in shown
    assert task["task_id"] in run(tailing).output
    (tmp_path / "taken.json").write_text(now_in(TAKEN, task["task_id"]))
    take, finish, finished = FINISH
    assert run(take).exit_code == 0
    until(run, listing, "taken by anna")
    (tmp_path / "done.json").write_text(now_in(DONE, task["task_id"]))
    assert run(finish).exit_code == 0
    until(run, finished, "done by anna: refunded")
    store = environment.settings.warehouse
    client = Client(store.host, port=store.port, database=store.database, user="reader")
    deadline = time.monotonic() + PATIENCE
    sql = "SELECT status, person, outcome FROM tasks WHERE task_id = 'r-page'"
    while client.execute(sql) != [("done", "anna", "refunded")]:
        assert time.monotonic() < deadline, client.execute(sql)
        time.sleep(0.5)
    (question,) = (block.text for block in blocks(PAGE, "sql"))
    assert [row[:2] for row in client.execute(question)] == [("service", 1)]
    client.disconnect()
    producer.close()
