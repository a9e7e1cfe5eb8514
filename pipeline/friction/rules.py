"""Rules, compiled: detectors, and one function for each kind of event that says which rules it concerns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from touchline.pipeline.friction.absence import AbsenceDetector
from touchline.pipeline.friction.code import Dispatch, Hits, Listener, View, build_dispatch, build_view
from touchline.pipeline.friction.evidence import Template
from touchline.pipeline.friction.fields import TYPES, read
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


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule. `key` names its state: another logic has another key. `captures`: the fields to keep of each
    event. `needs`: without this field an event does not count. `threshold` and `within` (ms) for the evidence.
    `exposed`: of a rule for incidents, who may be next."""

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
    head: str = field(init=False, repr=False, compare=False)
    view: View = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Writes the code that makes its items; `head` is how its subjects begin."""
        paired = isinstance(self.detector, AbsenceDetector) and self.detector.expects is not None
        bare = RESOLVE | UNLESS | (0 if paired else EXPECT)
        object.__setattr__(self, "head", self.spec.per + ":")
        object.__setattr__(self, "view", build_view(self.captures, self.needs, bare))

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
    files to the letter, where they come from some."""

    rules: tuple[Rule, ...]
    hash: str
    tally: Tally
    content: str = ""
    incidents: tuple[Rule, ...] = ()
    by_key: dict[str, Rule] = field(init=False)
    by_id: dict[str, Rule] = field(init=False)
    _dispatch: dict[str, Dispatch | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Indexes the rules."""
        self.by_key = {rule.key: rule for rule in self.rules}
        self.by_id = {rule.spec.id: rule for rule in self.rules}

    @property
    def every(self) -> tuple[Rule, ...]:
        """The rules about customers, then those about incidents."""
        return (*self.rules, *self.incidents)

    def hits(self, event: EnrichedTouchpoint) -> Hits:
        """Which rules an event concerns, by number, and its roles in them."""
        kind = event.kind
        dispatch = self._dispatch[kind] if kind in self._dispatch else self._built(kind)
        hits: Hits = []
        if dispatch is not None:
            dispatch(event, hits, self.tally)
        return hits

    @property
    def kinds(self) -> list[str]:
        """The kinds of event that were met so far."""
        return list(self._dispatch)

    def prepare(self, kinds: Iterable[str]) -> None:
        """Compiles what handles these kinds now rather than when the first of them comes."""
        for kind in kinds:
            self._built(kind)

    def _built(self, kind: str) -> Dispatch | None:
        listeners = [
            Listener(number, rule.spec.id, pattern.roles, pattern.condition)
            for number, rule in enumerate(self.rules)
            for pattern in rule.patterns
            if pattern.wants(kind)
        ]
        if len(self._dispatch) >= MAX_KINDS:
            self._dispatch.clear()
        dispatch = self._dispatch[kind] = build_dispatch(listeners) if listeners else None
        return dispatch


def counted_rules(spec: RuleSpec) -> tuple[str, ...]:
    """The rules that a rule for incidents counts the signals of."""
    affected = spec.detect.affected
    return affected.signals if affected is not None else ()


def named_rules(spec: RuleSpec) -> tuple[str, ...]:
    """Those, and the rules that it covers."""
    return (*spec.covers, *counted_rules(spec))
