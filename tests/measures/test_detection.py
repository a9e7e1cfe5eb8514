"""Precision, recall, lead and the plain query on promises."""

from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.pipeline.engine.clock import DAY, HOUR
from touchline.pipeline.measures.detection import Case, interval, missed_promise, quality, quartiles


def test_counts_what_was_warned_of_before_it_was_known() -> None:
    found = quality(
        [
            Case(known_at=10 * HOUR, bad=True, warned_at=4 * HOUR),
            Case(known_at=10 * HOUR, bad=True, warned_at=8 * HOUR),
            Case(known_at=10 * HOUR, bad=True, warned_at=10 * HOUR),  # at the same time is no warning
            Case(known_at=10 * HOUR, bad=True, warned_at=None),
            Case(known_at=10 * HOUR, bad=False, warned_at=1 * HOUR),
            Case(known_at=10 * HOUR, bad=False, warned_at=None),
        ]
    )
    assert (found.cases, found.bad, found.warned, found.hits) == (6, 4, 3, 2)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(1 / 2)
    assert found.lift == pytest.approx((2 / 3) / (4 / 6))
    assert found.median_lead == 4 * 3_600


def test_without_cases_nothing_is_claimed() -> None:
    found = quality([])
    assert (found.precision, found.recall, found.lift, found.median_lead) == (None, None, None, None)


@pytest.mark.parametrize(
    ("delivered_at", "missed"),
    [(None, 3 * DAY), (3 * DAY, None), (3 * DAY + 1, 3 * DAY), (DAY, None)],
)
def test_a_promise_is_missed_a_day_after_it(delivered_at: int | None, missed: int | None) -> None:
    assert missed_promise(2 * DAY, delivered_at) == missed


def test_a_warning_in_vain_is_a_warning_and_no_hit() -> None:
    found = quality(
        [
            Case(known_at=10, bad=True, warned_at=None, in_vain=True),
            Case(known_at=10, bad=False, warned_at=None, in_vain=True),
            Case(known_at=10, bad=True, warned_at=5),
        ],
        silent=5,
        silent_bad=2,
    )
    assert (found.cases, found.bad, found.warned, found.hits) == (8, 4, 3, 1)
    assert found.base_rate == 0.5


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], None), ([7], (7, 7, 7)), ([4, 1, 3, 2], (1.75, 2.5, 3.25)), ([1, 2, 3, 4, 5], (2, 3, 4))],
)
def test_quartiles_are_those_of_the_usual_definition(values: list[float], expected: tuple[float, ...] | None) -> None:
    assert quartiles(values) == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50))
def test_quartiles_agree_with_the_library(values: list[float]) -> None:
    assert quartiles(values) == pytest.approx(tuple(quantiles(values, n=4, method="inclusive")), abs=1e-6)


def test_the_interval_is_wilsons() -> None:
    # The example of R. G. Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I.
    assert interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert quality([Case(1, True, 0)]).precision_interval == interval(1, 1)
