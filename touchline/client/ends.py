"""How far topics go: for whoever wants to know whether everything has been worked off.

The embedded broker tells the end of a partition short of its last batch, so what it tells is where a fetch begins, and
where the fetch comes to an end is believed.
"""

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final, Self

from kafka import TopicPartition

from touchline.client.connection import Connection
from touchline.client.reader import committed_consumer

_FETCH_MS: Final = 200
"""A broker answers at once when there is something, so a fetch that brings nothing for so long is at the end."""

_FETCH_SECONDS: Final = 3.0
"""While records keep coming there is no end to be found, and what was counted so far will do."""


class TopicEnds:
    """Asks where topics end. Topics are named logically, such as `friction.signals`.

    Raises: NoBroker.
    """

    def __init__(self, connection: Connection, topics: Iterable[str]) -> None:
        self._connection = connection
        with connection.reaching():
            self._consumer: Any = committed_consumer(connection, group=None)
            self._parts = {topic: self._find(topic) for topic in topics}
            self._all = [part for parts in self._parts.values() for part in parts]
            self._consumer.assign(self._all)
            for part, end in self._consumer.end_offsets(self._all).items():
                self._consumer.seek(part, end)

    def _find(self, topic: str) -> list[TopicPartition]:
        name = self._connection.topic(topic)
        return [TopicPartition(name, number) for number in sorted(self._consumer.partitions_for_topic(name) or ())]

    def records(self) -> dict[str, int]:
        """How many records each topic has been given so far: the sum of its partitions' end offsets."""
        consumer = self._consumer
        with self._connection.reaching():
            for part, end in consumer.end_offsets(self._all).items():
                if consumer.position(part) < end:
                    consumer.seek(part, end)
            until = time.monotonic() + _FETCH_SECONDS
            while consumer.poll(timeout_ms=_FETCH_MS) and time.monotonic() < until:
                pass
            return {topic: sum(consumer.position(part) for part in parts) for topic, parts in self._parts.items()}

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
