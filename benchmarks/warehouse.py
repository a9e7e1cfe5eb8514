"""What the way into ClickHouse costs for each event, without Kafka: `python -m benchmarks.warehouse [EVENTS]`.

Records as `touchpoints` has them are decoded, turned into columns, inserted through clickhouse-driver into the embedded
warehouse, and their minutes counted anew, by the agent's own processor and sink. Three histories: all events in a few
minutes (live under load), some in each minute, and one in a minute (years of a small shop, imported at full speed).
"""

import asyncio
import cProfile
import os
import pstats
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.facts import ClickHouseSink
from touchline.embedded import EmbeddedWarehouse
from touchline.pipeline.engine.records import Batch, Outbox, PlainRecord
from touchline.pipeline.warehouse.periods import PERIODS, Period
from touchline.pipeline.warehouse.processor import Recounted, WarehouseProcessor
from touchline.pipeline.warehouse.rows import Values
from touchline.pipeline.warehouse.sqlfiles import statement
from touchline.pipeline.warehouse.tables import TOUCHPOINTS, FactTable
from touchline.schemas.codec import encode
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Actor, Channel, Stage

EVENTS = 100_000
BATCH = 4_000
CUSTOMERS = 50_000
KINDS = ("call.completed", "order.shipped", "page.viewed", "chat.started", "survey.answered")
HISTORIES = {"1,000 events a second": 0.001, "10 events a second": 0.1, "an event every 20 minutes": 1_200.0}
START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Timed:
    """A sink that adds up how long it was waited for."""

    sink: ClickHouseSink
    inserting: float = 0.0
    counting: dict[Period, float] = field(default_factory=lambda: dict.fromkeys(PERIODS, 0.0))
    recounts: int = 0

    async def insert(self, facts: FactTable, columns: Sequence[Values]) -> None:
        """Stores rows."""
        started = time.perf_counter()
        await self.sink.insert(facts, columns)
        self.inserting += time.perf_counter() - started

    async def recount(self, facts: FactTable, period: Period, starts: Sequence[int]) -> Recounted:
        """Counts periods."""
        done = await self.sink.recount(facts, period, starts)
        self.counting[period] += done.took
        self.recounts += 1
        return done


def records(count: int, gap: float) -> list[PlainRecord]:
    """Touchpoints `gap` seconds apart, of about 450 bytes as `enrich` writes them."""
    chance = random.Random(1)
    made = []
    for number in range(count):
        time_ = START + timedelta(seconds=number * gap)
        fact = EnrichedTouchpoint(
            event_id=f"e-{number:09d}",
            source="crm",
            occurred_at=time_,
            kind=KINDS[number % len(KINDS)],
            customer=f"c-{chance.randrange(CUSTOMERS)}",
            channel=Channel.VOICE,
            stage=Stage.SUPPORT,
            party="own",
            actor=Actor.CUSTOMER,
            received_at=time_,
            raw_partition=0,
            raw_offset=number,
            subjects=(f"order:{number % 9_999}",),
            wait_seconds=number % 300 if number % 4 == 0 else None,
            attributes={"order_value": 12.5, "status": "paid"},
        )
        made.append(PlainRecord(number, 0, fact.customer.encode(), encode(fact)))
    return made


def cpu(pid: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def feed(store: Any, made: Sequence[PlainRecord]) -> None:
    """All records in batches, then what is still to be counted."""
    processor = WarehouseProcessor(store)
    state = processor.new_state()
    for at in range(0, len(made) + BATCH, BATCH):
        now = round(time.monotonic() * 1_000)
        processor.process(Batch(TOUCHPOINTS.topic, 0, 1, now, made[at : at + BATCH]), state, Outbox())
        await processor.flush(state)


async def measure(
    warehouse: EmbeddedWarehouse, settings: WarehouseSettings, name: str, made: list[PlainRecord]
) -> None:
    """Feeds one history into an empty database and prints a line."""
    assert warehouse.pid is not None
    timed = Timed(ClickHouseSink(settings))
    before = cpu(os.getpid()), cpu(warehouse.pid), time.perf_counter()
    await feed(timed, made)
    client, server, wall = cpu(os.getpid()), cpu(warehouse.pid), time.perf_counter() - before[2]
    await timed.sink.close()

    def micros(seconds: float) -> str:
        return f"{seconds / len(made) * 1e6:8.1f}"

    counting = " ".join(micros(timed.counting[period]) for period in PERIODS)
    print(
        f"{name:28} {len(made) / wall:9,.0f} {micros(client - before[0])} {micros(server - before[1])}"
        f" {micros(timed.inserting)} {counting} {timed.recounts:8}"
    )
    assert upkeep.verify(settings) == []


def main() -> None:
    """Prints the table, then where the time of this process goes."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    heads = ("agent", "server", "insert", "minutes", "hours", "days")
    print(f"{'µs an event of':28} {'events/s':>9} {' '.join(f'{head:>8}' for head in heads)} {'recounts':>8}")
    with tempfile.TemporaryDirectory() as folder, EmbeddedWarehouse(Path(folder) / "warehouse") as warehouse:
        for number, (name, gap) in enumerate(HISTORIES.items()):
            settings = WarehouseSettings(port=warehouse.port, database=f"bench_{number}")
            upkeep.migrate(settings)
            made = records(count, gap)
            asyncio.run(measure(warehouse, settings, name, made))
        settings = WarehouseSettings(port=warehouse.port, database="bench_profile")
        upkeep.migrate(settings)
        profile(settings, made)


def profile(settings: WarehouseSettings, made: Sequence[PlainRecord]) -> None:
    """Where the time of decoding, columns and clickhouse-driver goes, in one thread."""
    with upkeep.connected(settings) as connection:
        decoded = [TOUCHPOINTS.decode(record.value or b"") for record in made[: 5 * BATCH]]
        profiler = cProfile.Profile()
        with profiler:
            for at in range(0, len(decoded), BATCH):
                columns = TOUCHPOINTS.as_columns(decoded[at : at + BATCH])
                connection.insert(statement(f"insert_{TOUCHPOINTS.name}"), columns)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(12)


if __name__ == "__main__":
    main()
