"""How well something warned of an outcome: precision, recall and lead time, each with its number of cases."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Final

from touchline.pipeline.engine.clock import DAY, SECOND

PROMISE_SLACK: Final = DAY
"""How long after the promised time a delivery counts as not delivered, for the plain query on promises."""


@dataclass(frozen=True, slots=True)
class Case:
    """Something that had an outcome: an order with a review, a customer in a month. Times in milliseconds since 1970.

    `known_at`: when the outcome was known (the review was answered); `bad`: whether it is what we want to be warned of;
    `warned_at`: the first warning, None without one.
    """

    known_at: int
    bad: bool
    warned_at: int | None

    @property
    def warned(self) -> bool:
        """Whether the warning came before the outcome; a later one is worth nothing."""
        return self.warned_at is not None and self.warned_at < self.known_at


@dataclass(frozen=True, slots=True)
class Quality:
    """`cases` in all, `bad` ones, `warned` of, and `hits`: both. `median_lead`: seconds from the warning to the
    outcome, over the hits."""

    cases: int
    bad: int
    warned: int
    hits: int
    median_lead: float | None

    @property
    def precision(self) -> float | None:
        """hits / warned: the share of warnings that were right; None without any."""
        return self.hits / self.warned if self.warned else None

    @property
    def recall(self) -> float | None:
        """hits / bad: the share of bad outcomes that were warned of; None without any."""
        return self.hits / self.bad if self.bad else None

    @property
    def lift(self) -> float | None:
        """Precision over the base rate bad / cases; None when either is missing."""
        return None if self.precision is None or not self.bad else self.precision * self.cases / self.bad


def quality(cases: Iterable[Case]) -> Quality:
    """Counts cases."""
    total = bad = warned = 0
    leads: list[int] = []
    for case in cases:
        total += 1
        bad += case.bad
        warned += case.warned
        if case.bad and case.warned and case.warned_at is not None:
            leads.append(case.known_at - case.warned_at)
    return Quality(total, bad, warned, len(leads), median(leads) / SECOND if leads else None)


def missed_promise(promised_at: int, delivered_at: int | None) -> int | None:
    """The plain query to beat: when an order was not delivered a day after its promise, None when it was.

    Times in milliseconds since 1970; `delivered_at` None when it never was."""
    limit = promised_at + PROMISE_SLACK
    return limit if delivered_at is None or delivered_at > limit else None
