"""From history and signals to cases: each customer, or each subject of a type, that had an outcome or had none.

A case is warned of rightly when an outcome came after a signal and within the time that the outcome allows. Figures may
be asked for a part of the time: a subject belongs whole to the part in which it was first seen, a customer is a case of
its own in each part.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from touchline.pipeline.backtest.filters import EventFilter, Outcome
from touchline.pipeline.backtest.run import PastSignal
from touchline.pipeline.friction.rules import CUSTOMER
from touchline.pipeline.measures.detection import Case, Quality, quality
from touchline.schemas.touchpoint import EnrichedTouchpoint

_NEVER: Final = 2**62


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the signals. `per`: what a case is, `customer` or a type of subject (`order`). `among`: only
    what had an event of each of these is a case. `until`: such an event ends a case (the review was answered), what has
    none is no case, and signals after it count as nothing."""

    per: str = CUSTOMER
    outcome: Outcome | None = None
    among: tuple[EventFilter, ...] = ()
    until: EventFilter | None = None


class Part(NamedTuple):
    """A part of history, from `since` up to and without `until`, in milliseconds."""

    since: int
    until: int

    def holds(self, at: int) -> bool:
        """Whether a time lies in it."""
        return self.since <= at < self.until


@dataclass(slots=True)
class _Unit:
    """One case in the making. `among`: a bit for each filter that was met. `met`: what is
    asked to be missing came."""

    first: int
    last: int
    among: int = 0
    met: bool = False
    ended: int | None = None
    outcomes: list[int] = field(default_factory=list)


class Foresight(NamedTuple):
    """How well some signals foresaw the outcome. `open`: of the cases that count as warned in vain, those for which an
    outcome may still come, because its time reaches beyond the end of history. Leaving them out would be wrong: hits of
    the same age stay in."""

    quality: Quality
    open: int


