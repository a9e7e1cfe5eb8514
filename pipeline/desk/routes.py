"""How owners are told: the routes that the settings give, and when the next digest of one is due."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from touchline.pipeline.engine.clock import to_ms
from touchline.schemas.notice import Means
from touchline.schemas.vocabulary import Severity


class When(StrEnum):
    """AT_ONCE: each signal by itself, as far as the budget goes. DIGEST: many together, at fixed times."""

    AT_ONCE = "at_once"
    DIGEST = "digest"


class Every(StrEnum):
    """How often a digest goes out."""

    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True, slots=True)
class Route:
    """How one owner is told.

    `to`: an e-mail address, or the name of a webhook. `minute`: of the day, in `zone`, at which the digest goes out,
    of which only the minute of the hour counts where it goes out every hour; what an owner who is told at once was not
    told goes out by it too. `budget`: the most signals a day that are told at once, or in detail in digests. `least`:
    the least severity that is told at all.
    """

    means: Means = Means.QUEUE
    to: str = ""
    when: When = When.AT_ONCE
    every: Every = Every.DAY
    minute: int = 8 * 60
    zone: tzinfo = UTC
    budget: int = 50
    least: Severity = Severity.LOW

    def next_digest(self, now: int) -> int:
        """When the next digest goes out after `now` (milliseconds)."""
        local = datetime.fromtimestamp(now / 1_000, self.zone)
        if self.every is Every.HOUR:
            begin = datetime.fromtimestamp(now / 1_000, UTC).replace(second=0, microsecond=0)
            offset = (self.minute - local.minute) % 60
            at = to_ms(begin + timedelta(minutes=offset))
            return at if at > now else at + 3_600_000
        day = local.date()
        while True:
            at = to_ms(datetime(day.year, day.month, day.day, self.minute // 60, self.minute % 60, tzinfo=self.zone))
            if at > now:
                return at
            day += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RouteBook:
    """All routes, by target: `owner:logistics`, `party:dhl`. Who has none gets notices at once on the topic alone."""

    routes: Mapping[str, Route] = field(default_factory=dict)
    default: Route = field(default_factory=Route)
    observe: bool = False

    def of(self, target: str) -> Route:
        """The route of an owner."""
        return self.routes.get(target, self.default)
