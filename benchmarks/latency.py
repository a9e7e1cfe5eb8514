"""(d) Latency from publish to signal: through `enrich` and `journey`, two hops, at a steady rate on the live clock.

python -m benchmarks.latency [--rate 2000] [--seconds 20] [--partitions 4 8 16] [--bootstrap …]

Every twentieth event matches a rule, so each gives a signal; latency is the signal's arrival at a reader of committed
records less the moment its event was handed to the publisher's client.
"""

import argparse
import asyncio
import json
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaProducer, TopicPartition

from benchmarks.support import Bench, bench, machine
from tests.support.kafka import RealKafka
from touchline.agents.runtime.clients import new_reader
from touchline.schemas.wire import RAW, SIGNALS, TICK_HEADER

RULE = """
schema: friction/1
rules:
- id: marked
  version: 1
  owner: service
  control: own
  stage: support
  severity: low
  cooldown: 1ms
  detect:
    match: {event: contact.opened, where: marked == True}
  evidence: "an event that is marked"
  action: nothing
"""
MARKED_EVERY = 20
WARM_UP = 5.0


async def publish_steadily(place: Bench, rate: int, seconds: float) -> dict[str, float]:
    """Publishes at a rate; returns when each marked event was sent."""
    producer = AIOKafkaProducer(bootstrap_servers=place.settings.kafka.bootstrap, enable_idempotence=True, linger_ms=1)
    await producer.start()
    topic = place.settings.topic(RAW)
    sent: dict[str, float] = {}
    begun = time.time()
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        if (wait := due - time.time()) > 0.001:
            await asyncio.sleep(wait)
        marked = number % MARKED_EVERY == 0
        event = {
            "event_id": f"e{number}",
            "source": "bench",
            "occurred_at": datetime.now(UTC).isoformat(),
            "kind": "contact.opened",
            "customer_id": f"c{number % 50_021}",
            "attributes": {"marked": marked, "topic": "delivery", "session": f"{number:012x}"},
        }
        if marked:
            sent[f"e{number}"] = time.time()
        await producer.send(topic, json.dumps(event).encode(), key=str(event["customer_id"]).encode())
    await producer.stop()
    return sent


async def listen(place: Bench, wanted: int, until: float) -> dict[str, float]:
    """When the signal of each marked event was read."""
    reader = new_reader(place.settings.kafka)
    await reader.start()
    partitions = [TopicPartition(place.settings.topic(SIGNALS), n) for n in range(place.settings.kafka.partitions)]
    reader.assign(partitions)
    for partition in partitions:
        reader.seek(partition, 0)
    seen: dict[str, float] = {}
    while len(seen) < wanted and time.time() < until:
        for records in (await reader.getmany(timeout_ms=100)).values():
            now = time.time()
            for record in records:
                if not (record.headers and record.headers[0][0] == TICK_HEADER):
                    seen.setdefault(json.loads(record.value)["events"][0], now)
    await reader.stop()
    return seen


async def _ready(place: Bench) -> None:
    deadline = time.time() + 60
    while time.time() < deadline:
        logs = [(place.folder / f"{agent}.log").read_text() for agent in ("enrich", "journey")]
        if all(log.count(": open,") >= place.settings.kafka.partitions for log in logs):
            return
        await asyncio.sleep(0.2)
    raise SystemExit(f"the workers did not open their shards; logs in {place.folder}")


async def _run(place: Bench, rate: int, seconds: float) -> list[float]:
    await _ready(place)
    wanted = int(rate * seconds) // MARKED_EVERY
    listening = asyncio.create_task(listen(place, wanted, time.time() + seconds + 30))
    sent = await publish_steadily(place, rate, seconds)
    seen = await listening
    if len(seen) < len(sent):
        raise SystemExit(f"{len(sent) - len(seen)} signals did not come; logs in {place.folder}")
    first = min(sent.values())
    return sorted(seen[key] - at for key, at in sent.items() if at - first > WARM_UP)


def measure(bootstrap: str, partitions: int, checkpoint: str, rate: int, seconds: float) -> dict[str, float]:
    """One run: p50, p90, p99 and the greatest latency in milliseconds, after a warm-up of five seconds."""
    changes = {
        "clock": "live",
        "kafka": {"partitions": partitions, "raw_partitions": partitions, "checkpoint": checkpoint},
        "journey": {"builtin_rules": False, "rules": []},
    }
    with bench(bootstrap, "latency", changes) as place:
        rules = Path(place.folder) / "rules"
        rules.mkdir()
        (rules / "marked.yaml").write_text(RULE)
        place.file.write_text(place.file.read_text().replace("rules: []", f"rules: [{rules}]"))
        with place.workers("enrich", "journey"):
            latencies = asyncio.run(_run(place, rate, seconds))
    cuts = statistics.quantiles(latencies, n=100)
    at = {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "max": latencies[-1]}
    return {"signals": len(latencies), **{name: round(value * 1_000, 1) for name, value in at.items()}}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--partitions", type=int, nargs="*", default=[4, 8, 16])
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--bootstrap")
    options = parser.parse_args()
    print(machine())
    for partitions in options.partitions:
        for checkpoint in ("transactional", "idempotent"):
            for _ in range(options.runs):
                if options.bootstrap:
                    found = measure(options.bootstrap, partitions, checkpoint, options.rate, options.seconds)
                else:
                    with RealKafka.start() as kafka:
                        found = measure(kafka.bootstrap, partitions, checkpoint, options.rate, options.seconds)
                print(f"{partitions} partitions, {checkpoint}: {found}", flush=True)


if __name__ == "__main__":
    main()
