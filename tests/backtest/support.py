"""Past signals and touchpoints for the tests of back-tests. Times in hours after START."""

from typing import Any

from tests.friction.support import START, touchpoint
from touchline.pipeline.backtest.cases import CaseBook, Question
from touchline.pipeline.backtest.filters import parse_filter, parse_outcome
from touchline.pipeline.backtest.run import PastSignal
from touchline.pipeline.engine.clock import HOUR, to_ms
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Polarity, Severity, SignalStatus


def at(hours: float) -> int:
    return START + round(hours * HOUR)


def event(kind: str, hours: float, **more: Any) -> EnrichedTouchpoint:
    more.setdefault("event_id", f"{kind}@{hours}")
    return touchpoint(more.pop("event_id"), kind, at(hours), **more)


def signal(hours: float, **more: Any) -> PastSignal:
    """A signal that was raised when it became true."""
    rule, customer = more.pop("rule", "warner"), more.pop("customer", "c-1")
    fields: dict[str, Any] = {
        "signal_id": f"{rule}-{customer}-{hours}",
        "rule": rule,
        "polarity": Polarity.FRICTION,
        "severity": Severity.MEDIUM,
        "owner": "somebody",
        "customer": customer,
        "group": customer,
        "at": at(hours),
        "raised_at": at(hours),
        "status": SignalStatus.OPENED,
        "revision": 1,
        "evidence": "because",
        "events": (),
        "subjects": (),
    }
    return PastSignal(**(fields | more))


def question(outcome: str | None = "kind=complaint.made within=24h", **more: Any) -> Question:
    among = tuple(parse_filter(text) for text in more.pop("among", ()))
    until = more.pop("until", None)
    return Question(
        outcome=None if outcome is None else parse_outcome(outcome),
        among=among,
        until=None if until is None else parse_filter(until),
        **more,
    )


def book_of(asked: Question, events: list[EnrichedTouchpoint], *, locate: bool = False) -> CaseBook:
    """A book that has seen these events; it is still to be closed."""
    book = CaseBook(asked, locate=locate)
    for one in events:
        book.look(one, to_ms(one.occurred_at))
    return book
