"""How fast a target is written to, and when it is left alone: a token bucket and a circuit breaker for each adapter.

Both are functions of the times that are handed in. They live in a worker's memory: which target is down is no fact of a
shard, and after a restart it is found out anew. They are asked *before* an attempt is recorded, so what they hold back
waits, and no attempt is on record that was not made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from touchline.pipeline.engine.clock import MINUTE, SECOND
from touchline.pipeline.outreach.adapter import SendResult, SendStatus

LONGEST_REST: Final = 5 * MINUTE
"""However long a server asks for, one delivery is tried after that time."""

_ASKING: Final = 2 * SECOND
"""How long a shard counts as one that wants to send: twice as long as it takes to look again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a target is spared. `failures`: so many tries in a row that find it down open its breaker, 0: never.
    `rest`: milliseconds until one probe is let through. `rate`: deliveries a second of a worker, 0: no bound; at the
    most a second's worth at once. `in_flight`: attempts at once of a shard."""

    failures: int = 5
    rest: int = 30 * SECOND
    rate: float = 0.0
    in_flight: int = 16


class Circuit(StrEnum):
    """CLOSED: all goes through. OPEN: nothing does. HALF_OPEN: one probe does, and its end decides."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


Listener = Callable[[str, Circuit, str], None]
"""Hears of a change: the adapter's name, its new state, and why in words."""


@dataclass(slots=True)
class _Bucket:
    """Tokens at a rate (a second), at most a second's worth (and at least one)."""

    tokens: float
    at: int

    def fill(self, rate: float, now: int) -> float:
        """The tokens that there are at `now`."""
        self.tokens = min(max(rate, 1.0), self.tokens + rate * max(now - self.at, 0) / SECOND)
        self.at = max(self.at, now)
        return self.tokens


@dataclass(slots=True)
class Target:
    """What one adapter writes to, as one worker knows it. Times in milliseconds since 1970 UTC."""

    name: str
    limits: Limits
    listen: Listener | None = None
    circuit: Circuit = Circuit.CLOSED
    until: int = 0
    row: int = 0
    _bucket: _Bucket | None = None
    _shares: dict[int, _Bucket] = field(default_factory=dict)

    def may_begin(self, shard: int, now: int) -> bool:
        """Whether one more attempt of a shard may be recorded now; takes a token, and the place of the probe."""
        if self.circuit is not Circuit.CLOSED and now < self.until:
            return False
        if self.limits.rate and not self._take(shard, now):
            return False
        if self.circuit is not Circuit.CLOSED:
            # A probe of which nothing is heard (its worker's commit was refused) is followed by another.
            self._turn(Circuit.HALF_OPEN, now + self.limits.rest, "one delivery is tried")
        return True

    def ended(self, result: SendResult, now: int) -> None:
        """An attempt ended."""
        if result.status is SendStatus.BUSY:
            if self.circuit is Circuit.HALF_OPEN:
                self.until = now
            return
        if result.status is not SendStatus.UNKNOWN and not result.down:
            self.row = 0
            if result.retry_after:
                self._open(min(result.retry_after, LONGEST_REST), f"{result.error}, and asks to wait", now)
            elif self.circuit is Circuit.HALF_OPEN:
                self._turn(Circuit.CLOSED, 0, "it answers again")
            return
        self.row += 1
        if self.circuit is Circuit.HALF_OPEN or 0 < self.limits.failures <= self.row:
            wait = max(self.limits.rest, min(result.retry_after, LONGEST_REST))
            self._open(wait, f"{self.row} tries in a row failed: {result.error}", now)

    def _open(self, wait: int, why: str, now: int) -> None:
        if self.circuit is not Circuit.OPEN and self.limits.failures:
            self._turn(Circuit.OPEN, now + wait, f"{why}; nothing is sent there for {wait / SECOND:g} s")

    def _turn(self, circuit: Circuit, until: int, why: str) -> None:
        changed, self.circuit, self.until = circuit is not self.circuit, circuit, until
        if changed and self.listen is not None:
            self.listen(self.name, circuit, why)

    def _take(self, shard: int, now: int) -> bool:
        """A token of the whole, and one of the shard's share of it: a shard with a long queue must not leave nothing
        to the others, who look only once a second."""
        rate = self.limits.rate
        whole = self._bucket = self._bucket or _Bucket(max(rate, 1.0), now)
        self._shares = {who: share for who, share in self._shares.items() if who == shard or now - share.at <= _ASKING}
        parts = len(self._shares) + (shard not in self._shares)
        share = self._shares.setdefault(shard, _Bucket(max(rate / parts, 1.0), now))
        if min(whole.fill(rate, now), share.fill(rate / parts, now)) < 1.0:
            return False
        whole.tokens -= 1.0
        share.tokens -= 1.0
        return True


class Targets:
    """All targets of a worker, by the adapter's name."""

    def __init__(self, limits: Mapping[str, Limits]) -> None:
        self._targets = {name: Target(name, limit) for name, limit in limits.items()}

    def __getitem__(self, name: str) -> Target:
        """The target of an adapter; one without limits of its own has the usual ones."""
        if name not in self._targets:
            self._targets[name] = Target(name, Limits())
        return self._targets[name]

    def listen(self, listener: Listener | None) -> None:
        """Tells somebody (None: nobody) of every change from now on, and of how it stands, with no word of why."""
        for target in self._targets.values():
            target.listen = listener
            if listener is not None:
                listener(target.name, target.circuit, "")
