"""Opening hours on a queue's own clock, right across daylight-saving changes. Times in milliseconds since 1970 UTC."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from touchline.pipeline.engine.clock import DAY, to_ms
from touchline.schemas.staff import Opening

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST: Final = 370
"""After so many days of looking ahead the rest of a length is counted by the clock."""

Spans = Sequence[tuple[int, int]]


class Hours:
    """A week of openings. Without any, it is always open."""

    def __init__(self, openings: Sequence[Opening], zone: str) -> None:
        self._always = not openings
        self._zone = ZoneInfo(zone)
        week: list[list[tuple[str, str]]] = [[] for _ in _DAYS]
        for opening in openings:
            for day in opening.days:
                week[_DAYS.index(day)].append((opening.start, opening.end))
        self._week = [tuple(sorted(day)) for day in week]

    def open_at(self, now: int) -> bool:
        """Whether it is open then."""
        return self._always or next(self._after(now))[0] <= now

    def opens_after(self, now: int) -> int:
        """When it is open next: `now` itself where it is."""
        return now if self._always else max(now, next(self._after(now))[0])

    def add(self, now: int, length: int) -> int:
        """The time after so many milliseconds of opening."""
        if self._always:
            return now + length
        for opens, end in self._after(now):
            start = max(opens, now)
            if start - now > _LONGEST * DAY:
                break
            if length <= end - start:
                return start + length
            length -= end - start
        return now + _LONGEST * DAY + length

    def _after(self, now: int) -> Iterator[tuple[int, int]]:
        """The spans of opening that end after `now`, in order, for ever."""
        day = datetime.fromtimestamp(now / 1_000, self._zone).toordinal() - 1
        while True:
            for start, end in _spans(day, self._week[(day - 1) % 7], self._zone):
                if end > now:
                    yield start, end
            day += 1


@lru_cache(maxsize=4_096)
def _spans(day: int, openings: tuple[tuple[str, str], ...], zone: tzinfo) -> Spans:
    """The spans of a day, those that meet or overlap as one."""
    found = sorted((_instant(day, start, zone), _instant(day, end, zone)) for start, end in openings)
    found = [(start, end) for start, end in found if start < end]
    for (_, end), (start, _) in pairwise(found):
        if start <= end:
            return _merged(found)
    return found


def _merged(found: Spans) -> Spans:
    merged: list[tuple[int, int]] = []
    for start, end in found:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _instant(day: int, clock: str, zone: tzinfo) -> int:
    hour, minute = map(int, clock.split(":"))
    time = datetime.fromordinal(day) + timedelta(hours=hour, minutes=minute)
    return to_ms(time.replace(tzinfo=zone).astimezone(UTC))


@lru_cache(maxsize=1_024)
def hours_of(openings: tuple[Opening, ...], zone: str) -> Hours:
    """The hours of a queue."""
    return Hours(openings, zone)
