"""Rules alone: µs of CPU an event from a decoded touchpoint to signals in the outbox, and bytes of state a customer.

    python -m benchmarks.rules [--events N] [--customers N] [--rules 8 12 50 500] [--repeat N] [--health] [--profile]

Two paces: `dense` (the whole history within 67 minutes, so that nearly all of it can still change) and `month` (visits
spread over 30 days). 1 % of the events come late within the lateness. CPU time, of each batch the best of several runs.
Decoding records and encoding changed state are measured too and told apart: the live run pays for them as well.
"""

import argparse
import cProfile
import gc
import json
import math
import pstats
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.rule_load import PACES, Pace, history, log, rule_set
from touchline.pipeline.engine.records import Batch, Outbox, PlainRecord
from touchline.pipeline.friction.code import Mark
from touchline.pipeline.friction.journey import JourneyOptions, JourneyProcessor, JourneyState
from touchline.pipeline.friction.packing import packing
from touchline.pipeline.friction.rules import RuleSet
from touchline.pipeline.measures.health import HealthPolicy
from touchline.schemas.codec import decode_touchpoint
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.wire import SIGNALS, TOUCHPOINTS

BATCH: Final = 1_000
MICRO: Final = 1_000_000
LATE: Final = 0.01
GOALS: Final = {12: 2.5, 50: 5.0}
"""µs an event by number of rules."""


@dataclass(slots=True)
class Run:
    """One run: CPU seconds of each batch in the processor, and to encode what it changed; and what came of it all."""

    state: JourneyState
    worked: list[float] = field(default_factory=list)
    stored: list[float] = field(default_factory=list)
    signals: int = 0


def batches(records: Sequence[PlainRecord]) -> Iterator[Sequence[PlainRecord]]:
    """The records in pieces."""
    return (records[first : first + BATCH] for first in range(0, len(records), BATCH))


def decoding(records: Sequence[PlainRecord]) -> list[float]:
    """CPU seconds to decode the touchpoints of each batch."""
    taken = []
    for batch in batches(records):
        start = time.process_time()
        for record in batch:
            if not record.headers:
                decode_touchpoint(record.value or b"")
        taken.append(time.process_time() - start)
    return taken


def run(rules: RuleSet, records: Sequence[PlainRecord], health: HealthPolicy | None = None) -> Run:
    """The whole history through a processor. `health`: relationships are scored as well."""
    processor = JourneyProcessor(rules, JourneyOptions(health=health))
    state = processor.new_state()
    found = Run(state)
    for piece in batches(records):
        out = Outbox()
        batch = Batch(TOUCHPOINTS, 0, 1, 0, piece)
        start = time.process_time()
        processor.process(batch, state, out)
        middle = time.process_time()
        for stored in state.pieces.values():
            stored.changes()
        found.stored.append(time.process_time() - middle)
        found.worked.append(middle - start)
        found.signals += sum(output.topic == SIGNALS and output.key is not None for output in out.records)
    return found


def best(runs: Iterable[list[float]]) -> float:
    """The sum over batches of the best that any run took for it: every run does the same, and other work on the machine
    only adds."""
    return math.fsum(min(batch) for batch in zip(*runs, strict=True))


def measure(
    rules: RuleSet, records: Sequence[PlainRecord], events: int, repeat: int, health: HealthPolicy | None = None
) -> dict[str, Any]:
    """The figures of one set of rules."""
    runs = [run(rules, records, health) for _ in range(repeat)]
    decode = best(decoding(records) for _ in range(repeat))
    found: dict[str, Any] = {
        "rules_us": round((best(r.worked for r in runs) - decode) * MICRO / events, 2),
        "goal_us": GOALS.get(len(rules.rules)),
        "decode_us": round(decode * MICRO / events, 2),
        "store_us": round(best(r.stored for r in runs) * MICRO / events, 2),
        "signals": runs[0].signals,
    }
    return found | state_bytes(runs[0].state)


def fan_out(rules: RuleSet, events: Sequence[EnrichedTouchpoint]) -> dict[str, float]:
    """The share of events of a kind that no rule waits for, and how many rules the others concern."""
    kinds = {event.kind for event in events}
    waiting = {kind: sum(any(p.wants(kind) for p in rule.patterns) for rule in rules.rules) for kind in kinds}
    tested = [waiting[event.kind] for event in events]
    hits = [_hit(rules, event) for event in events]
    return {
        "no_rule_waits": round(sum(not n for n in tested) / len(events), 2),
        "no_rule_hit": round(sum(not n for n in hits) / len(events), 2),
        "rules_tested_an_event": round(statistics.fmean(tested), 2),
        "rules_hit_an_event": round(statistics.fmean(hits), 2),
    }


def _hit(rules: RuleSet, event: EnrichedTouchpoint) -> int:
    """How many rules an event concerns."""
    marks: list[Mark] = []
    rules.read(event, marks)
    return len({rule for rule, _, _ in marks})


def state_bytes(state: JourneyState) -> dict[str, float]:
    """What one customer takes: encoded, and in memory with key and dictionary entry when not in use."""
    store = state.customers
    sizes, memory = [], 0
    encode = packing(state.words)[0]
    keys = store.keys()
    for key in keys:
        value = store.get(key, 0)
        if value is None:
            continue
        packed = encode(value)
        sizes.append(len(packed))
        memory += sys.getsizeof(packed) + 16 + sys.getsizeof(key) + 100  # an entry of a dict: about 100 bytes
    return {
        "customers": len(sizes),
        "state_bytes_mean": round(statistics.fmean(sizes), 1),
        "state_bytes_p99": sorted(sizes)[int(len(sizes) * 0.99)],
        "memory_gib_for_1m": round(memory / len(sizes) * 1e6 / 2**30, 3),
    }


def main() -> None:
    """Prints the figures as JSON, one line for each set of rules and pace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--rules", type=int, nargs="+", default=[8, 12, 50, 500])
    parser.add_argument("--paces", nargs="+", choices=list(PACES), default=list(PACES))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="where the time goes instead of how much it is")
    parser.add_argument("--health", action="store_true", help="score relationships as well, as the live run does")
    options = parser.parse_args()
    gc.set_threshold(100_000, 50, 1_000)  # as the runtime does
    for pace in options.paces:
        events = history(Pace(options.events, options.customers, *PACES[pace]), LATE)
        records = log(events)
        gc.collect()
        gc.freeze()
        for number in options.rules:
            rules = rule_set(number)
            if options.profile:
                with cProfile.Profile() as profile:
                    run(rules, records)
                pstats.Stats(profile).sort_stats("tottime").print_stats(40)
                continue
            health = HealthPolicy() if options.health else None
            figures = measure(rules, records, len(events), options.repeat, health)
            print(json.dumps({"rules": number, "pace": pace} | figures | fan_out(rules, events)), flush=True)


if __name__ == "__main__":
    main()
