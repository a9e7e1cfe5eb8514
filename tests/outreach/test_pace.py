"""Turns: so many an hour in all shards together, whoever asks when."""

from hypothesis import given
from hypothesis import strategies as st

from tests.outreach.cases import NOON
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE
from touchline.pipeline.outreach.pace import MAX_RANGES, Taken, Turns, share_of


@given(
    pace=st.integers(1, 5_000),
    partitions=st.integers(1, 8),
    asked=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3 * HOUR)), min_size=1, max_size=120),
)
def test_no_hour_has_more_than_the_pace_and_nobody_is_early(
    pace: int, partitions: int, asked: list[tuple[int, int]]
) -> None:
    taken: dict[int, Taken] = {}
    given_out: list[int] = []
    for shard, after in asked:
        partition = shard % partitions
        turns = Turns(pace, partition, partitions)
        at = turns.free(taken.get(partition, []), NOON + after, lambda _: None)
        assert at >= NOON + after
        taken[partition] = turns.take(taken.get(partition, []), at, NOON)
        given_out.append(at)
    assert all(sum(1 for at in given_out if first <= at < first + HOUR) <= pace for first in given_out)


@given(st.integers(1, 4_000), st.permutations(range(40)))
def test_whoever_asks_first_the_same_turns_are_taken(pace: int, order: list[int]) -> None:
    turns, sets = Turns(pace, 1, 4), []
    for asked in (order, range(40)):
        taken: Taken = []
        for minute in asked:
            taken = turns.take(taken, turns.free(taken, NOON + minute * MINUTE, lambda _: None), NOON)
        sets.append(taken)
    assert sets[0] == sets[1]


def test_a_burst_is_spread_evenly_over_the_shards() -> None:
    found = []
    for partition in range(4):
        turns, taken = Turns(3_600, partition, 4), list[tuple[int, int]]()
        for _ in range(100):
            at = turns.free(taken, NOON, lambda _: None)
            taken = turns.take(taken, at, NOON)
            found.append(at)
        assert len(taken) == 1
    assert sorted(found) == [NOON + 1_000 * second for second in range(400)]


def test_what_is_over_is_forgotten_and_memory_is_bounded() -> None:
    turns, taken = Turns(3_600, 0, 1), list[tuple[int, int]]()
    for second in range(0, 10 * MAX_RANGES, 2):
        taken = turns.take(taken, NOON + second * 1_000, NOON)
    assert len(taken) == MAX_RANGES
    assert turns.free(taken, NOON + 1_000, lambda _: None) > NOON + 1_000  # a gap that was given up
    taken = turns.take(taken, NOON + DAY, NOON + DAY - 1)
    assert len(taken) == 1


def test_a_share_of_a_day_goes_round() -> None:
    for whole in (0, 1, 3, 4, 10):
        shares = [[share_of(day, whole, partition, 4) for partition in range(4)] for day in range(4)]
        assert all(sum(of_a_day) == whole for of_a_day in shares)
        assert len({sum(column) for column in zip(*shares, strict=True)}) == 1
