"""Runs processors without Kafka: the same logic, topics in memory, all time handed in.

Rule tests, the back-test and `touchline try` run on it, and every processor's contract test.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from touchline.pipeline.engine.partition import partition_of
from touchline.pipeline.engine.processor import Piece, Processor
from touchline.pipeline.engine.records import Batch, Headers, Outbox, Output, PlainRecord
from touchline.pipeline.engine.store import KeyedStore


@dataclass(slots=True)
class LocalTopics:
    """Topics in memory: lists of records by topic and partition. Every topic has `partitions` partitions."""

    partitions: int = 1
    logs: dict[tuple[str, int], list[PlainRecord]] = field(default_factory=dict)

    def append(self, output: Output, now: int) -> None:
        """Writes a record, stamped with `now` in milliseconds."""
        partition = output.partition
        if partition is None:
            partition = 0 if output.key is None else partition_of(output.key, self.partitions)
        log = self.logs.setdefault((output.topic, partition), [])
        log.append(PlainRecord(len(log), now, output.key, output.value, output.headers))

    def read(self, topic: str, partition: int, start: int = 0) -> list[PlainRecord]:
        """The records of a partition from an offset on."""
        return self.logs.get((topic, partition), [])[start:]

    def all(self, topic: str) -> list[PlainRecord]:
        """The records of all partitions, one partition after the other."""
        return [record for p in range(self.partitions) for record in self.read(topic, p)]


@dataclass(slots=True)
class LocalShard:
    """One processor on one partition number, with its state and a changelog kept in memory. `unread`: see `Outbox`."""

    processor: Processor[Any]
    partition: int
    partitions: int
    state: Any = None
    changelog: list[tuple[str, bytes, bytes | None]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Starts with empty state."""
        self.state = self.processor.new_state()

    def process(self, topic: str, records: Sequence[PlainRecord], now: int) -> list[Output]:
        """Hands one batch to the processor, keeps what changed, returns what it sent."""
        out = Outbox(unread=self.unread)
        batch = Batch(topic, self.partition, self.partitions, now, records)
        self.processor.process(batch, self.state, out)
        self.commit(out)
        return out.records

    @property
    def has_work(self) -> bool:
        """Whether an empty batch would do something, see `WorkingProcessor`."""
        ask = getattr(self.processor, "has_work", None)
        return ask is not None and bool(ask(self.state))

    def commit(self, out: Outbox) -> None:
        """Takes the changed state into the changelog and the counts into the sums."""
        for name, piece in self.state.pieces.items():
            self.changelog.extend((name, key, value) for key, value in piece.changes())
        for what, n in out.counts.items():
            self.counts[what] = self.counts.get(what, 0) + n

    def restart(self) -> None:
        """Throws the memory away and reads the changelog again, as after a crash."""
        self.state = self.processor.new_state()
        restore(self.state.pieces, self.changelog)


def passing_shard(processor: Processor[Any], cached: int, unread: frozenset[str] = frozenset()) -> LocalShard:
    """A shard for a run from the first record to the last that nobody continues, the only one of its topic: what it
    remembers is encoded only to make room, once a store has more than `cached` values. `unread`: see `Outbox`."""
    shard = LocalShard(processor, 0, 1, unread=unread)
    for piece in shard.state.pieces.values():
        if isinstance(piece, KeyedStore):
            piece.keep_no_log(cached)
    return shard


def restore(pieces: Mapping[str, Piece], changelog: Iterable[tuple[str, bytes, bytes | None]]) -> None:
    """Fills the pieces of an empty state from changelog entries (piece, key, value) in order."""
    for name, key, value in changelog:
        pieces[name].load(key, value)


class LocalRun:
    """Several processors, joined by topics in memory. `run` works until nothing is left to read, nor to do.

    Args:
        processors: in the order in which they stand in the flow.
        partitions: of every topic.
        batch: the greatest number of records handed over at once.
    """

    def __init__(self, processors: Sequence[Processor[Any]], *, partitions: int = 1, batch: int = 1_000) -> None:
        self.topics = LocalTopics(partitions)
        self.shards = [[LocalShard(p, n, partitions) for n in range(partitions)] for p in processors]
        self._batch = batch
        self._positions: dict[tuple[int, str, int], int] = {}

    def publish(self, topic: str, key: bytes | None, value: bytes | None, now: int, headers: Headers = ()) -> None:
        """Writes a record to a topic, as a publisher would."""
        self.topics.append(Output(topic, key, value, headers=headers), now)

    def run(self, now: int) -> None:
        """Works off everything that waits. `now` is the wall clock in milliseconds."""
        worked = True
        while worked:
            worked = False
            for index, row in enumerate(self.shards):
                for shard in row:
                    worked |= self._step(index, shard, now)

    def idle(self, now: int) -> None:
        """Tells every processor that the wall clock has come to `now`, and works off what follows from it."""
        for row in self.shards:
            for shard in row:
                self._emit(shard.process(shard.processor.inputs[0], (), now), now)
        self.run(now)

    def _step(self, index: int, shard: LocalShard, now: int) -> bool:
        worked = False
        for topic in shard.processor.inputs:
            place = (index, topic, shard.partition)
            start = self._positions.get(place, 0)
            records = self.topics.read(topic, shard.partition, start)[: self._batch]
            if records:
                worked = True
                self._positions[place] = start + len(records)
                self._emit(shard.process(topic, records, now), now)
        if not worked and shard.has_work:
            worked = True
            self._emit(shard.process(shard.processor.inputs[0], (), now), now)
        return worked

    def _emit(self, outputs: Iterable[Output], now: int) -> None:
        for output in outputs:
            self.topics.append(output, now)
