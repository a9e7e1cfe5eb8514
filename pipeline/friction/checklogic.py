"""What a rule can never do, and what it waits for too short: conditions, patterns against each other, lateness."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from touchline.pipeline.friction.checkfields import Tell, comparisons
from touchline.pipeline.friction.contradiction import dead_ways, says_nothing, shown
from touchline.pipeline.friction.evidence import shown_length
from touchline.pipeline.friction.places import Place
from touchline.pipeline.friction.where import Ref, Tree
from touchline.schemas.yamlfile import Path_


@dataclass(slots=True)
class LogicCheck:
    """The check of one rule. `source_lateness` in milliseconds, by source."""

    path: Path_
    places: list[Place]
    detector: str
    detect: Any
    source_lateness: Mapping[str, int]
    tell: Tell

    def run(self) -> None:
        """Tells everything."""
        for place in self.places:
            if place.condition is not None:
                self._condition(place, place.condition.tree)
        opening = [
            place for place in self.places if place.role in {"match", "count", "distinct", "steps", "after", "by"}
        ]
        for place in self.places:
            if place.role == "resolve":
                self._resolve(place, opening)
            elif place.role == "unless" and self.detector == "sequence":
                self._unless(place, opening)
            elif place.role == "expect":
                self._expect(place, opening)
        if self.detector == "absence":
            self._grace()

    def _condition(self, place: Place, tree: Tree) -> None:
        path = (*place.path, "where")
        kinds = None if any(kind.endswith("*") for kind in place.kinds) else place.kinds
        dead, ways = dead_ways(tree, kinds)
        if dead and len(dead) == ways:
            why = f": {shown(dead[0])}" if ways == 1 else ", whichever side of an or is taken"
            self.tell(path, "error", "contradiction", f"can never be true{why}")
        elif dead:
            self.tell(path, "warning", "contradiction", f"this part can never be true: {shown(dead[0])}")
        elif says_nothing(tree, kinds):
            fields = {str(s) for t in comparisons(tree) for s in (t.left, t.right) if isinstance(s, Ref)} - {"kind"}
            message = (
                f"is always true of an event that has {' and '.join(sorted(fields))}" if fields else "is always true"
            )
            self.tell(path, "warning", "always_true", f"{message}: it may be left out")

    def _resolve(self, place: Place, opening: list[Place]) -> None:
        """An event that resolves does so before it counts, and what led to it is not counted again."""
        covered = [number for number, other in enumerate(opening) if place.covers(other)]
        if not covered:
            return
        message = "ends the signal by the same event that the rule looks for"
        needs_more = self.detector in {"count", "distinct", "affected"} and len(covered) == len(opening)
        if needs_more or (self.detector == "sequence" and covered != [0]):
            self.tell(place.path, "error", "unreachable", f"{message}, which starts anew each time: it never fires")
        elif self.detector != "absence":
            self.tell(place.path, "warning", "resolve", f"{message}: each one ends the signal before")

    def _unless(self, place: Place, steps: list[Place]) -> None:
        covered = [number for number, step in enumerate(steps) if place.covers(step)]
        if any(number > 0 for number in covered):
            number = next(number for number in covered if number > 0)
            message = f"also fits step {number + 1}, which so breaks the sequence instead of going on: it never fires"
            self.tell(place.path, "error", "unreachable", message)

    def _expect(self, place: Place, opening: list[Place]) -> None:
        if any(place.covers(after) and after.covers(place) for after in opening):
            message = (
                'is the same as "after": each event meets what the one before it waits for, so only the last is told'
            )
            self.tell(place.path, "note", "same", message)

    def _grace(self) -> None:
        """What is expected of a source with a lateness of its own is known only after it."""
        for place in (place for place in self.places if place.role == "expect"):
            named = _sources(place)
            for source, lateness in self.source_lateness.items():
                if lateness <= self.detect.grace or (named is not None and source not in named):
                    continue
                needed = shown_length(lateness)
                if named is not None:
                    message = f"waits for events of {source}, which may be {needed} late: grace must be at least that"
                    self.tell((*self.path, "detect", "absence"), "error", "grace", message)
                else:
                    message = (
                        f"{source} may be {needed} late: if it publishes what is expected, grace must be at least that"
                    )
                    self.tell((*self.path, "detect", "absence"), "note", "grace", message)


def _sources(place: Place) -> set[str] | None:
    """The sources that a condition names; None when it may be any."""
    if place.condition is None:
        return None
    named: set[str] = set()
    for test in comparisons(place.condition.tree):
        if test.left == Ref(None, "source") and test.sign == "==" and isinstance(test.right, str):
            named.add(test.right)
        elif test.left == Ref(None, "source") and test.sign == "in" and isinstance(test.right, frozenset):
            named.update(str(value) for value in test.right)
    return named or None
