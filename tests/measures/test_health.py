"""The formula of health, and when time alone changes it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchline.pipeline.engine.clock import DAY, HOUR
from touchline.pipeline.measures.health import (
    COUNTED,
    DELIGHT,
    Balance,
    Ended,
    HealthPolicy,
    Open,
    balance,
    care,
    heaviest,
    is_news,
    level_of,
    next_change,
    worst,
)
from touchline.schemas.vocabulary import Polarity, Severity

POLICY = HealthPolicy()
NOW = 1_772_442_000_000
HIGH, CRITICAL = 3, 4


def ended(level: int, days: float, number: int = 1, rule: str = "r") -> Ended:
    return Ended(number, rule, level, NOW - round(days * DAY))


def health(standing: list[Open], over: list[Ended], now: int = NOW, policy: HealthPolicy = POLICY) -> int:
    return balance(policy, standing, heaviest(policy, over, now)[:COUNTED], now).health


@pytest.mark.parametrize(
    ("levels", "over", "expected"),
    [
        ([], [], 100),
        ([1], [], 95),
        ([2], [], 90),
        ([HIGH, HIGH], [], 60),
        ([CRITICAL] * 3, [], 0),
        ([], [(HIGH, 0)], 80),
        ([], [(HIGH, 14)], 90),
        ([], [(HIGH, 28)], 95),
        ([], [(HIGH, 200)], 100),
        ([HIGH], [(HIGH, 14)], 70),
        ([DELIGHT], [], 100),
        ([HIGH, DELIGHT], [], 85),
        ([HIGH], [(DELIGHT, 14)], 83),  # 82.5
        ([], [(HIGH, 14), (DELIGHT, 14)], 93),  # 92.5
    ],
)
def test_open_ones_count_whole_and_ended_ones_fade(
    levels: list[int], over: list[tuple[int, float]], expected: int
) -> None:
    standing = [Open("r", level, NOW - HOUR) for level in levels]
    assert health(standing, [ended(level, days) for level, days in over]) == expected


def test_the_level_of_a_signal() -> None:
    assert [level_of(Polarity.FRICTION, severity) for severity in Severity] == [1, 2, 3, 4]
    assert {level_of(Polarity.DELIGHT, severity) for severity in Severity} == {DELIGHT}
    assert {level_of(Polarity.NEED, severity) for severity in Severity} == {None}


def test_points_are_the_operators_to_set() -> None:
    policy = HealthPolicy(high=7.0, delight=0.0, half_life=DAY)
    assert health([Open("r", HIGH, NOW)], [ended(HIGH, 1), ended(DELIGHT, 0, 2)], policy=policy) == 90  # 89.5


def test_care_is_for_open_friction_of_a_severity_and_says_since_when() -> None:
    low, medium, high = (Open("r", level, NOW - level * HOUR) for level in (1, 2, HIGH))
    assert care(POLICY, [low, high, medium], []) == (True, high.at)
    over = [ended(HIGH, 3), ended(2, 2, 2), ended(1, 1, 3), ended(DELIGHT, 0.5, 4)]
    assert care(POLICY, [low, Open("d", DELIGHT, NOW)], over) == (False, NOW - 2 * DAY)
    assert care(POLICY, [], []) == (False, None)
    assert care(HealthPolicy(care_from=Severity.HIGH), [medium], []) == (False, None)
    assert care(HealthPolicy(care_from=Severity.LOW), [low], []) == (True, low.at)


def test_the_worst_causes_are_the_rules_that_cost_most_now() -> None:
    standing = [Open("a", HIGH, NOW - HOUR), Open("a", 1, NOW - DAY), Open("good", DELIGHT, NOW), Open("d", 1, NOW)]
    over = [ended(CRITICAL, 14, 1, "b"), ended(2, 14, 2, "b"), ended(HIGH, 14, 3, "c"), ended(1, 28, 4, "e")]
    found = worst(POLICY, standing, over, NOW)
    assert [(c.rule, round(c.points, 6), c.open, c.ended) for c in found] == [
        ("a", 25.0, 2, 0), ("b", 25.0, 0, 2), ("c", 10.0, 0, 1),
    ]  # fmt: skip
    assert (found[0].since, found[1].last) == (NOW - DAY, NOW - 14 * DAY)


def test_of_many_that_ended_the_heaviest_count_whatever_order_they_come_in() -> None:
    over = [ended(1 + number % 4, number, number) for number in range(30)]
    kept = heaviest(POLICY, over, NOW)[:COUNTED]
    for seed in range(5):
        random.Random(seed).shuffle(over)
        one_by_one: list[Ended] = []
        for one in over:
            one_by_one = heaviest(POLICY, [*one_by_one, one], NOW)[:COUNTED]
        assert one_by_one == kept
    costs = [POLICY.costs[one.level] * 2 ** ((one.at - NOW) / POLICY.half_life) for one in kept]
    assert costs == sorted(costs, reverse=True)
    others = [POLICY.costs[one.level] * 2 ** ((one.at - NOW) / POLICY.half_life) for one in over if one not in kept]
    assert min(costs) >= max(others)


LEVELS = st.lists(st.integers(0, 4), max_size=4)
OVER = st.lists(st.tuples(st.integers(0, 4), st.floats(0, 60)), max_size=8)


@settings(max_examples=300)
@given(LEVELS, OVER, st.sampled_from([1, 5, 20]), st.sampled_from([5.0, 0.5, 30.0]))
def test_what_was_told_is_never_a_step_off_and_ends_where_time_leads(
    levels: list[int], over: list[tuple[int, float]], step: int, delight: float
) -> None:
    policy = HealthPolicy(step=step, delight=delight)
    standing = [Open("r", level, NOW) for level in levels]
    kept = [ended(level, days, number) for number, (level, days) in enumerate(over)]
    now, told, wakes = NOW, health(standing, kept, policy=policy), 0
    while True:
        left = heaviest(policy, kept, now)
        found = balance(policy, standing, left, now)
        if is_news(policy, found, told):
            told = found.health
        due = next_change(policy, found, left, now, told)
        if due is None:
            break
        assert due > now
        for moment in (now + (due - now) // 3, max(now, due - 2)):  # the last millisecond is rounding
            between = balance(policy, standing, heaviest(policy, kept, moment), moment)
            assert not is_news(policy, between, told), "it came too late"
        now, wakes = due, wakes + 1
    assert told == health(standing, [], policy=policy)
    assert wakes <= 100 // step + 3 * len(over) + 8


def test_a_balance_that_never_reaches_the_next_number_has_no_end_but_that_it_is_gone() -> None:
    policy = HealthPolicy(low=0.5, high=20.0)
    over = [ended(HIGH, 100)]
    found = balance(policy, [Open("r", 1, NOW)], over, NOW)
    assert found == Balance(0.5, found.fading)
    assert found.fading > 0
    assert (found.health, found.final) == (99, 100)
    assert next_change(policy, found, over, NOW, 99) == over[0].at + policy.lasts[HIGH]
