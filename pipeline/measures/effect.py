"""Whether friction fell after a change: rates before and after it, and how sure their ratio is.

The unit is a day of 24 hours, counted from the change, and as many whole weeks on either side, so that each side has
the same days of the week. What is compared are signals for each touchpoint: a busier week alone is no more friction.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Final

DAYS_A_WEEK: Final = 7
FEWEST: Final = 10
"""Signals on both sides together below which nothing is said."""

_Z: Final = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Day:
    """One day: `day` before (-1 …) or after (0 …) the change, its signals, and the touchpoints of all customers."""

    day: int
    signals: int
    touchpoints: int


class Finding(StrEnum):
    """What can be said: friction FELL or ROSE (the interval leaves out "no change"), UNSURE, or TOO_FEW signals or days
    to say anything."""

    FELL = "fell"
    ROSE = "rose"
    UNSURE = "unsure"
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class Side:
    """Before or after: days with touchpoints, signals, touchpoints."""

    days: int
    signals: int
    touchpoints: int

    @property
    def rate(self) -> float | None:
        """Signals in 1,000 touchpoints; None without any."""
        return 1_000 * self.signals / self.touchpoints if self.touchpoints else None


@dataclass(frozen=True, slots=True)
class Effect:
    """`ratio` of the rates, after to before, with its 95 % interval `low` to `high`; None where nothing can be said."""

    before: Side
    after: Side
    ratio: float | None
    low: float | None
    high: float | None
    finding: Finding


def effect(days: Iterable[Day], weeks: int = 4) -> Effect:
    """The effect of a change.

    The logarithm of the ratio is about normal with variance phi * (1/a + 1/b), a and b the signals of the sides
    (Rothman, Greenland, Lash, Modern Epidemiology, 3rd ed., 14). Half a signal is added to both, so that a side
    without any gives an interval too. `phi` is how much more days differ than chance alone would have it: Pearson's
    chi-squared of the days over its degrees of freedom, at least 1 (quasi-Poisson; McCullagh, Nelder, Generalized
    Linear Models, 2nd ed., 6.2.3).

    Args:
        days: in any order; those further away than `weeks`, and those without touchpoints, don't count.
        weeks: on either side.
    """
    reach = weeks * DAYS_A_WEEK
    counting = [day for day in days if -reach <= day.day < reach and day.touchpoints > 0]
    sides = [[day for day in counting if (day.day >= 0) is after] for after in (False, True)]
    before, after = (Side(len(s), sum(d.signals for d in s), sum(d.touchpoints for d in s)) for s in sides)
    if not (before.days > 1 and after.days > 1) or before.signals + after.signals < FEWEST:
        return Effect(before, after, None, None, None, Finding.TOO_FEW)
    a, b = before.signals + 0.5, after.signals + 0.5
    ratio = (b / after.touchpoints) / (a / before.touchpoints)
    error = _Z * math.sqrt(_dispersion(sides) * (1 / a + 1 / b))
    low, high = ratio * math.exp(-error), ratio * math.exp(error)
    finding = Finding.FELL if high < 1 else Finding.ROSE if low > 1 else Finding.UNSURE
    return Effect(before, after, ratio, low, high, finding)


def _dispersion(sides: list[list[Day]]) -> float:
    squares, freedom = 0.0, 0
    for side in sides:
        rate = sum(day.signals for day in side) / sum(day.touchpoints for day in side)
        if rate:
            squares += sum((day.signals - rate * day.touchpoints) ** 2 / (rate * day.touchpoints) for day in side)
            freedom += len(side) - 1
    return max(squares / freedom, 1.0) if freedom else 1.0
