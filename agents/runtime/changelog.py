"""A shard's state in its changelog topic: how entries are named, and how they are read back.

An entry's key is the piece's name, a zero byte, and the piece's own key. Keys that begin with a zero byte are the
runtime's: the *head*, which says how far the inputs are included, closes every checkpoint; *outputs* wait there to be
sent where the broker has no transactions. Entries count only once their head is read, and only if it is not older
than a head before it: that is how a checkpoint cut off in the middle, or one by a worker that lost the shard
unaware, has no effect.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from touchline.agents.runtime.clients import new_reader, stable_end
from touchline.agents.runtime.errors import NotCommitted, WorkerError, broker_errors
from touchline.agents.settings import KafkaSettings
from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.records import Output

HEAD: Final = b"\0head"
OUTPUT: Final = b"\0out\0"
_SEPARATOR: Final = b"\0"
FORMAT: Final = 1
_POLL_MS: Final = 1_000
_SILENCE: Final = 30.0

Entry = tuple[bytes, bytes | None]


class Head(msgspec.Struct, array_like=True):
    """Closes a checkpoint. `offsets`: the next record to read of each logical input topic. `epoch` grows with each
    opening of the shard and `sequence` with each checkpoint. `partitions`: how many the keyed topics had."""

    format: int = FORMAT
    epoch: int = 0
    sequence: int = 0
    offsets: dict[str, int] = msgspec.field(default_factory=dict)
    partitions: dict[str, int] = msgspec.field(default_factory=dict)


class WaitingOutput(msgspec.Struct, array_like=True):
    """An output that was committed and perhaps not yet sent."""

    sequence: int
    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

    def output(self) -> Output:
        """The output itself."""
        return Output(self.topic, self.key, self.value, self.partition, tuple(self.headers))


encode: Final = msgspec.msgpack.Encoder().encode
_decode_head: Final = msgspec.msgpack.Decoder(Head).decode
_decode_output: Final = msgspec.msgpack.Decoder(WaitingOutput).decode


def entries_of(pieces: Mapping[str, Piece]) -> list[Entry]:
    """What changed in the pieces since the last call, as changelog entries."""
    entries: list[Entry] = []
    for name, piece in pieces.items():
        prefix = name.encode() + _SEPARATOR
        entries.extend([(prefix + key, value) for key, value in piece.changes()])
    return entries


@dataclass(slots=True)
class Restored:
    """What a changelog held. `waiting`: outputs of the last checkpoint; `records` were read in `seconds`."""

    head: Head = field(default_factory=Head)
    waiting: list[WaitingOutput] = field(default_factory=list)
    records: int = 0
    seconds: float = 0.0


class Replay:
    """Takes in a changelog record by record and fills the pieces of an empty state.

    Raises: WorkerError when the state was written by another version, or holds a piece that this one does not know."""

    def __init__(self, pieces: Mapping[str, Piece]) -> None:
        self._loads: dict[bytes, Callable[[bytes, bytes | None], None]] = {
            name.encode(): piece.load for name, piece in pieces.items()
        }
        self._pending: list[tuple[bytes, bytes | None]] = []
        self._outputs: dict[bytes, WaitingOutput] = {}
        self.result = Restored()

    def take(self, key: bytes, value: bytes | None) -> None:
        """One record, in the order of the log."""
        self.result.records += 1
        if key != HEAD:
            self._pending.append((key, value))
        elif value is not None:
            self._close(_decode_head(value))

    def _close(self, head: Head) -> None:
        if head.format != FORMAT:
            raise WorkerError(f"the state has format {head.format}; this version of touchline reads {FORMAT}")
        pending, self._pending = self._pending, []
        if head.epoch < self.result.head.epoch:
            return  # written by a worker that had lost the shard and did not know yet
        self.result.head = head
        for key, value in pending:
            name, _, rest = key.partition(_SEPARATOR)
            if name:
                self._load(name)(rest, value)
            elif key.startswith(OUTPUT) and value is not None:
                self._outputs[key] = _decode_output(value)

    def _load(self, name: bytes) -> Callable[[bytes, bytes | None], None]:
        try:
            return self._loads[name]
        except KeyError:
            raise WorkerError(f"the state holds {name.decode(errors='replace')!r}, which is not known here") from None

    def finish(self) -> Restored:
        """What was found, at the end of the log."""
        sequence = self.result.head.sequence
        self.result.waiting = [out for _, out in sorted(self._outputs.items()) if out.sequence == sequence]
        return self.result


async def read_changelog(
    settings: KafkaSettings,
    place: tuple[str, int],
    pieces: Mapping[str, Piece],
    progress: Callable[[int, int], None],
) -> Restored:
    """Reads a partition of a state topic to its end.

    `place` is the topic (full name) and the partition. `progress` is told after every fetch how many records were
    read and how many offsets are left.

    Raises: BrokerAway, NotCommitted (try again), WorkerError."""
    started = time.monotonic()
    replay = Replay(pieces)
    reader = new_reader(settings)
    with broker_errors(settings.bootstrap):
        try:
            await reader.start()

            def told(left: int) -> None:
                progress(replay.result.records, left)

            await read_to_end(reader, TopicPartition(*place), replay.take, told)
        finally:
            await reader.stop()
    restored = replay.finish()
    restored.seconds = time.monotonic() - started
    return restored


async def read_to_end(
    reader: AIOKafkaConsumer,
    tp: TopicPartition,
    take: Callable[[bytes, bytes | None], None],
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Hands key and value of every committed record of a partition to `take`. `progress` is told after each fetch how
    many offsets are left.

    Raises: KafkaError; NotCommitted when nothing comes for long before the end."""
    reader.assign([tp])
    # Where it starts is said here: a consumer without it would begin at the end and restore nothing.
    first = (await reader.beginning_offsets([tp]))[tp]
    end = (await reader.end_offsets([tp]))[tp]
    reader.seek(tp, first)
    heard = time.monotonic()
    while (position := await reader.position(tp)) < end:
        fetched = await reader.getmany(tp, timeout_ms=_POLL_MS)
        records: Iterable[Any] = fetched.get(tp, ())
        for record in records:
            take(record.key, record.value)
        # The embedded broker tells the end short of its last batch; what comes with a fetch is right everywhere.
        end = max(end, stable_end(reader, tp))
        if records:
            heard = time.monotonic()
        elif await reader.position(tp) == position and time.monotonic() - heard > _SILENCE:
            raise NotCommitted(f"{tp.topic} [{tp.partition}] stands still at {position} of {end}")
        progress(end - position)
        await asyncio.sleep(0)
