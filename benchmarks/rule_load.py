"""Rules and touchpoints for the benchmark of rules: sets of any size from varied detectors, and a shop's history.

"Typical fan-out" means here: three in five touchpoints are browsing, on which one generated rule in ten waits, with a
condition that is seldom true; the others are spread over 36 kinds, of which each generated rule draws its own. What
opens a signal by itself (match, absence) has a condition that one event in twenty meets: friction is the exception.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from touchline.pipeline.engine.clock import DAY, MINUTE, SECOND, from_ms
from touchline.pipeline.engine.records import PlainRecord
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.load import compile_files, load_rules, set_hash
from touchline.pipeline.friction.rules import RuleSet
from touchline.schemas.codec import encode
from touchline.schemas.control import Tick
from touchline.schemas.touchpoint import EnrichedTouchpoint, Score
from touchline.schemas.vocabulary import ScoreScale
from touchline.schemas.wire import TICK_HEADER
from touchline.schemas.yamlfile import YamlFile

START: Final = 1_772_442_000_000
BROWSING: Final = {"page.viewed": 30, "product.viewed": 15, "cart.updated": 8, "app.opened": 8}
OTHERS: Final = {
    "checkout.started": 4, "order.placed": 4, "payment.approved": 4, "order.shipped": 4, "delivery.scanned": 8,
    "contact.opened": 1.5, "call.started": 1, "call.completed": 1, "self_service.searched": 2, "bot.ended": 1.5,
    "survey.answered": 1.5, "ticket.opened": 1, "ticket.resolved": 1, "device.error": 1, "search.done": 1,
    "chat.started": 0.5, "chat.ended": 0.5, "email.received": 0.5, "email.answered": 0.5, "ticket.assigned": 0.5,
    "checkout.error": 0.4, "payment.failed": 0.4, "page.failed": 0.4, "app.crashed": 0.3, "order.delayed": 0.3,
    "return.requested": 0.3, "return.received": 0.3, "return.refunded": 0.3, "follow_up.made": 0.3,
    "call.abandoned": 0.2, "ticket.reopened": 0.2, "order.cancelled": 0.2, "delivery.rescheduled": 0.2,
    "complaint.made": 0.1, "invoice.disputed": 0.1, "login.failed": 0.1,
}  # fmt: skip
"""How often which kind comes, in percent, as a shop sees it."""

SHAPES: Final = ("match", "count", "count", "distinct", "sequence", "absence", "absence")


def rule_set(number: int) -> RuleSet:
    """So many rules: built-in ones, taken evenly from all of them, and as many generated ones as are missing."""
    built_in = load_rules()
    rng = random.Random(11)
    missing = max(0, number - len(built_in.rules))
    text = "schema: friction/1\nrules:\n" + "".join(_rule(n, rng) for n in range(missing))
    made = compile_files([YamlFile(text, "generated")], built_in.tally) if missing else []
    taken = min(number, len(built_in.rules))
    rules = (*(built_in.rules[n * len(built_in.rules) // taken] for n in range(taken)), *made)
    return RuleSet(rules, set_hash([rule.spec for rule in rules]), built_in.tally)


def _rule(number: int, rng: random.Random) -> str:
    shape = SHAPES[number % len(SHAPES)]
    first, second, third = rng.sample(list(OTHERS), 3)
    if number % 10 == 9:
        first = rng.choice(list(BROWSING))
    seldom = number % 10 == 9 or shape in {"match", "absence"}
    condition = ", where: x >= 95" if seldom else rng.choice(["", ", where: x >= 50", ", where: x < 70 and x >= 20"])
    within = rng.choice(["1h", "24h", "72h", "7d"])
    one = f"event: [{first}, {second}]{condition}" if rng.random() < 0.3 else f"event: {first}{condition}"
    detect = {
        "match": f"{{match: {{{one}}}}}",
        "count": f"{{count: {{{one}, at_least: {rng.randint(3, 6)}, within: {within}}}}}",
        "distinct": f"{{distinct: {{{one}, value: channel, at_least: 3, within: {within}}}}}",
        "sequence": f"{{sequence: {{steps: [{{as: a, {one}}}, {{event: {second}}}], within: {within}}}}}",
        "absence": f"{{absence: {{after: {{{one}}}, expect: {{event: {second}}}, deadline: {within}}}}}",
    }[shape]
    resolve = f"  resolve: {{event: {third}}}\n" if rng.random() < 0.5 else ""
    return (
        f"- id: made_{number}\n  owner: care\n  stage: support\n  per: {rng.choice(['customer'] * 3 + ['order'])}\n"
        f"  cooldown: {rng.choice(['24h', '7d'])}\n  expires: {rng.choice(['7d', '30d'])}\n"
        f'  detect: {detect}\n{resolve}  evidence: "{{count}} by {{party}}"\n  action: act\n'
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """`days` that a history of `customers` spans, and how many touchpoints a visit has at the most."""

    events: int
    customers: int
    days: float
    visit: int


def times(pace: Pace, rng: random.Random) -> list[tuple[int, int]]:
    """When who did something, in order: visits at any time, their touchpoints up to two minutes apart."""
    found: list[tuple[int, int]] = []
    while len(found) < pace.events:
        at, customer = START + rng.randrange(round(pace.days * DAY)), rng.randrange(pace.customers)
        for _ in range(rng.randint(1, pace.visit)):
            found.append((at, customer))
            at += rng.randint(5 * SECOND, 2 * MINUTE)
    return sorted(found[: pace.events])


def history(pace: Pace, late: float, seed: int = 7) -> list[EnrichedTouchpoint]:
    """Touchpoints in order of arrival; a share of them up to nine minutes late."""
    rng, catalogue = random.Random(seed), Catalogue()
    mix = BROWSING | OTHERS
    kinds = rng.choices(list(mix), list(mix.values()), k=pace.events)
    arriving = [
        (at + (rng.randint(1, 9 * MINUTE) if rng.random() < late else 0), at, f"c-{customer:06d}", kind)
        for (at, customer), kind in zip(times(pace, rng), kinds, strict=True)
    ]
    orders: dict[str, int] = {}
    found: list[EnrichedTouchpoint] = []
    high = 0
    for number, (arrived, at, customer, kind) in enumerate(sorted(arriving)):
        high = max(high, at)
        orders[customer] = orders.get(customer, 0) + (kind == "order.placed")
        place = catalogue.place(kind)
        about = f"order:{customer[2:]}-{orders[customer]}" if place.stage == "delivery" or "order" in kind else ""
        found.append(
            EnrichedTouchpoint(
                event_id=f"event-{number:08d}", source="shop", occurred_at=from_ms(at), kind=kind,
                customer=customer, channel=place.channel, stage=place.stage, party=place.party, actor=place.actor,
                received_at=from_ms(arrived), raw_partition=0, raw_offset=number, late_seconds=(high - at) / SECOND,
                subjects=(about,) if about else ("ticket:1",) if kind.startswith("ticket") else (),
                wait_seconds=rng.uniform(0, 700) if kind == "call.completed" else None,
                score=Score(scale=ScoreScale.CSAT, value=rng.randint(1, 5)) if kind == "survey.answered" else None,
                attributes=_attributes(kind, at, rng),
            )
        )  # fmt: skip
    return found


def _attributes(kind: str, at: int, rng: random.Random) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = {
        "order.placed": {"promised_at": from_ms(at + 2 * DAY).isoformat(), "value": 30.5},
        "delivery.scanned": {"status": rng.choice(["in_transit", "delivered"])},
        "self_service.searched": {"results": rng.randrange(4)},
        "bot.ended": {"outcome": rng.choice(["resolved", "failed"])},
        "call.completed": {"transfers": rng.randrange(3)},
    }
    return {**known.get(kind, {}), "x": rng.randrange(100)}


def log(events: Sequence[EnrichedTouchpoint]) -> list[PlainRecord]:
    """As `enrich` writes it, with a tick after each 64 events."""
    records: list[PlainRecord] = []
    high = 0
    for number, event in enumerate(events):
        records.append(PlainRecord(len(records), 0, event.customer.encode(), encode(event)))
        high = max(high, round(event.occurred_at.timestamp() * SECOND))
        if number % 64 == 63:
            tick = encode(Tick(partition=0, partitions=1, high=high))
            records.append(PlainRecord(len(records), 0, None, tick, ((TICK_HEADER, b"1"),)))
    return records
