"""How much waits for the broker. kafka-python 3 itself buffers without a bound."""

import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any, Final

from kafka import errors as kafka_errors

_LOOK_EVERY: Final = 256
"""After so many records those that have arrived are taken off: callbacks for each would cost as much as sending it."""


class Window:
    """The records on their way, in the order in which they were sent; at most `limit` bytes of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Any, int]] = deque()
        self._bytes = 0
        self._failures = 0
        self._first: BaseException | None = None

    def make_room(self, size: int, timeout: float) -> bool:
        """Waits until `size` more bytes fit; what is larger than the whole window passes alone. False: not in time."""
        if self._bytes + size <= self._limit:
            return True
        deadline = time.monotonic() + timeout
        with self._lock:
            self._take_off()
            while self._waiting and self._bytes + size > self._limit:
                if not _arrives(self._waiting[0][0], deadline - time.monotonic()):
                    return False
                self._take_off()
        return True

    def add(self, future: Any, size: int) -> None:
        """A record that was handed to kafka-python."""
        with self._lock:
            self._waiting.append((future, size))
            self._bytes += size
            if len(self._waiting) % _LOOK_EVERY == 0:
                self._take_off()

    def settle(self) -> tuple[int, int, BaseException | None]:
        """How many still wait; how many were refused since the last call, and the first refusal."""
        with self._lock:
            self._take_off()
            failures, first = self._failures, self._first
            self._failures, self._first = 0, None
            return len(self._waiting), failures, first

    def _take_off(self) -> None:
        """What is done at the front."""
        waiting = self._waiting
        while waiting and waiting[0][0].is_done:
            future, size = waiting.popleft()
            self._bytes -= size
            if future.exception is not None:
                self._failures += 1
                self._first = self._first or future.exception


def _arrives(future: Any, timeout: float) -> bool:
    """Waits for the end of one record, good or bad."""
    if timeout > 0:
        # How it ended is read from the future itself.
        with suppress(kafka_errors.KafkaError):
            future.get(timeout)
    return bool(future.is_done)
