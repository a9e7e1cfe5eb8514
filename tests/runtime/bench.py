"""A worker in the test's own event loop, on the embedded broker, with processors made for the test."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.faults.harness import Reading
from touchline.agents.runtime.clients import new_producer
from touchline.agents.runtime.topics import create_topics, delete_topics
from touchline.agents.runtime.worker import Worker
from touchline.agents.settings import BatchSettings, Checkpointing, KafkaSettings, RuntimeSettings, Settings
from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.records import Batch, Outbox, Record
from touchline.pipeline.engine.store import KeyedStore
from touchline.schemas.wire import TOUCHPOINTS

PATIENCE = 30.0


def make_settings(bootstrap: str, *, partitions: int = 2, records: int = 100, **kafka: Any) -> Settings:
    """An environment of its own."""
    defaults: dict[str, Any] = {"checkpoint": Checkpointing.IDEMPOTENT, "session_timeout": 1_000, "broker_time": False}
    return Settings(
        environment=f"w{uuid.uuid4().hex[:12]}",
        kafka=KafkaSettings(
            bootstrap=bootstrap, partitions=partitions, raw_partitions=partitions, **{**defaults, **kafka}
        ),
        runtime=RuntimeSettings(batch=BatchSettings(records=records), log_format="text"),
    )


@dataclass
class Counts:
    """A number by key."""

    store: KeyedStore[int] = field(default_factory=lambda: KeyedStore(lambda n: b"%d" % n, int, cached=100))

    @property
    def pieces(self) -> dict[str, Piece]:
        """The parts."""
        return {"counts": self.store}

    def add(self, key: str) -> int:
        """One more; how many there are."""
        count = (self.store.get(key, 0) or 0) + 1
        self.store.put(key, count)
        return count


@dataclass
class Scripted:
    """Counts records by key, and does to each what the test says.

    Args:
        each: is given topic, record, count and outbox.
        idle: is given the outbox at each empty batch.
    """

    each: Callable[[Batch, Record, int, Outbox], None]
    idle: Callable[[Batch, Outbox], None] = lambda batch, out: None
    inputs: Sequence[str] = (TOUCHPOINTS,)

    def new_state(self) -> Counts:
        """Nothing."""
        return Counts()

    def process(self, batch: Batch, state: Counts, out: Outbox) -> None:
        """Record by record."""
        for record in batch.records:
            self.each(batch, record, state.add((record.key or b"").decode()), out)
        if not batch.records:
            self.idle(batch, out)


@dataclass
class Place:
    """Where a test publishes, reads and runs workers."""

    settings: Settings
    reading: Reading
    _producer: Any = None

    async def publish(self, topic: str, partition: int, *rows: tuple[bytes | None, bytes | None]) -> None:
        """Writes to one partition of a logical topic."""
        if self._producer is None:
            self._producer = new_producer(self.settings.kafka)
            await self._producer.start()
        for key, value in rows:
            await self._producer.send_and_wait(self.settings.topic(topic), value, key=key, partition=partition)

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        """Reads on until something is so."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            await self.reading.catch_up()
            assert time.monotonic() < deadline, f"still not: {what}"

    def values(self, topic: str) -> list[bytes]:
        """What was read of a topic."""
        return [record.value for record in self.reading.records.get(topic, [])]

    @asynccontextmanager
    async def worker(self, processor: Any, agent: str = "journey", **options: Any) -> AsyncIterator[Worker]:
        """A worker; it is asked to stop at the end, and must end with code 0."""
        worker = Worker(self.settings, agent, processor=processor, **options)
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            code = await asyncio.wait_for(task, PATIENCE)
        assert code == 0

    async def run_to_its_end(self, processor: Any, agent: str = "journey") -> int:
        """A worker that ends by itself; its exit code."""
        worker = Worker(self.settings, agent, processor=processor)
        return await asyncio.wait_for(worker.run(), PATIENCE)


def on_a_broker(settings: Settings, topics: Sequence[str], test: Callable[[Place], Any]) -> None:
    """Runs a coroutine function with a place to work in, and cleans up."""

    async def run() -> None:
        await create_topics(settings)
        try:
            async with Reading(settings, topics) as reading:
                place = Place(settings, reading)
                try:
                    await test(place)
                finally:
                    if place._producer is not None:
                        await place._producer.stop()
        finally:
            await delete_topics(settings)

    asyncio.run(run())
