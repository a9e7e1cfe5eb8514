"""What rules cost: how many look at each kind, and how many bytes one group of a rule takes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from touchline.pipeline.engine.clock import SECOND, to_ms
from touchline.pipeline.enrichment.kinds import AttributeType, Catalogue
from touchline.pipeline.friction.affected import MAX_COUNTED
from touchline.pipeline.friction.composite import MAX_PARTS, CompositeDetector, part_of
from touchline.pipeline.friction.fields import Value
from touchline.pipeline.friction.places import fits
from touchline.pipeline.friction.positive import MAX_WINDOW
from touchline.pipeline.friction.rules import Rule
from touchline.pipeline.friction.state import CLOSING, CONTEXT, EMPTY, FIRST, Crossing, Emitted, Item, Machine
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.types import Scalar
from touchline.schemas.vocabulary import Actor, Channel, SignalStatus, Stage

_TIME: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
_SAMPLES: Final[dict[AttributeType, Scalar]] = {
    AttributeType.NUMBER: 12.5,
    AttributeType.INTEGER: 12,
    AttributeType.BOOLEAN: True,
}
_CHANNELS: Final = tuple(Channel)
_TEXT: Final = _TIME.isoformat()
"""A text of middle length, which is also a time where one is needed."""
_encode: Final = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class RuleCost:
    """One rule. `kinds`: of the catalogue that it looks at. `bytes_per_key`: of one group (a customer, an order …) just
    before the rule fires; `bytes_most`: of one with as many events as are kept."""

    rule: str
    kinds: int
    bytes_per_key: int
    bytes_most: int


def handlers(rules: Iterable[Rule], catalogue: Catalogue) -> dict[str, int]:
    """How many rules look at an event of each kind: those of the catalogue, and those that rules name besides. The most
    first."""
    found: Counter[str] = Counter()
    for rule in rules:
        named = {kind for pattern in rule.patterns for kind in pattern.kinds}
        known = {kind for kind in catalogue.kinds if any(fits(kind, wanted) for wanted in named)}
        found.update(known | {kind for kind in named if not kind.endswith("*")})
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def cost_of(rule: Rule, catalogue: Catalogue) -> RuleCost:
    """The cost of a rule. Bytes are measured: made-up events, with what the rule keeps of each, are stepped through its
    detector, and its state is encoded as the changelog does."""
    detect = rule.spec.detect
    if isinstance(rule.detector, CompositeDetector):
        least = rule.detector.at_least - 1
        return RuleCost(rule.spec.id, 0, _linked_bytes(rule, rule.detector, least), _linked_bytes(rule, rule.detector))
    if detect.affected is not None:
        before, most = (_affected(rule, events) for events in (detect.affected.customers - 1, MAX_COUNTED))
        kinds = [kind for kind in catalogue.kinds if any(pattern.wants(kind) for pattern in rule.patterns)]
        return RuleCost(rule.spec.id, len(kinds), before, most)
    counting = detect.count or detect.distinct
    reckoning = detect.sum or detect.average or detect.percentile or detect.ratio
    before = counting.at_least - 1 if counting else reckoning.min_events - 1 if reckoning else 1
    kinds = [kind for kind in catalogue.kinds if any(pattern.wants(kind) for pattern in rule.patterns)]
    return RuleCost(rule.spec.id, len(kinds), _bytes(rule, catalogue, before), _bytes(rule, catalogue, MAX_WINDOW))


def _linked_bytes(rule: Rule, detector: CompositeDetector, signals: int = MAX_PARTS) -> int:
    """With so many signals of its rules, each about five events."""
    parts = []
    for n in range(signals):
        events = tuple(f"00000000-0000-4000-8000-{n:04d}{m:08d}" for m in range(5))
        at = to_ms(_TIME) + n * SECOND
        crossing = Crossing(at, at, events, events, 5, 5, at, "own", "self_service", {})
        said = Emitted(events[0], 1, SignalStatus.OPENED.value, crossing)
        number = n % len(detector.rules)
        parts.append(part_of(said, detector.rules[number], "order:1234567", number, linked=False))
    machine = detector.current(detector.told(EMPTY, parts, to_ms(_TIME)))
    return len(_encode(replace(machine, pending=()))) + len(rule.key) + len(_TEXT)


def _bytes(rule: Rule, catalogue: Catalogue, events: int) -> int:
    machine: Machine = EMPTY
    opening = [pattern for pattern in rule.patterns if pattern.roles & ~(CLOSING | CONTEXT)]
    for number in range(events):
        for pattern in opening:
            event = _event(rule, catalogue, pattern.kinds[0].replace("*", "any"), number)
            item = rule.view(event, to_ms(_TIME) + number * SECOND, pattern.roles)
            if item is not None:
                machine = rule.detector.step(machine, item)
    return len(_encode(machine)) + len(rule.key) + len(_TEXT)


def _affected(rule: Rule, customers: int) -> int:
    """Of a cause of incidents with so many customers."""
    facts: dict[str, Value] = dict.fromkeys(rule.captures, _TEXT)
    window = tuple(
        Item(
            to_ms(_TIME) + n, 0, n, f"00000000-0000-4000-8000-{n:012d}", f"customer-{n:05d}", FIRST, "own", "app", facts
        )
        for n in range(customers)
    )
    return len(_encode(Machine(window))) + len(rule.key) + len(_TEXT)


def _event(rule: Rule, catalogue: Catalogue, kind: str, number: int) -> EnrichedTouchpoint:
    entry = catalogue.kinds.get(kind)
    types = entry.attributes if entry is not None else {}
    attributes: dict[str, Scalar] = {
        name: _SAMPLES.get(types.get(name, AttributeType.STRING), _TEXT) for name in rule.captures
    }
    if rule.needs is not None and isinstance(attributes.get(rule.needs), str):
        attributes[rule.needs] = f"{_TEXT}{number:04d}"
    return EnrichedTouchpoint(
        event_id=f"00000000-0000-4000-8000-{number:012d}",
        source="a-source",
        occurred_at=_TIME,
        kind=kind,
        customer="customer-12345",
        channel=_CHANNELS[number % len(_CHANNELS)],
        stage=Stage.USE,
        party="own",
        actor=Actor.CUSTOMER,
        subjects=("order:1234567",),
        attributes=attributes,
        received_at=_TIME,
        raw_partition=0,
        raw_offset=1_000_000 + number,
        late_seconds=0.0,
    )
