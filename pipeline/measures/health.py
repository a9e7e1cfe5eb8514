"""Health: one number for how a relationship stands. It follows from the signals and the time, and from nothing else.

    health = 100 - sum of cost x left, between 0 and 100, to the nearest whole number (a half upwards)

`cost` of a friction signal: the points of its severity; of a delight, less than nothing: it gives points back, as far
as there are any missing. A need costs nothing. A retracted signal was none, and is not counted. `left` is 1 while a
signal is open. Once it has ended half of it is left after each half-life, until that is less than a tenth of a point.
Of what has ended the eight that last longest count.

Where the numbers come from: points that double with each severity, and a half-life of two weeks, are a convention of
this project, chosen so that two high signals or one critical bring a relationship to 60, and a month without friction
brings three quarters of it back. Nothing measured is behind them: hold them against your own customers who left, and
set them. Delight only gives back and never goes beyond 100: many good moments don't undo a parcel that never came.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, fsum, log2
from typing import Final, NamedTuple

import msgspec

from touchline.pipeline.engine.clock import DAY
from touchline.schemas.context import MAX_CAUSES, NEUTRAL
from touchline.schemas.vocabulary import Polarity, Severity

COUNTED: Final = 8
"""So many of the signals that have ended are counted."""

SPARE: Final = 8
"""So many more are kept while some that count may still turn out not to have ended."""

GONE: Final = 0.1
"""What is left of an ended signal counts no more when it is less than this, in points."""

DELIGHT: Final = 0
_LEVELS: Final = {severity.value: number for number, severity in enumerate(Severity, 1)}


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """What costs how much, in points. `half_life` in milliseconds. `care_from`: the least severity of an open friction
    signal that asks for care. `step`: by how many points time alone must move the health to be told."""

    low: float = 5.0
    medium: float = 10.0
    high: float = 20.0
    critical: float = 40.0
    delight: float = 5.0
    half_life: int = 14 * DAY
    care_from: Severity = Severity.MEDIUM
    step: int = 5
    costs: tuple[float, ...] = field(init=False)
    lasts: tuple[int, ...] = field(init=False)
    care_level: int = field(init=False)

    def __post_init__(self) -> None:
        """By level: what an open signal costs, and how long something is left of an ended one, in milliseconds."""
        costs = (-self.delight, self.low, self.medium, self.high, self.critical)
        lasts = (ceil(self.half_life * log2(abs(c) / GONE)) if abs(c) > GONE else 0 for c in costs)
        object.__setattr__(self, "costs", costs)
        object.__setattr__(self, "lasts", tuple(lasts))
        object.__setattr__(self, "care_level", _LEVELS[self.care_from.value])


def level_of(polarity: Polarity, severity: Severity) -> int | None:
    """DELIGHT, or 1 to 4 for friction by its severity; None for what costs nothing."""
    if polarity is Polarity.FRICTION:
        return _LEVELS[severity.value]
    return DELIGHT if polarity is Polarity.DELIGHT else None


class Open(NamedTuple):
    """A signal that stands. `at`: since when, in milliseconds since 1970 UTC."""

    rule: str
    level: int
    at: int


class Ended(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A signal that has ended, not by a retraction. `signal`: a number made of its id. `at`: when, in milliseconds
    since 1970 UTC."""

    signal: int
    rule: str
    level: int
    at: int


class Balance(NamedTuple):
    """What is missing, in points: `steady` while all stays as it is, `fading` less and less."""

    steady: float
    fading: float

    @property
    def health(self) -> int:
        """As it is published."""
        return _shown(NEUTRAL - self.steady - self.fading)

    @property
    def final(self) -> int:
        """What time alone brings the health to."""
        return _shown(NEUTRAL - self.steady)


def _shown(value: float) -> int:
    return min(NEUTRAL, max(0, floor(value + 0.5)))


