"""Random lives of a few customers with every kind of touchpoint that a measure reads, dense enough for ties and edges.

Gaps lie around the bounds of the definitions (10 minutes, a day, 2, 3, 7, 14, 30 and 120 days), a little less, exactly,
and a little more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.warehouse import facts as make
from tests.warehouse.runs import History
from touchline.schemas.outreach import Decision
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint, Score
from touchline.schemas.vocabulary import (
    Actor,
    Arm,
    Channel,
    Control,
    Polarity,
    Route,
    Scope,
    ScoreScale,
    SignalStatus,
    Stage,
)

START = datetime(2025, 11, 3, 10, 0, tzinfo=UTC)
GAPS = (0, 1, 599, 600, 601, 3_600, 86_400, 172_800, 259_200, 604_800, 1_209_600, 2_592_000, 10_368_000)
"""Seconds."""

TOPICS = ("delivery", "billing", "")
KINDS: tuple[str, ...] = (
    "contact.opened", "call.started", "chat.started", "email.received", "sms.received", "desk.visited",
    "ticket.opened", "complaint.made", "contact.resolved", "ticket.resolved", "ticket.closed",
    "ticket.reopened", "ticket.answered", "ticket.assigned", "email.answered", "call.made", "call.completed",
    "call.abandoned", "chat.ended", "chat.abandoned", "follow_up.made", "bot.started", "bot.fallback",
    "bot.ended", "ivr.completed", "self_service.viewed", "self_service.failed", "self_service.solved",
    "survey.answered", "social.posted", "product.reviewed", "order.placed", "order.confirmed", "order.shipped",
    "order.cancelled", "delivery.scanned", "pickup.promised", "pickup.ready", "checkout.started",
    "checkout.completed", "store.purchased", "subscription.renewed", "return.refunded", "page.viewed",
    "contact.resolved", "ticket.resolved", "ticket.resolved", "ticket.answered", "delivery.scanned",
    "delivery.scanned", "order.placed", "order.placed", "survey.answered", "survey.answered", "survey.answered",
    "ticket.assigned", "bot.ended", "call.completed",
)  # fmt: skip
"""What stands here more often happens more often."""
PEOPLE = {"call.made", "call.completed", "chat.ended", "follow_up.made", "ticket.answered", "email.answered"}
SIGNAL_RULES = (
    ("late", "logistics", Polarity.FRICTION),
    ("again", "service", Polarity.FRICTION),
    ("happy", "service", Polarity.DELIGHT),
)


def lives(seed: int, count: int = 900) -> History:
    """A history; the same seed gives the same."""
    random = Random(seed)
    now = {f"c-{n}": START for n in range(7)} | {"~cookie": START}
    touchpoints, signals = [], []
    for number in range(count):
        customer = random.choice(list(now))
        now[customer] += _gap(random)
        touchpoints.append(_touchpoint(random, number, customer, now[customer]))
        if random.random() < 0.12:
            signals += _signal(random, number, customer, now[customer])
    decisions = [_decision(random, one) for one in make.decisions_on(random, signals)]
    return History([*touchpoints, *random.sample(touchpoints, 20)], signals, decisions)


def _decision(random: Random, plain: Decision) -> Decision:
    return replace(
        plain,
        owner=random.choice(("service", "logistics")),
        route=random.choice(list(Route)),
        experiment=random.choice(("spring", "summer")),
        arm=random.choice(list(Arm)),
        observed=random.random() < 0.2,
        observed_by=random.choice(("mode", "ramp")),
    )


def _gap(random: Random) -> timedelta:
    seconds = random.choices(GAPS, (6, 6, 8, 8, 8, 20, 12, 8, 6, 4, 2, 0.7, 0.05))[0]
    return timedelta(seconds=seconds, milliseconds=random.choice((-1, 0, 0, 1)) if seconds else 0)


def _touchpoint(random: Random, number: int, customer: str, at: datetime) -> EnrichedTouchpoint:
    kind = random.choice(KINDS)
    return make.touchpoint(
        number,
        source=random.choice(("desk", "shop")),
        kind=kind,
        customer=customer,
        occurred_at=at,
        channel=random.choice((Channel.VOICE, Channel.EMAIL, Channel.CHAT, Channel.SOCIAL)),
        stage=random.choice((Stage.SUPPORT, Stage.DELIVERY)),
        party=random.choice(("own", "carrier")),
        actor=random.choice((Actor.HUMAN, Actor.HUMAN, Actor.PARTNER, Actor.BOT)) if kind in PEOPLE else Actor.CUSTOMER,
        subjects=tuple(
            f"{what}:{customer}-{random.randrange(3)}" for what in ("order", "case", "ticket") if random.random() < 0.5
        ),
        sentiment=random.choice((None, None, -0.6, -0.05, 0.0, 0.049, 0.05, 0.7)),
        score=_score(random) if kind == "survey.answered" else None,
        wait_seconds=random.choice((None, 0.0, 12.345, 601.5)),
        duration_seconds=random.choice((None, 0.0, 33.3335, 1_200.25)),
        attributes=_attributes(random, kind, at),
    )


def _score(random: Random) -> Score:
    scale = random.choice(list(ScoreScale))
    value = {ScoreScale.CSAT: random.randint(1, 5), ScoreScale.NPS: random.randint(0, 10)}.get(
        scale, random.randint(1, 7)
    )
    upper = random.choice((None, 7.0)) if scale is ScoreScale.CES else None
    return Score(scale=scale, value=value, upper=upper, low_is_good=scale is ScoreScale.CES and random.random() < 0.5)


def _attributes(random: Random, kind: str, at: datetime) -> dict[str, Any]:
    promised = at + timedelta(days=random.randrange(3), hours=random.randrange(5))
    day = promised.date().isoformat()
    possible = {
        "topic": random.choice(TOPICS) or None,
        "outcome": random.choice(("resolved", "contained", "handed_over", "transferred", "abandoned", "odd")),
        "transfers": random.randrange(3),
        "hold_seconds": 4.5,
        "wrap_up_seconds": 60,
        "stars": random.randint(1, 5),
        "network": "pictures",
        "status": random.choice(("in_transit", "delivered", "delivered")),
        "promised_at": random.choice((promised.isoformat(), f"{day}T00:00:00-03:00", day)),
        "ready_at": promised.isoformat(),
        "value": random.choice((10, 19.99)),
        "currency": random.choice(("EUR", "USD")),
    }
    told = {name: value for name, value in possible.items() if value is not None and random.random() < 0.75}
    if kind == "subscription.renewed" or random.random() < 0.3:
        told.pop("currency", None)
    return told


def _signal(random: Random, number: int, customer: str, at: datetime) -> list[Signal]:
    rule, owner, polarity = random.choice(SIGNAL_RULES)
    raised = at + timedelta(seconds=random.choice((-600, 0, 1, 3_600)))
    first = make.signal(
        number, rule=rule, owner=owner, polarity=polarity, customer=customer, group=customer, at=at, raised_at=raised,
        stage=random.choice((Stage.SUPPORT, Stage.DELIVERY)), control=random.choice(list(Control)),
        scope=Scope.INCIDENT if random.random() < 0.1 else Scope.CUSTOMER,
    )  # fmt: skip
    ended = random.choice((None, SignalStatus.RESOLVED, SignalStatus.RETRACTED))
    if ended is None:
        return [first]
    later = at + timedelta(seconds=random.choice((0, 60, 86_400)))
    return [first, replace(first, revision=2, status=ended, at=later, raised_at=raised + timedelta(hours=2))]
