"""Finds the one record that breaks a batch."""


class Isolation:
    """How many records to hand over next, after failures that nobody foresaw.

    The first failure may be a passing one: the same batch is tried again. The second halves it, and so on, until
    either all pass or one record fails alone. Then the size is the normal one again.
    """

    def __init__(self, normal: int) -> None:
        self._normal = normal
        self._limit = normal
        self._failures = 0
        self._suspects = 0

    @property
    def limit(self) -> int:
        """The most records to hand over."""
        return self._limit

    @property
    def suspicious(self) -> bool:
        """Whether a failure is being looked for: stay on the same topic."""
        return self._failures > 0

    def failed(self, size: int) -> bool:
        """A batch of that many records failed. True when it is the one record to be left out."""
        self._failures += 1
        self._suspects = size  # what is behind this batch may well be good
        if self._failures == 1:
            self._limit = size
            return False
        if size <= 1:
            return True
        self._limit = size // 2
        return False

    def passed(self, size: int) -> None:
        """A batch of that many records passed: what breaks is in the rest, which is halved."""
        self._done(size, self._suspects // 4 + 1 if self._failures else 0)

    def left_out(self) -> None:
        """The record that failed alone was left out: the rest may well pass as it is."""
        self._done(1, self._suspects)

    def _done(self, size: int, limit: int) -> None:
        if not self._failures:
            return
        self._suspects -= size
        if self._suspects <= 0:
            self._failures, self._limit = 0, self._normal
        else:
            self._limit = min(self._suspects, max(limit, 1))
