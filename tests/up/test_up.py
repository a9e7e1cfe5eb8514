"""A whole environment on this machine: what it promises to a publisher, a consumer, an analyst and an operator."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from clickhouse_driver import Client
from kafka import KafkaProducer

from touchline.agents.settings import Settings
from touchline.client import Connection, Limits, Publisher, SignalConsumer
from touchline.embedded import FolderInUseError, PortInUseError
from touchline.trial import read_event, send_and_follow
from touchline.up import Environment, Ports, health
from touchline.up.ports import neighbours
from touchline.up.watch import LogWatch

AGREED_SECONDS = 2.0
PATIENCE = 30.0
"""The tests wait longer than was agreed, so that a busy machine fails none; what it took is recorded."""


def until(what: Callable[[], bool], seconds: float = PATIENCE) -> float:
    """How long it took."""
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < seconds, "not in time"
    return time.monotonic() - begun


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    with Environment(Settings(), tmp_path_factory.mktemp("up") / "data") as running:
        yield running


@pytest.mark.slow
def test_an_event_of_kafka_python_is_a_row_for_a_clickhouse_client(
    environment: Environment, record_property: Callable[[str, object], None]
) -> None:
    store = environment.settings.warehouse
    client = Client(store.host, port=store.port, database=store.database, user="reader")
    producer = KafkaProducer(bootstrap_servers=environment.bootstrap)
    event = {
        "event_id": "up-1",
        "source": "test",
        "occurred_at": datetime.now(UTC).isoformat(),
        "kind": "page.viewed",
        "customer_id": "c-up",
    }
    producer.send("touchpoints.raw", json.dumps(event).encode(), key=b"c-up").get(10)
    sql = "SELECT count() FROM touchpoints WHERE event_id = 'up-1'"
    took = until(lambda: client.execute(sql) == [(1,)])
    record_property("seconds_to_row", round(took, 3))
    print(f"a row after {took:.2f} s, agreed {AGREED_SECONDS:.0f} s")
    producer.close()
    client.disconnect()


@pytest.mark.slow
def test_a_third_contact_is_a_signal_at_a_consumer(
    environment: Environment, record_property: Callable[[str, object], None]
) -> None:
    limits = Limits(idle=PATIENCE)
    with (
        SignalConsumer(environment.bootstrap, "up-test", start="earliest", limits=limits) as signals,
        Publisher(environment.bootstrap) as publisher,
    ):
        seen = iter(signals)
        _publish(publisher, "reopened", "ticket.reopened", "c-first", subjects=["ticket:1"])
        next(found for found in seen if found.customer == "c-first")  # the consumer has joined its group
        for number in range(3):
            _publish(publisher, f"contact-{number}", "contact.opened", "c-thrice")
        publisher.flush()
        begun = time.monotonic()
        signal_ = next(found for found in seen if found.customer == "c-thrice")
        took = time.monotonic() - begun
    assert (signal_.rule, signal_.status) == ("repeated_contact", "opened")
    record_property("seconds_to_signal", round(took, 3))
    print(f"a signal after {took:.2f} s, agreed {AGREED_SECONDS:.0f} s")


def _publish(publisher: Publisher, event_id: str, kind: str, customer: str, **fields: object) -> None:
    now = datetime.now(UTC)
    said = {"event_id": event_id, "source": "test", "occurred_at": now, "kind": kind, "customer_id": customer}
    publisher.publish({**said, **fields})


@pytest.mark.slow
def test_an_event_of_one_s_own_is_followed(environment: Environment) -> None:
    event = read_event('{"kind": "ticket.reopened", "customer_id": "c-own", "subjects": ["ticket:1"]}')
    with Publisher(environment.bootstrap, linger=0) as publisher:
        outcome = send_and_follow(Connection(environment.bootstrap), publisher, event)
        refused = send_and_follow(Connection(environment.bootstrap), publisher, read_event('{"kind": "Nonsense"}'))
    assert [s.rule for s in outcome.signals] == ["ticket_reopened"]
    assert [d.signal_id for d in outcome.decisions] == [outcome.signals[0].signal_id]
    assert refused.refusal is not None
    assert refused.touchpoint is None


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the process by its port in /proc")
def test_an_agent_that_is_killed_is_seen_and_started_again(environment: Environment) -> None:
    enrich = environment.agents[0]
    environment.troubles()
    os.kill(_listening(enrich.port), signal.SIGKILL)
    until(lambda: enrich in environment.not_ready())
    until(lambda: not environment.not_ready(), 60)
    assert any("enrich ended with code -9" in trouble.message for trouble in environment.troubles())
    assert environment.ended is None


def _listening(port: int) -> int:
    """The process that listens on a port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    inode = next(
        line.split()[9] for line in lines if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
    )
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) == f"socket:[{inode}]":
                return int(link.parts[2])
        except OSError:
            continue
    raise AssertionError(f"nobody listens on {port}")


