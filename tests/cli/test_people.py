"""Staff and tasks on the command line."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kafka import KafkaProducer

from tests.desk.cases import NINE, feed, person, request, shard, taken, tick
from touchline.agents.runtime.topics import create_topics
from touchline.agents.settings import load_settings
from touchline.cli import main
from touchline.cli.context import connection_of
from touchline.client.reader import TopicReader
from touchline.pipeline.engine.clock import HOUR
from touchline.schemas.wire import NOTICES, STAFF, TASKS

Run = Callable[..., Result]
PERSON = {
    "kind": "person.changed", "event_id": "p-1", "at": "2026-06-10T08:00:00Z", "queue": "service", "person": "anna",
    "languages": ["de"], "capacity": 2, "present_from": "2026-06-10T08:00:00Z",
}  # fmt: skip


@pytest.fixture
def run(bootstrap: str, environment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a folder whose touchline.yaml names a broker that has all topics."""
    monkeypatch.chdir(tmp_path)
    text = f"environment: {environment}\nkafka: {{bootstrap: '{bootstrap}', partitions: 2, raw_partitions: 2}}\n"
    (tmp_path / "touchline.yaml").write_text(text, encoding="utf-8")
    asyncio.run(create_topics(load_settings(tmp_path / "touchline.yaml", {})))
    return lambda *arguments, **options: CliRunner().invoke(main, [str(one) for one in arguments], **options)


def written(folder: Path, *events: Any) -> Path:
    path = folder / "staff.ndjson"
    path.write_text("\n".join(json.dumps(event) for event in events), encoding="utf-8")
    return path


def test_staff_is_published_with_the_key_of_its_queue(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path, PERSON, {**PERSON, "queue": "second"})
    done = run("staff", "publish", path)
    assert done.exit_code == 0, done.output
    assert "2 published, 0 refused" in done.output
    with TopicReader(connection_of(load_settings(tmp_path / "touchline.yaml", {})), STAFF) as reader:
        found = list(reader.read_all())
    assert sorted((record.key, json.loads(record.value or b"")["queue"]) for record in found) == [
        (b"queue:second", "second"),
        (b"queue:service", "service"),
    ]


def test_what_is_wrong_is_refused_with_its_line_and_the_others_are_published(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path, {**PERSON, "capacity": "two"}, PERSON)
    done = run("staff", "publish", path)
    assert done.exit_code == 1
    assert f"{path}:1: refused: wrong_type: capacity: expected a whole number" in done.output
    assert "1 published, 1 refused" in done.output
    as_json = run("staff", "publish", path, "--json")
    lines = [json.loads(line) for line in as_json.stdout.splitlines() if line.startswith("{")]
    assert lines[0] == {
        "line": 1, "refused": "wrong_type", "field": "capacity", "message": "expected a whole number",
    }  # fmt: skip
    assert lines[1].keys() == {"line", "partition", "offset"}


def test_a_check_publishes_nothing_and_needs_no_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    queue = {"kind": "queue.changed", "event_id": "q", "at": "2026-06-10T08:00:00Z", "queue": "service"}
    path = written(tmp_path, PERSON, queue)
    done = CliRunner().invoke(main, ["staff", "publish", str(path), "--check"])
    assert done.exit_code == 0, done.output
    assert (
        "1: 2026-06-10T08:00:00+00:00 person.changed at service: "
        "anna is there from 2026-06-10T08:00:00+00:00, 2 at once, de\n"
        "2: 2026-06-10T08:00:00+00:00 queue.changed at service: always open\n"
    ) in done.output
    assert "2 would be taken, 0 refused" in done.output


@pytest.fixture
def filled(run: Run, bootstrap: str, environment: str) -> Run:
    """The topics hold what a desk told of three tasks and a notice."""
    desk = shard()
    outputs = feed(
        desk,
        person(capacity=1),
        request("r-1", language="en"),
        request("r-2", NINE + 1, escalate_after=HOUR, escalate_to="owner:care"),
        request("r-3", NINE + 2, observed=True),
        request("r-4", NINE + 3, target="owner:care"),
        taken("r-1", "anna", NINE + 4),
        tick(NINE + 5),
    )
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for output in outputs:
        producer.send(f"{environment}.{output.topic}", output.value, key=output.key)
    producer.flush()
    producer.close()
    return run


def test_open_tasks_are_listed_as_they_are_now(filled: Run) -> None:
    done = filled("tasks", "list")
    assert done.exit_code == 0, done.output
    first, second, count, *_ = done.output.splitlines()
    assert "taken" in first
    assert "anna" in first
    assert "high long_wait  c-1  due 2026-06-10 13:00:00Z  r-1  taken by anna" in first
    assert "waiting" in second
    assert count == "2 tasks"
    everything = filled("tasks", "list", "--status", "all", "--json")
    ids = [json.loads(line)["task_id"] for line in everything.stdout.splitlines()]
    assert sorted(ids) == ["r-1", "r-2", "r-3"]
    assert filled("tasks", "list", "--person", "ben").output.splitlines() == ["0 tasks"]
    observed = filled("tasks", "list", "--queue", "service", "--status", "observed").output.splitlines()
    assert ("r-3" in observed[0], observed[1:]) == (True, ["1 task"])


def test_a_task_is_shown_with_all_that_is_needed(filled: Run) -> None:
    done = filled("tasks", "show", "r-1")
    assert done.exit_code == 0, done.output
    assert done.output == (
        "Task r-1: taken, anna\n"
        "  taken by anna\n"
        "Customer c-1, speaks en\n"
        "  queue service, priority 50, due 2026-06-10 13:00 UTC\n"
        "What happened: long_wait (high), for care\n"
        "  waited 20 min\n"
        "  call back\n"
        "The journey:\n"
        "  09:00 call.started by voice\n"
        "A reply to start from:\n"
        "  We are sorry.\n"
        "Other open signals: s-9\n"
    )
    assert json.loads(filled("tasks", "show", "r-1", "--json").output)["person"] == "anna"


def test_a_task_that_is_not_there_or_not_one_is_said_so(filled: Run) -> None:
    missing = filled("tasks", "show", "r-7")
    assert (missing.exit_code, "there is no task r-7" in missing.output) == (1, True)
    several = filled("tasks", "show", "r-")
    assert (several.exit_code, "3 tasks begin with r-: write more of it" in several.output) == (1, True)


def test_tail_shows_tasks_and_notices_in_a_line(filled: Run) -> None:
    done = filled("tail", "tasks", "--from-start", "--idle", "2")
    assert done.exit_code == 0, done.output
    assert "waiting   service  high long_wait  c-1  due 2026-06-10 13:00:00Z  r-1  asked for" in done.output
    assert "observe mode; it would" in done.output
    notices = filled("tail", NOTICES, "--from-start", "--idle", "2").output
    assert "owner:care  at once  by queue  High: long wait" in notices
    assert TASKS not in notices
