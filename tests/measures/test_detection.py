"""Precision, recall, lead and the plain query on promises."""

import pytest

from touchline.pipeline.engine.clock import DAY, HOUR
from touchline.pipeline.measures.detection import Case, missed_promise, quality


def test_counts_what_was_warned_of_before_it_was_known() -> None:
    found = quality(
        [
            Case(known_at=10 * HOUR, bad=True, warned_at=4 * HOUR),
            Case(known_at=10 * HOUR, bad=True, warned_at=8 * HOUR),
            Case(known_at=10 * HOUR, bad=True, warned_at=10 * HOUR),  # at the same time is no warning
            Case(known_at=10 * HOUR, bad=True, warned_at=None),
            Case(known_at=10 * HOUR, bad=False, warned_at=1 * HOUR),
            Case(known_at=10 * HOUR, bad=False, warned_at=None),
        ]
    )
    assert (found.cases, found.bad, found.warned, found.hits) == (6, 4, 3, 2)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(1 / 2)
    assert found.lift == pytest.approx((2 / 3) / (4 / 6))
    assert found.median_lead == 4 * 3_600


def test_without_cases_nothing_is_claimed() -> None:
    found = quality([])
    assert (found.precision, found.recall, found.lift, found.median_lead) == (None, None, None, None)


@pytest.mark.parametrize(
    ("delivered_at", "missed"),
    [(None, 3 * DAY), (3 * DAY, None), (3 * DAY + 1, 3 * DAY), (DAY, None)],
)
def test_a_promise_is_missed_a_day_after_it(delivered_at: int | None, missed: int | None) -> None:
    assert missed_promise(2 * DAY, delivered_at) == missed