class CaseBook:
    """Gathers cases while history passes; afterwards tells what signals were worth. `outcomes` counts what was found,
    `strangers` truth that is about nothing in the history.

    Args:
        question: what is asked.
        locate: whether the subjects of single events must be kept, because some rules do not go by the question's.
    """

    def __init__(self, question: Question, *, locate: bool = False) -> None:
        self.question = question
        self.outcomes = 0
        self.strangers = 0
        self._end = _NEVER
        self._counted: dict[Part, tuple[int, int]] = {}
        self._head = question.per + ":"
        self._events = None if question.outcome is None else question.outcome.events
        self._missing = None if question.outcome is None else question.outcome.missing
        self._units: dict[str, _Unit] = {}
        self._homes: dict[str, tuple[str, ...]] | None = {} if locate and question.per != CUSTOMER else None

    def look(self, event: EnrichedTouchpoint, at: int) -> None:
        """Sees a touchpoint of the history."""
        names = self._names(event)
        if not names:
            return
        if self._homes is not None:
            self._homes[event.event_id] = names
        question = self.question
        bad = self._events is not None and self._events.fits(event)
        came = self._missing is not None and self._missing.fits(event)
        met = sum(1 << number for number, one in enumerate(question.among) if one.fits(event))
        ends = question.until is not None and question.until.fits(event)
        for name in names:
            unit = self._units.get(name)
            if unit is None:
                unit = self._units[name] = _Unit(at, at)
            unit.first, unit.last = min(unit.first, at), max(unit.last, at)
            unit.among |= met
            unit.met |= came
            if ends and (unit.ended is None or at < unit.ended):
                unit.ended = at
            if bad:
                self._outcome(unit, at)

    def truth(self, event: EnrichedTouchpoint, at: int) -> None:
        """Sees, after the history, an event that rules never see: a label, or what another system knew. A signal of the
        same moment was before it. What is about nothing in the history is counted as a stranger."""
        if self._events is not None and self._events.fits(event):
            found = [unit for name in self._names(event) if (unit := self._units.get(name)) is not None]
            self.strangers += not found
            for unit in found:
                self._outcome(unit, at + 1)

    def close(self, signals: Iterable[PastSignal], end: int) -> list[PastSignal]:
        """Ends the gathering, with the time up to which history is known: takes the signals that are outcomes
        themselves, and returns the others."""
        self._end = end
        self._counted.clear()
        outcome = self.question.outcome
        rules = frozenset[str]() if outcome is None else outcome.rules
        left = []
        for signal in signals:
            if signal.rule not in rules:
                left.append(signal)
            elif signal.stands and (name := self.unit_of(signal)) in self._units:
                self._outcome(self._units[name], signal.at)
        for unit in self._units.values():
            if self._missing is not None and outcome is not None and not unit.met and self._counts(unit):
                known_at = unit.first + outcome.within
                if known_at <= end:
                    self._outcome(unit, known_at)
            unit.outcomes.sort()
        return left

    def _outcome(self, unit: _Unit, at: int) -> None:
        self.outcomes += 1
        unit.outcomes.append(at)

    def _names(self, event: EnrichedTouchpoint) -> tuple[str, ...]:
        if self.question.per == CUSTOMER:
            return (event.customer,)
        return tuple(dict.fromkeys(s for s in event.subjects if s.startswith(self._head)))

    def unit_of(self, signal: PastSignal) -> str:
        """The case that a signal is about: its group, one of its subjects, or what its newest event is about; empty
        when it is about none."""
        if self.question.per == CUSTOMER:
            return signal.customer
        for name in (signal.group, *signal.subjects):
            if name.startswith(self._head):
                return name
        for event in reversed(signal.events):
            if names := (self._homes or {}).get(event):
                return names[0]
        return ""

    @property
    def cases(self) -> int:
        """How many there are in the whole history."""
        return sum(self._counts(unit) for unit in self._units.values())

    def middle(self) -> int | None:
        """The time by which half of the cases had been seen for the first time; None without any."""
        firsts = sorted(unit.first for unit in self._units.values() if self._counts(unit))
        return firsts[len(firsts) // 2] if firsts else None

    def _counts(self, unit: _Unit) -> bool:
        wanted = (1 << len(self.question.among)) - 1
        return unit.among == wanted and (self.question.until is None or unit.ended is not None)

    def has(self, signal: PastSignal, part: Part) -> bool:
        """Whether a signal belongs to a part of the time."""
        unit = self._units.get(self.unit_of(signal)) if self.question.per != CUSTOMER else None
        return part.holds(signal.raised_at if unit is None else unit.first)

    def right(self, signal: PastSignal, part: Part) -> bool | None:
        """Whether a signal foresaw an outcome; None when nobody can say yet, or when it is about no case."""
        unit = self._units.get(self.unit_of(signal))
        if self.question.outcome is None or unit is None or not self._counts(unit):
            return None
        within = self.question.outcome.within
        if self._ended(unit) <= signal.raised_at:
            return None
        if _next(self._outcomes(unit, part), signal.raised_at, within) is not None:
            return True
        return False if signal.raised_at + within < self._known(unit, part) else None

    def foresight(self, signals: Iterable[PastSignal], part: Part) -> Foresight:
        """How well these signals foresaw the outcome in a part of the time."""
        outcome = self.question.outcome
        raised: dict[str, list[int]] = defaultdict(list)
        for signal in signals:
            name = self.unit_of(signal)
            unit = self._units.get(name)
            if unit is not None and self.has(signal, part) and signal.raised_at < self._ended(unit):
                raised[name].append(signal.raised_at)
        within = 0 if outcome is None else outcome.within
        silent, silent_bad = self._totals(part)
        cases: list[Case] = []
        still_open = 0
        for name, times in raised.items():
            unit = self._units[name]
            if not self._is_case(unit, part):
                continue
            outcomes, known = self._outcomes(unit, part), self._known(unit, part)
            case = _case(sorted(times), outcomes, within, known)
            cases.append(case)
            silent -= 1
            silent_bad -= case.bad
            still_open += not case.bad and max(times) + within >= known
        return Foresight(quality(cases, silent=silent, silent_bad=silent_bad), still_open)

    def _totals(self, part: Part) -> tuple[int, int]:
        """All cases of a part, and the bad ones."""
        if part not in self._counted:
            mine = [unit for unit in self._units.values() if self._is_case(unit, part)]
            self._counted[part] = len(mine), sum(bool(self._outcomes(unit, part)) for unit in mine)
        return self._counted[part]

    def _is_case(self, unit: _Unit, part: Part) -> bool:
        return self._counts(unit) and self._seen_in(unit, part)

    def _seen_in(self, unit: _Unit, part: Part) -> bool:
        if self.question.per == CUSTOMER:
            return unit.first < part.until and unit.last >= part.since
        return part.holds(unit.first)

    def _ended(self, unit: _Unit) -> int:
        """From when on signals count as nothing."""
        return _NEVER if unit.ended is None else unit.ended

    def _known(self, unit: _Unit, part: Part) -> int:
        """Up to when it is known whether an outcome came."""
        if self.question.until is not None:
            return _NEVER
        return part.until if self.question.per == CUSTOMER else self._end

    def _outcomes(self, unit: _Unit, part: Part) -> Sequence[int]:
        ended = self._ended(unit)
        if self.question.per != CUSTOMER:
            return [at for at in unit.outcomes if at <= ended]
        return [at for at in unit.outcomes if at <= ended and part.holds(at)]


def _next(outcomes: Sequence[int], raised: int, within: int) -> int | None:
    """The first outcome after a signal and within the time, None without one."""
    place = bisect_right(outcomes, raised)
    return outcomes[place] if place < len(outcomes) and outcomes[place] <= raised + within else None


def _case(raised: Sequence[int], outcomes: Sequence[int], within: int, known: int) -> Case:
    """The case of something that was warned of. `known`: up to when outcomes are known."""
    for at in raised:
        came = _next(outcomes, at, within)
        if came is not None:
            return Case(came, bad=True, warned_at=at)
    return Case(outcomes[0] if outcomes else known, bad=bool(outcomes), warned_at=None, in_vain=True)
