"""Rules that name other rules: all of them known, none of them in a circle, not too deep."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from touchline.pipeline.friction.composite import CompositeDetector
from touchline.pipeline.friction.fields import PRIVATE
from touchline.pipeline.friction.rules import CUSTOMER, Rule
from touchline.schemas.vocabulary import Scope
from touchline.schemas.yamlfile import FileError, Mistake, Path_, YamlFile, did_you_mean

MAX_DEPTH: Final = 4
"""How many rules on rules may stand on each other."""

Placed = tuple[YamlFile, Path_, Rule]
"""A rule with its file and its place in it."""


def linked(placed: Sequence[Placed], absent: Collection[str] = ()) -> list[Rule]:
    """The rules, each of those that name others with what it needs to know of them. Another logic of a rule is another
    logic of those that name it.

    Args:
        placed: all rules.
        absent: those that are there, but have mistakes of their own.

    Raises: FileError with the mistakes of the first file that has any."""
    links = _Links({one[2].spec.id: one for one in placed}, absent)
    rules = [links.rule(rule.spec.id, ()) for _, _, rule in placed]
    for one in placed:
        if one[2].spec.scope is Scope.INCIDENT:
            links.incident(one)
    for file, _, _ in placed:
        if file.name in links.mistakes:
            raise FileError(file.name, links.mistakes[file.name])
    return rules


def parts_of(rule: Rule) -> tuple[str, ...]:
    """The ids of the rules that it names."""
    return rule.detector.rules if isinstance(rule.detector, CompositeDetector) else ()


@dataclass(slots=True)
class _Links:
    placed: dict[str, Placed]
    absent: Collection[str]
    done: dict[str, tuple[Rule, int]] = field(default_factory=dict)
    mistakes: dict[str, list[Mistake]] = field(default_factory=dict)

    def rule(self, name: str, above: tuple[str, ...]) -> Rule:
        """The finished rule of a name. `above`: the rules on the way to it."""
        if name not in self.done:
            self.done[name] = self._linked(name, above)
        return self.done[name][0]

    def incident(self, one: Placed) -> None:
        """Looks for rules that an incident names and that are not there, and for a cause that may not be told."""
        file, path, rule = one
        spec, affected = rule.spec, rule.spec.detect.affected
        named: list[tuple[Path_, str]] = [(("covers", n), other) for n, other in enumerate(spec.covers)]
        if affected is not None:
            named += [(("detect", "affected", "signals", n), other) for n, other in enumerate(affected.signals)]
        known = [name for name, other in self.placed.items() if other[2].spec.scope is Scope.CUSTOMER]
        wrong = [
            file.mistake((*path, *place), f'there is no rule "{other}" about a customer' + did_you_mean(other, known))
            for place, other in named
            if other not in known and (other in self.placed or other not in self.absent)
        ]
        if spec.per in PRIVATE:
            wrong.insert(0, file.mistake((*path, "per"), f'"{spec.per}" is personal and is no cause'))
        if wrong:
            self.mistakes.setdefault(file.name, []).extend(wrong)

    def _linked(self, name: str, above: tuple[str, ...]) -> tuple[Rule, int]:
        file, path, rule = self.placed[name]
        detector = rule.detector
        if not isinstance(detector, CompositeDetector):
            return rule, 0
        kind = "all" if rule.spec.detect.all is not None else "any"
        parts: list[Rule] = []
        way = (*above, name)
        for place, other in _named(file, (*path, "detect", kind, "rules"), detector):
            if other in self.absent and other not in self.placed:
                continue
            message = self._wrong(rule, other, way)
            if message:
                self.mistakes.setdefault(file.name, []).append(file.mistake(place, message))
            else:
                parts.append(self.rule(other, way))
        depth = 1 + max((self.done[part.spec.id][1] for part in parts), default=0)
        if depth > MAX_DEPTH:
            mistake = file.mistake((*path, "detect", kind), f"stands on {depth} levels of rules, at most {MAX_DEPTH}")
            self.mistakes.setdefault(file.name, []).append(mistake)
        return self._with(rule, detector, parts, depth), depth

    def _wrong(self, rule: Rule, other: str, way: tuple[str, ...]) -> str:
        if other in way:
            return f"goes in a circle: {' → '.join((*way[way.index(other) :], other))}"
        if other not in self.placed:
            return f'no rule is called "{other}"' + did_you_mean(other, self.placed)
        if self.placed[other][2].spec.scope is Scope.INCIDENT:
            return f'"{other}" is about many customers, and this rule about one'
        per, theirs = rule.spec.per, self.placed[other][2].spec.per
        if per not in (CUSTOMER, theirs):
            return f'"{other}" is per {theirs}, and this rule per {per}: write per: {CUSTOMER}, or name rules per {per}'
        return ""

    @staticmethod
    def _with(rule: Rule, detector: CompositeDetector, parts: Sequence[Rule], depth: int) -> Rule:
        grace = max(map(_slack, parts), default=0)
        logic = hashlib.blake2b("\n".join((rule.key, *(p.key for p in parts))).encode(), digest_size=4).hexdigest()
        made = replace(detector, timing=replace(detector.timing, grace=grace), depth=depth)
        return replace(rule, key=f"{rule.spec.id}:{logic}", detector=made)


def _named(file: YamlFile, path: Path_, detector: CompositeDetector) -> Iterator[tuple[Path_, str]]:
    """Each rule that is named, with its place: some stand in a list of their own, of which one is enough."""
    node: Any = file.data
    for step in path:
        node = node[step]
    for side in range(detector.sides[-1] + 1):
        mine = [name for name, own in zip(detector.rules, detector.sides, strict=True) if own == side]
        for number, name in enumerate(mine):
            yield ((*path, side, number) if isinstance(node[side], list) else (*path, side)), name


def _slack(rule: Rule) -> int:
    """How much later than its own time a signal may come to light: with the millisecond in which its grace is over."""
    detector = rule.detector
    return detector.timing.grace + (not isinstance(detector, CompositeDetector))
