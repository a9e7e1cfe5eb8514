"""From history and signals to cases: what counts as foreseen, and what does not."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.support import at, book_of, event, question, signal
from touchline.pipeline.backtest.cases import CaseBook, Foresight, Part, Question
from touchline.pipeline.backtest.run import PastSignal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import SignalStatus

END = 1_000
WHOLE = Part(at(0), at(END))


def asked(
    events: list[EnrichedTouchpoint], signals: Sequence[PastSignal], wanted: Question | None = None, part: Part = WHOLE
) -> Foresight:
    book = book_of(wanted or question(), events)
    return book.foresight(book.close(signals, at(END)), part)


def counts(found: Foresight) -> tuple[int, int, int, int]:
    quality = found.quality
    return quality.cases, quality.bad, quality.warned, quality.hits


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        ([6.0], (1, 1, 1, 1)),
        ([30.0], (1, 1, 1, 0)),  # after it: a false alarm, and the complaint was not foreseen
        ([10.0], (1, 1, 1, 0)),  # at the very time of the complaint
        ([-15.0], (1, 1, 1, 0)),  # too long before: 25 h
        ([-14.0], (1, 1, 1, 1)),  # 24 h, which is within
        ([], (1, 1, 0, 0)),
        ([-15.0, 6.0, 30.0], (1, 1, 1, 1)),
    ],
)
def test_a_complaint_at_ten_hours_is_foreseen_by(raised: list[float], expected: tuple[int, ...]) -> None:
    events = [event("contact.opened", -20), event("complaint.made", 10)]
    part = Part(at(-20), at(END))
    assert counts(asked(events, [signal(hours) for hours in raised], part=part)) == expected


def test_the_lead_is_from_the_first_signal_in_time_to_the_outcome() -> None:
    events = [event("complaint.made", 100), event("complaint.made", 110)]
    found = asked(events, [signal(hours) for hours in (50, 80, 99, 105)])
    assert found.quality.lead is not None
    assert found.quality.median_lead == 20 * 3_600


def test_without_an_outcome_a_warning_is_false_and_silence_is_right() -> None:
    events = [event("contact.opened", 1, customer=name) for name in ("a", "b", "c")]
    found = asked(events, [signal(2, customer="a"), signal(3, customer="a")])
    assert counts(found) == (3, 0, 1, 0)


def test_what_may_still_come_counts_as_not_right_and_is_told() -> None:
    events = [event("contact.opened", 1, customer=name) for name in ("a", "b")]
    found = asked(events, [signal(END - 30, customer="a"), signal(END - 20, customer="b")])
    assert counts(found) == (2, 0, 2, 0)
    assert found.open == 1


def test_a_subject_is_a_case_and_a_signal_finds_it_by_group_subject_or_event() -> None:
    events = [event("order.placed", n, event_id=f"e{n}", subjects=(f"order:{n}",)) for n in range(5)]
    events += [event("complaint.made", 20, subjects=(f"order:{n}",), event_id=f"c{n}") for n in range(4)]
    signals = [
        signal(10, group="order:0"),
        signal(10.1, subjects=("ticket:9", "order:1")),
        signal(10.2, events=("e0", "e2")),
        signal(10.3, events=("unknown",)),
    ]
    book = book_of(question(per="order"), events, locate=True)
    book.close(signals, at(END))
    assert [book.unit_of(one) for one in signals] == ["order:0", "order:1", "order:2", ""]
    assert counts(book.foresight(signals, WHOLE)) == (5, 4, 3, 3)


def test_only_what_had_all_the_events_that_are_asked_for_is_a_case() -> None:
    events = [event("cart.updated", 1, customer="a"), event("cart.updated", 1, customer="b", event_id="2")]
    events += [event("checkout.started", 2, customer="b"), event("contact.opened", 1, customer="c")]
    wanted = question(among=("kind=cart.updated", "kind=checkout.started"))
    assert counts(asked(events, [signal(3, customer=name) for name in "abc"], wanted)) == (1, 0, 1, 0)


def test_a_case_ends_with_its_last_event_and_signals_after_it_count_as_nothing() -> None:
    wanted = question("kind=survey.answered where=wrong within=90d", until="kind=survey.answered")
    events = [
        event("order.placed", 1, customer="never answered"),
        event("survey.answered", 20, customer="good", attributes={"wrong": False}),
        event("survey.answered", 20, customer="bad", attributes={"wrong": True}, event_id="2"),
    ]
    signals = [signal(21, customer=name) for name in ("never answered", "good", "bad")]
    assert counts(asked(events, signals, wanted)) == (2, 1, 0, 0)
    signals = [signal(19, customer=name) for name in ("never answered", "good", "bad")]
    assert counts(asked(events, signals, wanted)) == (2, 1, 2, 1)


def test_what_never_comes_is_known_when_its_time_is_over() -> None:
    wanted = question("missing=order.placed within=2h", among=("kind=cart.updated",))
    events = [event("cart.updated", hour, customer=name) for name, hour in (("a", 1), ("b", 1.1), ("c", END - 1))]
    events += [event("order.placed", 1.5, customer="b"), event("page.viewed", 1, customer="d")]
    signals = [signal(2, customer="a"), signal(3.5, customer="a"), signal(1.2, customer="b")]
    found = asked(events, signals, wanted)
    assert counts(found) == (3, 1, 2, 1)
    assert found.quality.median_lead == 3_600


def test_what_may_come_after_the_end_is_not_missing_yet() -> None:
    wanted = question("missing=order.placed within=2h", per="session")
    events = [event("cart.updated", END - hours, subjects=(f"session:{hours}",)) for hours in (1, 2, 3)]
    assert counts(asked(events, [], wanted)) == (3, 2, 0, 0)


def test_signals_of_other_rules_may_be_the_outcome_unless_they_were_disproved() -> None:
    wanted = question("rule=late within=24h")
    events = [event("order.placed", 1, customer=name) for name in ("a", "b")]
    late = [signal(20, rule="late", customer="a"), signal(20, rule="late", customer="b", status=SignalStatus.RETRACTED)]
    book = book_of(wanted, events)
    left = book.close([*late, signal(10, customer="a"), signal(10, customer="b")], at(END))
    assert {one.rule for one in left} == {"warner"}
    assert counts(book.foresight(left, WHOLE)) == (2, 1, 2, 1)


def test_the_truth_is_seen_after_a_signal_of_the_same_moment_and_only_of_what_is_known() -> None:
    book = book_of(question("kind=label.given within=1h"), [event("social.posted", 1)])
    book.truth(event("label.given", 1), at(1))
    book.truth(event("label.given", 1, customer="stranger"), at(1))
    book.close((), at(END))
    assert counts(book.foresight([signal(1)], WHOLE)) == (1, 1, 1, 1)
    assert (book.outcomes, book.strangers) == (1, 1)


def test_a_customer_is_a_case_of_its_own_in_each_part_and_a_subject_belongs_to_where_it_began() -> None:
    events = [event("contact.opened", 1, subjects=("order:1",)), event("complaint.made", 60, subjects=("order:1",))]
    early, late = Part(at(0), at(50)), Part(at(50), at(100))
    by_customer = book_of(question(), events)
    by_customer.close((), at(100))
    signals = [signal(45, group="order:1")]
    assert counts(by_customer.foresight(signals, early)) == (1, 0, 1, 0)
    assert counts(by_customer.foresight(signals, late)) == (1, 1, 0, 0)
    by_order = book_of(question(per="order"), events)
    by_order.close((), at(100))
    assert counts(by_order.foresight(signals, early)) == (1, 1, 1, 1)
    assert counts(by_order.foresight(signals, late)) == (0, 0, 0, 0)


def test_single_signals_are_right_wrong_or_not_known_yet() -> None:
    book = book_of(question(), [event("complaint.made", 20), event("contact.opened", 1, customer="b")])
    book.close((), at(END))
    told = [signal(10), signal(30), signal(END - 1, customer="b"), signal(1, customer="nobody")]
    assert [book.right(one, WHOLE) for one in told] == [True, False, None, None]


HOURS = st.integers(0, 60)
LIFE = st.tuples(st.lists(HOURS, max_size=4), st.lists(HOURS, max_size=4))


@given(st.lists(LIFE, max_size=8), st.integers(1, 40))
def test_cases_are_what_a_plain_count_says(lives: list[tuple[list[int], list[int]]], within: int) -> None:
    events, signals = [], []
    for number, (complaints, warnings) in enumerate(lives):
        name = f"c-{number}"
        events.append(event("contact.opened", 0, customer=name))
        events += [event("complaint.made", h, customer=name, event_id=f"{name}-{n}") for n, h in enumerate(complaints)]
        signals += [signal(hours, customer=name) for hours in warnings]
    found = asked(events, signals, question(f"kind=complaint.made within={within}h"))
    hits = [any(w < c <= w + within for w in warnings for c in complaints) for complaints, warnings in lives]
    assert counts(found) == (
        len(lives),
        sum(bool(complaints) for complaints, _ in lives),
        sum(bool(warnings) for _, warnings in lives),
        sum(hits),
    )


def test_an_empty_book_has_no_middle() -> None:
    assert CaseBook(question()).middle() is None
