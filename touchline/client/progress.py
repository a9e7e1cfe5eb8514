"""How far a consumer is on each partition; each as the next offset."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from kafka import TopicPartition


class Progress:
    """For each partition that is assigned: how far records were fetched, handled and committed."""

    def __init__(self) -> None:
        self._first: dict[Any, int] = {}
        self._fetched: dict[Any, int] = {}
        self._handled: dict[Any, int] = {}
        self._committed: dict[Any, int] = {}
        self._last_commit = time.monotonic()

    def delivered(self, records: Sequence[Any]) -> None:
        """Records of one partition were fetched."""
        part = part_of(records[0])
        self._first.setdefault(part, records[0].offset)
        self._fetched[part] = records[-1].offset + 1

    def unknown(self, parts: Iterable[Any]) -> set[Any]:
        """Those of which nothing is known yet."""
        return set(parts) - self._handled.keys()

    def begin(self, part: Any, position: int) -> None:
        """A partition is read from its first fetched record on, without one from a position."""
        self._handled[part] = self._first.get(part, position)

    def has(self, record: Any) -> bool:
        """Whether its partition is still ours."""
        return part_of(record) in self._handled

    def done(self, record: Any) -> None:
        """A record is handled, and all before it. Of a partition that somebody else has now it is not noted."""
        if self.has(record):
            self._handled[part_of(record)] = record.offset + 1

    def unhandled(self) -> dict[Any, int]:
        """Where to go on: the first offset not handled, of each partition that was fetched beyond it."""
        places = {part: self._handled.get(part, self._first[part]) for part in self._fetched}
        return {part: place for part, place in places.items() if place < self._fetched[part]}

    def rewound(self) -> None:
        """What was fetched will be fetched again."""
        self._fetched.clear()

    def to_commit(self) -> dict[Any, int]:
        """What is handled and not committed."""
        return {part: offset for part, offset in self._handled.items() if self._committed.get(part) != offset}

    def committed(self, offsets: dict[Any, int]) -> None:
        """These were committed."""
        self._committed.update(offsets)
        self._last_commit = time.monotonic()

    def age(self) -> float:
        """Seconds since the last commit, while there is something to commit."""
        return time.monotonic() - self._last_commit if self.to_commit() else 0.0

    def keep(self, parts: Iterable[Any]) -> None:
        """Forgets the other partitions: somebody else has them now."""
        kept = set(parts)
        for table in (self._first, self._fetched, self._handled, self._committed):
            for part in table.keys() - kept:
                del table[part]


def part_of(record: Any) -> Any:
    """The partition of a record."""
    return TopicPartition(record.topic, record.partition)
