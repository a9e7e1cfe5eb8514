"""Conditions that no event can make true, and those that say nothing.

A condition is taken apart into ways to be true, each a list of comparisons that must all hold. A way is impossible when
what it asks of one field (an interval, values, words) leaves nothing. Where that can't be told the answer is
"possible": nothing is called a contradiction that is none.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import inf
from typing import Final

from touchline.pipeline.friction.fields import WORDS
from touchline.pipeline.friction.where import Constant, Joined, Ref, Test, Tree

MAX_WAYS: Final = 256
"""A condition with more ways to be true than this is not looked into."""

Way = tuple[Test, ...]

_NEGATED: Final = {
    "==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in",
}  # fmt: skip


def dead_ways(tree: Tree, kinds: Collection[str] | None = None) -> tuple[list[Way], int]:
    """The ways to be true that are impossible, and how many ways there are in all (0: too many to look into).

    Args:
        tree: the condition.
        kinds: the kinds that are possible at all; None: any."""
    ways = _ways(tree)
    if ways is None:
        return [], 0
    return [way for way in ways if not _possible(way, kinds)], len(ways)


def says_nothing(tree: Tree, kinds: Collection[str] | None = None) -> bool:
    """Whether it is true of every event that has the fields it compares."""
    ways = _ways(_negation(tree))
    return ways is not None and not any(_possible(way, kinds) for way in ways)


def shown(way: Way) -> str:
    """A way as its author might have written it."""
    return " and ".join(shown_test(test) for test in way)


def shown_test(test: Test) -> str:
    """A comparison as its author might have written it."""
    if test.sign == "is":
        return str(test.left) if test.right is True else f"not {test.left}"
    return f"{_side(test.left)} {test.sign} {_side(test.right)}"


def _side(side: object) -> str:
    if isinstance(side, frozenset):
        return f"({', '.join(sorted(map(repr, side)))})"
    return str(side) if isinstance(side, Ref) else repr(side)


def _negation(tree: Tree) -> Tree:
    if isinstance(tree, Joined):
        return Joined("or" if tree.word == "and" else "and", tuple(_negation(part) for part in tree.parts))
    if tree.sign == "is":
        return Test(tree.left, "is", not tree.right)
    return Test(tree.left, _NEGATED[tree.sign], tree.right)


def _ways(tree: Tree) -> list[Way] | None:
    if not isinstance(tree, Joined):
        return [(tree,)]
    parts = [_ways(part) for part in tree.parts]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if tree.word == "or":
        ways = [way for part in known for way in part]
        return ways if len(ways) <= MAX_WAYS else None
    size = 1
    for part in known:
        size *= len(part)
    if size > MAX_WAYS:
        return None
    return [tuple(test for way in combination for test in way) for combination in product(*known)]


@dataclass(slots=True)
class _Asked:
    """What a way asks of one field. `only`: one of these; `never`: none of these; `has`, `lacks`: texts within it;
    `values`: the classes of what it is compared with."""

    low: float = -inf
    high: float = inf
    open_low: bool = False
    open_high: bool = False
    only: set[Constant] | None = None
    never: set[Constant] = field(default_factory=set)
    has: set[str] = field(default_factory=set)
    lacks: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)

    def narrow(self, values: Collection[Constant]) -> None:
        self.only = set(values) if self.only is None else {value for value in self.only if value in values}

    def take(self, sign: str, value: Constant) -> None:
        self.classes.add(_class(value))
        if sign == "==":
            self.narrow({value})
        elif sign == "!=":
            self.never.add(value)
        elif isinstance(value, int | float):
            if sign in {">", ">="} and (value, sign == ">") > (self.low, self.open_low):
                self.low, self.open_low = value, sign == ">"
            elif sign in {"<", "<="} and (-value, sign == "<") > (-self.high, self.open_high):
                self.high, self.open_high = value, sign == "<"

    def possible(self) -> bool:
        if len(self.classes) > 1 or any(part in whole for part in self.lacks for whole in self.has):
            return False
        if self.low > self.high or (self.low == self.high and (self.open_low or self.open_high)):
            return False
        if self.only is None:
            return not (self.low == self.high and self.low in self.never)
        return any(self._fits(value) for value in self.only - self.never)

    def _fits(self, value: Constant) -> bool:
        if isinstance(value, str):
            return all(part in value for part in self.has) and not any(part in value for part in self.lacks)
        above = value > self.low or (value == self.low and not self.open_low)
        return above and (value < self.high or (value == self.high and not self.open_high))


def _class(value: Constant) -> str:
    return "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def _possible(way: Way, kinds: Collection[str] | None) -> bool:
    asked = _asked(way, kinds)
    if not all(one.possible() for one in asked.values()):
        return False
    return not any(_clashing(pair) for pair in _compared(way).values())


def _asked(way: Way, kinds: Collection[str] | None) -> Mapping[Ref, _Asked]:
    asked: dict[Ref, _Asked] = {}
    for test in way:
        ref = test.left if isinstance(test.left, Ref) else test.right
        if not isinstance(ref, Ref) or (isinstance(test.left, Ref) and isinstance(test.right, Ref)):
            continue
        if ref not in asked:
            asked[ref] = _Asked()
            if ref.field in WORDS:
                asked[ref].narrow({str(word) for word in WORDS[ref.field]})
            elif ref.field == "kind" and ref.alias is None and kinds is not None:
                asked[ref].narrow(kinds)
        _take(asked[ref], test)
    return asked


def _take(asked: _Asked, test: Test) -> None:
    if test.sign == "is":
        asked.take("==", bool(test.right))
    elif isinstance(test.right, frozenset):
        asked.classes.update(_class(value) for value in test.right)
        if test.sign == "in":
            asked.narrow(test.right)
        else:
            asked.never.update(test.right)
    elif isinstance(test.right, Ref) and isinstance(test.left, str):
        (asked.has if test.sign == "in" else asked.lacks).add(test.left)
        asked.classes.add("text")
    elif isinstance(test.right, str | int | float):
        asked.take(test.sign, test.right)


def _compared(way: Way) -> Mapping[tuple[Ref, Ref], set[str]]:
    """The signs between two fields, by the pair in one order."""
    found: dict[tuple[Ref, Ref], set[str]] = {}
    for left, sign, right in _pairs(way):
        found.setdefault((left, right), set()).add(sign)
    return found


def _pairs(way: Way) -> Iterator[tuple[Ref, str, Ref]]:
    mirrored = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
    for test in way:
        if isinstance(test.left, Ref) and isinstance(test.right, Ref):
            if str(test.left) <= str(test.right):
                yield test.left, test.sign, test.right
            else:
                yield test.right, mirrored.get(test.sign, test.sign), test.left


def _clashing(signs: set[str]) -> bool:
    """Whether no two values stand to each other as all the signs say: less, equal or greater."""
    means = {"<": {-1}, ">": {1}, "==": {0}, "<=": {-1, 0}, ">=": {0, 1}, "!=": {-1, 1}}
    left = {-1, 0, 1}
    for sign in signs:
        left &= means.get(sign, left)
    return not left
