"""Opening hours against a clock that is looked at every minute."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchline.pipeline.desk.hours import Hours
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, from_ms, to_ms
from touchline.schemas.staff import Day, Opening

NAMES: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
BERLIN = ZoneInfo("Europe/Berlin")
CHANGES = (to_ms(datetime(2026, 3, 28, tzinfo=UTC)), to_ms(datetime(2026, 10, 24, tzinfo=UTC)))
"""The days before clocks change."""

WEEKDAYS = Hours((Opening(days=("mon", "tue", "wed", "thu", "fri"), start="08:00", end="18:00"),), "Europe/Berlin")


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@st.composite
def openings(draw: st.DrawFn) -> Opening:
    start = draw(st.integers(0, 47)) * 30
    end = draw(st.integers(start // 30 + 1, 48)) * 30
    days = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=7, unique=True))
    return Opening(days=tuple(days), start=clock(start), end=clock(end))


def is_open(week: list[Opening], now: int) -> bool:
    """As the clock on the wall says."""
    local = from_ms(now).astimezone(BERLIN)
    shown = clock(local.hour * 60 + local.minute)
    return any(NAMES[local.weekday()] in one.days and one.start <= shown < one.end for one in week)


@settings(max_examples=60, deadline=None)
@given(
    week=st.lists(openings(), min_size=1, max_size=3), begin=st.sampled_from(CHANGES), minute=st.integers(0, 3 * 1_440)
)
def test_it_is_open_when_the_clock_says_so(week: list[Opening], begin: int, minute: int) -> None:
    now = begin + minute * MINUTE
    local = from_ms(now).astimezone(BERLIN)
    hours = Hours(tuple(week), "Europe/Berlin")
    if timedelta(hours=1) < timedelta(hours=local.hour) < timedelta(hours=4):
        return  # clocks change in these hours: an opening that begins or ends in them is a matter of taste
    assert hours.open_at(now) == is_open(week, now)


@settings(max_examples=60, deadline=None)
@given(week=st.lists(openings(), min_size=1, max_size=3), minute=st.integers(0, 7 * 1_440), length=st.integers(1, 900))
def test_a_length_is_counted_in_open_minutes(week: list[Opening], minute: int, length: int) -> None:
    begin = to_ms(datetime(2026, 6, 1, tzinfo=UTC)) + minute * MINUTE  # no clock changes near it
    hours = Hours(tuple(week), "Europe/Berlin")
    left, now = length, begin
    while left:
        left -= is_open(week, now)
        now += MINUTE
    assert hours.add(begin, length * MINUTE) == now
    opens = hours.opens_after(begin)
    assert hours.open_at(opens)
    assert not [t for t in range(begin, opens, 30 * MINUTE) if hours.open_at(t)]


def test_without_hours_it_is_always_open() -> None:
    hours = Hours((), "UTC")
    assert hours.open_at(5)
    assert (hours.opens_after(5), hours.add(5, DAY)) == (5, 5 + DAY)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        (datetime(2026, 3, 27, 18, tzinfo=BERLIN), datetime(2026, 3, 30, 8, tzinfo=BERLIN)),  # summer time begins
        (datetime(2026, 10, 23, 18, tzinfo=BERLIN), datetime(2026, 10, 26, 8, tzinfo=BERLIN)),  # and ends
        (datetime(2026, 6, 10, 12, tzinfo=BERLIN), datetime(2026, 6, 10, 12, tzinfo=BERLIN)),
    ],
)
def test_it_opens_at_the_same_time_of_day_whatever_the_clocks_do(now: datetime, opens: datetime) -> None:
    assert WEEKDAYS.opens_after(to_ms(now)) == to_ms(opens)


def test_openings_that_meet_are_one_and_a_day_ends_at_midnight() -> None:
    every = Hours((Opening(days=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), start="00:00", end="24:00"),), "UTC")
    now = to_ms(datetime(2026, 6, 10, 23, tzinfo=UTC))
    assert every.add(now, 30 * HOUR) == now + 30 * HOUR
    halves = (Opening(days=("wed",), start="08:00", end="12:00"), Opening(days=("wed",), start="11:00", end="13:00"))
    morning = to_ms(datetime(2026, 6, 10, 8, tzinfo=UTC))
    assert Hours(halves, "UTC").add(morning, 5 * HOUR) == morning + 5 * HOUR
