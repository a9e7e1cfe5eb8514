"""Touchpoints, logs and runs for the tests of rules."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from touchline.pipeline.engine.clock import MINUTE, from_ms, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import Output, PlainRecord
from touchline.pipeline.friction.journey import JourneyOptions, JourneyProcessor
from touchline.pipeline.friction.load import parse_rules
from touchline.schemas.codec import decode_signal, encode
from touchline.schemas.control import Tick
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Actor, Channel, SignalStatus, Stage
from touchline.schemas.wire import SIGNALS, TICK_HEADER, TOUCHPOINTS

START = 1_772_442_000_000
"""2026-03-02 09:00 UTC, in milliseconds."""

LATENESS = 10 * MINUTE


HEAD = "schema: friction/1\nrules:\n"


def rule(name: str, detect: str, more: str = "") -> str:
    """A rule on one line, below HEAD."""
    return f'- {{id: {name}, owner: care, stage: support, evidence: "{{at}}", action: act, detect: {detect}{more}}}\n'


def touchpoint(event_id: str, kind: str, at: int, **more: Any) -> EnrichedTouchpoint:
    """An enriched touchpoint at a time in milliseconds."""
    fields: dict[str, Any] = {
        "source": "shop",
        "customer": "c-1",
        "channel": Channel.WEB,
        "stage": Stage.SUPPORT,
        "party": "own",
        "actor": Actor.CUSTOMER,
        "raw_partition": 0,
        "raw_offset": 0,
        **more,
    }
    time = from_ms(at)
    return EnrichedTouchpoint(event_id=event_id, kind=kind, occurred_at=time, received_at=time, **fields)


def tick(high: int, partition: int = 0, partitions: int = 1, wall: int | None = None) -> Tick:
    """How far a raw partition is."""
    return Tick(partition=partition, partitions=partitions, high=high, wall=wall)


def records(log: Sequence[EnrichedTouchpoint | Tick]) -> list[PlainRecord]:
    """A partition of `touchpoints`."""
    found = []
    for offset, entry in enumerate(log):
        if isinstance(entry, Tick):
            found.append(PlainRecord(offset, 0, None, encode(entry), ((TICK_HEADER, b"1"),)))
        else:
            found.append(PlainRecord(offset, 0, entry.customer.encode(), encode(entry)))
    return found


compiled = lru_cache(maxsize=64)(parse_rules)
"""Rules keep nothing between batches, so runs may share them."""


@dataclass
class Run:
    """A shard of `journey` and what it has sent."""

    rules: str
    options: JourneyOptions = field(default_factory=lambda: JourneyOptions(lateness=LATENESS))
    outputs: list[Output] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shard = LocalShard(JourneyProcessor(compiled(self.rules), self.options), 0, 1)

    def feed(self, *log: EnrichedTouchpoint | Tick) -> "Run":
        """Hands in one batch."""
        self.outputs.extend(self.shard.process(TOUCHPOINTS, records(log), 0))
        return self

    def advance(self, high: int) -> "Run":
        """Says that the only raw partition has come to a time."""
        return self.feed(tick(high))

    def signals(self) -> list[Signal]:
        """All signals in the order in which they were sent."""
        return [decode_signal(o.value or b"") for o in self.outputs if o.topic == SIGNALS and o.key is not None]

    def told(self) -> list[tuple[str, int, str]]:
        """Rule, revision and status of each signal sent."""
        return [(s.rule, s.revision, s.status.value) for s in self.signals()]

    @property
    def counts(self) -> dict[str, int]:
        """What was counted."""
        return self.shard.counts


def last_of_each(signals: Sequence[Signal]) -> dict[str, Signal]:
    """The newest revision of each signal. Revisions must count up from 1 without a gap, and open once at the most."""
    newest: dict[str, Signal] = {}
    for signal in signals:
        before = newest.get(signal.signal_id)
        assert signal.revision == (1 if before is None else before.revision + 1)
        assert (signal.status is SignalStatus.OPENED) <= (before is None)
        newest[signal.signal_id] = signal
    return newest


def milliseconds(signal: Signal) -> int:
    """When the friction became true."""
    return to_ms(signal.at)
