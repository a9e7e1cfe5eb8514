"""The commands as their users meet them: output, exit code, and a message for each mistake."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kafka import KafkaProducer

from tests.client.support import Topic, signal
from touchline.agents.runtime.topics import delete_topics
from touchline.agents.settings import load_settings
from touchline.cli import main
from touchline.cli.table import COMMANDS
from touchline.pipeline.engine.records import Outbox, PlainRecord
from touchline.pipeline.engine.reject import Refusal, reject
from touchline.schemas.codec import encode
from touchline.schemas.control import Tick
from touchline.schemas.rejection import RejectCode
from touchline.schemas.vocabulary import Severity
from touchline.schemas.wire import RAW, REJECTED, TICK_HEADER, TOUCHPOINTS

Run = Callable[..., Result]
EVENT = {
    "event_id": "e1",
    "source": "shop",
    "occurred_at": "2026-05-04T10:00:00+02:00",
    "kind": "order.placed",
    "customer_id": "c-1042",
}
MAP = """
schema: map/1
name: shop
zone: UTC
inputs:
- files: orders.csv
  touchpoints:
  - {kind: order.placed, at: "{at}", customer: "{who}", id: "{id}"}
"""


@pytest.fixture
def run(bootstrap: str, environment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a folder whose touchline.yaml names the broker."""
    monkeypatch.chdir(tmp_path)
    text = f"environment: {environment}\nkafka: {{bootstrap: '{bootstrap}'}}\n"
    (tmp_path / "touchline.yaml").write_text(text, encoding="utf-8")
    return lambda *arguments, **options: CliRunner().invoke(main, [str(one) for one in arguments], **options)


def test_help_lists_every_command_without_loading_a_client() -> None:
    code = "import sys; from touchline.cli import main; main(['-h'], standalone_mode=False); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listed, _, modules = done.stdout.rpartition("\n[")
    assert all(f"\n  {name} " in listed and entry.help in listed for name, entry in COMMANDS.items())
    for heavy in ("'kafka'", "'aiokafka'", "'faust'", "'chdb'", "'pydantic'"):
        assert heavy not in modules


def test_what_is_not_installed_is_named_with_the_extra_that_brings_it() -> None:
    code = "import sys; sys.modules['aiokafka'] = None; from touchline.cli import main; main(['topics', 'check'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'pip install "touchline[worker]"' in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["pubish"], 2, 'there is no command "pubish", did you mean "publish"?'),
        (["--settings", "nowhere.yaml", "tail", "raw"], 2, "nowhere.yaml:1:1: can't be read: No such file"),
        (
            ["--settings", "bad.yaml", "tail", "raw"],
            2,
            'bad.yaml:2:3: kafka.bootstap: is not a field here, did you mean "bo',
        ),
        (["tail", "sginals"], 2, 'there is no topic "sginals", did you mean "signals"?'),
        (["tail", "everything"], 2, 'there is no topic "everything": choose one of touchpoints.raw, touchpoints,'),
        (["--settings", "away.yaml", "tail", "raw"], 1, "no Kafka broker at 127.0.0.1:1: Connection refused"),
        (["--settings", "away.yaml", "topics", "check"], 1, "no Kafka broker answers at 127.0.0.1:1 (kafka.bootstrap)"),
        (
            ["--settings", "rules.yaml", "try", '{"kind": "ticket.reopened", "customer_id": "c-1"}'],
            2,
            "nowhere:1:1: there is no such file or folder of rules, seen from where the command runs",
        ),
        (["up", "--data", "bad.yaml/data"], 1, "the folder bad.yaml/data can't be written: Not a directory"),
        (["import", "x.csv", "--map", "map.yaml"], 2, "Path 'x.csv' does not exist"),
        (["import", ".", "--map", "map.yaml", "--speed", "fast"], 2, "fast is no speed: write 3600x"),
        (["rejected", "show", "first"], 2, "first is no place: write PARTITION:OFFSET"),
    ],
)
def test_a_mistake_ends_in_one_message(
    arguments: list[str], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("touchline.cli.context.TIMEOUT", 0.1)
    (tmp_path / "bad.yaml").write_text("kafka:\n  bootstap: x:1\n", encoding="utf-8")
    (tmp_path / "rules.yaml").write_text("journey: {rules: [nowhere]}\n", encoding="utf-8")
    (tmp_path / "away.yaml").write_text("kafka: {bootstrap: '127.0.0.1:1'}\n", encoding="utf-8")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""


def test_publish_takes_the_good_and_refuses_the_bad_by_line(run: Run, tmp_path: Path) -> None:
    cloud = {
        "specversion": "1.0",
        "id": "e3",
        "source": "shop",
        "type": "order.placed",
        "time": "2026-05-04T10:00:00Z",
        "data": {"customer_id": "c-7"},
    }
    lines = [
        json.dumps(EVENT),
        json.dumps(EVENT | {"occurred_at": "2026-05-04T10:00:00"}),
        "",
        "nonsense",
        json.dumps(cloud),
    ]
    (tmp_path / "events.ndjson").write_text("\n".join(lines), encoding="utf-8")
    checked = run("publish", "events.ndjson", "--check")
    assert checked.exit_code == 1
    assert "1: 2026-05-04T10:00:00+02:00 order.placed of c-1042: channel web, stage purchase" in checked.stdout
    assert "5: " in checked.stdout
    assert "order.placed of c-7" in checked.stdout
    assert "events.ndjson:2: refused: bad_time: occurred_at: has no offset from UTC" in checked.stderr
    assert "events.ndjson:4: refused: not_json" in checked.stderr
    assert "2 would be taken, 2 refused" in checked.stderr

    published = run("publish", "-", input="\n".join(lines))
    assert published.exit_code == 1
    assert "2 published, 2 refused" in published.stderr
    shown = [json.loads(line) for line in run("tail", "raw", "--from-start", "-n", "2", "--json").stdout.splitlines()]
    assert {one["key"] for one in shown} == {"c-1042", "c-7"}
    assert {one["value"].get("event_id", one["value"].get("id")) for one in shown} == {"e1", "e3"}
    assert {one["headers"].get("content-type") for one in shown} == {None, "application/cloudevents+json"}


@pytest.mark.parametrize(
    "text", [json.dumps(EVENT, indent=2), json.dumps([EVENT, EVENT | {"event_id": "e2"}], indent=1)]
)
def test_publish_reads_an_object_and_an_array(run: Run, text: str) -> None:
    result = run("publish", "-", "--check", "--json", input=text)
    assert result.exit_code == 0
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["event_id"] for one in found] == (["e1"] if text.startswith("{") else ["e1", "e2"])
    assert found[0]["customer"] == "c-1042"
    assert found[0]["known_kind"] is True


