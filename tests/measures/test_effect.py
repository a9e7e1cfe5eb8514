"""The effect of a change: its ratio, its interval, and when it says nothing."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.pipeline.measures.effect import FEWEST, Day, Finding, effect


def even(before: int, after: int, touchpoints: int = 1_000) -> list[Day]:
    """Four weeks of equal days on either side."""
    return [Day(day, after if day >= 0 else before, touchpoints) for day in range(-28, 28)]


def test_half_the_friction_is_a_ratio_of_a_half() -> None:
    found = effect(even(20, 10))
    assert found.finding is Finding.FELL
    assert found.before.rate == 20
    assert found.after.rate == 10
    assert found.ratio == pytest.approx((280.5 / 28_000) / (560.5 / 28_000))
    assert found.ratio is not None
    error = 1.959964 * math.sqrt(1 / 280.5 + 1 / 560.5)  # equal days: no more than chance would have it
    assert found.low == pytest.approx(found.ratio * math.exp(-error))
    assert found.high == pytest.approx(found.ratio * math.exp(error))


def test_more_friction_rose_and_the_same_is_unsure() -> None:
    assert effect(even(10, 20)).finding is Finding.ROSE
    assert effect(even(10, 10)).finding is Finding.UNSURE


def test_a_busier_time_alone_is_no_more_friction() -> None:
    days = [Day(d, 20 if d >= 0 else 10, 2_000 if d >= 0 else 1_000) for d in range(-28, 28)]
    found = effect(days)
    assert found.ratio == pytest.approx(1, abs=0.01)
    assert found.finding is Finding.UNSURE


def test_days_that_differ_more_than_chance_widen_the_interval() -> None:
    restless = [Day(d, (0 if d % 2 else 40) if d < 0 else (0 if d % 2 else 28), 1_000) for d in range(-28, 28)]
    calm = effect(even(20, 14))
    found = effect(restless)
    assert found.ratio == pytest.approx(calm.ratio)
    assert calm.finding is Finding.FELL
    assert found.finding is Finding.UNSURE


@pytest.mark.parametrize(
    "days",
    [
        [],
        even(0, 0),
        [Day(-1, 50, 100), Day(0, 50, 100)],  # one day on each side
        [Day(day, 5, 100) for day in range(-28, 0)],  # nothing after it yet
        [Day(day, 1, 0) for day in range(-28, 28)],  # no touchpoints: nothing to measure by
    ],
)
def test_too_little_says_nothing(days: list[Day]) -> None:
    found = effect(days)
    assert found.finding is Finding.TOO_FEW
    assert (found.ratio, found.low, found.high) == (None, None, None)


def test_days_out_of_reach_do_not_count() -> None:
    far = [Day(-29, 500, 1_000), Day(28, 500, 1_000)]
    assert effect([*even(5, 5), *far]) == effect(even(5, 5))
    assert effect(even(5, 5), weeks=1).before.days == 7


@given(
    st.lists(st.builds(Day, st.integers(-40, 40), st.integers(0, 50), st.integers(0, 500)), max_size=80),
    st.integers(1, 8),
    st.randoms(use_true_random=False),
)
def test_whatever_comes_the_interval_holds_the_ratio(days: list[Day], weeks: int, random: Random) -> None:
    found = effect(days, weeks)
    random.shuffle(days)
    shuffled = effect(days, weeks)
    assert shuffled.finding is found.finding
    assert shuffled.before == found.before
    if found.ratio is None:
        assert found.finding is Finding.TOO_FEW
        return
    assert found.before.signals + found.after.signals >= FEWEST
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low <= found.ratio <= found.high


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Restless days (a gamma-mixed Poisson), true ratio 0.7: in at least 92 of 100 histories, for 95 are promised."""
    held = 0
    for seed in range(300):
        random = Random(seed)
        days = []
        for day in range(-28, 28):
            mean = 12 * (0.7 if day >= 0 else 1) * random.gammavariate(6, 1 / 6)
            days.append(Day(day, _poisson(random, mean), 1_000))
        found = effect(days)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.7 <= found.high
    assert held >= 276


def _poisson(random: Random, mean: float) -> int:
    limit, count, product = math.exp(-mean), 0, random.random()
    while product > limit:
        count += 1
        product *= random.random()
    return count
