"""Rules alone: µs per event of the journey processor with the built-in rules, and bytes per customer.

    python benchmarks/rules.py [--events N] [--customers N]

In order, and with 1 % of the events late within the lateness. Decoding and the encoding of changed state are told
apart, because the live run pays for them too. CPU time, so that a busy machine tells the same.
"""

import argparse
import gc
import json
import random
import sys
import time
from collections.abc import Sequence
from typing import Any

from touchline.pipeline.engine.clock import MINUTE, SECOND, from_ms
from touchline.pipeline.engine.records import Batch, Outbox, PlainRecord
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.journey import JourneyProcessor, JourneyState
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.friction.state import encode_customer
from touchline.schemas.codec import decode_touchpoint, encode
from touchline.schemas.control import Tick
from touchline.schemas.touchpoint import EnrichedTouchpoint, Score
from touchline.schemas.vocabulary import ScoreScale
from touchline.schemas.wire import TICK_HEADER, TOUCHPOINTS

START = 1_772_442_000_000
BATCH = 4_000
# How often which kind comes, as a shop sees it: most touchpoints are about nothing that a rule waits for.
MIX = {
    "page.viewed": 30, "product.viewed": 15, "cart.updated": 8, "app.opened": 8, "checkout.started": 4,
    "order.placed": 4, "payment.approved": 4, "order.shipped": 4, "delivery.scanned": 8, "contact.opened": 2,
    "call.completed": 2, "self_service.searched": 3, "bot.ended": 2, "ticket.opened": 1, "ticket.resolved": 1,
    "ticket.reopened": 0.2, "checkout.error": 0.5, "survey.answered": 1.5, "device.error": 1, "payment.failed": 0.5,
}  # fmt: skip


def history(events: int, customers: int, late: float, seed: int = 7) -> list[EnrichedTouchpoint]:
    """Events in order of arrival, 50 a second; a share of them up to ten minutes late."""
    rng, catalogue = random.Random(seed), Catalogue()
    kinds = rng.choices(list(MIX), list(MIX.values()), k=events)
    orders: dict[str, int] = {}
    found = []
    high = START
    for number, kind in enumerate(kinds):
        at = START + number * 20
        behind = rng.randint(1, 9 * MINUTE) if rng.random() < late else 0
        high = max(high, at)
        customer = f"c-{rng.randrange(customers)}"
        if kind == "order.placed":
            orders[customer] = orders.get(customer, 0) + 1
        place = catalogue.place(kind)
        promised = from_ms(at + 2 * 86_400_000).isoformat()
        known: dict[str, dict[str, Any]] = {
            "order.placed": {"promised_at": promised, "value": 30.5},
            "delivery.scanned": {"status": rng.choice(["in_transit", "delivered"])},
            "self_service.searched": {"results": rng.randrange(4)},
            "bot.ended": {"outcome": rng.choice(["resolved", "failed"])},
            "call.completed": {"transfers": rng.randrange(3)},
        }
        attributes = known.get(kind, {})
        about = f"order:{customer}-{orders.get(customer, 0)}" if place.stage == "delivery" or "order" in kind else ""
        found.append(
            EnrichedTouchpoint(
                event_id=f"event-{number:08d}", source="shop", occurred_at=from_ms(at - behind), kind=kind,
                customer=customer, channel=place.channel, stage=place.stage, party=place.party, actor=place.actor,
                received_at=from_ms(at), raw_partition=0, raw_offset=number, late_seconds=(high - at + behind) / SECOND,
                subjects=(about,) if about else ("ticket:1",) if kind.startswith("ticket") else (),
                wait_seconds=rng.uniform(0, 700) if kind == "call.completed" else None,
                score=Score(scale=ScoreScale.CSAT, value=rng.randint(1, 5)) if kind == "survey.answered" else None,
                attributes=dict(attributes),
            )
        )  # fmt: skip
    return found


def log(events: Sequence[EnrichedTouchpoint]) -> list[PlainRecord]:
    """As `enrich` writes it: a tick after each second of events."""
    records: list[PlainRecord] = []
    for number, event in enumerate(events):
        records.append(PlainRecord(len(records), 0, event.customer.encode(), encode(event)))
        if number % 64 == 63:
            tick = Tick(partition=0, partitions=1, high=START + number * 20)
            records.append(PlainRecord(len(records), 0, None, encode(tick), ((TICK_HEADER, b"1"),)))
    return records


def measure(records: Sequence[PlainRecord], events: int) -> tuple[dict[str, float], JourneyState]:
    """CPU µs an event: in all, of it decoding, and of it encoding the changed state."""
    processor = JourneyProcessor(load_rules())
    state = processor.new_state()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)  # as the runtime does
    start = time.process_time()
    for record in records:
        if not record.headers:
            decode_touchpoint(record.value or b"")
    decoding = time.process_time() - start
    worked = stored = 0.0
    signals = 0
    for first in range(0, len(records), BATCH):
        out = Outbox()
        start = time.process_time()
        processor.process(Batch(TOUCHPOINTS, 0, 1, 0, records[first : first + BATCH]), state, out)
        middle = time.process_time()
        for piece in state.pieces.values():
            piece.changes()
        stored += time.process_time() - middle
        worked += middle - start
        signals += sum(output.key is not None for output in out.records)
    micro = 1_000_000 / events
    return {
        "total_us": round((worked + stored) * micro, 2),
        "decode_us": round(decoding * micro, 2),
        "rules_us": round((worked - decoding) * micro, 2),
        "store_us": round(stored * micro, 2),
        "signals": signals,
    }, state


def state_bytes(state: JourneyState) -> dict[str, float]:
    """What one customer takes: encoded, and in memory with key and dictionary entry when not in use."""
    store = state.customers
    keys = list(store.keys())
    sizes, memory = [], 0
    for key in keys:
        value = store.get(key, 0)
        if value is None:
            continue
        assert value is not None
        packed = encode_customer(value)
        sizes.append(len(packed))
        memory += sys.getsizeof(packed) + 16 + sys.getsizeof(key) + 100  # an entry of a dict: about 100 bytes
    return {
        "customers": len(keys),
        "encoded_mean": round(sum(sizes) / len(sizes), 1),
        "encoded_p99": sorted(sizes)[int(len(sizes) * 0.99)],
        "memory_gib_for_1m": round(memory / len(keys) * 1e6 / 2**30, 3),
    }


def main() -> None:
    """Prints the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--customers", type=int, default=5_000)
    options = parser.parse_args()
    results: dict[str, object] = {"events": options.events, "rules": len(load_rules().rules)}
    for name, late in (("in_order", 0.0), ("late_1_percent", 0.01)):
        records = log(history(options.events, options.customers, late))
        figures, state = measure(records, options.events)
        results[name] = figures
        results[name + "_state"] = state_bytes(state)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
