"""Figures of the embedded parts: start times, memory, inserts, and a short query beside a long one.

Run ``python -m benchmarks.embedded``; it needs a minute and prints one line of JSON. Every figure is of this
machine with its clients on it, so the insert figures hold the client's own work too.
"""

from __future__ import annotations

import datetime as dt
import json
import statistics
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from clickhouse_driver import Client

from touchline.embedded import EmbeddedBroker, EmbeddedWarehouse

ROWS = 200_000
BLOCKS = 5
HEAVY = "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(sipHash64(number))"
TABLE = """
CREATE TABLE IF NOT EXISTS touchpoints (
    id UUID, customer String, at DateTime64(3, 'UTC'), kind LowCardinality(String), channel LowCardinality(String),
    text String, wait Nullable(Float64), score Nullable(Float64), seconds UInt32, subjects Array(String)
) ENGINE = ReplacingMergeTree ORDER BY (customer, at, id)
"""


def start_times(folder: Path) -> dict[str, float]:
    """Seconds until each part answers, best of three, and the memory of an idle warehouse in MiB."""
    brokers, warehouses = [], []
    for _ in range(3):
        begin = time.perf_counter()
        with EmbeddedBroker():
            brokers.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        with EmbeddedWarehouse(folder / "start") as warehouse:
            warehouses.append(time.perf_counter() - begin)
            status = Path(f"/proc/{warehouse.pid}/status").read_text(encoding="ascii")
    memory = {name: int(status.split(f"{name}:")[1].split()[0]) / 1024 for name in ("VmRSS", "RssAnon")}
    return {
        "broker_start_s": min(brokers),
        "warehouse_start_s": min(warehouses),
        "warehouse_idle_rss_mib": memory["VmRSS"],
        "warehouse_idle_private_mib": memory["RssAnon"],
    }


def columns(rows: int) -> list[list[Any]]:
    """A block of ten columns, of the types that the facts have."""
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return [
        [uuid.UUID(int=number) for number in range(rows)],
        [f"c-{number % 50_000}" for number in range(rows)],
        [moment] * rows,
        ["contact.opened", "order.shipped"] * (rows // 2),
        ["web", "voice"] * (rows // 2),
        [f"still waiting for order {number}" for number in range(rows)],
        [None, 12.5] * (rows // 2),
        [None] * rows,
        [60] * rows,
        [["order:1", f"ticket:{number}"] for number in range(rows)],
    ]


def inserts(warehouse: EmbeddedWarehouse) -> dict[str, float]:
    """Rows a second through clickhouse-driver, by columns, and what of it is the warehouse's own work."""
    client = Client(warehouse.host, port=warehouse.port)
    client.execute(TABLE)
    figures = {}
    full = columns(ROWS)
    # Ten columns that cost the client little to encode, so that the warehouse's side is what is measured.
    light = [full[1], full[3], full[4], full[5], full[8], *(list(range(ROWS)) for _ in range(5))]
    client.execute(
        "CREATE TABLE IF NOT EXISTS light (a String, b LowCardinality(String), c LowCardinality(String), d String, "
        "e UInt32, f UInt64, g UInt64, h UInt64, i UInt64, j UInt64) ENGINE = MergeTree ORDER BY (a, f)"
    )
    for name, statement, data in (
        ("insert_facts_rows_per_s", "INSERT INTO touchpoints VALUES", full),
        ("insert_light_rows_per_s", "INSERT INTO light VALUES", light),
    ):
        begin, used = time.perf_counter(), time.thread_time()
        for _ in range(BLOCKS):
            client.execute(statement, data, columnar=True)
        took, own = time.perf_counter() - begin, time.thread_time() - used
        figures[name] = BLOCKS * ROWS / took
        figures[name.replace("rows_per_s", "client_share")] = own / took
    client.disconnect()
    return figures


def latency(warehouse: EmbeddedWarehouse, *, busy: bool) -> dict[str, float]:
    """Milliseconds of SELECT 1 on a kept connection, alone or beside a query that uses all cores."""
    client, other = (Client(warehouse.host, port=warehouse.port) for _ in range(2))
    runner = threading.Thread(target=other.execute, args=(HEAVY,))
    if busy:
        runner.start()
        time.sleep(0.5)
    client.execute("SELECT 1")
    took = []
    for _ in range(200):
        begin = time.perf_counter()
        client.execute("SELECT 1")
        took.append((time.perf_counter() - begin) * 1000)
    if busy:
        other.connection.send_cancel()
        runner.join()
    client.disconnect()
    other.disconnect()
    name = "busy" if busy else "idle"
    return {
        f"select_1_{name}_p50_ms": statistics.median(took),
        f"select_1_{name}_p99_ms": statistics.quantiles(took, n=100)[98],
    }


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="touchline-bench-") as name:
        folder = Path(name)
        figures = start_times(folder)
        with EmbeddedWarehouse(folder / "data") as warehouse:
            figures |= latency(warehouse, busy=False)
            figures |= latency(warehouse, busy=True)
            figures |= inserts(warehouse)
    print(json.dumps({key: round(value, 3) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
