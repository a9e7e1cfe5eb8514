"""How many alerts an owner gets in a day, and what a budget of so many a day would keep from them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from touchline.pipeline.engine.clock import DAY


@dataclass(frozen=True, slots=True)
class Alert:
    """One signal as its owner sees it. `at`: when it was raised, in milliseconds since 1970 UTC. `rank`: the greater,
    the sooner the owner should see it. `right`: whether it foresaw an outcome; None when that is not known."""

    owner: str
    rule: str
    at: int
    rank: tuple[float, ...]
    right: bool | None = None


@dataclass(frozen=True, slots=True)
class OwnerLoad:
    """The alerts of one owner over `days` days (of UTC, those without any among them). `cut`: what was beyond the
    budget, by rule; `cut_right`: how many of these would have been right; None when nothing is known of that, or
    without a budget."""

    owner: str
    alerts: int
    days: float
    busiest: int
    right: int | None
    cut: dict[str, int]
    cut_right: int | None

    @property
    def per_day(self) -> float:
        """The mean over all days."""
        return self.alerts / self.days


def alert_load(alerts: Iterable[Alert], days: float, budget: int | None = None) -> list[OwnerLoad]:
    """The load of each owner, the greatest first. A budget keeps, of each owner and day, the alerts of the highest rank
    and of equal ones the earliest: as if the day were known at its end, which is how a digest is made."""
    by_owner: dict[str, dict[int, list[Alert]]] = defaultdict(lambda: defaultdict(list))
    for alert in alerts:
        by_owner[alert.owner][alert.at // DAY].append(alert)
    loads = [_load(owner, of_owner, days, budget) for owner, of_owner in by_owner.items()]
    return sorted(loads, key=lambda load: (-load.alerts, load.owner))


def _load(owner: str, by_day: dict[int, list[Alert]], days: float, budget: int | None) -> OwnerLoad:
    everything = [alert for of_day in by_day.values() for alert in of_day]
    cut: list[Alert] = []
    if budget is not None:
        for of_day in by_day.values():
            cut.extend(sorted(of_day, key=lambda a: (tuple(-part for part in a.rank), a.at))[budget:])
    known = any(alert.right is not None for alert in everything)
    return OwnerLoad(
        owner=owner,
        alerts=len(everything),
        days=max(days, 1.0),
        busiest=max(map(len, by_day.values())),
        right=sum(alert.right is True for alert in everything) if known else None,
        cut=dict(Counter(alert.rule for alert in cut).most_common()),
        cut_right=sum(alert.right is True for alert in cut) if known and budget is not None else None,
    )
