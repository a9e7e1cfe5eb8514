"""Times as milliseconds since 1970 UTC, which is what the engine computes with."""

from datetime import UTC, datetime, timedelta
from typing import Final

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def to_ms(time: datetime) -> int:
    """Milliseconds of an aware time, rounded down; exact, unlike float seconds."""
    since = time - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000


def from_ms(ms: int) -> datetime:
    """The time in UTC.

    Raises: OverflowError outside the years 1 to 9999."""
    return _EPOCH + ms * _MILLISECOND
