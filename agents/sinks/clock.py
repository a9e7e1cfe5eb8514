"""The wall clock of the adapters, handed in so that a test can set it."""

from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]


def system_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
