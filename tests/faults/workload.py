"""What the whole flow is tried on: the simulated shop, in any size, with late, repeated and unreadable events."""

import asyncio
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from touchline.agents.runtime.clients import new_producer
from touchline.agents.settings import Settings
from touchline.pipeline.engine.clock import DAY
from touchline.pipeline.engine.partition import partition_of
from touchline.schemas.codec import encode
from touchline.schemas.control import Control
from touchline.schemas.wire import CONTROL_HEADER, RAW
from touchline.simulator import Plan, touchpoints

_A_CUSTOMER: Final = 33
"""Events that a simulated customer has in a month, at the least."""

_AFTER: Final = 5 * DAY


@dataclass(frozen=True, slots=True)
class Workload:
    """So many raw records. The same numbers give the same bytes: at a million there are more than 10,000 signals, more
    than half of them from absence rules. 1 % come late, some later than the lateness; 0.5 % come twice, 0.2 % also
    broken.
    """

    events: int
    seed: int = 1

    @property
    def plan(self) -> Plan:
        """The simulated month. It lies in the past, whenever this runs."""
        return Plan(
            customers=self.events // _A_CUSTOMER + 40, seed=self.seed, late=0.012, duplicates=0.005, broken=0.002,
            start=datetime(2026, 10, 1, tzinfo=UTC),
        )  # fmt: skip

    def rows(self) -> Iterable[tuple[bytes, bytes]]:
        """Key and value of each record, in order of arrival."""
        return ((event.key, event.value) for event in itertools.islice(touchpoints(self.plan), self.events))

    def end(self) -> bytes:
        """The control record that ends history: days after it, so that every deadline has passed."""
        return encode(Control(high=self.plan.end + _AFTER))


async def publish(settings: Settings, workload: Workload) -> int:
    """Writes it to `touchpoints.raw`, partition by key, in the same order each time, and the end to each partition.

    Returns how many records."""
    producer = new_producer(settings.kafka, enable_idempotence=True)
    await producer.start()
    name, partitions = settings.topic(RAW), settings.kafka.raw_partitions
    builders = [producer.create_batch() for _ in range(partitions)]
    sent: list[asyncio.Future[object]] = []
    count = 0

    async def send(number: int) -> None:
        builders[number].close()
        sent.append(await producer.send_batch(builders[number], name, partition=number))
        builders[number] = producer.create_batch()

    async def add(number: int, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        nonlocal count
        count += 1
        if builders[number].append(key=key, value=value, timestamp=None, headers=headers) is None:
            await send(number)
            builders[number].append(key=key, value=value, timestamp=None, headers=headers)

    try:
        for key, value in workload.rows():
            await add(partition_of(key, partitions), key, value, [])
        for number in range(partitions):
            await add(number, None, workload.end(), [(CONTROL_HEADER, b"1")])
            await send(number)
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    return count
