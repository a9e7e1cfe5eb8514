"""Which journeys are shown, and how they are shortened."""

from datetime import UTC, datetime, timedelta

import pytest

from touchline.report.figures import Entry, Role
from touchline.report.journeys import choose, detail_of, together

AT = datetime(2026, 3, 1, tzinfo=UTC)


def entry(what: str, minutes: int, detail: str = "", times: int = 1) -> Entry:
    return Entry(at=AT + timedelta(minutes=minutes), role=Role.TOUCHPOINT, what=what, detail=detail, times=times)


def test_one_of_each_story_where_that_can_be_and_nobody_twice() -> None:
    candidates = [
        ("before", "a", "c-1"),
        ("before", "b", "c-2"),
        ("quiet", "a", "c-3"),
        ("quiet", "c", "c-1"),
        ("quiet", "d", "c-4"),
        ("sent", "a", "c-5"),
        ("sent", "b", "c-6"),
    ]
    assert choose(candidates, 3) == [("before", "a", "c-1"), ("sent", "b", "c-6"), ("quiet", "d", "c-4")]
    assert choose(candidates[:2], 3) == candidates[:2]
    assert choose([("sent", "a", "c-1"), ("sent", "a", "c-2"), ("quiet", "a", "c-1")], 3) == [
        ("sent", "a", "c-1"),
        ("sent", "a", "c-2"),
    ]
    assert choose([], 3) == []


def test_the_same_several_times_in_a_row_is_one_line_with_a_number() -> None:
    entries = [entry("page.viewed", 0), entry("page.viewed", 1), entry("order.placed", 2), entry("page.viewed", 3)]
    assert together(entries) == [entry("page.viewed", 0, times=2), entry("order.placed", 2), entry("page.viewed", 3)]


def test_what_says_something_of_its_own_stays_alone() -> None:
    entries = [entry("contact.opened", 0, "first"), entry("contact.opened", 1, "second"), entry("contact.opened", 2)]
    twice = [entry("survey.answered", 0, "score 1"), entry("survey.answered", 0, "score 1")]
    assert together(twice) == [entry("survey.answered", 0, "score 1", times=2)]
    assert together(entries) == entries


def test_what_lies_days_apart_is_not_one_line() -> None:
    calls = [entry("call.started", 0), entry("call.started", 3 * 24 * 60)]
    assert together(calls) == calls


@pytest.mark.parametrize(
    ("transfers", "told"),
    [("2", "2 transfers"), ("2.0", "2 transfers"), ("0", ""), ("many", ""), ("inf", ""), ("", "")],
)
def test_an_attribute_may_say_anything(transfers: str, told: str) -> None:
    assert detail_of("call.completed", "own", None, None, {"transfers": transfers}) == told
