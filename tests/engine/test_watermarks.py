"""How far time is: never backwards, the slowest decides, and what stands still is left out."""

from hypothesis import given
from hypothesis import strategies as st

from touchline.pipeline.engine.clock import MINUTE
from touchline.pipeline.engine.watermarks import STALLED_AFTER, Watermarks
from touchline.schemas.control import Tick


def tick(partition: int, high: int, *, partitions: int = 2, wall: int | None = None) -> Tick:
    """A tick of one of two raw partitions."""
    return Tick(partition=partition, partitions=partitions, high=high, wall=wall)


def known(marks: Watermarks) -> tuple[int | None, ...]:
    """Low, top, and the highs of partitions 0 and 7."""
    return marks.low, marks.top, marks.high(0), marks.high(7)


def restarted(marks: Watermarks) -> Watermarks:
    """Another worker's, from the changelog."""
    other = Watermarks()
    for key, value in marks.changes():
        other.load(key, value)
    return other


def test_nothing_is_known_before_all_have_ticked() -> None:
    marks = Watermarks()
    assert not marks.tick(tick(0, 100))
    assert known(marks) == (None, 100, 100, None)
    assert marks.tick(tick(1, 50))
    assert known(marks) == (50, 100, 100, None)


def test_a_tick_that_comes_again_changes_nothing() -> None:
    marks = Watermarks()
    marks.tick(tick(0, 100))
    marks.tick(tick(1, 50))
    assert not marks.tick(tick(1, 50))
    assert not marks.tick(tick(1, 40))
    assert marks.low == 50


def test_a_partition_that_stands_still_on_the_live_clock_is_left_out_until_it_ticks_again() -> None:
    marks = Watermarks()
    marks.tick(tick(0, 100, wall=0))
    marks.tick(tick(1, 50, wall=0))
    assert not marks.tick(tick(0, STALLED_AFTER, wall=STALLED_AFTER))
    assert list(marks.stalled) == []
    assert marks.tick(tick(0, STALLED_AFTER + MINUTE, wall=STALLED_AFTER + MINUTE))
    assert list(marks.stalled) == [1]
    assert marks.low == STALLED_AFTER + MINUTE
    assert not marks.tick(tick(1, 60, wall=STALLED_AFTER + MINUTE))
    assert list(marks.stalled) == []
    assert marks.low == STALLED_AFTER + MINUTE  # it never falls


def test_on_the_log_clock_nothing_stalls() -> None:
    marks = Watermarks()
    marks.tick(tick(0, 100 * STALLED_AFTER))
    marks.tick(tick(1, 50))
    assert (marks.stalled, marks.low) == ((), 50)


def test_a_new_raw_partition_is_waited_for() -> None:
    marks = Watermarks()
    marks.tick(tick(0, 100))
    marks.tick(tick(1, 100))
    assert not marks.tick(tick(0, 200, partitions=3))
    assert not marks.tick(tick(1, 200, partitions=3))
    assert marks.low == 100
    assert marks.tick(tick(2, 150, partitions=3))
    assert marks.low == 150


TICKS = st.lists(
    st.builds(
        tick, st.integers(0, 2), st.integers(0, 1_000), partitions=st.just(3), wall=st.none() | st.integers(0, 10**7)
    ),
    max_size=60,
)


@given(TICKS, st.sets(st.integers(0, 60)))
def test_it_never_falls_and_a_restart_changes_nothing(ticks: list[Tick], restarts: set[int]) -> None:
    plain, moved = Watermarks(), Watermarks()
    low = None
    for number, each in enumerate(ticks):
        rose = plain.tick(each)
        assert rose == moved.tick(each)
        if number in restarts:
            moved = restarted(moved)
        assert (plain.low, plain.stalled, plain.top) == (moved.low, moved.stalled, moved.top)
        assert low is None or (plain.low is not None and plain.low >= low)
        low = plain.low


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1_000)), max_size=60))
def test_on_the_log_clock_it_is_the_least_high(seen: list[tuple[int, int]]) -> None:
    marks = Watermarks()
    highs: dict[int, int] = {}
    for partition, high in seen:
        marks.tick(tick(partition, high, partitions=3))
        highs[partition] = max(high, highs.get(partition, high))
    assert marks.low == (min(highs.values()) if len(highs) == 3 else None)
