"""Rules and touchpoints for the benchmark of rules: sets of any size from varied detectors, and a shop's history.

"Typical fan-out" means here: three in five touchpoints are browsing, on which one generated rule in ten waits, with a
condition that is seldom true; the others are spread over 37 kinds, of which each generated rule draws its own. What
opens a signal by itself (match, absence) has a condition that one event in twenty meets: friction is the exception.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND, from_ms
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
    "order.placed": 4, "checkout.started": 4, "contact.opened": 1.5, "call.started": 1, "self_service.searched": 2,
    "bot.ended": 1.5, "survey.answered": 1.5, "ticket.opened": 1, "device.error": 1, "search.done": 1,
    "chat.started": 0.5, "email.received": 0.5, "checkout.error": 0.4, "payment.failed": 0.4, "page.failed": 0.4,
    "app.crashed": 0.3, "order.delayed": 0.3, "return.requested": 0.3, "follow_up.made": 0.3, "call.abandoned": 0.2,
    "ticket.reopened": 0.2, "order.cancelled": 0.2, "delivery.rescheduled": 0.2, "complaint.made": 0.1,
    "invoice.disputed": 0.1, "login.failed": 0.1,
}  # fmt: skip
"""What customers do, and how often, in percent, as a shop sees it."""

FOLLOWING: Final[dict[str, tuple[tuple[str, float], ...]]] = {
    "order.placed": (("payment.approved", 0.01), ("order.shipped", 8), ("delivery.scanned", 20), ("delivered", 30)),
    "call.started": (("call.completed", 0.1),),
    "chat.started": (("chat.ended", 0.2),),
    "email.received": (("email.answered", 6),),
    "ticket.opened": (("ticket.assigned", 0.5), ("ticket.answered", 2), ("ticket.resolved", 20)),
    "return.requested": (("return.received", 70), ("return.refunded", 90)),
    "survey.answered": (("follow_up.made", 20),),
}
"""What then follows for 97 in 100, and after how many hours, at the pace of a month."""

_KINDS: Final = list(OTHERS) + [kind for chain in FOLLOWING.values() for kind, _ in chain if "." in kind]

PACES: Final = {"dense": (67 / 1_440, 1), "month": (30.0, 12)}
"""Days, and the touchpoints of a visit."""

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
    first, second, third = rng.sample(_KINDS, 3)
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


@dataclass(frozen=True, slots=True, order=True)
class _Deed:
    at: int
    customer: int
    kind: str
    order: int


def _deeds(pace: Pace, rng: random.Random) -> list[_Deed]:
    """Who did what, in order: visits at any time, their touchpoints up to two minutes apart, and what follows."""
    mix = BROWSING | OTHERS
    kinds, weights = list(mix), list(mix.values())
    hours = HOUR * pace.days / PACES["month"][0]
    orders: dict[int, int] = {}
    found: list[_Deed] = []
    while len(found) < pace.events:
        at, customer = START + rng.randrange(round(pace.days * DAY)), rng.randrange(pace.customers)
        for kind in rng.choices(kinds, weights, k=rng.randint(1, pace.visit)):
            orders[customer] = order = orders.get(customer, 0) + (kind == "order.placed")
            found.append(_Deed(at, customer, kind, order))
            if rng.random() < 0.97:
                later = FOLLOWING.get(kind, ())
                found.extend(_Deed(at + round(after * hours), customer, follows, order) for follows, after in later)
            at += rng.randint(5 * SECOND, 2 * MINUTE)
    return sorted(found[: pace.events])


def history(pace: Pace, late: float, seed: int = 7) -> list[EnrichedTouchpoint]:
    """Touchpoints in order of arrival; a share of them up to nine minutes late."""
    rng, catalogue = random.Random(seed), Catalogue()
    deeds = _deeds(pace, rng)
    arriving = [(deed.at + (rng.randint(1, 9 * MINUTE) if rng.random() < late else 0), deed) for deed in deeds]
    found: list[EnrichedTouchpoint] = []
    high = 0
    for number, (arrived, deed) in enumerate(sorted(arriving)):
        at, kind = deed.at, "delivery.scanned" if deed.kind == "delivered" else deed.kind
        high = max(high, at)
        place = catalogue.place(kind)
        about = f"order:{deed.customer}-{deed.order}" if place.stage == "delivery" or "order" in kind else ""
        found.append(
            EnrichedTouchpoint(
                event_id=f"event-{number:08d}", source="shop", occurred_at=from_ms(at), kind=kind,
                customer=f"c-{deed.customer:06d}", channel=place.channel, stage=place.stage, party=place.party,
                actor=place.actor, received_at=from_ms(arrived), raw_partition=0, raw_offset=number,
                late_seconds=(high - at) / SECOND,
                subjects=(about,) if about else ("ticket:1",) if kind.startswith("ticket") else (),
                wait_seconds=rng.uniform(0, 700) if kind == "call.completed" else None,
                score=Score(scale=ScoreScale.CSAT, value=rng.randint(1, 5)) if kind == "survey.answered" else None,
                attributes=_attributes(deed.kind, at, rng),
            )
        )  # fmt: skip
    return found


def _attributes(kind: str, at: int, rng: random.Random) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = {
        "order.placed": {"promised_at": from_ms(at + 2 * DAY).isoformat(), "value": 30.5},
        "delivery.scanned": {"status": "in_transit"},
        "delivered": {"status": "delivered"},
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
