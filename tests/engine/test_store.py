"""State per key: what it holds is what a plain dictionary would, across caching, restarts and expiry."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from touchline.pipeline.engine.store import NEVER, Cell, KeyedStore

Log = list[tuple[bytes, bytes | None]]


def empty_log() -> Log:
    """A changelog without entries."""
    return []


def new_store(cached: int = 20_000) -> KeyedStore[list[int]]:
    """A store of lists of numbers."""
    return KeyedStore(msgspec.msgpack.encode, msgspec.msgpack.Decoder(list[int]).decode, cached=cached)


def moved(store: KeyedStore[list[int]], log: Log) -> KeyedStore[list[int]]:
    """Another worker's store, from the changelog."""
    log.extend(store.changes())
    other = new_store()
    for key, value in log:
        other.load(key, value)
    return other


def test_a_value_is_found_again() -> None:
    store = new_store()
    store.put("a", [1])
    assert store.get("a", 0) == [1]
    assert store.get("b", 0) is None


def test_a_value_changed_in_place_and_put_is_kept() -> None:
    store, log = new_store(), empty_log()
    store.put("a", [1])
    value = store.get("a", 0)
    assert value is not None
    value.append(2)
    store.put("a", value)
    assert moved(store, log).get("a", 0) == [1, 2]


def test_an_expired_key_reads_as_absent_and_is_deleted_from_the_changelog() -> None:
    store, log = new_store(), empty_log()
    store.put("a", [1], expires=100)
    log.extend(store.changes())
    assert store.get("a", 99) == [1]
    assert store.get("a", 100) is None
    assert list(store.changes()) == [(b"a", None)]
    assert len(store) == 0


def test_a_dropped_key_comes_back_new() -> None:
    store, log = new_store(), empty_log()
    store.put("a", [1], due=5)
    log.extend(store.changes())
    store.drop("a")
    store.put("a", [2])
    assert list(store.due(10)) == []
    assert moved(store, log).get("a", 0) == [2]


def test_timers_come_in_order_of_time_and_key_once() -> None:
    store = new_store()
    for key, due in (("b", 5), ("a", 5), ("c", 3), ("d", 9)):
        store.put(key, [due], due=due)
    assert [(t, k) for t, k, _ in store.due(5)] == [(3, "c"), (5, "a"), (5, "b")]
    assert list(store.due(5)) == []
    assert [k for _, k, _ in store.due(9)] == ["d"]


def test_the_first_timer_can_be_asked_for_and_still_goes_off() -> None:
    store = new_store()
    for key, due in (("b", 5), ("a", 5), ("c", 200_000)):
        store.put(key, [due], due=due)
    assert store.first_due(4) is None
    assert store.first_due(9) == store.first_due(9) == 5
    store.drop("a")
    assert [k for _, k, _ in store.due(9)] == ["b"]
    assert store.first_due(300_000) == 200_000
    store.put("d", [9], due=9)
    assert store.first_due(300_000) == 9


def test_a_timer_set_again_replaces_the_former() -> None:
    store = new_store()
    store.put("a", [1], due=5)
    store.put("a", [1], due=8)
    assert list(store.due(7)) == []
    assert [t for t, _, _ in store.due(8)] == [8]


def test_a_timer_set_while_timers_fire_may_fire_at_once() -> None:
    store, fired = new_store(), []
    store.put("a", [1], due=1)
    for time, key, value in store.due(3):
        fired.append(time)
        if time < 3:
            store.put(key, value, due=time + 1)
    assert fired == [1, 2, 3]


def test_timers_survive_a_restart() -> None:
    store, log = new_store(), empty_log()
    store.put("a", [1], due=5)
    other = moved(store, log)
    assert [(t, k) for t, k, _ in other.due(5)] == [(5, "a")]
    assert list(moved(other, log).due(9)) == []  # it has fired, which the changelog knows


def test_a_sweep_frees_what_nobody_asks_for() -> None:
    store, log = new_store(cached=2), empty_log()
    for number in range(100):
        store.put(f"k{number}", [number], expires=50)
    log.extend(store.changes())
    freed = sum(store.sweep(50) for _ in range(4))
    assert freed == 99  # all but the one that is cached, which goes when it is asked for or evicted
    assert len(store) == 1
    assert len(moved(store, log)) == 1


def test_a_dropped_key_is_gone_at_once_and_after_a_restart() -> None:
    store, log = new_store(), empty_log()
    store.put("a", [1])
    log.extend(store.changes())
    store.drop("a")
    assert store.get("a", 0) is None
    assert len(store) == 0
    assert moved(store, log).get("a", 0) is None


def test_cell() -> None:
    cell = Cell({"n": 0}, msgspec.json.encode, msgspec.json.decode)
    assert list(cell.changes()) == []
    cell.value["n"] = 3
    cell.touch()
    (entry,) = cell.changes()
    assert list(cell.changes()) == []
    other = Cell({"n": 0}, msgspec.json.encode, msgspec.json.decode)
    other.load(*entry)
    assert other.value == {"n": 3}


KEYS = st.sampled_from(["a", "b", "c", "d"])
TIMES = st.integers(0, 30)


@dataclass
class Model:
    """What a plain dictionary knows: value, timer and end of life by key."""

    held: dict[str, tuple[list[int], int, int]] = field(default_factory=dict)

    def get(self, key: str, now: int) -> list[int] | None:
        """As the store."""
        found = self.held.get(key)
        if found is None:
            return None
        if found[2] <= now:
            del self.held[key]
            return None
        return found[0]

    def due(self, until: int) -> list[tuple[int, str, list[int]]]:
        """As the store."""
        fired = []
        for time, key in sorted((due, key) for key, (_, due, _) in self.held.items() if due <= until):
            value = self.get(key, time)
            if value is not None:
                self.held[key] = (value, NEVER, self.held[key][2])
                fired.append((time, key, value))
        return fired


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, TIMES, TIMES | st.just(NEVER), TIMES | st.just(NEVER)),
        st.tuples(st.just("get"), KEYS, TIMES),
        st.tuples(st.just("drop"), KEYS),
        st.tuples(st.just("due"), TIMES),
        st.tuples(st.just("sweep"), TIMES),
        st.tuples(st.sampled_from(["changes", "restart"])),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(ACTIONS, st.integers(1, 4), st.booleans())
def test_it_holds_what_a_dictionary_would(actions: list[tuple[Any, ...]], cached: int, logged: bool) -> None:
    """Whatever the order of calls, batches, evictions from the cache and restarts."""
    store, model = new_store(cached), Model()
    if not logged:
        store.keep_no_log(cached)
    log = empty_log()
    latest = 0
    for number, (action, *arguments) in enumerate(actions):
        if action == "put":
            key, _, due, expires = arguments
            store.put(key, [number], due=due, expires=expires)
            model.held[key] = ([number], due, expires)
        elif action == "get":
            key, now = arguments
            latest = max(latest, now)
            assert store.get(key, latest) == model.get(key, latest)
        elif action == "drop":
            store.drop(*arguments)
            model.held.pop(arguments[0], None)
        elif action == "due":
            assert list(store.due(*arguments)) == model.due(*arguments)
        elif action == "sweep":
            latest = max(latest, *arguments)
            store.sweep(latest)
        elif action == "changes" or not logged:
            log.extend(store.changes())
            assert logged or not log
            known = {key for key, (_, _, expires) in model.held.items() if expires > latest}
            assert known <= set(store.keys())
            assert len(store) == len(list(store.keys()))
        else:
            store = moved(store, log)
    for key in "abcd":
        assert store.get(key, latest) == model.get(key, latest)
