"""Why a condition holds of an event or does not: each comparison that decides it, with the value that it met.

A comparison is decided by the code that the rules themselves run, so what is said here is what happened there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from touchline.pipeline.friction.code import Facts, build_pairing
from touchline.pipeline.friction.contradiction import shown_test
from touchline.pipeline.friction.fields import PRIVATE, Value, read
from touchline.pipeline.friction.where import Condition, Ref, Test, Tree
from touchline.schemas.touchpoint import EnrichedTouchpoint

_LONGEST: Final = 80


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison: as it is written; true, false, or None for unknown; and what its fields hold, in words."""

    text: str
    holds: bool | None
    found: str

    def __str__(self) -> str:
        """A sentence."""
        word = {True: "true", False: "false", None: "unknown"}[self.holds]
        return f"{self.text} is {word}: {self.found}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a condition came to (None: unknown), and the comparisons that decided it."""

    holds: bool | None
    because: tuple[Comparison, ...]


def judge(condition: Condition, event: EnrichedTouchpoint, others: Mapping[str, Facts]) -> Verdict:
    """What a condition says of an event. `others`: what was kept of the events that it names."""
    return _judged(condition.tree, event, others)


def _judged(tree: Tree, event: EnrichedTouchpoint, others: Mapping[str, Facts]) -> Verdict:
    if isinstance(tree, Test):
        compared = _compared(tree, event, others)
        return Verdict(compared.holds, (compared,))
    parts = [_judged(part, event, others) for part in tree.parts]
    # Kleene: "and" is decided by what is false, then by what is unknown; "or" by what is true, then by what is unknown.
    decides = tree.word == "or"
    found = {part.holds for part in parts}
    holds = decides if decides in found else None if None in found else not decides
    told = parts if holds is not decides else [part for part in parts if part.holds is decides]
    if holds is None:
        told = [part for part in parts if part.holds is None or decides]
    return Verdict(holds, tuple(one for part in told for one in part.because))


def _compared(test: Test, event: EnrichedTouchpoint, others: Mapping[str, Facts]) -> Comparison:
    refs = [side for side in (test.left, test.right) if isinstance(side, Ref)]
    own = {ref.field: read(event, ref.field) for ref in refs if ref.alias is None}
    unknown: list[str] = []

    def note(_rule: str, name: str) -> bool:
        unknown.append(name)
        return False

    holds = build_pairing("", Condition(test, tuple(refs)))(own, others, note)
    values = ((ref, own[ref.field] if ref.alias is None else others.get(ref.alias, {}).get(ref.field)) for ref in refs)
    return Comparison(shown_test(test), None if unknown else holds, _told(values))


def _told(values: Iterable[tuple[Ref, Value]]) -> str:
    return ", ".join(f"{ref} {_has(ref.field, value)}" for ref, value in values)


def _has(name: str, value: Value) -> str:
    if value is None:
        return "is missing"
    return "is there (not shown)" if name in PRIVATE else f"is {shown_value(value)}"


def shown_value(value: Value) -> str:
    """A value with its type to be seen: texts in quotes, cut when they are long."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def fields_told(event: EnrichedTouchpoint, names: Sequence[str]) -> dict[str, Value]:
    """What an event holds of some fields, without what is personal."""
    return {name: value for name in names if name not in PRIVATE and (value := read(event, name)) is not None}
