"""How often something that failed is tried again, and after which wait."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """`times`: attempts after the first one. `first` and `longest`: the wait in seconds before the first of them, which
    doubles each time, and the most that it may be; each is shortened by up to half by chance, so that programs which
    failed together don't come back together. `on`: the errors that are worth another attempt.

    Raises: ValueError for a number below 0.
    """

    times: int = 5
    first: float = 0.5
    longest: float = 30.0
    on: tuple[type[Exception], ...] = (Exception,)

    def __post_init__(self) -> None:
        """Checks the numbers."""
        for name in ("times", "first", "longest"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} of a retry is {getattr(self, name)}: it must be 0 or more")

    def waits(self, random: Random) -> Iterator[float]:
        """The waits, one before each further attempt, in seconds."""
        wait = min(self.first, self.longest)
        for _ in range(self.times):
            yield wait * (1 - random.random() / 2)
            wait = min(wait * 2, self.longest)


NEVER = Retry(times=0)
"""One attempt."""
