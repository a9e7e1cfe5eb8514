"""Quiet hours in the recipient's own time, right across daylight-saving changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

from touchline.pipeline.engine.clock import to_ms

_SAMPLES: Final = tuple(datetime(2026, month, 15, 12, tzinfo=UTC) for month in range(1, 13))


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` on the recipient's clock, both in minutes after midnight; `end` itself is not quiet.

    `start` after `end` spans midnight. Equal ones mean that no hour is quiet.
    """

    start: int
    end: int

    @classmethod
    def parse(cls, start: str, end: str) -> "QuietHours":
        """From `21:00` and `08:00`.

        Raises: ValueError."""
        return cls(_minutes(start), _minutes(end))

    def __str__(self) -> str:
        return f"{self.start // 60:02}:{self.start % 60:02} to {self.end // 60:02}:{self.end % 60:02}"

    def are_at(self, now: int, zone: tzinfo) -> bool:
        """Whether `now` (milliseconds since 1970 UTC) is quiet in that zone."""
        local = datetime.fromtimestamp(now / 1_000, zone)
        minute = local.hour * 60 + local.minute
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def ends_after(self, now: int, zone: tzinfo) -> int:
        """When the quiet hours that hold at `now` end, in milliseconds: always after `now`, and never itself quiet."""
        return next(at for at in _instants(now, self.end, zone) if not self.are_at(at, zone))

    def starts_after(self, now: int, zone: tzinfo) -> int | None:
        """When they begin next after `now`, in milliseconds; None when no hour is quiet.

        Where the clock skips the minute of the start, an hour early rather than late."""
        return None if self.start == self.end else next(_instants(now, self.start, zone))


def _minutes(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    if not (0 <= hours < 24 and 0 <= minutes < 60):
        raise ValueError(f'"{text}" is no time of day: write 00:00 to 23:59')
    return hours * 60 + minutes


def _instants(now: int, minute: int, zone: tzinfo) -> Iterator[int]:
    """When a clock in the zone shows that minute of the day: after `now`, in order, within three days."""
    today = datetime.fromtimestamp(now / 1_000, zone).toordinal()
    for day in range(today, today + 4):
        for at in _shown(day, minute, zone):
            if at > now:
                yield at


@lru_cache(maxsize=4_096)
def _shown(day: int, minute: int, zone: tzinfo) -> tuple[int, ...]:
    """When a clock shows that minute of a day: twice where it is set back over it (fold), and the moments by the
    offsets before and after the gap where it skips it."""
    date = datetime.fromordinal(day)
    time = date.replace(hour=minute // 60, minute=minute % 60, tzinfo=zone)
    return tuple(sorted({to_ms(time), to_ms(time.replace(fold=1))}))


@lru_cache(maxsize=4_096)
def zone_named(name: str) -> ZoneInfo | None:
    """The IANA time zone of that name, None when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; no name at all; a folder of zones
        return None


@lru_cache(maxsize=512)
def zone_of_country(country: str) -> ZoneInfo | None:
    """The zone of a country (ISO 3166, two letters), None where its clocks differ or the country is unknown."""
    zones = [zone for name in _countries().get(country.upper(), ()) if (zone := zone_named(name)) is not None]
    offsets = {tuple(sample.astimezone(zone).utcoffset() for sample in _SAMPLES) for zone in zones}
    return zones[0] if len(offsets) == 1 else None


@lru_cache(maxsize=1)
def _countries() -> dict[str, tuple[str, ...]]:
    """Zones by country, from the time zone database's own table (`zone.tab`: country, place, zone)."""
    found: dict[str, tuple[str, ...]] = {}
    for line in (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, name, *_ = line.split("\t")
            found[country] = (*found.get(country, ()), name)
    return found
