"""What the benchmarks share: a machine's description, a broker and a warehouse, publishing, and a flow of agents."""

import asyncio
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.structs import ConsumerRecord
from clickhouse_driver import Client
from ruamel.yaml import YAML

from touchline.agents.runtime.clients import new_reader
from touchline.agents.runtime.topics import create_topics
from touchline.agents.settings import Settings, load_settings
from touchline.agents.sinks.upkeep import migrate
from touchline.embedded import EmbeddedWarehouse
from touchline.pipeline.engine.partition import partition_of

Pair = tuple[bytes, bytes]


def machine() -> str:
    """The machine's size and the versions that matter."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    names = ("faust-streaming", "aiokafka", "pydantic", "msgspec", "clickhouse-driver", "chdb-core")
    parts = [f"{os.cpu_count()} cores", f"{memory:.0f} GiB", f"Python {platform.python_version()}", "Kafka 4.3.1"]
    return " · ".join(parts + [f"{name} {version(name)}" for name in names])


@dataclass(slots=True)
class Bench:
    """An environment of its own: topics, tables, a settings file for worker processes."""

    settings: Settings
    file: Path
    folder: Path
    client: Client
    warehouse: int
    """The warehouse's process id."""

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the warehouse, read with a plain client."""
        return list(self.client.execute(sql))

    @contextmanager
    def workers(self, *agents: str) -> Iterator[list[subprocess.Popen[bytes]]]:
        """A process for each agent; ended with the block."""
        running = []
        for agent in agents:
            command = [sys.executable, "-m", "touchline.agents.runtime.worker", "--settings", str(self.file), agent]
            with (self.folder / f"{agent}.log").open("ab") as log:
                running.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))
        try:
            yield running
        finally:
            for process in running:
                process.send_signal(signal.SIGTERM)
            for process in running:
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


@contextmanager
def bench(bootstrap: str, name: str, changes: dict[str, Any]) -> Iterator[Bench]:
    """A fresh environment on a running broker, with a warehouse. `changes`: settings besides the addresses."""
    folder = Path(tempfile.mkdtemp(prefix=f"touchline-bench-{name}-"))
    with EmbeddedWarehouse(folder / "warehouse") as warehouse:
        tree: dict[str, Any] = {"environment": f"{name}-{int(time.time())}", "clock": "log", "data": str(folder)}
        tree |= {key: value for key, value in changes.items() if key not in {"kafka", "warehouse", "runtime"}}
        tree["kafka"] = {"bootstrap": bootstrap, **changes.get("kafka", {})}
        tree["warehouse"] = {"port": warehouse.port, "http_port": warehouse.http_port, **changes.get("warehouse", {})}
        tree["runtime"] = {"log_format": "text", **changes.get("runtime", {})}
        file = folder / "touchline.yaml"
        with file.open("w") as out:
            YAML().dump(tree, out)
        settings = load_settings(file, {})
        asyncio.run(create_topics(settings))
        migrate(settings.warehouse)
        client = Client("127.0.0.1", port=warehouse.port, database=settings.warehouse.database)
        try:
            yield Bench(settings, file, folder, client, warehouse.pid or 0)
        finally:
            client.disconnect()


async def publish(settings: Settings, topic: str, pairs: Iterable[Pair], partitions: int) -> tuple[int, float]:
    """Writes records in order to a logical topic, as fast as it goes. Returns how many, and the seconds it took."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap, enable_idempotence=True, max_batch_size=1 << 20, linger_ms=20
    )
    await producer.start()
    started, count, name = time.perf_counter(), 0, settings.topic(topic)
    builders = {n: producer.create_batch() for n in range(partitions)}
    waiting = []

    async def flush(number: int) -> None:
        builder = builders[number]
        builder.close()
        waiting.append(await producer.send_batch(builder, name, partition=number))
        builders[number] = producer.create_batch()

    for key, value in pairs:
        number = partition_of(key, partitions)
        if builders[number].append(key=key, value=value, timestamp=None) is None:
            await flush(number)
            builders[number].append(key=key, value=value, timestamp=None)
        count += 1
    for number, builder in list(builders.items()):
        if builder.record_count():
            await flush(number)
    await asyncio.gather(*waiting)
    await producer.stop()
    return count, time.perf_counter() - started


async def ends(settings: Settings, topics: Sequence[str]) -> dict[str, int]:
    """Records written to logical topics, transaction markers among them."""
    reader = new_reader(settings.kafka)
    await reader.start()
    try:
        sums = {}
        for topic in topics:
            name = settings.topic(topic)
            partitions = [TopicPartition(name, n) for n in sorted(await _partitions(reader, name))]
            sums[topic] = sum((await reader.end_offsets(partitions)).values())
        return sums
    finally:
        await reader.stop()


async def committed(settings: Settings, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
    """All committed records of a logical topic."""
    reader = new_reader(settings.kafka)
    await reader.start()
    try:
        name, records = settings.topic(topic), []
        partitions = [TopicPartition(name, n) for n in sorted(await _partitions(reader, name))]
        reader.assign(partitions)
        for tp, end in (await reader.end_offsets(partitions)).items():
            reader.seek(tp, 0)
            while await reader.position(tp) < end:
                for found in (await reader.getmany(tp, timeout_ms=500)).values():
                    records.extend(found)
        return records
    finally:
        await reader.stop()


async def _partitions(reader: Any, name: str) -> set[int]:
    deadline = time.monotonic() + 10
    while True:
        await reader._client.force_metadata_update()
        found = reader._client.cluster.partitions_for_topic(name) or set(await _all(reader, name))
        if found or time.monotonic() > deadline:
            return set(found)
        await asyncio.sleep(0.1)


async def _all(reader: Any, name: str) -> set[int]:
    await reader._client.add_topic(name)
    return reader._client.cluster.partitions_for_topic(name) or set()


def cpu_seconds(pid: int) -> float:
    """Processor time of a running process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    """The greatest resident memory of a running process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0
