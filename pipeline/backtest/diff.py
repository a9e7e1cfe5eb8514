"""Two sets of rules on the same history: which signals appear, vanish or move."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from touchline.pipeline.backtest.run import PastSignal
from touchline.pipeline.engine.clock import from_ms


class Change(StrEnum):
    """What became of a signal under the other rules."""

    APPEARS = "appears"
    VANISHES = "vanishes"
    MOVES = "moves"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One signal that is not what it was. `before` and `after` are its times; None where it is not there."""

    change: Change
    rule: str
    customer: str
    group: str
    before: datetime | None
    after: datetime | None
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChanges:
    """What changed of one rule. `same`: signals at the same time in both."""

    rule: str
    before: int
    after: int
    same: int
    appear: int
    vanish: int
    move: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rules with signals in either set, and what changed, by customer and time."""

    rules: Sequence[RuleChanges]
    changed: Sequence[Changed]

    @property
    def customers(self) -> int:
        """How many customers have a change."""
        return len({one.customer for one in self.changed})


def compare(old: Iterable[PastSignal], new: Iterable[PastSignal]) -> Comparison:
    """Compares the signals of two sets of rules that saw the same history; retracted ones do not count.

    A signal is the same when rule, customer, group and time are; those of one rule, customer and group that are left
    over on both sides moved, in the order of time; what is left on one side alone appears or vanishes."""
    sides = _by_group(old), _by_group(new)
    rules: dict[str, Counter[str]] = defaultdict(Counter)
    changed: list[Changed] = []
    for key in sides[0].keys() | sides[1].keys():
        before, after = (side.get(key, []) for side in sides)
        counts = rules[key[0]]
        counts["before"] += len(before)
        counts["after"] += len(after)
        common = Counter(s.at for s in before) & Counter(s.at for s in after)
        counts["same"] += common.total()
        changed.extend(_left_over(_without(before, common), _without(after, common), counts))
    order = sorted(changed, key=lambda one: (one.customer, one.before or one.after, one.rule, one.change))
    rows = [
        RuleChanges(
            rule=rule, before=n["before"], after=n["after"], same=n["same"],
            appear=n[Change.APPEARS], vanish=n[Change.VANISHES], move=n[Change.MOVES],
        )
        for rule, n in sorted(rules.items())
    ]  # fmt: skip
    return Comparison(rows, order)


def _by_group(signals: Iterable[PastSignal]) -> dict[tuple[str, str, str], list[PastSignal]]:
    groups: dict[tuple[str, str, str], list[PastSignal]] = defaultdict(list)
    for signal in signals:
        if signal.stands:
            groups[signal.rule, signal.customer, signal.group].append(signal)
    for group in groups.values():
        group.sort(key=lambda s: (s.at, s.signal_id))
    return groups


def _without(signals: Sequence[PastSignal], common: Counter[int]) -> list[PastSignal]:
    left = Counter(common)
    rest = []
    for signal in signals:
        if left[signal.at]:
            left[signal.at] -= 1
        else:
            rest.append(signal)
    return rest


def _left_over(before: Sequence[PastSignal], after: Sequence[PastSignal], counts: Counter[str]) -> list[Changed]:
    pairs: list[tuple[PastSignal | None, PastSignal | None]] = list(zip(before, after, strict=False))
    number = len(pairs)
    pairs.extend((signal, None) for signal in before[number:])
    pairs.extend((None, signal) for signal in after[number:])
    return [_told(old, new, counts) for old, new in pairs]


def _told(old: PastSignal | None, new: PastSignal | None, counts: Counter[str]) -> Changed:
    change = Change.APPEARS if old is None else Change.VANISHES if new is None else Change.MOVES
    counts[change] += 1
    signal = new or old
    if signal is None:
        raise ValueError("a change has a signal on one side at least")
    return Changed(
        change=change,
        rule=signal.rule,
        customer=signal.customer,
        group=signal.group,
        before=None if old is None else from_ms(old.at),
        after=None if new is None else from_ms(new.at),
        evidence=signal.evidence,
    )
