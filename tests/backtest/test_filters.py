"""The words of options: what they mean, and what is said of a mistake."""

import pytest

from tests.backtest.support import event
from touchline.pipeline.backtest.filters import FilterError, parse_filter, parse_outcome
from touchline.pipeline.engine.clock import DAY, HOUR
from touchline.schemas.touchpoint import Score
from touchline.schemas.vocabulary import ScoreScale


@pytest.mark.parametrize(
    ("text", "kind", "attributes", "fits"),
    [
        ("kind=order.placed", "order.placed", {}, True),
        ("kind=order.placed", "order.shipped", {}, False),
        ("kind=order.*,return.requested", "return.requested", {}, True),
        ("kind=order.*", "order.shipped", {}, True),
        ("kind=order.placed where=value > 10", "order.placed", {"value": 11}, True),
        ("kind=order.placed where=value > 10", "order.placed", {"value": 10}, False),
        ("kind=order.placed where=value > 10", "order.placed", {"value": "11"}, False),
        ("kind=order.placed where=not value > 10", "order.placed", {}, False),
        ("kind=order.placed where=\"page == 'a'\"", "order.placed", {"page": "a"}, True),
        ("kind=order.placed where=page == 'where=b'", "order.placed", {"page": "where=b"}, True),
    ],
)
def test_which_events_are_meant(text: str, kind: str, attributes: dict[str, object], fits: bool) -> None:
    assert parse_filter(text).fits(event(kind, 0, attributes=attributes)) is fits


def test_an_outcome_has_its_time() -> None:
    outcome = parse_outcome("kind=survey.answered where=score_scale == 'csat' and score <= 2 within=1d12h")
    assert outcome.within == DAY + 12 * HOUR
    assert outcome.events is not None
    assert outcome.events.fits(event("survey.answered", 0, score=Score(scale=ScoreScale.CSAT, value=2)))
    assert not outcome.events.fits(event("survey.answered", 0, score=Score(scale=ScoreScale.NPS, value=2)))


def test_the_order_of_the_words_is_free() -> None:
    outcome = parse_outcome("within=2h where=page == 'x' missing=order.placed,payment.approved")
    assert outcome.missing is not None
    assert outcome.missing.pattern.kinds == ("order.placed", "payment.approved")
    assert parse_outcome("rule=a,b within=1h").rules == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("order.placed within=1d", 'begins with "order.placed": write kind=… where=… within=30d'),
        ("kin=order.placed within=1d", 'begins with "kin", did you mean "kind"?'),
        ("kind=order.placed", "lacks within=30d"),
        ("kind=order.placed within=soon", 'within: "soon" is no length of time'),
        ("kind=Order within=1d", '"Order" is no kind'),
        ("kind=order.placed where=value > within=1d", "where, character 8: is no condition"),
        ("kind=order.placed where=pay() within=1d", "a call"),
        ("kind=order.placed rule=a within=1d", "must name one of"),
        ("where=vip within=1d", "must name one of"),
        ("rule=a where=vip within=1d", "where= goes with kind="),
        ("kind=a.b kind=c.d within=1d", "kind= must stand once"),
        ("kind= within=1d", "must stand once and say something"),
    ],
)
def test_a_mistake_is_told(text: str, message: str) -> None:
    with pytest.raises(FilterError) as raised:
        parse_outcome(text)
    assert message in str(raised.value)


def test_a_filter_needs_a_kind() -> None:
    with pytest.raises(FilterError, match="names no kind"):
        parse_filter("where=vip")
