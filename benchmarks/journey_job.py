"""(a) The journey job, exactly once, on real Kafka: ours against a plain Faust agent with a Table, same machine, same
run, same events.

python -m benchmarks.journey_job [--events 1000000] [--plain 20000] [--runs 3] [--bootstrap …] [--profile FILE]
"""

import argparse
import asyncio
import contextlib
import cProfile
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from benchmarks.journey_events import encoded
from benchmarks.journey_processor import JourneyJob
from benchmarks.support import committed, machine, memory_mib, publish
from tests.support.kafka import RealKafka
from touchline.agents.runtime.logs import configure_logs
from touchline.agents.runtime.topics import create_topics, delete_topics
from touchline.agents.runtime.worker import Worker
from touchline.agents.settings import KafkaSettings, RuntimeSettings, Settings
from touchline.schemas.wire import SIGNALS, TOUCHPOINTS

PARTITIONS = 4
LIMIT = 600.0
_POLL = 0.02


async def work(settings: Settings, events: int) -> dict[str, float]:
    """Runs the worker in this process until all events are committed. Returns the figures."""
    worker = Worker(settings, "journey", processor=JourneyJob())
    task = asyncio.create_task(worker.run())
    done, began, cpu = 0.0, 0.0, 0.0
    while done < events and not task.done():
        await asyncio.sleep(_POLL)
        done = worker.metrics.records._value.get()
        if done and not began:
            began, first, cpu = time.perf_counter(), done, _cpu()
    seconds, used = time.perf_counter() - began, _cpu() - cpu
    commits = worker.metrics.commit_seconds
    count, total = sum(b.get() for b in commits._buckets), commits._sum.get()
    worker.stop()
    await task
    return {
        "events": events,
        "events_per_s": round((events - first) / seconds),
        "cpu_s_per_million": round(used / (events - first) * 1e6, 2),
        "commits": count,
        "commit_ms": round(1_000 * total / max(count, 1), 1),
        "memory_mib": round(memory_mib(os.getpid())),
    }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def child(file: Path, events: int, profile: str | None) -> None:
    """The worker process: prints its figures as JSON."""
    configure_logs("journey", "warning", "text")
    settings = Settings.model_validate_json(file.read_bytes())
    with cProfile.Profile() if profile else contextlib.nullcontext() as profiler:
        figures = asyncio.run(work(settings, events))
    if profiler and profile:
        profiler.dump_stats(profile)
    print(json.dumps(figures))


def _run(module: str, arguments: list[str], environment: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", module, *arguments]
    ended = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT
    )
    figures: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return figures


def ours(bootstrap: str, events: int, profile: str | None) -> dict[str, Any]:
    """Our runtime: publish, work off the backlog, compare the signals with the truth."""
    kafka = KafkaSettings(bootstrap=bootstrap, partitions=PARTITIONS, raw_partitions=PARTITIONS)
    settings = Settings(environment=f"job{uuid.uuid4().hex[:8]}", kafka=kafka, runtime=RuntimeSettings())
    pairs, truth = encoded(events)
    asyncio.run(create_topics(settings))
    try:
        asyncio.run(publish(settings, TOUCHPOINTS, pairs, PARTITIONS))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "settings.json"
            file.write_text(settings.model_dump_json())
            arguments = ["--child", str(file), "--events", str(events), *(["--profile", profile] if profile else [])]
            figures = _run("benchmarks.journey_job", arguments, {})
        signals = [json.loads(record.value) for record in asyncio.run(committed(settings, SIGNALS))]
        seen = [(signal["customer_id"], signal["time"]) for signal in signals]
        assert len(seen) == len(truth), f"{len(seen)} signals instead of {len(truth)}"
        assert set(seen) == truth
        return {**figures, "signals": len(seen)}
    finally:
        asyncio.run(delete_topics(settings))


def plain(bootstrap: str, events: int) -> dict[str, Any]:
    """The plain Faust agent, on fewer events: it takes as long for twenty thousand as ours for a million."""
    name = f"plain{uuid.uuid4().hex[:8]}"
    kafka = KafkaSettings(bootstrap=bootstrap, partitions=PARTITIONS, raw_partitions=PARTITIONS)
    settings = Settings(environment=name, kafka=kafka)
    pairs, _ = encoded(events)
    asyncio.run(create_topics(settings))
    try:
        asyncio.run(publish(settings, TOUCHPOINTS, pairs, PARTITIONS))
        return _run("benchmarks.plain_faust", [bootstrap, name, str(events)], {})
    finally:
        asyncio.run(delete_topics(settings))


def run(bootstrap: str, options: argparse.Namespace) -> None:
    """Both in turn, and the ratio of each pair. A broker that has just been started compiles itself at the cost of
    whoever comes first, so a run that does not count comes before all."""
    ours(bootstrap, options.events, None)
    pairs = []
    for _ in range(options.runs):
        figures: dict[str, Any] = {"ours": ours(bootstrap, options.events, options.profile)}
        if options.plain:
            figures["plain_faust"] = plain(bootstrap, options.plain)
            for name, of in (("times", "events_per_s"), ("times_by_cpu", "cpu_s_per_million")):
                ratio = figures["ours"][of] / figures["plain_faust"][of]
                figures[name] = round(ratio if of == "events_per_s" else 1 / ratio, 1)
        pairs.append(figures)
        print(json.dumps(figures), flush=True)
    if options.plain:
        print({name: round(statistics.median(pair[name] for pair in pairs), 1) for name in ("times", "times_by_cpu")})
    print(machine())


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--plain", type=int, default=20_000, help="events for plain Faust; 0 leaves it out")
    parser.add_argument("--runs", type=int, default=3, help="of each, in turn")
    parser.add_argument("--bootstrap", help="a running Kafka; by default one is started")
    parser.add_argument("--profile", help="a file for the profile of our worker")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.events, options.profile)
    elif options.bootstrap:
        run(options.bootstrap, options)
    else:
        with RealKafka.start(heap="1g") as kafka:
            run(kafka.bootstrap, options)


if __name__ == "__main__":
    main()
