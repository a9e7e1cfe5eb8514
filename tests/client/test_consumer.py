"""Consuming signals: which come, which come again, and which are told to be broken."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from kafka import KafkaProducer

from tests.client.support import Topic, signal
from tests.support.environments import PARTITIONS, new_environment
from touchline.client import BadRecord, Limits, NoBroker, SignalConsumer
from touchline.schemas.codec import encode
from touchline.schemas.signal import Signal
from touchline.schemas.wire import SIGNALS


@pytest.fixture
def topic(bootstrap: str, environment: str) -> Iterator[Topic]:
    topic = Topic(bootstrap, environment)
    yield topic
    topic.producer.close()


@pytest.fixture
def options(bootstrap: str, environment: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The embedded broker lets a group wait for half a session; Kafka takes none below 6 s."""
    session = 1.0 if "embedded" in request.node.name else 6.0
    return {
        "bootstrap": bootstrap,
        "environment": environment,
        "start": "earliest",
        "limits": Limits(session_timeout=session, idle=4),
    }


def ids(signals: Iterator[Signal] | SignalConsumer) -> list[tuple[str, int]]:
    return [(one.signal_id, one.revision) for one in signals]


def test_at_least_once_in_order_without_ticks_and_repeats(topic: Topic, options: dict[str, Any]) -> None:
    topic.tick()
    topic.signals(signal(1), signal(2), signal(1), signal(1, 2))
    topic.tick()
    topic.signals(signal(3), signal(4))
    handled: list[tuple[str, int]] = []

    def handle(one: Signal) -> None:
        if one.signal_id == "s3" and len(handled) == 3:
            handled.append(("failed", 0))
            raise RuntimeError
        handled.append((one.signal_id, one.revision))

    with SignalConsumer(**options, group="first") as consumer:
        with pytest.raises(RuntimeError):
            consumer.run(handle)
        assert handled == [("s1", 1), ("s2", 1), ("s1", 2), ("failed", 0)]
        again = iter(consumer)
        assert ids(islice(again, 1)) == [("s3", 1)]
    # s3 was in hand when the block ended well, so it is handled; s4 is not.
    with SignalConsumer(**options, group="first") as consumer:
        assert ids(islice(iter(consumer), 1)) == [("s4", 1)]


def test_what_an_exception_leaves_unhandled_comes_to_the_next_consumer(topic: Topic, options: dict[str, Any]) -> None:
    topic.signals(signal(1), signal(2))

    def leave() -> None:
        with SignalConsumer(**options, group="second") as consumer:
            for one in consumer:
                if one.signal_id == "s2":
                    raise KeyError

    with pytest.raises(KeyError):
        leave()
    with SignalConsumer(**options, group="second") as consumer:
        assert ids(islice(iter(consumer), 1)) == [("s2", 1)]


def test_a_record_that_is_no_signal_is_told_with_its_place(topic: Topic, options: dict[str, Any]) -> None:
    topic.value(b'{"signal_id": 7}')
    topic.signals(signal(1))
    with SignalConsumer(**options, group="third") as consumer:
        for _ in range(2):
            with pytest.raises(BadRecord, match=r"friction\.signals, partition 0, offset 0: is no signal"):
                next(iter(consumer))
    bad: list[BadRecord] = []
    with SignalConsumer(**options, group="fourth", on_bad=bad.append) as consumer:
        assert ids(islice(iter(consumer), 1)) == [("s1", 1)]
    assert [(error.partition, error.offset) for error in bad] == [(0, 0)]


def test_a_group_that_begins_at_the_end_loses_nothing_by_a_restart(topic: Topic, options: dict[str, Any]) -> None:
    topic.signals(signal(1))
    latest = options | {"start": "latest"}
    with SignalConsumer(**latest, group="fifth") as consumer:
        assert ids(consumer) == []
    topic.signals(signal(2))
    with SignalConsumer(**latest, group="fifth") as consumer:
        assert ids(islice(iter(consumer), 1)) == [("s2", 1)]


def test_every_partition_is_read(topic: Topic, options: dict[str, Any]) -> None:
    for number in range(20):
        topic.value(encode(signal(number)), partition=number % PARTITIONS)
    with SignalConsumer(**options, group="sixth") as consumer:
        assert {one.signal_id for one in islice(iter(consumer), 20)} == {f"s{number}" for number in range(20)}


@pytest.mark.kafka
def test_an_aborted_transaction_is_never_seen(kafka: str) -> None:
    with new_environment(kafka) as environment:
        _write_in_transactions(kafka, environment)
        with SignalConsumer(kafka, "seventh", environment=environment, start="earliest") as consumer:
            assert ids(islice(iter(consumer), 2)) == [("s2", 1), ("s4", 1)]


def _write_in_transactions(kafka: str, environment: str) -> None:
    name = f"{environment}.{SIGNALS}"
    producer: Any = KafkaProducer(bootstrap_servers=kafka, transactional_id=f"{environment}-test")
    producer.init_transactions()
    for number, commit in ((1, False), (2, True), (3, False), (4, True)):
        producer.begin_transaction()
        producer.send(name, encode(signal(number)), key=b"c", partition=0)
        if commit:
            producer.commit_transaction()
        else:
            producer.flush()
            producer.abort_transaction()
    producer.close()


def test_a_broker_that_is_not_there_is_named() -> None:
    with pytest.raises(NoBroker, match=r"127\.0\.0\.1:1: Connection refused"):
        SignalConsumer("127.0.0.1:1", "pager", limits=Limits(timeout=0.5))
