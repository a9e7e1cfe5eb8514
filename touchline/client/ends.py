"""How far topics go: for whoever wants to know whether everything has been worked off."""

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from kafka import TopicPartition

from touchline.client.connection import Connection
from touchline.client.reader import committed_consumer


class TopicEnds:
    """Asks where topics end. Topics are named logically, such as `friction.signals`.

    Raises: NoBroker.
    """

    def __init__(self, connection: Connection, topics: Iterable[str]) -> None:
        self._connection = connection
        with connection.reaching():
            self._consumer: Any = committed_consumer(connection, group=None)
            self._parts = {topic: self._find(topic) for topic in topics}

    def _find(self, topic: str) -> list[TopicPartition]:
        name = self._connection.topic(topic)
        return [TopicPartition(name, number) for number in sorted(self._consumer.partitions_for_topic(name) or ())]

    def records(self) -> dict[str, int]:
        """How many records each topic has been given so far: the sum of its partitions' end offsets."""
        with self._connection.reaching():
            ends = self._consumer.end_offsets([part for parts in self._parts.values() for part in parts])
        return {topic: sum(ends[part] for part in parts) for topic, parts in self._parts.items()}

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
