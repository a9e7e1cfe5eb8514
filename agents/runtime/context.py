"""What the shards of one agent in one process share."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from touchline.agents.runtime.checkpoint import Checkpoint, Owner
from touchline.agents.runtime.idempotent import IdempotentCheckpoint
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.runtime.transactional import TransactionalCheckpoint
from touchline.agents.runtime.transport import Place
from touchline.agents.settings import Checkpointing, Settings
from touchline.pipeline.engine.processor import Processor
from touchline.schemas.wire import KEYED

_OPENING_AT_ONCE = 4


class Source(Protocol):
    """What a shard needs of the consumer. Partitions are (full topic name, number)."""

    async def open_partitions(self, places: dict[tuple[str, int], tuple[int, int]]) -> None: ...
    async def close_partitions(self, tps: list[tuple[str, int]]) -> None: ...
    def hold_back(self, tp: tuple[str, int], held: bool) -> None: ...
    def place(self, tp: tuple[str, int]) -> Place | None: ...
    async def bounds(self, tps: list[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, int]]: ...
    def partition_count(self, topic: str) -> int | None: ...


def new_checkpoint(owner: Owner) -> Checkpoint:
    """The form that the settings ask for."""
    if owner.settings.kafka.checkpoint is Checkpointing.TRANSACTIONAL:
        return TransactionalCheckpoint(owner)
    return IdempotentCheckpoint(owner)


def wall_clock() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


@dataclass
class Context:
    """One agent's settings, logic, consumer and counters. `stop` ends the worker with an error."""

    settings: Settings
    agent: str
    processor: Processor[Any]
    source: Source
    metrics: Metrics
    stop: Callable[[BaseException], None]
    checkpoint: Callable[[Owner], Checkpoint] = new_checkpoint
    now: Callable[[], int] = wall_clock
    opening: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_OPENING_AT_ONCE))
    counts: dict[str, int] = field(default_factory=dict)
    _openings: int = 0

    def __post_init__(self) -> None:
        """Names the log."""
        self.log = logging.getLogger(f"touchline.{self.agent}")
        self.topics = {self.settings.topic(topic): topic for topic in self.processor.inputs}

    def next_opening(self) -> int:
        """A number that no earlier opening had."""
        self._openings += 1
        return self._openings

    def count_of(self, topic: str) -> int | None:
        """Partitions of a logical topic, as far as is known."""
        return self.source.partition_count(self.settings.topic(topic)) or self.counts.get(topic)

    def keyed_counts(self) -> dict[str, int]:
        """Partitions of the keyed topics, which must never change."""
        return {topic: count for topic in KEYED if (count := self.count_of(topic))}
