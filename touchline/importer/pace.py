"""How fast an import goes."""

import time
from collections.abc import Callable
from typing import Final

CONTROL_EVERY: Final = 1_000
"""After so many touchpoints every raw partition is told how far time is, so that sparse ones move too."""

SPARSE: Final = 3_600_000
SPARSE_EVERY: Final = 8
"""Where history is thin, a thousand touchpoints may be weeks, and what did not happen would be noticed weeks too late:
so they are told each hour of history as well (milliseconds), though not after fewer touchpoints than these."""

_SLOW: Final = 1.0
"""At a set speed they are told each second as well: a thousand touchpoints may take long."""


class Pace:
    """Keeps the speed, and says when the partitions must be told the time. `speed`: seconds of history in a second;
    None: no waiting."""

    def __init__(
        self,
        speed: float | None,
        *,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._speed = speed
        self._now = now
        self._wait = wait
        self._start: tuple[int, float] | None = None
        self._told = now()
        self._told_at: int | None = None
        self._told_after = 0

    def due(self, at: int, published: int) -> bool:
        """Waits until the moment of a touchpoint has come. Whether time must be told before it is published."""
        slow = False
        if self._speed is not None:
            if self._start is None:
                self._start = (at, self._now())
            ahead = self._start[1] + (at - self._start[0]) / 1_000 / self._speed - self._now()
            if ahead > 0:
                self._wait(ahead)
            slow = self._now() - self._told >= _SLOW
        if self._told_at is None:
            self._told_at = at
        sparse = at - self._told_at >= SPARSE and published - self._told_after >= SPARSE_EVERY
        if published and (published % CONTROL_EVERY == 0 or slow or sparse):
            self._told, self._told_at, self._told_after = self._now(), at, published
            return True
        return False
