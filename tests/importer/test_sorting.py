"""The order of time, whatever the memory."""

from hypothesis import given, settings
from hypothesis import strategies as st

from touchline.importer.mapper import Made
from touchline.importer.sorting import TimeOrder


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-5, 5), st.binary(max_size=4), st.binary(max_size=4)), max_size=40),
    st.integers(1, 3_000),
)
def test_sorted_by_time_and_stable_with_any_memory(rows: list[tuple[int, bytes, bytes]], memory: int) -> None:
    made = [Made(*row) for row in rows]
    with TimeOrder(memory) as order:
        for one in made:
            order.add(one)
        assert len(order) == len(made)
        expected = sorted(made, key=lambda one: one.at)
        assert list(order) == expected
        assert list(order) == expected, "it may be read again"
        times = [one.at for one in made]
        assert order.span == ((min(times), max(times)) if times else (None, None))


def test_runs_on_disk_are_private_and_gone_afterwards() -> None:
    with TimeOrder(memory=1) as order:
        for at in (3, 1, 2):
            order.add(Made(at, b"k", b"v"))
        folder = order.folder
        assert folder is not None
        assert folder.stat().st_mode & 0o077 == 0
        assert len(list(folder.iterdir())) == 3
        assert [one.at for one in order] == [1, 2, 3]
    assert not folder.exists()
