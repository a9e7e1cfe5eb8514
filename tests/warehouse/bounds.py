"""Pairs of events that lie at a bound of a definition: a little less apart, exactly so far, a little more.

Each pair is a customer's own. The same again with what is known: events that lie a bound before the newest touchpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.warehouse import facts as make
from tests.warehouse.runs import History
from touchline.schemas.outreach import Decision
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Arm

START = datetime(2025, 9, 1, 12, 0, tzinfo=UTC)
END = START + timedelta(days=200)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SIGNAL, ARM = "signal", "arm"
PAIRS: tuple[tuple[str, str, timedelta], ...] = (
    ("contact.opened", "contact.opened", 10 * MINUTE),
    ("contact.opened", "contact.opened", 7 * DAY),
    ("ticket.opened", "ticket.reopened", 10 * MINUTE),
    ("ticket.resolved", "ticket.opened", 7 * DAY),
    ("ticket.resolved", "ticket.reopened", timedelta(0)),
    ("ticket.opened", "ticket.answered", timedelta(0)),
    ("bot.ended", "contact.opened", timedelta(0)),
    ("bot.ended", "contact.opened", 2 * DAY),
    ("self_service.viewed", "self_service.viewed", 10 * MINUTE),
    ("self_service.viewed", "self_service.viewed", 3 * DAY),
    ("checkout.started", "checkout.started", DAY),
    ("checkout.started", "order.placed", DAY),
    ("order.shipped", "delivery.scanned", timedelta(0)),
    ("order.shipped", "delivery.scanned", DAY),
    ("order.placed", "order.placed", 30 * DAY),
    ("order.placed", "order.placed", 120 * DAY),
    ("order.placed", SIGNAL, timedelta(0)),
    ("order.placed", SIGNAL, 30 * DAY),
    (SIGNAL, "complaint.made", timedelta(0)),
    (SIGNAL, "complaint.made", 14 * DAY),
    (ARM, "complaint.made", timedelta(0)),
    (ARM, "complaint.made", 14 * DAY),
)
STEPS = (
    -timedelta(seconds=1),
    -timedelta(milliseconds=1),
    timedelta(0),
    timedelta(milliseconds=1),
    timedelta(seconds=1),
)


def bounds() -> History:
    """All pairs, and the same first events as long before the end as the bound is."""
    touchpoints: list[EnrichedTouchpoint] = [_touch("end", "page.viewed", END)]
    signals: list[Signal] = []
    decisions: list[Decision] = []
    for customer, kind, at in _events():
        name = f"{customer}:{len(touchpoints) + len(signals) + len(decisions)}"
        if kind == SIGNAL:
            signals.append(make.signal(0, signal_id=name, customer=customer, group=customer, at=at, raised_at=at))
        elif kind == ARM:
            decisions.append(
                replace(make.decision(0), decision_id=name, customer=customer, at=at, experiment="e", arm=Arm.TREATED)
            )
        else:
            touchpoints.append(_touch(customer, kind, at, name))
    touchpoints += [_sounding(number, sentiment) for number, sentiment in enumerate((-0.05, -0.049, 0.049, 0.05))]
    return History(touchpoints, signals, decisions)


def _events() -> Iterator[tuple[str, str, datetime]]:
    for number, (first, second, apart) in enumerate(PAIRS):
        for step in STEPS:
            name = f"c{number}{step / timedelta(milliseconds=1):+g}"
            yield name, first, START
            yield name, second, START + apart + step
            if first.startswith("ticket.") and second in {"ticket.opened", "ticket.reopened"}:
                yield name, "ticket.opened", START - timedelta(hours=1)
                yield name, "ticket.resolved", START + 9 * DAY
            yield f"late-{name}", first, END - apart + step


def _touch(customer: str, kind: str, at: datetime, event_id: str = "end") -> EnrichedTouchpoint:
    attributes: dict[str, Any] = {"outcome": "resolved", "status": "delivered", "value": 10}
    if kind == "order.shipped":
        attributes["promised_at"] = at.isoformat()
    subjects = () if kind.startswith("order.placed") else (f"ticket:{customer}", f"order:{customer}")
    return make.touchpoint(
        0, event_id=event_id, customer=customer, kind=kind, occurred_at=at, subjects=subjects, attributes=attributes
    )


def _sounding(number: int, sentiment: float) -> EnrichedTouchpoint:
    return replace(_touch(f"s{number}", "social.posted", START, f"s{number}"), sentiment=sentiment)
