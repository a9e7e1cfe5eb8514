"""Quiet hours by the recipient's clock, across daylight-saving changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.pipeline.engine.clock import HOUR, MINUTE, from_ms, to_ms
from touchline.pipeline.outreach.quiet import QuietHours, zone_named, zone_of_country

NIGHT = QuietHours.parse("21:00", "08:00")
BERLIN = ZoneInfo("Europe/Berlin")


def ms(*parts: int, zone: ZoneInfo = BERLIN, fold: int = 0) -> int:
    return to_ms(datetime(*parts, tzinfo=zone, fold=fold))  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("time", "quiet"),
    [((20, 59), False), ((21, 0), True), ((23, 59), True), ((0, 0), True), ((7, 59), True), ((8, 0), False)],
)
def test_the_night_spans_midnight(time: tuple[int, int], quiet: bool) -> None:
    assert NIGHT.are_at(ms(2026, 6, 10, *time), BERLIN) is quiet


def test_quiet_hours_within_a_day() -> None:
    lunch = QuietHours.parse("12:00", "13:30")
    assert [lunch.are_at(ms(2026, 6, 10, *t), BERLIN) for t in ((11, 59), (12, 0), (13, 29), (13, 30))] == [
        False,
        True,
        True,
        False,
    ]


def test_the_same_minute_for_both_is_no_quiet_hours() -> None:
    never = QuietHours.parse("08:00", "08:00")
    assert not any(never.are_at(ms(2026, 6, 10, hour), BERLIN) for hour in range(24))
    assert never.starts_after(ms(2026, 6, 10, 12), BERLIN) is None


@pytest.mark.parametrize(
    ("night", "hours"),
    [((2026, 3, 28, 21), 10), ((2026, 6, 10, 21), 11), ((2026, 10, 24, 21), 12)],
    ids=["clocks go forward", "an ordinary night", "clocks go back"],
)
def test_the_end_is_at_eight_by_their_clock(night: tuple[int, ...], hours: int) -> None:
    start = ms(*night)
    assert NIGHT.ends_after(start, BERLIN) - start == hours * HOUR


def test_an_end_that_the_clock_shows_twice() -> None:
    nap = QuietHours.parse("01:00", "02:30")
    first, second = ms(2026, 10, 25, 2, 10), ms(2026, 10, 25, 2, 10, fold=1)
    assert nap.ends_after(first, BERLIN) == first + 20 * MINUTE
    assert nap.ends_after(second, BERLIN) == second + 20 * MINUTE


def test_a_start_that_the_clock_skips_is_early_rather_than_late() -> None:
    quiet = QuietHours.parse("02:30", "06:00")
    before = ms(2026, 3, 29, 0, 30)
    start = quiet.starts_after(before, BERLIN)
    assert start is not None
    assert not any(quiet.are_at(at, BERLIN) for at in range(before, start, MINUTE))


@given(
    start=st.integers(0, 1439),
    end=st.integers(0, 1439),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda t: to_ms(t.replace(tzinfo=UTC))),  # noqa: DTZ001
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]),
)
def test_the_end_is_the_first_moment_that_is_not_quiet(start: int, end: int, now: int, zone: str) -> None:
    quiet, where = QuietHours(start, end), ZoneInfo(zone)
    if not quiet.are_at(now, where):
        upcoming = quiet.starts_after(now, where)
        assert upcoming is None or (upcoming > now and _all(quiet, range(now, upcoming, 7 * MINUTE), where, False))
        return
    finish = quiet.ends_after(now, where)
    assert finish > now
    assert not quiet.are_at(finish, where)
    skipped = HOUR if _changes(finish, where) else 0  # where the clock skips the end itself: by that hour at the most
    assert _all(quiet, range(now, finish - skipped, 7 * MINUTE), where, True)


def _all(quiet: QuietHours, times: range, zone: ZoneInfo, expected: bool) -> bool:
    return all(quiet.are_at(at, zone) is expected for at in times)


def _changes(at: int, zone: ZoneInfo) -> bool:
    day = timedelta(hours=3)
    return from_ms(at).astimezone(zone).utcoffset() != (from_ms(at) - day).astimezone(zone).utcoffset()


def test_a_zone_that_is_none() -> None:
    assert [zone_named(name) for name in ("Mars/Olympus", "", "../etc/passwd", "Europe", "a\0b")] == [None] * 5


@pytest.mark.parametrize(
    ("country", "zone"),
    [
        ("DE", "Europe/Berlin"),  # two entries, one time
        ("de", "Europe/Berlin"),
        ("IN", "Asia/Kolkata"),
        ("US", None),
        ("AU", None),
        ("ES", None),  # the Canary Islands
        ("XX", None),
        ("", None),
    ],
)
def test_a_country_tells_the_time_where_all_its_clocks_agree(country: str, zone: str | None) -> None:
    found = zone_of_country(country)
    assert (found.key if found else None) == zone