def _gone(policy: HealthPolicy, ended: Ended) -> int:
    """From when on nothing is left of it. As all fade alike, who lasts longer weighs more at all times."""
    return ended.at + policy.lasts[ended.level]


def heaviest(policy: HealthPolicy, ended: Iterable[Ended], now: int) -> list[Ended]:
    """The signals that have ended and of which something is left, the heaviest first: the first eight count."""
    left = [one for one in ended if _gone(policy, one) > now]
    if len(left) > 1:
        left.sort(key=lambda one: (_gone(policy, one), one.at, one.level, one.rule, one.signal), reverse=True)
    return left


def balance(policy: HealthPolicy, standing: Iterable[Open], ended: Sequence[Ended], now: int) -> Balance:
    """Of the open signals, and of those that have ended and count, at a time. Exact: their order changes nothing."""
    costs = policy.costs
    steady = fsum([costs[one.level] for one in standing])
    fading = fsum([costs[one.level] * _left(policy, one, now) for one in ended]) if ended else 0.0
    return Balance(steady, fading)


def _left(policy: HealthPolicy, ended: Ended, now: int) -> float:
    return 1.0 if now <= ended.at else float(2.0 ** ((ended.at - now) / policy.half_life))


def is_news(policy: HealthPolicy, found: Balance, told: int) -> bool:
    """Whether the health has moved far enough from what was told, or has come to rest elsewhere."""
    health = found.health
    moved = abs(health - told)
    return moved >= policy.step or (moved > 0 and health == found.final)


def next_change(policy: HealthPolicy, found: Balance, ended: Sequence[Ended], now: int, told: int) -> int | None:
    """When time alone could next make it worth telling; None: never. It may be too early (something is gone, which
    changes how the rest fades), never too late."""
    if not ended:
        return None
    due = min([_gone(policy, one) for one in ended])
    final, fading = found.final, found.fading
    if fading > 0 and final > told:
        share = (NEUTRAL + 0.5 - found.steady - min(told + policy.step, final)) / fading
    elif fading < 0 and final < told:
        share = (NEUTRAL - 0.5 - found.steady - max(told - policy.step, final)) / fading
    else:
        return due
    if share <= 0:
        return due
    reached = max(now + 1, now + ceil(policy.half_life * -log2(share)))
    return min(due, reached)


def care(policy: HealthPolicy, standing: Iterable[Open], ended: Iterable[Ended]) -> tuple[bool, int | None]:
    """Whether an open friction signal asks for care, and since when; when none does, when the last such one ended."""
    least = policy.care_level
    asking = [one.at for one in standing if one.level >= least]
    if asking:
        return True, min(asking)
    return False, max([one.at for one in ended if one.level >= least], default=None)


@dataclass(slots=True)
class RuleCost:
    """What one rule takes from the health. `since`: the oldest of its open signals; `last`: when the newest of those
    that ended did."""

    rule: str
    points: float = 0.0
    open: int = 0
    ended: int = 0
    since: int = 0
    last: int = 0


def worst(policy: HealthPolicy, standing: Iterable[Open], ended: Iterable[Ended], now: int) -> list[RuleCost]:
    """The three rules that cost most, the worst first."""
    costs = policy.costs
    found: dict[str, RuleCost] = {}
    for rule, level, at in standing:
        if costs[level] > 0:
            cost = found.get(rule)
            if cost is None:
                cost = found[rule] = RuleCost(rule, since=at)
            cost.points += costs[level]
            cost.open += 1
            cost.since = min(cost.since, at)
    for over in ended:
        if costs[over.level] > 0:
            cost = found.get(over.rule)
            if cost is None:
                cost = found[over.rule] = RuleCost(over.rule)
            cost.points += costs[over.level] * _left(policy, over, now)
            cost.ended += 1
            cost.last = max(cost.last, over.at)
    return sorted(found.values(), key=lambda cost: (-round(cost.points, 6), cost.rule))[:MAX_CAUSES]