def test_import_shows_publishes_and_refuses(run: Run, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAP, encoding="utf-8")
    orders = tmp_path / "orders.csv"
    orders.write_text("id,who,at\n1,c-1,2026-05-04T10:00:00\n2,c-2,2026-05-04T09:00:00\n", encoding="utf-8")
    shown = run("import", ".", "--map", "map.yaml", "--dry-run", "--show", "1")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("2026-05-04 09:00:00Z  c-2  {")
    assert "orders.csv: 2 rows, 2 touchpoints, 0 left out by conditions" in shown.stdout
    assert "nothing was published (--dry-run)" in shown.stdout
    done = run("import", orders, "--map", "map.yaml", "--speed", "3600000x", "--then-live", "--json")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["rows"], report["touchpoints"], report["published"]) == (2, 2, 2)
    assert report["first_at"] == "2026-05-04T09:00:00Z"
    assert sorted(report["handover"]) == ["0", "1", "2", "3"]
    with orders.open("a", encoding="utf-8") as file:
        file.write("3,c-3,soon\n")
    left = run("import", orders, "--map", "map.yaml", "--limit", "1", "--skip-bad")
    assert "the environment is on the log clock now" in left.stdout
    failed = run("import", orders, "--map", "map.yaml")
    assert failed.exit_code == 1
    assert 'orders.csv:4 (row 3): order.placed: at: "soon" is no time of the form iso' in failed.stderr
    assert "nothing was published (--skip-bad publishes the others)" in failed.stderr
    (tmp_path / "map.yaml").write_text(MAP.replace("{who}", "{whom}"), encoding="utf-8")
    wrong = run("import", orders, "--map", "map.yaml")
    assert wrong.exit_code == 2
    assert 'map.yaml:8:48: inputs.0.touchpoints.0.customer: orders.csv has no column whom, did you mean "who"?' in (
        wrong.stderr
    )


def _write(bootstrap: str, topic: str, key: bytes | None, value: bytes, headers: Any = ()) -> None:
    producer: Any = KafkaProducer(bootstrap_servers=bootstrap)
    producer.send(topic, value, key=key, partition=0, headers=list(headers)).get(10)
    producer.close()


def test_tail_hides_ticks_unless_asked(run: Run, bootstrap: str, environment: str) -> None:
    topic = f"{environment}.{TOUCHPOINTS}"
    example = {
        **EVENT,
        "customer": "c-1042",
        "channel": "web",
        "stage": "purchase",
        "party": "own",
        "actor": "customer",
        "received_at": "2026-05-04T08:00:01Z",
        "raw_partition": 0,
        "raw_offset": 0,
        "text": "still\nwaiting",
        "sentiment": -0.5,
    }
    del example["customer_id"]
    _write(bootstrap, topic, None, encode(Tick(partition=0, partitions=1, high=1)), [(TICK_HEADER, b"1")])
    _write(bootstrap, topic, b"c-1042", json.dumps(example).encode())
    shown = run("tail", "touchpoints", "--from-start", "--idle", "1")
    assert shown.exit_code == 0
    (line,) = shown.stdout.splitlines()
    assert line == (
        "2026-05-04 08:00:00Z  order.placed           c-1042  web · purchase · own  “still waiting” (-0.50)"
    )
    assert len(run("tail", "touchpoints", "--from-start", "--idle", "1", "--ticks").stdout.splitlines()) == 2


