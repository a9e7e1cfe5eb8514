"""Two shares held against each other: where their difference lies, how many cases it takes to see one, and whether a
split is what was planned. Exact where that is cheap, and right for few cases and for shares near 0."""

from math import ceil, exp, inf, lgamma, log, log1p, sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

from touchline.pipeline.measures.detection import interval

CONFIDENCE: Final = 0.95
POWER: Final = 0.8
_NORMAL: Final = NormalDist()
_Z: Final = _NORMAL.inv_cdf(0.5 + CONFIDENCE / 2)
_NEGLIGIBLE: Final = 1e-17
_STEPS: Final = 50


class Needed(NamedTuple):
    """How many cases a comparison takes."""

    treated: int
    held_out: int


def difference_interval(hits: int, cases: int, base_hits: int, base_cases: int) -> tuple[float, float]:
    """Where the difference hits / cases - base_hits / base_cases lies with a confidence of 95 %: the score intervals of
    both shares combined (R. G. Newcombe, Interval Estimation for the Difference Between Independent Proportions,
    Statistics in Medicine 17, 1998, method 10). It never leaves -1 to 1, is no point where both shares are 0, and
    holds for few cases. Both `cases` are at least 1."""
    share, base = hits / cases, base_hits / base_cases
    low, high = interval(hits, cases, _Z)
    base_low, base_high = interval(base_hits, base_cases, _Z)
    difference = share - base
    below = sqrt((share - low) ** 2 + (base_high - base) ** 2)
    above = sqrt((high - share) ** 2 + (base - base_low) ** 2)
    return max(-1.0, difference - below), min(1.0, difference + above)


def believed(hits: int, cases: int) -> float:
    """A share for planning with: (hits + 2) / (cases + 4), so that 0 of 5 is not taken for never (A. Agresti and B. A.
    Coull, Approximate Is Better than "Exact", The American Statistician 52, 1998)."""
    return (hits + 2) / (cases + 4)


def cases_needed(base: float, effect: float, ratio: float) -> Needed | None:
    """How many cases show a difference of `effect` from the share `base` in 8 of 10 experiments, when chance alone
    shows one in 1 of 20: J. L. Fleiss, Statistical Methods for Rates and Proportions, 1981, chapter 3, for groups of
    unequal size and without the correction for continuity. The effect may go either way: the one that takes more cases
    counts.

    Args:
        base: the share of those held out, 0 to 1.
        effect: the least difference that matters, above 0.
        ratio: how many are treated for each one that is held out, above 0.

    Returns: None when the share can't change by so much in either direction."""
    found = [_held_out(base, base + step, ratio) for step in (-effect, effect) if 0 <= base + step <= 1]
    if not found:
        return None
    held_out = ceil(max(found))
    return Needed(ceil(held_out * ratio), held_out)


def _held_out(base: float, share: float, ratio: float) -> float:
    mean = (base + ratio * share) / (1 + ratio)
    chance = _Z * sqrt((1 + 1 / ratio) * mean * (1 - mean))
    missed = _NORMAL.inv_cdf(POWER) * sqrt(base * (1 - base) + share * (1 - share) / ratio)
    return float(((chance + missed) / (base - share)) ** 2)


def least_effect(base: float, treated: int, held_out: int) -> float | None:
    """The least difference from the share `base` that so many cases show in 8 of 10 experiments; None when they would
    not show any that is possible."""
    low, high = 0.0, max(base, 1 - base)
    if not _shows(base, high, treated, held_out):
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _shows(base, middle, treated, held_out):
            high = middle
        else:
            low = middle
    return high


def _shows(base: float, effect: float, treated: int, held_out: int) -> bool:
    if not treated or not held_out:
        return False
    needed = cases_needed(base, effect, treated / held_out) if effect > 0 else None
    return needed is not None and needed.held_out <= held_out


def chance_of_split(part: int, whole: int, share: float) -> float:
    """How likely a split at least as uneven as `part` of `whole` is, where each falls into the part with the chance
    `share` (above 0, below 1): the exact binomial test, twice the smaller tail (C. J. Clopper and E. S. Pearson, The
    Use of Confidence or Fiducial Limits, 1934). The terms of the tail fall fast, so few are added up for any `whole`.
    """
    if part < whole * share:
        part, share = whole - part, 1 - share
    term = exp(_log_term(part, whole, share))
    tail, odds = 0.0, share / (1 - share)
    for k in range(part, whole + 1):
        tail += term
        term *= (whole - k) / (k + 1) * odds
        if term <= tail * _NEGLIGIBLE:
            break
    return min(1.0, 2 * tail)


def _log_term(k: int, n: int, share: float) -> float:
    """The logarithm of the chance of exactly k of n."""
    if not 0 <= k <= n:
        return -inf
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(share) + (n - k) * log1p(-share)
