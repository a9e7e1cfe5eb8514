"""How much, and how long, for a consumer of signals."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`remember`: how many signals that were handled are known, so that their repeats are skipped.

    Seconds: `idle` without a signal, then the loop ends (None: never); `session_timeout` without a sign of life, then
    another consumer of the group takes over; `handling` what was fetched at once, at most 100 signals, else the same,
    waits between retries not counted; `timeout` without an answer, then the broker is taken as not there.
    """

    remember: int = 100_000
    idle: float | None = None
    session_timeout: float = 10.0
    handling: float = 300.0
    timeout: float = 10.0
