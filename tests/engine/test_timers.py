"""Timers: each key at its time as it is in the end, in order of time and key, whatever happened to it before."""

from hypothesis import given, settings
from hypothesis import strategies as st

from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.engine.timers import Timers

TIMES = st.one_of(st.integers(0, 2_000), st.integers(0, 400_000), st.integers(0, 400_000).map(lambda n: n << 14))


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), TIMES), max_size=40), st.lists(TIMES, min_size=1, max_size=8))
def test_keys_come_in_order_at_their_last_time(added: list[tuple[str, int]], stops: list[int]) -> None:
    due: dict[str, int] = {}
    timers = Timers(lambda key: due.get(key, NEVER))
    stops = sorted(stops)
    share = len(added) // len(stops) + 1
    for number, stop in enumerate(stops):
        for key, time in added[number * share : (number + 1) * share]:
            due[key] = time
            timers.add(time, key)
        expected = sorted((time, key) for key, time in due.items() if time <= stop)
        found = []
        while (timer := timers.pop(stop)) is not None:
            found.append(timer)
            del due[timer[1]]
        assert found == expected


def test_a_key_may_be_named_again_for_a_time_that_has_come() -> None:
    due = {"a": 5, "b": 7}
    timers = Timers(lambda key: due.get(key, NEVER))
    timers.add(5, "a")
    timers.add(7, "b")
    assert timers.pop(10) == (5, "a")
    due["a"] = 6
    timers.add(6, "a")
    assert [timers.pop(10), timers.pop(10)] == [(6, "a"), (7, "b")]
    due.clear()
    assert timers.pop(10) is None
