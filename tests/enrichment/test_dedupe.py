"""The ids that were seen: an oracle, restarts anywhere, and what it costs."""

import tracemalloc
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from touchline.pipeline.enrichment.dedupe import SeenIds, event_hash


class Oracle:
    """The same by definition: a list of (id, time)."""

    def __init__(self, limit: int, age: int) -> None:
        self.limit, self.age = limit, age
        self.ids: deque[tuple[int, int]] = deque()

    def add(self, identity: int, now: int) -> bool:
        while self.ids and self.ids[0][1] + self.age <= now:
            self.ids.popleft()
        if any(identity == known for known, _ in self.ids):
            return False
        if self.limit:
            self.ids.append((identity, now))
            if len(self.ids) > self.limit:
                self.ids.popleft()
        return True


# Few different hashes that collide in the index's low bits, so that clusters form and shrink.
identities = st.integers(0, 40).map(lambda n: (n % 7) | (n // 7) << 40)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), identities, st.integers(0, 3)),
        st.just(("save", 0, 0)),
        st.just(("restart", 0, 0)),
    ),
    max_size=300,
)


@given(limit=st.integers(0, 30), age=st.integers(1, 60), steps=steps)
def test_it_remembers_exactly_what_the_oracle_does(limit: int, age: int, steps: list[tuple[str, int, int]]) -> None:
    seen, oracle, now = SeenIds(limit, age), Oracle(limit, age), 0
    changelog: dict[bytes, bytes] = {}
    for what, identity, passed in steps:
        now += passed
        if what == "add":
            assert seen.add(identity, now) == oracle.add(identity, now)
        else:
            save(seen, changelog)
        if what == "restart":
            seen = SeenIds(limit, age)
            for key, value in changelog.items():
                seen.load(key, value)


def save(seen: SeenIds, changelog: dict[bytes, bytes]) -> None:
    for key, value in seen.changes():
        if value is None:
            del changelog[key]  # only what was written is ever deleted
        else:
            changelog[key] = value


def test_small_batches_do_not_leave_an_entry_each() -> None:
    seen = SeenIds(5_000, 10**9)
    changelog: dict[bytes, bytes] = {}
    written = 0
    for n in range(20_000):
        seen.add(event_hash("shop", f"e-{n}"), n)
        for key, value in seen.changes():
            written += len(value or b"")
            if value is None:
                del changelog[key]
            else:
                changelog[key] = value
    assert len(changelog) < 80
    assert written <= 3 * 20_000 * 16
    again = SeenIds(5_000, 10**9)
    for key, value in changelog.items():
        again.load(key, value)
    assert [again.add(event_hash("shop", f"e-{n}"), 20_000) for n in (15_000, 19_999, 14_999)] == [False, False, True]


def test_memory_is_bounded_by_the_limit() -> None:
    tracemalloc.start()
    try:
        seen = SeenIds(16_000, 10**9)
        for n in range(24_000):
            seen.add(n * 0x9E3779B97F4A7C15 & (1 << 64) - 1, n)
        for _ in seen.changes():
            pass
        current, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(seen) == 16_000
    assert current < 16_000 * 40


def test_source_and_id_do_not_run_into_each_other() -> None:
    assert event_hash("a", "bc") != event_hash("ab", "c")
