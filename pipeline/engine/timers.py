"""Which keys are due when: a million of them in little memory."""

import heapq
from collections.abc import Callable
from typing import Final

_WIDTH: Final = 16
"""A bucket is 2**16 ms, about a minute."""


class Timers:
    """Keys by time, in milliseconds since 1970 UTC. Most times lie far ahead, so keys wait unsorted in buckets of a
    minute, without their time, which the owner knows; only the bucket that is under way is put in order.

    A key whose time changes is added again; what is left of its former time is passed over when it comes up.

    Args:
        due_of: the time of a key as it is now; any time beyond all buckets for a key that has none.
    """

    def __init__(self, due_of: Callable[[str], int]) -> None:
        self._due_of = due_of
        self._buckets: dict[int, list[str]] = {}
        self._order: list[int] = []
        self._under_way: list[tuple[int, str]] = []
        self._reached = -1

    def add(self, due: int, key: str) -> None:
        """Names a time for a key."""
        bucket = due >> _WIDTH
        if bucket <= self._reached:
            heapq.heappush(self._under_way, (due, key))
            return
        keys = self._buckets.get(bucket)
        if keys is None:
            self._buckets[bucket] = [key]
            heapq.heappush(self._order, bucket)
        else:
            keys.append(key)

    def pop(self, until: int) -> tuple[int, str] | None:
        """The next key that is due at or before `until`, by time and key, and its time; None when there is none. The
        caller says what its next time is, else it is named once more."""
        while True:
            while self._under_way and self._under_way[0][0] <= until:
                due, key = heapq.heappop(self._under_way)
                if self._due_of(key) == due:
                    return due, key
            if self._under_way or not self._order or self._order[0] > until >> _WIDTH:
                return None
            self._begin(heapq.heappop(self._order))

    def _begin(self, bucket: int) -> None:
        self._reached = bucket
        found = [(self._due_of(key), key) for key in set(self._buckets.pop(bucket))]
        self._under_way = [one for one in found if one[0] >> _WIDTH == bucket]
        heapq.heapify(self._under_way)
