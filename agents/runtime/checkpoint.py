"""How what a batch did becomes one: its outputs, the changed state and how far the inputs are. Two forms:

    TransactionalCheckpoint   one Kafka transaction, fenced by the producer's epoch: exactly once
    IdempotentCheckpoint      one record batch of the changelog; outputs are sent after it, and again on recovery: at
                              least once, with ids that make repeats harmless

`tests/runtime/test_checkpoint.py` holds both to the same conformance suite.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from touchline.agents.runtime.changelog import Entry, Restored
from touchline.agents.runtime.clients import PRODUCE_BATCH
from touchline.agents.runtime.errors import TooLarge
from touchline.agents.settings import Settings
from touchline.pipeline.engine.partition import partition_of
from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.records import Headers, Output
from touchline.pipeline.engine.reject import MAX_REJECTED_BYTES
from touchline.schemas.wire import REJECTED, state_topic

RECORD_BYTES: Final = PRODUCE_BATCH - 10_000
"""The largest output or state entry."""

REJECTED_BYTES: Final = MAX_REJECTED_BYTES
"""The largest dead letter: an original of the greatest size, and the headers that say why."""

OVERHEAD: Final = 80
"""Bytes of a record besides key, value and headers, never less than they are."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Owner:
    """Which shard a checkpoint is for: an agent on a partition number."""

    settings: Settings
    agent: str
    partition: int

    @property
    def state_topic(self) -> str:
        """The changelog's topic, full name."""
        return self.settings.topic(state_topic(self.agent))

    @property
    def transactional_id(self) -> str:
        """What Kafka fences by: the same for each worker that opens the shard."""
        return f"{self.settings.group(self.agent)}-{self.partition}"


@dataclass(slots=True)
class Effects:
    """What one batch did. `offsets`: of all logical inputs, the next record to read. Outputs have partitions."""

    offsets: dict[str, int]
    entries: Sequence[Entry] = ()
    outputs: Sequence[Output] = ()
    partitions: dict[str, int] = field(default_factory=dict)


class Checkpoint(Protocol):
    """A shard's link to what is committed. Not for two tasks at once."""

    async def open(self, pieces: Mapping[str, Piece], progress: Progress) -> Restored:
        """Shuts out the former owner, then fills the pieces of an empty state.

        Raises: BrokerAway, NotCommitted, Fenced (try again), WorkerError."""

    async def commit(self, effects: Effects, now: int) -> None:
        """Makes it all happen, or nothing. `now`: milliseconds, the records' time stamp.

        Raises: TooLarge (nothing was sent; the shard's memory is ahead all the same), NotCommitted, Fenced; after
        either of these the checkpoint must be opened again."""

    async def idle(self) -> None:
        """Nothing comes: time for what only observers need. Raises: NotCommitted, Fenced."""

    async def close(self) -> None:
        """Lets go of the connection. Nothing is pending after a `commit` returned."""


def size_of(key: bytes | None, value: bytes | None, headers: Headers = ()) -> int:
    """About the bytes of a record, never less than they are."""
    size = OVERHEAD + (len(key) if key else 0) + (len(value) if value else 0)
    for name, content in headers:
        size += len(name.encode("utf-8", "surrogatepass")) + 10 + (len(content) if content else 0)
    return size


def check_sizes(effects: Effects) -> None:
    """Raises: TooLarge, with where but not what."""
    for output in effects.outputs:
        limit = REJECTED_BYTES if output.topic == REJECTED else RECORD_BYTES
        size = size_of(output.key, output.value, output.headers)
        if size > limit:
            raise TooLarge(f"an output for {output.topic} has {size} bytes; the limit is {limit}")
    for key, value in effects.entries:
        if value is not None and (size := len(key) + len(value) + OVERHEAD) > RECORD_BYTES:
            piece = key.partition(b"\0")[0].decode(errors="replace")
            raise TooLarge(f"a state entry of {piece!r} has {size} bytes; the limit is {RECORD_BYTES}")


def place_outputs(outputs: Iterable[Output], counts: Mapping[str, int], fallback: int) -> list[Output]:
    """Gives each output its partition: as said, by its key as Kafka's own clients do, or without either by the
    shard's number. `counts`: partitions by logical topic.

    Raises: KeyError for a topic without a count, ValueError for a partition that the topic does not have."""
    placed = []
    for output in outputs:
        count = counts[output.topic]
        if output.partition is None:
            number = fallback % count if output.key is None else partition_of(output.key, count)
            output = output._replace(partition=number)  # noqa: PLW2901
        elif not 0 <= output.partition < count:
            raise ValueError(f"{output.topic} has no partition {output.partition}")
        placed.append(output)
    return placed
