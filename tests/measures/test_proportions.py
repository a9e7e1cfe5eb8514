"""Intervals, sample sizes and splits against slow and independent calculations."""

from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import comb
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.pipeline.measures.proportions import (
    cases_needed,
    chance_of_split,
    difference_interval,
    least_effect,
)

shares = st.floats(0.02, 0.98)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_is_that_of_the_paper(counts: tuple[int, int, int, int], low: float, high: float) -> None:
    assert difference_interval(*counts) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 400), st.integers(1, 400), st.data())
def test_the_interval_holds_the_difference_stays_in_range_and_turns_with_the_arms(
    cases: int, base_cases: int, data: st.DataObject
) -> None:
    hits, base_hits = data.draw(st.integers(0, cases)), data.draw(st.integers(0, base_cases))
    low, high = difference_interval(hits, cases, base_hits, base_cases)
    assert -1 <= low <= hits / cases - base_hits / base_cases <= high <= 1
    assert low < high
    assert difference_interval(base_hits, base_cases, hits, cases) == pytest.approx((-high, -low))
    assert difference_interval(cases - hits, cases, base_cases - base_hits, base_cases) == pytest.approx((-high, -low))


@lru_cache(maxsize=1_000)
def chances(cases: int, share: float) -> list[float]:
    """The chance of each number of hits."""
    return [comb(cases, k) * share**k * (1 - share) ** (cases - k) for k in range(cases + 1)]


def coverage(cases: int, base_cases: int, share: float, base: float) -> float:
    """How often the interval holds the true difference: every possible outcome, each with its chance."""
    total = 0.0
    for hits, base_hits in product(range(cases + 1), range(base_cases + 1)):
        low, high = difference_interval(hits, cases, base_hits, base_cases)
        if low <= share - base <= high:
            total += chances(cases, share)[hits] * chances(base_cases, base)[base_hits]
    return total


@pytest.mark.parametrize(("cases", "base_cases"), [(10, 10), (45, 5), (90, 10), (40, 40)])
def test_small_samples_and_rates_near_0_are_covered(cases: int, base_cases: int) -> None:
    rates = (0.005, 0.02, 0.06, 0.15, 0.35)
    found = [coverage(cases, base_cases, share, base) for share, base in product(rates, rates)]
    assert min(found) > 0.92
    assert sum(found) / len(found) > 0.95


def power(treated: int, held_out: int, share: float, base: float, random: Random, times: int) -> float:
    """How often the interval leaves out 0, in so many experiments."""
    shown = 0
    for _ in range(times):
        hits = sum(random.random() < share for _ in range(treated))
        base_hits = sum(random.random() < base for _ in range(held_out))
        low, high = difference_interval(hits, treated, base_hits, held_out)
        shown += not low <= 0 <= high
    return shown / times


@pytest.mark.parametrize(("base", "effect", "ratio"), [(0.3, 0.15, 1.0), (0.4, 0.2, 4.0), (0.1, 0.1, 2.0)])
def test_so_many_cases_show_the_effect_in_eight_of_ten_experiments(base: float, effect: float, ratio: float) -> None:
    needed = cases_needed(base, effect, ratio)
    assert needed is not None
    assert needed.treated == pytest.approx(needed.held_out * ratio, abs=ratio)
    random = Random(5)
    found = [power(*needed, base + way * effect, base, random, 500) for way in (-1, 1)]
    assert min(found) == pytest.approx(0.8, abs=0.07)


def test_a_table_of_the_field_gives_the_same_numbers() -> None:
    """R: power.prop.test(p1 = .5, p2 = .75, power = .9) has 76.7 a group; with power .8 it is 57.3. And p1 = .1, p2 =
    .15 takes 685.6."""
    assert cases_needed(0.5, 0.25, 1.0) == (58, 58)
    assert cases_needed(0.1, 0.05, 1.0) == (686, 686)


@given(shares, st.floats(0.01, 0.5), st.floats(0.1, 20))
def test_a_greater_effect_takes_fewer_cases(base: float, effect: float, ratio: float) -> None:
    needed, fewer = cases_needed(base, effect, ratio), cases_needed(base, effect * 1.5, ratio)
    assert needed is not None
    assert fewer is None or fewer.held_out <= needed.held_out


def test_an_effect_that_is_not_possible_takes_no_number_of_cases() -> None:
    assert cases_needed(0.5, 0.6, 1.0) is None


@given(shares, st.integers(2, 5_000), st.integers(2, 5_000))
def test_the_least_effect_is_the_one_that_takes_so_many_cases(base: float, treated: int, held_out: int) -> None:
    least = least_effect(base, treated, held_out)
    if least is None:
        widest = cases_needed(base, max(base, 1 - base), treated / held_out)
        assert widest is None or widest.held_out > held_out
    else:
        at, below = cases_needed(base, least, treated / held_out), cases_needed(base, least * 0.98, treated / held_out)
        assert at is not None
        assert below is not None
        assert at.held_out <= held_out <= below.held_out


def test_without_an_arm_no_effect_is_seen() -> None:
    assert least_effect(0.3, 0, 10) is None
    assert least_effect(0.3, 10, 0) is None


@given(st.integers(0, 60), st.integers(1, 19), st.data())
def test_the_chance_of_a_split_is_twice_the_smaller_tail(whole: int, twentieths: int, data: st.DataObject) -> None:
    part, share = data.draw(st.integers(0, whole)), Fraction(twentieths, 20)
    terms = [comb(whole, k) * share**k * (1 - share) ** (whole - k) for k in range(whole + 1)]
    exact = min(1, 2 * min(sum(terms[: part + 1]), sum(terms[part:])))
    assert chance_of_split(part, whole, float(share)) == pytest.approx(float(exact), rel=1e-9)


def test_a_planned_split_alarms_seldom_and_a_wrong_one_always() -> None:
    random = Random(11)

    def drawn(share: float) -> float:
        return chance_of_split(sum(random.random() < share for _ in range(2_000)), 2_000, 0.1)

    assert sum(drawn(0.1) < 0.001 for _ in range(500)) <= 3
    assert all(drawn(0.15) < 0.001 for _ in range(20))
    assert chance_of_split(1_000_000, 10_000_000, 0.1) > 0.9
    assert chance_of_split(1_010_000, 10_000_000, 0.1) < 1e-20
