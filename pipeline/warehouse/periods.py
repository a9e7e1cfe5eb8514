"""The periods by which facts are counted, and which of them are still to be counted anew: kept in the changelog, so
that no crash forgets one."""

import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

SHARE: Final = 20
"""Recounts of a kind may take this part of the time (a twentieth): a minute with a million facts is not counted each
second."""

MOST_AT_ONCE: Final = 4_000
"""So many periods are not kept waiting: they are counted at once, and so many at a time."""


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time. Its figures are in the tables `NAME_…`, whose rows begin with a column of that name.

    Args:
        name: minute, hour, day.
        seconds: how long.
        part: the period from whose figures those of this one are merged; None where they are counted from the facts.
        least_wait: milliseconds from one recount to the next: as short as its cost allows …
        most_wait: … and not longer than this.
    """

    name: str
    seconds: int
    part: "Period | None"
    least_wait: int
    most_wait: int

    def starts_of(self, times: Iterable[int]) -> set[int]:
        """The periods of some times, both in seconds since 1970 UTC."""
        return {second // self.seconds * self.seconds for second in times}


MINUTE: Final = Period("minute", 60, None, 1_000, 10_000)
HOUR: Final = Period("hour", 3_600, MINUTE, 5_000, 60_000)
DAY: Final = Period("day", 86_400, HOUR, 15_000, 120_000)
PERIODS: Final = (MINUTE, HOUR, DAY)
"""Each after the one that it is merged from."""


class TouchedPeriods:
    """A `Piece`: periods of one kind (their starts, in seconds since 1970 UTC) by the name of the facts that touched
    them."""

    def __init__(self, period: Period = MINUTE) -> None:
        self._period = period
        self._starts: dict[str, dict[int, None]] = {}
        self._dirty: set[str] = set()
        self._next: dict[str, int] = {}

    def add(self, name: str, starts: Iterable[int]) -> None:
        """Remembers periods."""
        known = self._starts.setdefault(name, {})
        before = len(known)
        known.update(dict.fromkeys(starts))
        if len(known) > before:
            self._dirty.add(name)

    def of(self, name: str) -> Collection[int]:
        """The periods that wait."""
        return self._starts.get(name, {}).keys()

    def due(self, name: str, now: int, *, idle: bool) -> list[int]:
        """The periods to count now, at most `MOST_AT_ONCE`; none while it is too soon after the last recount.

        Args:
            name: of the facts.
            now: milliseconds.
            idle: nothing else is to be done, so nothing is waited for."""
        waiting = self._starts.get(name)
        if not waiting:
            return []
        wait = self._next.get(name, 0) - now
        # A wait longer than any that was set: the wall clock was put back.
        if not idle and 0 < wait <= self._period.most_wait and len(waiting) < MOST_AT_ONCE:
            return []
        return list(islice(waiting, MOST_AT_ONCE))

    def counted(self, name: str, starts: Iterable[int], now: int, took: float) -> None:
        """These periods were counted at `now` (milliseconds), which took so many seconds."""
        waiting = self._starts.get(name, {})
        for start in starts:
            waiting.pop(start, None)
        self._dirty.add(name)
        wait = max(self._period.least_wait, round(took * 1_000 * SHARE))
        self._next[name] = now + min(wait, self._period.most_wait)

    def load(self, key: bytes, value: bytes | None) -> None:
        """Takes in one entry of the changelog."""
        count = len(value or b"") // 4
        self._starts[key.decode()] = dict.fromkeys(struct.unpack(f"<{count}I", value or b""))

    def changes(self) -> Iterable[tuple[bytes, bytes | None]]:
        """What changed, four bytes a period."""
        changed = [(name.encode(), self._packed(name)) for name in sorted(self._dirty)]
        self._dirty.clear()
        return changed

    def _packed(self, name: str) -> bytes | None:
        starts = self._starts.get(name)
        return struct.pack(f"<{len(starts)}I", *starts) if starts else None
