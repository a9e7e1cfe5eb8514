"""Memory of `journey` for a million known customers, and how long a killed worker takes to read their state again.

python -m benchmarks.recovery [--customers 1000000] [--events 2000000] [--bootstrap …]

Every customer has touchpoints that rules wait for (contacts, a survey, an order under way). The worker is killed with
SIGKILL after all of it, so the changelog holds what compaction has not yet removed, and is started again.
"""

import argparse
import asyncio
import random
import re
import time
import urllib.request
from collections.abc import Iterator

from benchmarks.support import Bench, Pair, bench, machine, memory_mib, publish
from tests.support.kafka import RealKafka
from touchline.pipeline.engine.clock import SECOND, from_ms
from touchline.schemas.codec import encode
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Actor, Channel, Stage
from touchline.schemas.wire import TOUCHPOINTS

START = 1_790_000_000_000
PARTITIONS = 4
LIMIT = 900.0
KINDS = (
    ("contact.opened", Channel.VOICE, Stage.SUPPORT),
    ("email.received", Channel.EMAIL, Stage.SUPPORT),
    ("order.placed", Channel.WEB, Stage.PURCHASE),
    ("survey.answered", Channel.SURVEY, Stage.SUPPORT),
    ("checkout.error", Channel.WEB, Stage.PURCHASE),
)


def history(customers: int, events: int) -> Iterator[Pair]:
    """Enriched touchpoints as `enrich` writes them, an hour's worth in order of time, over all customers."""
    rng = random.Random(5)
    step = 3_600 * SECOND / events
    for number in range(events):
        customer = f"c-{number if number < customers else rng.randrange(customers):08d}"
        kind, channel, stage = KINDS[number % len(KINDS)]
        at = from_ms(START + int(number * step))
        event = EnrichedTouchpoint(
            event_id=f"e-{number:09d}", source="shop", occurred_at=at, kind=kind, customer=customer, channel=channel,
            stage=stage, party="own", actor=Actor.CUSTOMER, received_at=at, raw_partition=0, raw_offset=number,
            subjects=(f"order:{number}",) if kind == "order.placed" else (),
            attributes={"promised_at": "2026-12-01T00:00:00Z"} if kind == "order.placed" else {"topic": "delivery"},
        )  # fmt: skip
        yield customer.encode(), encode(event)


def _metric(place: Bench, name: str) -> float:
    log = (place.folder / "journey.log").read_text()
    url = re.findall(r"(http://\S+)/metrics", log)[-1]
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:  # noqa: S310
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", answer.read().decode(), re.MULTILINE)
    return sum(map(float, found))


def _wait(place: Bench, events: int) -> float:
    begun = time.perf_counter()
    while time.perf_counter() - begun < LIMIT:
        time.sleep(0.5)
        log = place.folder / "journey.log"
        if log.exists() and "/metrics" in log.read_text() and _metric(place, "touchline_records_total") >= events:
            return time.perf_counter() - begun
    raise SystemExit(f"not through after {LIMIT:.0f} s; logs in {place.folder}")


def measure(bootstrap: str, customers: int, events: int) -> dict[str, float]:
    """One run: memory after all events, then kill and restart."""
    kafka = {"partitions": PARTITIONS, "raw_partitions": PARTITIONS}
    with bench(bootstrap, "recovery", {"kafka": kafka}) as place:
        asyncio.run(publish(place.settings, TOUCHPOINTS, history(customers, events), PARTITIONS))
        with place.workers("journey") as (journey,):
            seconds = _wait(place, events)
            figures: dict[str, float] = {"customers": customers, "events": events}
            figures["events_per_s_with_start"] = round(events / seconds)
            figures["memory_mib"] = round(memory_mib(journey.pid))
            journey.kill()
            journey.wait()
        before = (place.folder / "journey.log").read_text().count(": open,")
        started = time.perf_counter()
        with place.workers("journey") as (journey,):
            while (text := (place.folder / "journey.log").read_text()).count(": open,") < before + PARTITIONS:
                if time.perf_counter() - started > LIMIT:
                    raise SystemExit(f"not open again; logs in {place.folder}")
                time.sleep(0.1)
            figures["recovered_after_s"] = round(time.perf_counter() - started, 1)
            figures["memory_after_recovery_mib"] = round(memory_mib(journey.pid))
        opened = re.findall(r": open, (\d+) changelog records read in ([\d.]+) s", text)[-PARTITIONS:]
        figures["changelog_records"] = sum(int(count) for count, _ in opened)
        figures["read_s"] = round(sum(float(took) for _, took in opened), 1)
    return figures


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--bootstrap")
    options = parser.parse_args()
    print(machine())
    if options.bootstrap:
        print(measure(options.bootstrap, options.customers, options.events))
    else:
        with RealKafka.start() as kafka:
            print(measure(kafka.bootstrap, options.customers, options.events))


if __name__ == "__main__":
    main()
