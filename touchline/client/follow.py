"""Reading several topics at once, from now on: to see what comes of something that is about to be published."""

import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from kafka import TopicPartition

from touchline.client.connection import Connection
from touchline.client.errors import NoTopic
from touchline.client.reader import ReadRecord, committed_consumer, is_tick


class TopicsFromNow:
    """Committed records that come after it was made. Topics are named logically; a record's `topic` is so as well.

    Raises: NoBroker, NoTopic.
    """

    def __init__(self, connection: Connection, topics: Sequence[str]) -> None:
        self._names = {connection.topic(topic): topic for topic in topics}
        with connection.reaching():
            self._consumer: Any = committed_consumer(connection, group=None, fetch_max_wait_ms=50)
            parts = [part for name in self._names for part in self._find(name, connection)]
            self._consumer.assign(parts)
            self._consumer.seek_to_end(*parts)
            for part in parts:
                self._consumer.position(part)

    def _find(self, name: str, connection: Connection) -> list[TopicPartition]:
        numbers = self._consumer.partitions_for_topic(name)
        if not numbers:
            self._consumer.close()
            raise NoTopic(name, connection.bootstrap)
        return [TopicPartition(name, number) for number in sorted(numbers)]

    def read(self, seconds: float) -> Iterator[ReadRecord]:
        """Records as they come, ticks left out, until so many seconds have passed."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for found in self._consumer.poll(timeout_ms=max(1, round(min(left, 0.1) * 1_000))).values():
                for record in found:
                    if not is_tick(record):
                        yield self._ours(record)

    def _ours(self, record: Any) -> ReadRecord:
        return ReadRecord(
            self._names[record.topic],
            record.partition,
            record.offset,
            record.timestamp,
            record.key,
            record.value,
            record.headers or (),
        )

    def close(self) -> None:
        """Disconnects."""
        self._consumer.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnects."""
        self.close()
