"""Reading a topic from one end to the other, committed records only, without a consumer group."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from kafka import KafkaConsumer, TopicPartition

from touchline.client.connection import Connection
from touchline.client.errors import NoTopic
from touchline.schemas.wire import TICK_HEADER


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record as it stands on the topic. `timestamp` in milliseconds since 1970 UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

    @property
    def is_tick(self) -> bool:
        """Whether it only says how far event time is."""
        return is_tick(self)

    def header(self, name: str) -> bytes | None:
        """The last header of that name."""
        return next((value for key, value in reversed(self.headers) if key == name), None)


def is_tick(record: Any) -> bool:
    """Whether a record, ours or kafka-python's, is a tick: in band with others, and to be skipped."""
    return bool(record.headers) and record.key is None and record.headers[0][0] == TICK_HEADER


class TopicReader:
    """Reads a topic of the environment. `topic` is its logical name, such as `friction.signals`.

    Raises: NoBroker, NoTopic.
    """

    def __init__(self, connection: Connection, topic: str) -> None:
        self.topic = connection.topic(topic)
        self._connection = connection
        with connection.reaching():
            self._consumer: Any = committed_consumer(connection, group=None)
            partitions = self._consumer.partitions_for_topic(self.topic)
        if not partitions:
            self._consumer.close()
            raise NoTopic(self.topic, connection.bootstrap)
        self._partitions = [TopicPartition(self.topic, number) for number in sorted(partitions)]
        self._consumer.assign(self._partitions)

    def read(self, *, from_start: bool, idle: float | None = None) -> Iterator[ReadRecord]:
        """Records from the start or from now on, as they come; ends when nothing came for `idle` seconds."""
        if from_start:
            self._consumer.seek_to_beginning(*self._partitions)
        else:
            self._consumer.seek_to_end(*self._partitions)
        for part in self._partitions:
            self._consumer.position(part)
        last = time.monotonic()
        while idle is None or time.monotonic() - last < idle:
            for records in self._consumer.poll(timeout_ms=200).values():
                for record in records:
                    yield _ours(record)
                last = time.monotonic()

    def read_all(self) -> Iterator[ReadRecord]:
        """What the topic holds now, from the start to where it ends at this moment."""
        # Asked for its end, the embedded broker leaves out most of the last batch; a fetch tells it rightly.
        stable = self._consumer.end_offsets(self._partitions)
        ends = dict(stable)
        self._consumer.seek_to_beginning(*self._partitions)
        found: dict[Any, list[Any]] = {}
        # Beyond the stable end there may be a transaction that nobody has ended: that is not waited for.
        while self._behind(stable) or (found and self._behind(ends)):
            found = self._consumer.poll(timeout_ms=500)
            for part, records in found.items():
                if ends[part] == stable[part]:
                    ends[part] = max(stable[part], self._consumer.highwater(part) or 0)
                yield from (_ours(record) for record in records if record.offset < ends[part])

    def _behind(self, ends: dict[Any, int]) -> bool:
        return any(self._consumer.position(part) < end for part, end in ends.items())

    def record_at(self, partition: int, offset: int) -> ReadRecord | None:
        """One record by its place; None when there is none there."""
        part = TopicPartition(self.topic, partition)
        if part not in self._partitions:
            return None
        self._consumer.assign([part])
        self._consumer.seek(part, offset)
        deadline = time.monotonic() + 1.0
        found: list[ReadRecord] = []
        while not found and time.monotonic() < deadline:
            found = [_ours(record) for records in self._consumer.poll(500).values() for record in records]
        self._consumer.assign(self._partitions)
        return found[0] if found and found[0].offset == offset else None

    def close(self) -> None:
        """Disconnects."""
        self._consumer.close()

    def __enter__(self) -> Self:
        """The reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes."""
        self.close()


def committed_consumer(connection: Connection, group: str | None, *, start: str = "earliest", **options: Any) -> Any:
    """A consumer of kafka-python that sees committed records only and commits nothing by itself."""
    return KafkaConsumer(
        **connection.options(),
        group_id=group,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset=start,
        allow_auto_create_topics=False,
        metrics_enabled=False,
        **options,
    )


def _ours(record: Any) -> ReadRecord:
    return ReadRecord(
        record.topic, record.partition, record.offset, record.timestamp, record.key, record.value, record.headers or ()
    )