def test_tail_chooses_among_signals(run: Run, bootstrap: str, environment: str) -> None:
    topic = Topic(bootstrap, environment)
    topic.value(b"{}")
    topic.signals(
        signal(1), signal(2, severity=Severity.LOW), replace(signal(3), owner="service", party="own"), signal(1, 2)
    )
    topic.producer.close()

    def shown(*arguments: str) -> list[tuple[str, int]]:
        done = run("tail", "signals", "--from-start", "--idle", "1", "--json", *arguments)
        assert done.exit_code == 0, done.output
        values = [json.loads(line)["value"] for line in done.stdout.splitlines()]
        return [(one.get("signal_id"), one.get("revision")) for one in values]

    assert shown() == [(None, None), ("s1", 1), ("s2", 1), ("s3", 1), ("s1", 2)]
    assert shown("--severity", "high") == [("s1", 1), ("s3", 1), ("s1", 2)]
    assert shown("--owner", "service", "--owner", "care") == [("s3", 1)]
    assert shown("--party", "carrier", "--status", "opened", "--severity", "medium") == [("s1", 1)]
    assert shown("--rule", "nothing") == []
    assert shown("--polarity", "friction", "-n", "2") == [("s1", 1), ("s2", 1)]
    line = run("tail", "signals", "--from-start", "--owner", "service", "-n", "1").stdout
    assert "high delivery_promise_broken opened  c-3, order:3" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("decisions", "--severity", "high"), "choose among signals: tail signals, without --ticks"),
        (("signals", "--ticks", "--owner", "a"), "choose among signals"),
        (("signals", "--status", "shut"), "'shut' is not one of 'opened', 'updated'"),
    ],
)
def test_tail_says_what_can_not_be_chosen(arguments: tuple[str, ...], message: str) -> None:
    done = CliRunner().invoke(main, ["tail", *arguments])
    assert done.exit_code == 2
    assert message in done.stderr


def test_rejected_records_are_listed_and_shown_whole(run: Run, bootstrap: str, environment: str) -> None:
    assert "nothing was rejected" in run("rejected", "list").stderr
    at = round(datetime(2026, 5, 4, 8, tzinfo=UTC).timestamp() * 1_000)
    out = Outbox()
    record = PlainRecord(7, at, b"c-1", b'{"kind": "x\xff', (("traceparent", b"00-1"),))
    reject(out, RAW, 2, record, Refusal(RejectCode.NOT_JSON, "", "the record is not JSON"), at)
    (letter,) = out.records
    _write(bootstrap, f"{environment}.{REJECTED}", letter.key, letter.value or b"", letter.headers)
    listed = run("rejected", "list")
    assert listed.stdout == "0:0  2026-05-04 08:00:00Z  not_json: the record is not JSON\n"
    assert "1 not_json" in listed.stderr
    assert run("rejected", "list", "--code", "bad_time").stdout == ""
    shown = run("rejected", "show", "0:0")
    assert shown.exit_code == 0
    for part in ("not_json", "partition 2, offset 7", "c-1", "traceparent: 00-1", '{"kind": "x\\xff'):
        assert part in shown.stdout
    assert json.loads(run("rejected", "show", "0:0", "--json").stdout)["headers"] == {"traceparent": "00-1"}
    missing = run("rejected", "show", "0:9")
    assert missing.exit_code == 1
    assert "there is no rejected record at 0:9" in missing.stderr


def test_schemas_are_exported(run: Run, tmp_path: Path) -> None:
    result = run("schemas", "export", "out")
    assert result.exit_code == 0
    assert "out/touchpoint.schema.json" in result.stdout.splitlines()
    assert json.loads((tmp_path / "out" / "touchpoint.schema.json").read_text("utf-8"))["$schema"]


@pytest.mark.kafka
def test_topics_are_created_and_checked(kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "touchline.yaml"
    path.write_text(
        f"environment: cli-{tmp_path.name[-20:].replace('_', '-')}\nkafka: {{bootstrap: '{kafka}'}}\n", "utf-8"
    )
    try:
        missing = CliRunner().invoke(main, ["topics", "check"])
        assert missing.exit_code == 1
        assert "is missing: run `touchline topics create`" in missing.stderr
        assert CliRunner().invoke(main, ["topics", "create"]).exit_code == 0
        assert "all topics are there already" in CliRunner().invoke(main, ["topics", "create"]).stdout
        assert CliRunner().invoke(main, ["topics", "check"]).exit_code == 0
    finally:
        asyncio.run(delete_topics(load_settings(path)))
