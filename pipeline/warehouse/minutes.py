"""The minutes whose figures are still to be counted anew, kept in the changelog, so that no crash forgets one."""

import struct
from collections.abc import Collection, Iterable
from itertools import islice
from typing import Final

LEAST_WAIT: Final = 1_000
MOST_WAIT: Final = 10_000
"""Milliseconds from one recount to the next: as short as a recount's cost allows, and not longer than this."""

SHARE: Final = 20
"""A recount may take this part of the time (a twentieth): a minute with a million facts is not counted each second."""

MOST_MINUTES: Final = 4_000
"""So many minutes are not kept waiting: they are counted at once, and so many at a time."""


class TouchedMinutes:
    """A `Piece`: minutes (in seconds since 1970 UTC) by the name of the facts that touched them."""

    def __init__(self) -> None:
        self._minutes: dict[str, dict[int, None]] = {}
        self._dirty: set[str] = set()
        self._next: dict[str, int] = {}

    def add(self, name: str, minutes: Iterable[int]) -> None:
        """Remembers minutes."""
        known = self._minutes.setdefault(name, {})
        before = len(known)
        known.update(dict.fromkeys(minutes))
        if len(known) > before:
            self._dirty.add(name)

    def of(self, name: str) -> Collection[int]:
        """The minutes that wait."""
        return self._minutes.get(name, {}).keys()

    def due(self, name: str, now: int, *, idle: bool) -> list[int]:
        """The minutes to count now, at most `MOST_MINUTES`; none while it is too soon after the last recount.

        Args:
            name: of the facts.
            now: milliseconds.
            idle: nothing else is to be done, so nothing is waited for."""
        waiting = self._minutes.get(name)
        if not waiting:
            return []
        wait = self._next.get(name, 0) - now
        # A wait longer than any that was set: the wall clock was put back.
        if not idle and 0 < wait <= MOST_WAIT and len(waiting) < MOST_MINUTES:
            return []
        return list(islice(waiting, MOST_MINUTES))

    def counted(self, name: str, minutes: Iterable[int], now: int, took: float) -> None:
        """These minutes were counted at `now` (milliseconds), which took so many seconds."""
        waiting = self._minutes.get(name, {})
        for minute in minutes:
            waiting.pop(minute, None)
        self._dirty.add(name)
        self._next[name] = now + min(max(LEAST_WAIT, round(took * 1_000 * SHARE)), MOST_WAIT)

    def load(self, key: bytes, value: bytes | None) -> None:
        """Takes in one entry of the changelog."""
        count = len(value or b"") // 4
        self._minutes[key.decode()] = dict.fromkeys(struct.unpack(f"<{count}I", value or b""))

    def changes(self) -> Iterable[tuple[bytes, bytes | None]]:
        """What changed, four bytes a minute."""
        changed = [(name.encode(), self._packed(name)) for name in sorted(self._dirty)]
        self._dirty.clear()
        return changed

    def _packed(self, name: str) -> bytes | None:
        minutes = self._minutes.get(name)
        return struct.pack(f"<{len(minutes)}I", *minutes) if minutes else None
