"""Record batches, built by hand: one future for each instead of one for each record."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from touchline.agents.runtime.changelog import Entry
from touchline.agents.runtime.checkpoint import OVERHEAD, size_of
from touchline.agents.runtime.clients import PRODUCE_BATCH
from touchline.agents.settings import Settings
from touchline.pipeline.engine.records import Headers, Output

Row = tuple[bytes | None, bytes | None, Headers]
Place = tuple[str, int]
_NO_HEADERS: list[tuple[str, bytes | None]] = []


def by_partition(settings: Settings, outputs: Iterable[Output]) -> dict[Place, list[Row]]:
    """Outputs by full topic name and partition, in their order."""
    names: dict[str, str] = {}
    placed: dict[Place, list[Row]] = {}
    for topic, key, value, partition, headers in outputs:
        name = names.get(topic)
        if name is None:
            name = names[topic] = settings.topic(topic)
        placed.setdefault((name, partition or 0), []).append((key, value, headers))
    return placed


async def write(producer: AIOKafkaProducer, outputs: Mapping[Place, list[Row]], now: int) -> None:
    """Sends rows to their partitions, in order within each, and waits until all are acknowledged.

    Raises: what aiokafka raises, once every send has ended."""
    await all_of([write_rows(producer, place, rows, now) for place, rows in outputs.items()])


async def all_of(writes: Sequence[Awaitable[None]]) -> None:
    """Waits for all, and raises the first error only then: a commit after a refused batch would succeed, with nothing
    in the topic."""
    for result in await asyncio.gather(*writes, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def write_rows(producer: AIOKafkaProducer, place: Place, rows: Iterable[Row], now: int) -> None:
    """Sends rows to one partition, in record batches of at most `PRODUCE_BATCH` bytes (a larger row goes alone)."""
    batches = _Batches(producer, place, PRODUCE_BATCH)
    for key, value, headers in rows:
        size = size_of(key, value, headers)
        if batches.full(size):
            await batches.send()
        batches.append(timestamp=now or None, key=key, value=value, headers=list(headers))
    await batches.end()


async def write_entries(
    producer: AIOKafkaProducer, place: Place, entries: Iterable[Entry], now: int, limit: int
) -> None:
    """Sends changelog entries to one partition, in record batches of at most `limit` bytes."""
    batches = _Batches(producer, place, limit)
    for key, value in entries:
        if batches.full(len(key) + (len(value) if value else 0) + OVERHEAD):
            await batches.send()
        batches.append(timestamp=now or None, key=key, value=value, headers=_NO_HEADERS)
    await batches.end()


class _Batches:
    """Record batches of one partition, one after the other."""

    def __init__(self, producer: AIOKafkaProducer, place: Place, limit: int) -> None:
        self._producer = producer
        self._topic, self._partition = place
        self._limit = limit
        # Without sequence numbers a batch that is tried again may come after the next one.
        self._one_by_one = producer._txn_manager is None
        self._futures: list[Any] = []
        self._row = 0
        self._begin()

    def _begin(self) -> None:
        self._size = self._row
        self._builder = self._producer.create_batch()
        self.append = self._builder.append

    def full(self, size: int) -> bool:
        """Whether a row of that size must wait for the next batch; counts it otherwise."""
        self._row = size
        self._size += size
        return self._size > self._limit and self._builder.record_count() > 0

    async def send(self) -> None:
        """Hands the batch over and begins another."""
        self._builder.close()
        future = await self._producer.send_batch(self._builder, self._topic, partition=self._partition)
        if self._one_by_one:
            await future
        self._futures.append(future)
        self._begin()

    async def end(self) -> None:
        """Hands over what is left and waits until all is acknowledged."""
        if self._builder.record_count():
            await self.send()
        await all_of(self._futures)


async def stop_producer(producer: AIOKafkaProducer, patience: float) -> None:
    """Stops a producer that may be in any state; waits at most `patience` seconds."""
    try:
        await asyncio.wait_for(producer.stop(), patience)
    except (TimeoutError, OSError):
        return