@pytest.mark.slow
def test_a_second_start_on_the_folder_says_so(environment: Environment) -> None:
    with pytest.raises(FolderInUseError, match="in use"):
        Environment(Settings(), environment.data).start()
    assert health.ready(environment.agents[0].port)


@pytest.mark.slow
def test_the_command_tells_a_program_where_it_is_and_stops_in_order(tmp_path: Path) -> None:
    ports = [f"--{name}-port=0" for name in ("kafka", "warehouse", "warehouse-http")]
    command = [sys.executable, "-m", "touchline.cli", "up", "--json", "--data", str(tmp_path / "data"), *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert all(health.ready(int(url.rpartition(":")[2])) for url in told["agents"].values())
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    print(f"stopped after {time.monotonic() - begun:.1f} s")
    assert "stopping: agents, warehouse, broker" in errors
    assert all(not health.ready(int(url.rpartition(":")[2])) for url in told["agents"].values())


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=str(port)):
            Environment(Settings(), tmp_path / "data", Ports(kafka=port)).start()
        with pytest.raises(PortInUseError, match=str(port)):
            Environment(Settings(), tmp_path / "other", Ports(http=port)).start()


def test_ports_in_a_row_are_free() -> None:
    first = neighbours("test", 0, 5)
    sockets = [socket.socket() for _ in range(5)]
    for number, each in enumerate(sockets):
        each.bind(("127.0.0.1", first + number))
        each.close()


def test_the_log_tells_of_errors_once_and_skips_what_is_no_json(tmp_path: Path) -> None:
    log = tmp_path / "agents.log"
    log.write_text('{"level": "error", "time": "t0", "agent": "old", "message": "before"}\n')
    watch = LogWatch(log)
    with log.open("a") as file:
        file.write('Traceback (most recent call last):\n{"level": "info", "message": "fine"}\n')
        file.write('{"level": "critical", "time": "t1", "agent": "enrich", "message": "stopped"}\n{"level": "err')
    assert [(t.agent, t.message) for t in watch.troubles()] == [("enrich", "stopped")]
    with log.open("a") as file:
        file.write('or", "time": "t2", "agent": "journey", "message": "ended"}\n')
    assert [(t.agent, t.message) for t in watch.troubles()] == [("journey", "ended")]
    assert watch.troubles() == []
    assert [t.agent for t in LogWatch(log, 0).troubles()] == ["old", "enrich", "journey"]


def test_metrics_are_read_as_prometheus_writes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "# HELP touchline_events_total Counted\n"
        'touchline_events_total{agent="enrich",what="enriched"} 12.0\n'
        'touchline_events_total{agent="enrich",what="rejected.bad_time"} 3.0\n'
        'touchline_records_total{agent="enrich"} 1.5e+01\n'
        "process_open_fds 9.0\n"
    )
    monkeypatch.setattr(health, "_get", lambda _port, _path: text)
    samples = health.metrics(1)
    assert samples is not None
    assert health.counted(samples) == {"enriched": 12, "rejected.bad_time": 3}
    assert health.total(samples, "touchline_records_total") == 15
