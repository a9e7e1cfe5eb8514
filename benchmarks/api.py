"""The API under load: 100,000 customers with contexts, questions from several connections while contexts change.

python -m benchmarks.api [--customers N] [--seconds S] [--connections C] [--changes PER_SECOND] [--memory N]
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, TCPConnector

from benchmarks.support import Pair, cpu_seconds, machine, memory_mib
from touchline.agents.runtime.clients import new_producer
from touchline.agents.runtime.topics import create_topics
from touchline.agents.settings import Settings, load_settings
from touchline.embedded import EmbeddedBroker
from touchline.pipeline.engine.partition import partition_of
from touchline.schemas.codec import encode
from touchline.schemas.wire import CONTEXT
from touchline.up.ports import neighbours

KEY = "bench-0123456789abcdefghij"
EXAMPLE = Path(__file__).parents[1] / "schemas" / "examples" / "topics" / "customers.context.json"
RULES = ("repeated_contact", "delivery_silent", "ticket_reopened", "score_collapse", "payment_failed", "all_at_once")


def contexts(count: int, seed: int = 1) -> Iterator[Pair]:
    """Keys and values, with one to four open signals each, no two of them alike."""
    example, rng = json.loads(EXAMPLE.read_text("utf-8")), random.Random(seed)
    for number in range(count):
        customer = f"c-{number:07d}"
        signals = [
            example["open_signals"][n % 3]
            | {"signal_id": str(uuid.UUID(int=rng.getrandbits(128))), "rule": rng.choice(RULES)}
            | {"group": f"order:{rng.randrange(10**7)}", "since": f"2026-03-{rng.randint(1, 28):02d}T11:05:00Z"}
            for n in range(rng.randint(1, 4))
        ]
        changed = {"customer": customer, "health": rng.randint(0, 100), "open_signals": signals}
        yield customer.encode(), encode({**example, **changed, "open_count": len(signals)})


def memory_of(count: int) -> None:
    """How much a view of so many customers takes, in a process of its own."""
    script = (
        "import resource,sys,time\n"
        "from benchmarks.api import contexts, CONTEXT\n"
        "from touchline.agents.api.view import View\n"
        "from touchline.pipeline.engine.clock import DAY\n"
        "pairs=list(contexts(20_000)); before=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "view,begun=View(14*DAY),time.perf_counter()\n"
        f"for n in range({count}):\n"
        "    view.take(CONTEXT, b'c-%07d' % n, pairs[n % 20_000][1], 0)\n"
        "took=time.perf_counter()-begun\n"
        "after=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "size=sum(len(v) for _, v in pairs)/len(pairs)\n"
        f"print(f'{{len(view):,}} contexts of {{size:,.0f}} bytes: {{(after-before)/1024:,.0f}} MiB, '\n"
        f"      f'{{took/{count}*1e6:.1f}} µs to take one in')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


async def publish(settings: Settings, pairs: Iterable[Pair]) -> int:
    """Writes contexts, without idempotence, which the embedded broker does not have."""
    producer, sent = new_producer(settings.kafka), 0
    await producer.start()
    waiting = []
    for key, value in pairs:
        place = partition_of(key, settings.kafka.partitions)
        waiting.append(await producer.send(settings.topic(CONTEXT), value, key=key, partition=place))
        if len(waiting) >= 2_000:
            await asyncio.gather(*waiting)
            waiting.clear()
        sent += 1
    await asyncio.gather(*waiting)
    await producer.stop()
    return sent


async def load(settings: Settings, options: argparse.Namespace, pid: int) -> None:
    """Asks and measures."""
    url = f"http://127.0.0.1:{settings.api.port}"
    headers, times, tags = {"X-Api-Key": KEY}, [], 0
    async with ClientSession(connector=TCPConnector(limit=options.connections)) as client:
        until = time.perf_counter() + options.seconds
        cpu = cpu_seconds(pid)

        async def ask(seed: int) -> None:
            nonlocal tags
            rng, known = random.Random(seed), ""
            while time.perf_counter() < until:
                customer = f"c-{rng.randrange(options.customers * 2):07d}"  # half of them are not known
                begun = time.perf_counter()
                async with client.get(f"{url}/v1/customers/{customer}/context", headers=headers) as answer:
                    await answer.read()
                    times.append(time.perf_counter() - begun)
                    known = answer.headers["ETag"]
                tags += known != ""
                await asyncio.sleep(options.pause * rng.random() * 2)

        change = asyncio.create_task(_changes(settings, options, until))
        await asyncio.gather(*(ask(seed) for seed in range(options.connections)))
        await change
        cpu = cpu_seconds(pid) - cpu
    cuts = statistics.quantiles(times, n=1_000)
    p50, p90, p99, p999 = (cuts[n] * 1_000 for n in (499, 899, 989, 998))
    print(
        f"{len(times):,} answers, {len(times) / options.seconds:,.0f} a second on {options.connections} connections, "
        f"{options.changes} contexts changed a second: p50 {p50:.1f} ms, p90 {p90:.1f}, p99 {p99:.1f}, "
        f"p99.9 {p999:.1f}, longest {max(times) * 1_000:.0f}; {cpu / len(times) * 1e6:.0f} µs of CPU an answer, "
        f"{memory_mib(pid):.0f} MiB"
    )


async def _changes(settings: Settings, options: argparse.Namespace, until: float) -> None:
    pairs, turn = list(contexts(2_000, seed=7)), 0
    while time.perf_counter() < until and options.changes:
        some = [pairs[(turn + n) % 2_000] for n in range(max(options.changes // 5, 1))]
        await publish(settings, some)
        turn += len(some)
        await asyncio.sleep(0.2)


def _wait_until_ready(port: int) -> None:
    import urllib.request  # noqa: PLC0415

    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2)
        except OSError:
            time.sleep(0.05)
        else:
            return


def main() -> int:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in {"customers": 100_000, "connections": 20, "changes": 200, "memory": 1_000_000}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--pause", type=float, default=0.05, help="Seconds between two questions of a connection.")
    options = parser.parse_args()
    print(machine(), f"load {os.getloadavg()[0]:.1f}")
    with EmbeddedBroker() as broker, tempfile.TemporaryDirectory() as folder:
        tree: dict[str, Any] = {
            "environment": "bench",
            "kafka": {"bootstrap": broker.bootstrap, "partitions": 4, "raw_partitions": 4, "broker_time": False},
            "api": {"port": neighbours("the API", 0, 1), "keys": {"bench": KEY}},
        }
        path = Path(folder) / "touchline.yaml"
        path.write_text(json.dumps(tree), "utf-8")
        settings = load_settings(path, {})
        asyncio.run(create_topics(settings))
        print(f"{asyncio.run(publish(settings, contexts(options.customers))):,} contexts published")
        begun = time.perf_counter()
        command = [sys.executable, "-m", "touchline.cli", "--settings", str(path), "api"]
        with (Path(folder) / "api.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_until_ready(settings.api.port)
            print(f"ready after {time.perf_counter() - begun:.1f} s, {memory_mib(process.pid):.0f} MiB")
            asyncio.run(load(settings, options, process.pid))
        finally:
            process.terminate()
            process.wait(20)
    if options.memory:
        memory_of(options.memory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
