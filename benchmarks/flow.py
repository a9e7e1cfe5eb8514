"""(b) The whole flow: a backlog on `touchpoints.raw` until the last row is in ClickHouse, all agents, exactly once.

python -m benchmarks.flow [--events 300000] [--partitions 4] [--bootstrap …]
"""

import argparse
import asyncio
import itertools
import os
import subprocess
import time
from contextlib import nullcontext
from pathlib import Path

from benchmarks.support import Bench, Pair, bench, cpu_seconds, machine, memory_mib, publish
from tests.support.kafka import RealKafka
from touchline.schemas.wire import RAW
from touchline.simulator import Plan, touchpoints

AGENTS = ("enrich", "journey", "incident", "outreach", "desk", "deliver", "warehouse")
LIMIT = 900.0
WARM_UP = 400_000


def history(events: int) -> list[Pair]:
    """Touchpoints of the simulated shop, in order of arrival."""
    plan = Plan(customers=max(events // 20, 500), seed=7)
    return [(event.key, event.value) for event in itertools.islice(touchpoints(plan), events)]


def cpu_of(pids: dict[str, int]) -> dict[str, float]:
    """Processor seconds so far of each process, and of the whole machine as `machine`."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    busy = sum(ticks[:3]) + sum(ticks[5:8])
    return {name: cpu_seconds(pid) for name, pid in pids.items()} | {"machine": busy / os.sysconf("SC_CLK_TCK")}


def wait_through(
    place: Bench, events: int, running: list[subprocess.Popen[bytes]], pids: dict[str, int]
) -> tuple[float, float, int, dict[str, float]]:
    """Seconds from the first row to the last, the time of the last, the rows that were there at the first look, and
    the processor seconds that each process took from then on."""
    begun, first, seen, before = 0.0, 0, -1, {}
    deadline = time.perf_counter() + LIMIT
    while time.perf_counter() < deadline:
        rows = int(place.query("SELECT count() FROM fact_touchpoints")[0][0])
        now = time.perf_counter()
        if rows and not begun:
            begun, first, before = now, rows, cpu_of(pids)
        if rows >= events:
            after = cpu_of(pids)
            return now - begun, now, first, {name: after[name] - before[name] for name in after}
        seen = rows
        if any(process.poll() is not None for process in running):
            break
        time.sleep(0.25)
    raise SystemExit(f"only {seen} of {events} rows; logs in {place.folder}")


def measure(kafka: RealKafka | str, pairs: list[Pair], partitions: int) -> dict[str, float]:
    """One run. Returns events/s, microseconds of processor time an event for each process, memory of each agent."""
    bootstrap = kafka if isinstance(kafka, str) else kafka.bootstrap
    settings = {"partitions": partitions, "raw_partitions": partitions}
    with bench(bootstrap, "flow", {"kafka": settings, "outreach": {"mode": "live"}}) as place:
        count, seconds = asyncio.run(publish(place.settings, RAW, pairs, partitions))
        started = time.perf_counter()
        with place.workers(*AGENTS) as running:
            pids = {agent: process.pid for agent, process in zip(AGENTS, running, strict=True)}
            pids |= {"clickhouse": place.warehouse}
            if isinstance(kafka, RealKafka):
                pids["broker"] = kafka.process.pid
            lasted, ended, first, took = wait_through(place, count, running, pids)
            figures = {
                "events": count,
                "publish_per_s": count / seconds,
                "events_per_s": (count - first) / lasted,
                "events_per_s_with_start": count / (ended - started),
            }
            figures |= {f"{name}_us": 1e6 * seconds / (count - first) for name, seconds in took.items()}
            figures |= {f"{a}_mib": memory_mib(process.pid) for a, process in zip(AGENTS, running, strict=True)}
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
    with nullcontext(options.bootstrap) if options.bootstrap else RealKafka.start() as kafka:
        # A broker that has just been started compiles itself for a minute, at the cost of what is measured.
        measure(kafka, pairs[:WARM_UP], options.partitions)
        for _ in range(options.runs):
            figures = measure(kafka, pairs, options.partitions)
            print({name: round(value, 1) for name, value in figures.items()}, flush=True)


if __name__ == "__main__":
    main()
