"""What waits for a shard: merged into batches, bounded by holding back the fetch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import attrgetter
from typing import Final

from touchline.agents.runtime.transport import Fetched
from touchline.agents.settings import BatchSettings
from touchline.pipeline.engine.records import Record

_TRIM: Final = 50_000


@dataclass(slots=True)
class _Queue:
    opening: int = 0
    received: int = 0
    start: int = 0
    bytes: int = 0
    held: bool = False
    records: list[Record] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.records) - self.start


_size: Final = attrgetter("serialized_value_size")
"""Bytes of a record's value, as the client counted them (-1 without one)."""


class Inbox:
    """Records by input topic (logical names), in offset order.

    Records stay until they are dropped, so what failed is still there. Under load everything that waits is one
    batch, up to `BatchSettings.records` and `merge_bytes`; when idle a record is a batch at once. When three batches
    wait, the fetch is held back until less than one does.
    """

    def __init__(self, topics: Sequence[str], settings: BatchSettings, hold_back: Callable[[str, bool], None]) -> None:
        self._queues = {topic: _Queue() for topic in topics}
        self._settings = settings
        self._hold_back = hold_back
        self._turn = 0

    def reset(self, openings: dict[str, int]) -> None:
        """Empties it; from here on only batches of these openings are taken."""
        for topic, opening in openings.items():
            self._queues[topic] = _Queue(opening)

    def accept(self, topic: str, fetched: Fetched) -> bool:
        """Takes in a fetch. False when records before it are missing: the place must be sought again.

        What belongs to another opening is passed over."""
        queue = self._queues[topic]
        if fetched.opening != queue.opening:
            return True
        if fetched.start != queue.received:
            return False
        if queue.start > _TRIM or not len(queue):
            del queue.records[: queue.start]
            queue.start = 0
        queue.records.extend(fetched.records)
        queue.received += len(fetched.records)
        queue.bytes += sum(map(_size, fetched.records))
        limit = self._settings
        if not queue.held and (len(queue) > 3 * limit.records or queue.bytes > 2 * limit.merge_bytes):
            queue.held = True
            self._hold_back(topic, True)
        return True

    def received(self, topic: str) -> int:
        """How many records came since the opening."""
        return self._queues[topic].received

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def next_topic(self, keep: str | None) -> str | None:
        """Whose turn it is: `keep` if something waits there, else the topics in turn; None when nothing waits."""
        if keep is not None and len(self._queues[keep]):
            return keep
        topics = list(self._queues)
        for step in range(1, len(topics) + 1):
            turn = (self._turn + step) % len(topics)
            if len(self._queues[topics[turn]]):
                self._turn = turn
                return topics[turn]
        return None

    def peek(self, topic: str, limit: int) -> list[Record]:
        """The next records, at least one, at most `limit` and as many bytes as are merged."""
        queue = self._queues[topic]
        records = queue.records[queue.start : queue.start + limit]
        if queue.bytes > self._settings.merge_bytes:
            for count, total in enumerate(accumulate(map(_size, records))):
                if total > self._settings.merge_bytes:
                    return records[: max(count, 1)]
        return records

    def drop(self, topic: str, records: Sequence[Record]) -> None:
        """Forgets what `peek` returned; lets the fetch go on when little is left."""
        queue = self._queues[topic]
        queue.start += len(records)
        if not len(queue):
            queue.records, queue.start, queue.bytes = [], 0, 0
        else:
            queue.bytes -= sum(map(_size, records))
        limit = self._settings
        if queue.held and len(queue) <= limit.records and queue.bytes <= limit.merge_bytes:
            queue.held = False
            self._hold_back(topic, False)
