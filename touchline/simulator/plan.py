"""What is simulated: how many customers, from when to when, with which seed and how much dirt in the data."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from touchline.pipeline.engine.clock import DAY, to_ms


class PlanError(Exception):
    """A parameter of the simulation makes no sense; the message says which one and what it may be."""


@dataclass(frozen=True, slots=True)
class Reached:
    """When outreach reached which customer, in an earlier run of the same plan. Times in milliseconds, rising."""

    times: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def between(self, customer: str, start: int, end: int) -> bool:
        """Whether a message went out at or after `start` and before `end`."""
        return any(start <= time < end for time in self.times.get(customer, ()))

    @classmethod
    def read(cls, path: Path) -> "Reached":
        """Reads decisions as NDJSON (as `outreach.decisions` holds them); those that were sent and not observed count.

        Raises: PlanError with the line that can't be read."""
        times: dict[str, list[int]] = {}
        decode = msgspec.json.Decoder(_Decision).decode
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise PlanError(f"{path} can't be read: {error.strerror}") from None
        for number, line in enumerate(lines, 1):
            try:
                decision = decode(line)
            except msgspec.DecodeError as error:
                raise PlanError(f"{path}:{number}: is no decision: {error}") from None
            if decision.outcome == "sent" and not decision.observed:
                times.setdefault(decision.customer, []).append(to_ms(decision.at))
        return cls({customer: tuple(sorted(found)) for customer, found in times.items()})


class _Decision(msgspec.Struct):
    customer: str
    outcome: str
    at: datetime
    observed: bool = False


def _month_ago() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The parameters of a run; the same plan gives the same bytes.

    A customer's life does not depend on how many others there are. `start` is the first moment, by default 30 days
    before today's midnight UTC. `late`: share of events that arrive minutes after they happened. `duplicates` and
    `broken`: how many repeats and unreadable copies are added, as a share of the events. `reached`: see `Reached`.

    Raises: PlanError.
    """

    customers: int = 2_500
    days: int = 30
    start: datetime = field(default_factory=_month_ago)
    seed: int = 1
    late: float = 0.0
    duplicates: float = 0.0
    broken: float = 0.0
    reached: Reached = field(default_factory=Reached)

    def __post_init__(self) -> None:
        """Checks the ranges."""
        if self.customers < 1 or self.days < 1:
            raise PlanError("a simulation needs at least one customer and one day")
        if self.start.tzinfo is None:
            raise PlanError(f"the start {self.start.isoformat()} needs an offset from UTC, such as 2026-01-01T00:00Z")
        for name in ("late", "duplicates", "broken"):
            if not 0 <= getattr(self, name) <= 0.5:
                raise PlanError(f"{name} is a share between 0 and 0.5, not {getattr(self, name):g}")

    @property
    def first(self) -> int:
        """The first moment, in milliseconds since 1970 UTC."""
        return to_ms(self.start)

    @property
    def end(self) -> int:
        """The moment after the last one, in milliseconds since 1970 UTC."""
        return self.first + self.days * DAY
