"""Ends the process when something that should go on does not. A supervisor, or whoever runs it, starts a new one.

A consumer that stopped without a word, a lost wake-up, a loop without an end in the logic: none of them raises. What
shows is that records are there, or are fetched, and nothing is committed.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

EXIT_STUCK: Final = 70
"""The exit code of a process that the watchdog ended (EX_SOFTWARE)."""

_LOOK_EVERY: Final = 0.5
_log = logging.getLogger("touchline.watchdog")


class Progress:
    """What the watchdog knows of one shard. Written on the main loop, read by the watchdog's thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._pending = False
        self._behind = False
        self._opening = False
        self._waiting = 0

    def moved(self) -> None:
        """Something went on."""
        self._since = self._clock()

    def opening(self) -> None:
        """The shard is being opened; `moved` says how it goes on."""
        self._opening = True
        self.moved()

    def sought(self) -> None:
        """The shard is open and nothing is fetched yet."""
        self._opening = self._pending = self._behind = False
        self.moved()

    def fetched(self, waiting: int) -> None:
        """So many records wait to be committed."""
        if waiting and not self._pending:
            self._pending = True
            self.moved()

    def behind(self, offsets: int) -> None:
        """The last stable offset is that far ahead of what was read."""
        if offsets > 0 and not self._behind and not self._pending:
            self.moved()
        self._behind = offsets > 0

    def committed(self, waiting: int) -> None:
        """A commit succeeded; so many records still wait."""
        self._pending = waiting > 0
        self.moved()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Standing still on purpose: a sink said "not now", or a wait before another try."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            self.moved()

    @property
    def stalled(self) -> float:
        """Seconds without progress while there is something to do; 0 otherwise."""
        busy = self._pending or self._behind or self._opening
        return self._clock() - self._since if busy and not self._waiting else 0.0


class Watchdog(threading.Thread):
    """Looks at all shards' progress, and at the main loop itself, from a thread of its own.

    Args:
        shards: the progress of each shard by its number, asked for again each time.
        stuck_after: seconds.
        bite: what to do about it; it gets the reason. By default the process ends at once.
    """

    def __init__(
        self,
        shards: Callable[[], dict[int, Progress]],
        stuck_after: float,
        bite: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._shards = shards
        self._stuck_after = stuck_after
        self._bite = bite or _end_process
        self._clock = clock
        self._beat = clock()
        self._looked = clock()
        self._stopping = threading.Event()

    def beat(self) -> None:
        """The main loop is alive; to be called about once a second from it."""
        self._beat = self._clock()

    def stop(self) -> None:
        """Looks no more."""
        self._stopping.set()

    def run(self) -> None:
        """Looks until it is stopped."""
        while not self._stopping.wait(min(_LOOK_EVERY, self._stuck_after / 8)):
            reason = self.look()
            if reason:
                self._bite(reason)
                return

    def look(self) -> str | None:
        """What is stuck, None when all is well. A pause of the whole process (SIGSTOP, a suspended machine) is not."""
        now = self._clock()
        slept, self._looked = now - self._looked, now
        if slept > self._stuck_after / 2:
            self.beat()
            for progress in self._shards().values():
                progress.moved()
            return None
        if now - self._beat > self._stuck_after:
            return f"the main loop has not come round for {now - self._beat:.0f} s"
        for number, progress in sorted(self._shards().items()):
            if progress.stalled > self._stuck_after:
                return f"shard {number} has work to do and has made no progress for {progress.stalled:.0f} s"
        return None


def _end_process(reason: str) -> None:
    _log.critical("stuck: %s; ending the process with code %d", reason, EXIT_STUCK)
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(EXIT_STUCK)
