"""How well something warned of an outcome: precision, recall and lead time, each with its number of cases."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final, NamedTuple

from touchline.pipeline.engine.clock import DAY, SECOND

PROMISE_SLACK: Final = DAY
"""How long after the promised time a delivery counts as not delivered, for the plain query on promises."""


@dataclass(frozen=True, slots=True)
class Case:
    """Something that had an outcome: an order with a review, a customer in a month. Times in milliseconds since 1970.

    `known_at`: when the outcome was known (the review was answered); `bad`: whether it is what we want to be warned of;
    `warned_at`: the first warning, None without one. `in_vain`: there were warnings, but none of what came: they were
    followed by nothing, or by too much time.
    """

    known_at: int
    bad: bool
    warned_at: int | None
    in_vain: bool = False

    @property
    def foreseen(self) -> bool:
        """Whether a warning came before the outcome; a later one is worth nothing."""
        return self.warned_at is not None and self.warned_at < self.known_at

    @property
    def warned(self) -> bool:
        """Whether there was a warning, right or wrong."""
        return self.foreseen or self.in_vain


class Quartiles(NamedTuple):
    """The values below which a quarter, a half and three quarters of the others lie."""

    lower: float
    median: float
    upper: float


@dataclass(frozen=True, slots=True)
class Quality:
    """`cases` in all, `bad` ones, `warned` of, and `hits`: warned of in time and bad. `lead`: seconds from the warning
    to the outcome, over the hits."""

    cases: int
    bad: int
    warned: int
    hits: int
    lead: Quartiles | None

    @property
    def median_lead(self) -> float | None:
        """The median of the lead, in seconds; None without hits."""
        return None if self.lead is None else self.lead.median

    @property
    def base_rate(self) -> float | None:
        """bad / cases: the precision of warning of everything; None without cases."""
        return self.bad / self.cases if self.cases else None

    @property
    def precision(self) -> float | None:
        """hits / warned (C. J. van Rijsbergen, Information Retrieval, 1979, chapter 7): the share of warnings that were
        right; None without any."""
        return self.hits / self.warned if self.warned else None

    @property
    def precision_interval(self) -> tuple[float, float] | None:
        """Where the precision lies with a confidence of 95 %; see `interval`."""
        return interval(self.hits, self.warned) if self.warned else None

    @property
    def recall(self) -> float | None:
        """hits / bad (van Rijsbergen, as above): the share of bad outcomes that were warned of; None without any."""
        return self.hits / self.bad if self.bad else None

    @property
    def lift(self) -> float | None:
        """Precision over the base rate bad / cases (S. Brin and others, Dynamic Itemset Counting, 1997, where it is
        called interest); None when either is missing."""
        return None if self.precision is None or not self.bad else self.precision * self.cases / self.bad


def quality(cases: Iterable[Case], *, silent: int = 0, silent_bad: int = 0) -> Quality:
    """Counts cases. `silent`: how many cases without any warning there are beside them; `silent_bad`: bad ones of
    these."""
    total, bad, warned = silent, silent_bad, 0
    leads: list[float] = []
    for case in cases:
        total += 1
        bad += case.bad
        warned += case.warned
        if case.bad and case.foreseen and case.warned_at is not None:
            leads.append((case.known_at - case.warned_at) / SECOND)
    return Quality(total, bad, warned, len(leads), quartiles(leads))


def quartiles(values: Sequence[float]) -> Quartiles | None:
    """Quartiles with linear interpolation between the values (R. J. Hyndman and Y. Fan, Sample Quantiles in Statistical
    Packages, 1996, definition 7); None without values."""
    if not values:
        return None
    ordered = sorted(values)

    def at(part: float) -> float:
        place = part * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (place - below)

    return Quartiles(at(0.25), at(0.5), at(0.75))


def interval(hits: int, cases: int, z: float = 1.96) -> tuple[float, float]:
    """Where a share hits / cases lies with a confidence of 95 %: the score interval, which holds for few cases too
    (E. B. Wilson, Probable Inference, 1927). `cases` is at least 1."""
    share, z2 = hits / cases, z * z
    middle = (share + z2 / (2 * cases)) / (1 + z2 / cases)
    half = z / (1 + z2 / cases) * sqrt(share * (1 - share) / cases + z2 / (4 * cases * cases))
    return max(0.0, middle - half), min(1.0, middle + half)


def missed_promise(promised_at: int, delivered_at: int | None) -> int | None:
    """The plain query to beat: when an order was not delivered a day after its promise, None when it was.

    Times in milliseconds since 1970; `delivered_at` None when it never was."""
    limit = promised_at + PROMISE_SLACK
    return limit if delivered_at is None or delivered_at > limit else None
