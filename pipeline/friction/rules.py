"""Rules, compiled: detectors, and one function for each kind of event that says which rules it concerns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from touchline.pipeline.friction.absence import AbsenceDetector
from touchline.pipeline.friction.code import (
    Dispatch,
    Keeper,
    Listener,
    Mark,
    Reader,
    View,
    build_dispatch,
    build_reader,
    build_view,
)
from touchline.pipeline.friction.composite import CompositeDetector
from touchline.pipeline.friction.evidence import Template
from touchline.pipeline.friction.fields import TYPES, Value, read
from touchline.pipeline.friction.positive import Detector
from touchline.pipeline.friction.state import EXPECT, RESOLVE, UNLESS
from touchline.pipeline.friction.where import Condition
from touchline.schemas.rulefile import RuleSpec
from touchline.schemas.touchpoint import EnrichedTouchpoint

CUSTOMER: Final = "customer"
WHOLE: Final = ""
"""What the only group of a rule `per: customer` is called in the state; to the world it has the customer's name."""

_ONLY_WHOLE: Final = (WHOLE,)
MAX_KINDS: Final = 4_096
"""The vocabulary of kinds is open: of more than these none is remembered."""


class Tally:
    """Counts unknown comparisons by rule and field; emptied after each batch."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}

    def __call__(self, rule: str, name: str) -> bool:
        """Counts one; unknown reads as false."""
        self.counts[rule, name] = self.counts.get((rule, name), 0) + 1
        return False

    def drain(self) -> dict[tuple[str, str], int]:
        """What was counted since the last call."""
        counts, self.counts = self.counts, {}
        return counts


@dataclass(frozen=True, slots=True)
class Pattern:
    """Kinds (or `prefix.*`), a condition on the event alone, and the roles that it then plays."""

    kinds: tuple[str, ...]
    condition: Condition | None
    roles: int

    def wants(self, kind: str) -> bool:
        """Whether it waits for that kind."""
        return any(kind == wanted or (wanted.endswith(".*") and kind.startswith(wanted[:-1])) for wanted in self.kinds)


@dataclass(frozen=True)
class Rule:
    """A compiled rule. `key` names its state: another logic has another key. `captures`: the fields to keep of each
    event. `needs`: without this field an event does not count. `threshold` and `within` (ms) for the evidence.
    `exposed`: of a rule for incidents, who may be next. `aliases` and `words`: how the events that it tells of are
    called, and what its detector tells besides."""

    spec: RuleSpec
    key: str
    detector: Detector
    patterns: tuple[Pattern, ...]
    captures: tuple[str, ...]
    needs: str | None
    evidence: Template
    threshold: int | float | None
    within: int | None
    exposed: tuple[Pattern, ...] = ()
    aliases: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    head: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """`head` is how its subjects begin."""
        object.__setattr__(self, "head", self.spec.per + ":")

    @property
    def keeper(self) -> Keeper:
        """What it keeps of an event."""
        paired = isinstance(self.detector, AbsenceDetector) and self.detector.expects is not None
        bare = RESOLVE | UNLESS | (0 if paired else EXPECT)
        per = self.spec.per
        groups = None if per == CUSTOMER else self.groups
        return Keeper(self.key, self.spec.id, self.captures, self.needs, bare, per, groups)

    @cached_property
    def view(self) -> View:
        """An event as it alone would see it."""
        return build_view(self.keeper)

    def groups(self, event: EnrichedTouchpoint) -> Sequence[str]:
        """The groups that an event belongs to: WHOLE (the customer as a whole), its subjects of a type (several at
        times), or the value of an attribute; none when it has none."""
        per = self.spec.per
        if per == CUSTOMER:
            return _ONLY_WHOLE
        subjects, head = event.subjects, self.head
        if len(subjects) == 1 and subjects[0].startswith(head):
            return subjects
        found = [subject for subject in subjects if subject.startswith(head)] if subjects else []
        if found:
            return found if len(found) == 1 else list(dict.fromkeys(found))
        value = read(event, per) if per in TYPES else event.attributes.get(per)
        return () if value is None else (f"{per}:{value}"[:160],)


@dataclass(slots=True)
class RuleSet:
    """All rules in force: `rules` about one customer, `incidents` about many. `hash` names what they say; `content` the
    files to the letter, where they come from some. `above`: of a rule, by its id, the rules that name it, and which of
    theirs it is."""

    rules: tuple[Rule, ...]
    hash: str
    tally: Tally
    content: str = ""
    incidents: tuple[Rule, ...] = ()
    by_key: dict[str, Rule] = field(init=False)
    by_id: dict[str, Rule] = field(init=False)
    above: dict[str, list[tuple[Rule, CompositeDetector, int]]] = field(init=False)
    _readers: dict[str, Reader | None] = field(default_factory=dict)
    _dispatches: dict[str, Dispatch | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Indexes the rules."""
        self.by_key = {rule.key: rule for rule in self.rules}
        self.by_id = {rule.spec.id: rule for rule in self.rules}
        self.above = {}
        for rule in self.rules:
            if isinstance(rule.detector, CompositeDetector):
                for number, name in enumerate(rule.detector.rules):
                    self.above.setdefault(name, []).append((rule, rule.detector, number))

    @property
    def every(self) -> tuple[Rule, ...]:
        """The rules about customers, then those about incidents."""
        return (*self.rules, *self.incidents)

    def read(self, event: EnrichedTouchpoint, marks: list[Mark]) -> dict[str, Value] | None:
        """Adds to `marks` the rules and groups that an event concerns and its roles in them. Returns the fields that
        rules keep of it; None when no rule waits for its kind."""
        kind = event.kind
        reader = self._readers[kind] if kind in self._readers else self._built(kind)
        return None if reader is None else reader(event, marks, self.tally)

    def hits(self, event: EnrichedTouchpoint) -> list[tuple[int, int]]:
        """Which rules an event concerns, by number, and its roles in them."""
        kind = event.kind
        if kind not in self._dispatches:
            if len(self._dispatches) >= MAX_KINDS:
                self._dispatches.clear()
            listeners = self._listeners(kind)
            self._dispatches[kind] = build_dispatch(listeners) if listeners else None
        dispatch = self._dispatches[kind]
        found: list[tuple[int, int]] = []
        if dispatch is not None:
            dispatch(event, found, self.tally)
        return found

    @property
    def kinds(self) -> list[str]:
        """The kinds of event that were met so far."""
        return list(self._readers)

    def prepare(self, kinds: Iterable[str]) -> None:
        """Compiles what handles these kinds now rather than when the first of them comes."""
        for kind in kinds:
            self._built(kind)

    def _built(self, kind: str) -> Reader | None:
        listeners = self._listeners(kind)
        if len(self._readers) >= MAX_KINDS:
            self._readers.clear()
        keepers = {listener.rule: self.rules[listener.rule].keeper for listener in listeners}
        reader = self._readers[kind] = build_reader(listeners, keepers) if listeners else None
        return reader

    def _listeners(self, kind: str) -> list[Listener]:
        return [
            Listener(number, rule.spec.id, pattern.roles, pattern.condition)
            for number, rule in enumerate(self.rules)
            for pattern in rule.patterns
            if pattern.wants(kind)
        ]


def counted_rules(spec: RuleSpec) -> tuple[str, ...]:
    """The rules that a rule for incidents counts the signals of."""
    affected = spec.detect.affected
    return affected.signals if affected is not None else ()


def named_rules(spec: RuleSpec) -> tuple[str, ...]:
    """Those, and the rules that it covers."""
    return (*spec.covers, *counted_rules(spec))


def all_named(spec: RuleSpec) -> tuple[str, ...]:
    """All rules that a rule names."""
    detect = spec.detect
    sides = detect.all.rules if detect.all is not None else detect.any.rules if detect.any is not None else ()
    return (*named_rules(spec), *(name for side in sides for name in side))
