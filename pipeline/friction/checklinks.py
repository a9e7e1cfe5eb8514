"""What a rule on rules can never be, or is hardly meant to be."""

from dataclasses import dataclass
from itertools import combinations
from typing import Final

from touchline.pipeline.friction.checkfields import Tell
from touchline.pipeline.friction.composite import CompositeDetector
from touchline.pipeline.friction.places import Place, patterns
from touchline.pipeline.friction.rules import CUSTOMER, Rule
from touchline.schemas.yamlfile import Path_

_AT_ITS_LAST: Final = frozenset({"match", "count", "distinct", "sum", "average", "percentile"})
"""Detectors that open with an event of their own, whichever of their kinds it is."""


@dataclass(slots=True)
class LinkCheck:
    """The check of one rule on rules. `by_id`: all rules in force; those with mistakes are not among them."""

    path: Path_
    rule: Rule
    detector: CompositeDetector
    by_id: dict[str, Rule]
    tell: Tell

    def run(self) -> None:
        """Tells everything."""
        name = "all" if self.rule.spec.detect.all is not None else "any"
        path = (*self.path, "detect", name)
        parts = [self.by_id[part] for part in self.detector.rules if part in self.by_id]
        sides = self.detector.sides[-1] + 1
        if name == "any" and self.detector.at_least == sides:
            self.tell(path, "note", "same", f"at_least is {sides}, of {sides}: that is all")
        if len(parts) < len(self.detector.rules):
            return  # of some nothing is known but that they have mistakes
        if self.rule.spec.polarity not in {part.spec.polarity for part in parts}:
            ours, theirs = self.rule.spec.polarity, sorted({str(part.spec.polarity) for part in parts})
            message = f"is a {ours}, and the rules that it names tell of {' and '.join(theirs)}"
            self.tell((*self.path, "polarity"), "warning", "polarity", message)
        pers = {part.spec.per for part in parts}
        if self.rule.spec.per == CUSTOMER and len(pers) == 1 and pers != {CUSTOMER}:
            (per,) = pers
            message = f"its rules are per {per}, and signals of different ones come together: else write per: {per}"
            self.tell((*self.path, "per"), "note", "per", message)
        self._apart(path, sides)

    def _apart(self, path: Path_, sides: int) -> None:
        """Sides of which each ends the other whenever it begins, so that only one of them can stand."""
        apart = {pair for pair in combinations(range(sides), 2) if self._never(*pair)}
        ways = combinations(range(sides), self.detector.at_least)
        if all(apart.intersection(combinations(way, 2)) for way in ways):
            message = "can never be true: each of the rules is resolved by the events that begin the other"
            self.tell((*path, "rules"), "error", "unreachable", message)

    def _never(self, one: int, other: int) -> bool:
        """Whether no rule of one side can have a signal that stands together with one of the other."""
        return all(_ends(a, b) and _ends(b, a) for a in self._on(one) for b in self._on(other))

    def _on(self, side: int) -> list[Rule]:
        named = zip(self.detector.rules, self.detector.sides, strict=True)
        return [self.by_id[name] for name, own in named if own == side]


def _ends(one: Rule, other: Rule) -> bool:
    """Whether whatever opens the other rule resolves this one."""
    if one.spec.per not in (CUSTOMER, other.spec.per):
        return False
    closing = [place for place in patterns(one.spec) if place.role == "resolve"]
    opening = _opening(other)
    return bool(opening) and all(any(end.covers(place) for end in closing) for place in opening)


def _opening(rule: Rule) -> list[Place]:
    """The events with which it opens; none where that is no event, or not any of them."""
    places = patterns(rule.spec)
    if rule.spec.detect.sequence is not None:
        return [place for place in places if place.role == "steps"][-1:]
    return [place for place in places if place.role in _AT_ITS_LAST]
