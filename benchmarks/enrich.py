"""What `enrich` costs for each event, without Kafka: `python -m benchmarks.enrich`."""

import gc
import json
import logging
import random
import time
from array import array
from collections.abc import Callable, Sequence
from typing import TypeVar

from touchline.agents.enrich import build
from touchline.agents.settings import Settings
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import Headers, PlainRecord
from touchline.pipeline.enrichment.dedupe import SeenIds
from touchline.pipeline.enrichment.sentiment import Sentiment
from touchline.pipeline.intake.formats import Intake
from touchline.schemas.control import ClockMode
from touchline.schemas.wire import RAW

T = TypeVar("T")

EVENTS = 12_000
BATCH = 4_000
ROUNDS = 12
START = 1_772_366_400_000
TEXT = "I have been waiting for my refund for two weeks and nobody answers, this is really not acceptable."
CE: Headers = (("ce_specversion", b"1.0"), ("ce_id", b"x"), ("ce_source", b"shop"), ("ce_type", b"order.shipped"))


def event(number: int, **more: object) -> bytes:
    """A touchpoint of about 300 bytes."""
    seconds = number // 100 % 60
    said = {
        "event_id": f"e-{number:09}-d9cb-469f-a165",
        "source": "shop",
        "occurred_at": f"2026-03-01T12:{number // 6_000 % 60:02}:{seconds:02}.{number % 100:02}0Z",
        "kind": "order.shipped",
        "customer_id": f"c-{number % 50_000}",
        "subjects": [f"order:{number}"],
        "attributes": {"promised_at": "2026-03-04T18:00:00Z", "value": 12.5, "items": 3},
    }
    return json.dumps({**said, **more}).encode()


def per_event(work: Callable[[], None], count: int) -> float:
    """Microseconds of processor time for each event, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best / count * 1e6


def each(function: Callable[[T], object], arguments: Sequence[T]) -> float:
    """A function by itself."""

    def work() -> None:
        for argument in arguments:
            function(argument)

    return per_event(work, len(arguments))


def whole(values: Sequence[bytes], headers: Headers = ()) -> float:
    """The processor, from raw record to encoded output and changelog entry."""
    processor = build(Settings(clock=ClockMode.LOG))
    records = [PlainRecord(n, START, None, value, headers) for n, value in enumerate(values)]

    def work() -> None:
        shard = LocalShard(processor, 0, 4)
        for begin in range(0, len(records), BATCH):
            shard.process(RAW, records[begin : begin + BATCH], START)

    return per_event(work, len(values))


def seen_ids(count: int) -> dict[str, float]:
    """Time for each id while filling and when full; memory and time to read back for `count` ids."""
    seen, hashes = SeenIds(count, 10**12), [random.getrandbits(64) for _ in range(2 * count)]
    marks = [time.process_time()]
    for half in (hashes[:count], hashes[count:]):
        for identity in half:
            seen.add(identity, 0)
        marks.append(time.process_time())
    changelog = list(seen.changes())
    again = SeenIds(count, 10**12)
    began = time.process_time()
    for key, value in changelog:
        again.load(key, value)
    assert len(again) == count
    restored = time.process_time() - began
    return {
        "seen ids, filling (µs)": (marks[1] - marks[0]) / count * 1e6,
        "seen ids, full (µs)": (marks[2] - marks[1]) / count * 1e6,
        "seen ids, memory (bytes an id)": _bytes(seen) / count,
        "seen ids, read back (s)": restored,
    }


def _bytes(seen: SeenIds) -> float:
    return sum(part.itemsize * len(part) for part in vars(seen).values() if isinstance(part, array))


def yardstick() -> float:
    """Nanoseconds for one turn of an empty loop, so that figures of a busy machine can be told from slow code."""
    began = time.process_time()
    total = 0
    for number in range(2_000_000):
        total += number & 3
    return (time.process_time() - began) / 2_000_000 * 1e9


def figures() -> dict[str, float]:
    """All figures by name."""
    logging.disable()  # the alarm over rejections is wanted nowhere here
    plain = [event(n) for n in range(EVENTS)]
    mixed = [event(n, text=TEXT) if n % 7 == 0 else value for n, value in enumerate(plain)]
    parse, score = Intake().parse, Sentiment().score
    gc.freeze()
    gc.set_threshold(100_000)
    return {
        "an empty loop (ns a turn)": yardstick(),
        "parse and validate (µs)": each(parse, plain),
        "whole, no text (µs)": whole(plain),
        "whole, one in seven with a text of 18 words (µs)": whole(mixed),
        "whole, CloudEvents binary (µs)": whole(plain, CE),
        "whole, all rejected (µs)": whole([value.replace(b'"kind"', b'"knd"') for value in plain]),
        "sentiment of a text of 18 words (µs)": each(score, [TEXT] * 5_000),
        **seen_ids(1_000_000),
    }


def main() -> None:
    """Prints the figures."""
    for name, value in figures().items():
        print(f"{value:10.2f}  {name}")


if __name__ == "__main__":
    main()
