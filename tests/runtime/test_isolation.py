"""Whatever the records that break a batch, exactly those are left out, and in few tries."""

from hypothesis import given
from hypothesis import strategies as st

from touchline.agents.runtime.isolation import Isolation


def work_off(total: int, poisonous: set[int], normal: int) -> tuple[list[int], int]:
    """What passes, and how many batches failed."""
    isolation, position, failures = Isolation(normal), 0, 0
    passed: list[int] = []
    left_out: int | None = None
    while position < total:
        batch = range(position, min(position + isolation.limit, total))
        if left_out == position:
            isolation.left_out()
            position, left_out = position + 1, None
        elif poisonous.intersection(batch):
            failures += 1
            if isolation.failed(len(batch)):
                left_out = position
        else:
            isolation.passed(len(batch))
            passed += batch
            position += len(batch)
    assert isolation.limit == normal
    assert not isolation.suspicious
    return passed, failures


@given(st.integers(1, 300), st.sets(st.integers(0, 299), max_size=6), st.integers(1, 100))
def test_only_the_poisonous_are_left_out(total: int, poisonous: set[int], normal: int) -> None:
    passed, _ = work_off(total, poisonous, normal)
    assert passed == [n for n in range(total) if n not in poisonous]


def test_one_among_thousands_takes_few_tries() -> None:
    for culprit in (0, 1, 1_000, 2_741, 3_999):
        _, failures = work_off(4_000, {culprit}, 4_000)
        assert failures <= 25


def test_a_passing_fault_costs_one_try() -> None:
    isolation = Isolation(100)
    assert not isolation.failed(80)
    assert isolation.limit == 80
    isolation.passed(80)
    assert isolation.limit == 100
