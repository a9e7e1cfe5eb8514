"""What the rest relies on of the embedded broker, and where it differs from Apache Kafka.

A test named ``differs`` pins a difference: when it fails after an update of the broker, the way around it
can go.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError
from kafka.structs import TopicPartition as SyncPartition

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def admin(broker: str) -> Iterator[Any]:
    client = KafkaAdminClient(bootstrap_servers=broker)
    yield client
    client.close()


@pytest.fixture
def topic(admin: Any) -> str:
    """A topic of four partitions."""
    name = f"conformance-{next(_numbers)}"
    admin.create_topics([NewTopic(name, num_partitions=4, replication_factor=1)])
    return name


def _producer(broker: str, **options: Any) -> Any:
    return KafkaProducer(bootstrap_servers=broker, acks="all", enable_idempotence=False, **options)


def _read(broker: str, topic: str, partition: int, count: int, start: int = 0) -> list[Any]:
    """The first ``count`` records from an offset on."""
    consumer = KafkaConsumer(
        bootstrap_servers=broker, isolation_level="read_committed", enable_auto_commit=False, consumer_timeout_ms=10_000
    )
    place = SyncPartition(topic, partition)
    consumer.assign([place])
    consumer.seek(place, start)
    try:
        return list(itertools.islice(consumer, count))
    finally:
        consumer.close()


def test_topics_with_configs_and_many_partitions(admin: Any) -> None:
    name = f"conformance-{next(_numbers)}"
    configs = {"cleanup.policy": "compact", "max.message.bytes": "8388608", "segment.bytes": "67108864"}
    admin.create_topics([NewTopic(name, num_partitions=64, replication_factor=1, topic_configs=configs)])
    with pytest.raises(TopicAlreadyExistsError):
        admin.create_topics([NewTopic(name, num_partitions=64, replication_factor=1)])
    assert name in admin.list_topics()
    assert len(admin.describe_topics([name])[0]["partitions"]) == 64
    admin.delete_topics([name])
    assert name not in admin.list_topics()


@pytest.mark.parametrize("codec", [None, "gzip", "lz4"])
def test_records_come_back_as_they_were_sent(broker: str, topic: str, codec: str | None) -> None:
    producer = _producer(broker, compression_type=codec, linger_ms=20)
    sent = [
        (f"key-{number}".encode(), b"value" * number, [("trace", b"\x00\xff"), ("trace", b"2")], 1_000 + number)
        for number in range(50)
    ]
    futures = [
        producer.send(topic, key=key, value=value, headers=headers, timestamp_ms=time, partition=1)
        for key, value, headers, time in sent
    ]
    assert [future.get(10).offset for future in futures] == list(range(50))
    producer.close()
    read = _read(broker, topic, 1, 50)
    assert [(r.key, r.value, list(r.headers), r.timestamp) for r in read] == sent
    assert [r.offset for r in _read(broker, topic, 1, 20, start=30)] == list(range(30, 50))


def test_null_keys_and_tombstones(broker: str, topic: str) -> None:
    producer = _producer(broker)
    pairs = [(None, b"value"), (b"key", None), (b"", b"")]
    for key, value in pairs:
        producer.send(topic, key=key, value=value, partition=2).get(10)
    producer.close()
    assert [(r.key, r.value) for r in _read(broker, topic, 2, 3)] == pairs


def test_a_batch_of_eight_megabytes_keeps_its_order(broker: str, topic: str) -> None:
    async def run() -> tuple[int, list[bytes], int | None, int | None]:
        producer = AIOKafkaProducer(
            bootstrap_servers=broker, acks="all", max_batch_size=8 << 20, max_request_size=9 << 20
        )
        await producer.start()
        batch = producer.create_batch()
        for number in range(5_000):
            assert batch.append(key=b"%d" % number, value=b"x" * 1_600, timestamp=number + 1) is not None
        batch.close()
        written = await (await producer.send_batch(batch, topic, partition=3))
        await producer.stop()
        place = TopicPartition(topic, 3)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=broker, enable_auto_commit=False, max_partition_fetch_bytes=16 << 20
        )
        await consumer.start()
        consumer.assign([place])
        consumer.seek(place, 0)
        keys: list[bytes] = []
        while len(keys) < 5_000:
            found = await consumer.getmany(timeout_ms=5_000)
            assert found
            keys += [record.key for record in found[place]]
        ends = consumer.highwater(place), consumer.last_stable_offset(place)
        await consumer.stop()
        return written.offset, keys, *ends

    first, keys, high_water, last_stable = asyncio.run(run())
    assert first == 0
    assert keys == [b"%d" % number for number in range(5_000)]
    assert (high_water, last_stable) == (5_000, 5_000), "a fetch says rightly where the log ends"


def test_a_group_shares_partitions_and_keeps_its_offsets(broker: str, topic: str) -> None:
    group = f"group-{topic}"

    def member() -> Any:
        return AIOKafkaConsumer(
            topic, bootstrap_servers=broker, group_id=group, enable_auto_commit=False,
            auto_offset_reset="earliest", session_timeout_ms=1_000, heartbeat_interval_ms=200,
            max_poll_interval_ms=5_000, rebalance_timeout_ms=1_000,
        )  # fmt: skip

    async def until(condition: Any, *members: Any) -> None:
        async with asyncio.timeout(15):
            while not condition():
                for one in members:
                    await one.getmany(timeout_ms=20)

    async def run() -> tuple[int | None, int | None]:
        first, second = member(), member()
        await first.start()
        await until(lambda: len(first.assignment()) == 4, first)
        await first.commit({TopicPartition(topic, 2): 42})
        joining = asyncio.create_task(second.start())
        await until(lambda: joining.done() and len(second.assignment()) == 2 and len(first.assignment()) == 2, first)
        assert not first.assignment() & second.assignment()
        await second.stop()
        await until(lambda: len(first.assignment()) == 4, first)
        await first.stop()
        again = member()
        await again.start()
        await until(lambda: len(again.assignment()) == 4, again)
        offsets = await again.committed(TopicPartition(topic, 2)), await again.committed(TopicPartition(topic, 1))
        await again.stop()
        return offsets

    assert asyncio.run(run()) == (42, None)


def test_differs_offsets_are_found_by_time_of_arrival(broker: str, topic: str) -> None:
    producer = _producer(broker)
    for time in (1_000, 2_000, 3_000):
        producer.send(topic, value=b"x", timestamp_ms=time, partition=0).get(10)
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=broker)
    place = SyncPartition(topic, 0)
    found = consumer.offsets_for_times({place: 1_500})[place]
    beginning = consumer.beginning_offsets([place])
    consumer.close()
    assert beginning == {place: 0}
    assert found.offset == 0, "Apache Kafka says 1: it looks at the records' own times"


def test_differs_the_listed_end_is_inside_the_last_batch(broker: str, topic: str) -> None:
    producer = _producer(broker, linger_ms=50)
    futures = [producer.send(topic, value=b"x", partition=0) for _ in range(100)]
    producer.flush()
    last = futures[-1].get(10).offset
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=broker)
    place = SyncPartition(topic, 0)
    end = consumer.end_offsets([place])[place]
    consumer.close()
    assert last == 99
    assert 0 < end < 100, "Apache Kafka says 100; so a reader that must reach the end asks a fetch"


def test_differs_log_append_time_is_not_stamped(broker: str, admin: Any) -> None:
    name = f"conformance-{next(_numbers)}"
    configs = {"message.timestamp.type": "LogAppendTime"}
    admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1, topic_configs=configs)])
    producer = _producer(broker)
    producer.send(name, value=b"x", timestamp_ms=1_000).get(10)
    producer.close()
    assert _read(broker, name, 0, 1)[0].timestamp == 1_000


def test_differs_an_unknown_topic_is_made(broker: str, admin: Any) -> None:
    name = f"conformance-{next(_numbers)}"
    producer = _producer(broker)
    producer.send(name, value=b"x").get(10)
    producer.close()
    assert name in admin.list_topics()


def test_differs_aborted_records_are_seen(broker: str, topic: str) -> None:
    producer = KafkaProducer(bootstrap_servers=broker, transactional_id=f"id-{topic}")
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(topic, value=b"aborted", partition=0)
    producer.flush()
    producer.abort_transaction()
    producer.close()
    assert [r.value for r in _read(broker, topic, 0, 1)] == [b"aborted"]
