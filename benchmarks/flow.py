"""(b) The whole flow: a backlog on `touchpoints.raw` until the last row is in ClickHouse, all agents, exactly once.

python -m benchmarks.flow [--events 300000] [--partitions 4] [--bootstrap …]
"""

import argparse
import asyncio
import itertools
import subprocess
import time

from benchmarks.support import Bench, Pair, bench, cpu_seconds, machine, memory_mib, publish
from tests.support.kafka import RealKafka
from touchline.schemas.wire import RAW
from touchline.simulator import Plan, touchpoints

AGENTS = ("enrich", "journey", "outreach", "deliver", "warehouse")
LIMIT = 900.0


def history(events: int) -> list[Pair]:
    """Touchpoints of the simulated shop, in order of arrival."""
    plan = Plan(customers=max(events // 20, 500), seed=7)
    return [(event.key, event.value) for event in itertools.islice(touchpoints(plan), events)]


def wait_through(place: Bench, events: int, running: list[subprocess.Popen[bytes]]) -> tuple[float, float, int]:
    """Seconds from the first row to the last, the time of the last, and the rows that were there at the first look."""
    begun, first, seen = 0.0, 0, -1
    deadline = time.perf_counter() + LIMIT
    while time.perf_counter() < deadline:
        rows = int(place.query("SELECT count() FROM fact_touchpoints")[0][0])
        now = time.perf_counter()
        if rows and not begun:
            begun, first = now, rows
        if rows >= events:
            return now - begun, now, first
        seen = rows
        if any(process.poll() is not None for process in running):
            break
        time.sleep(0.1)
    raise SystemExit(f"only {seen} of {events} rows; logs in {place.folder}")


def measure(bootstrap: str, pairs: list[Pair], partitions: int) -> dict[str, float]:
    """One run. Returns events/s, and processor seconds and memory of each agent."""
    kafka = {"partitions": partitions, "raw_partitions": partitions}
    with bench(bootstrap, "flow", {"kafka": kafka, "outreach": {"mode": "live"}}) as place:
        count, seconds = asyncio.run(publish(place.settings, RAW, pairs, partitions))
        started = time.perf_counter()
        with place.workers(*AGENTS) as running:
            lasted, ended, first = wait_through(place, count, running)
            figures = {
                "events": count,
                "publish_per_s": count / seconds,
                "events_per_s": (count - first) / lasted,
                "events_per_s_with_start": count / (ended - started),
            }
            for agent, process in zip(AGENTS, running, strict=True):
                figures[f"{agent}_cpu_s"] = cpu_seconds(process)
                figures[f"{agent}_mib"] = memory_mib(process)
            for table in ("signals", "decisions", "deliveries"):
                figures[table] = int(place.query(f"SELECT count() FROM {table} FINAL")[0][0])  # noqa: S608
    return figures


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--bootstrap")
    options = parser.parse_args()
    print(machine())
    pairs = history(options.events)
    for _ in range(options.runs):
        if options.bootstrap:
            figures = measure(options.bootstrap, pairs, options.partitions)
        else:
            with RealKafka.start() as kafka:
                figures = measure(kafka.bootstrap, pairs, options.partitions)
        print({name: round(value, 1) for name, value in figures.items()})


if __name__ == "__main__":
    main()
