"""Rules, compiled: detectors, and one function for each kind of event that says which rules it concerns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from touchline.pipeline.friction.code import Dispatch, Hits, Listener, build_dispatch
from touchline.pipeline.friction.evidence import Template
from touchline.pipeline.friction.fields import TYPES, Value, read, subject
from touchline.pipeline.friction.positive import Detector
from touchline.pipeline.friction.state import Item
from touchline.pipeline.friction.where import Condition
from touchline.schemas.rulefile import RuleSpec
from touchline.schemas.touchpoint import EnrichedTouchpoint

CUSTOMER: Final = "customer"
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
    event. `needs`: without this field an event does not count. `threshold` and `within` (ms) for the evidence."""

    spec: RuleSpec
    key: str
    detector: Detector
    patterns: tuple[Pattern, ...]
    captures: tuple[str, ...]
    needs: str | None
    evidence: Template
    threshold: int | None
    within: int | None

    def groups(self, event: EnrichedTouchpoint) -> Sequence[str]:
        """The groups that an event belongs to: the customer, its subjects of a type (several at times), or the value of
        an attribute; none when it has none."""
        per = self.spec.per
        if per == CUSTOMER:
            return (event.customer,)
        head = per + ":"
        found = [subject for subject in event.subjects if subject.startswith(head)]
        if found:
            return found if len(found) == 1 else list(dict.fromkeys(found))
        value = read(event, per) if per in TYPES else event.attributes.get(per)
        return () if value is None else (f"{per}:{value}"[:160],)

    def item(self, event: EnrichedTouchpoint, at: int, roles: int) -> Item | None:
        """The event as this rule sees it, None when it lacks what the rule counts."""
        facts: dict[str, Value] = {}
        attributes, subjects = event.attributes, event.subjects
        for name in self.captures:
            if name in TYPES:
                value = read(event, name)
            else:
                value = attributes.get(name)
                if value is None and subjects:
                    value = subject(subjects, name)
            if value is not None:
                facts[name] = value[:256] if value.__class__ is str else value
        if self.needs is not None and self.needs not in facts:
            return None
        return Item(
            at, event.raw_partition, event.raw_offset, event.event_id, event.source, roles, event.party,
            event.channel.value, facts,
        )  # fmt: skip


@dataclass(slots=True)
class RuleSet:
    """All rules in force. `hash` names their whole text."""

    rules: tuple[Rule, ...]
    hash: str
    tally: Tally
    by_key: dict[str, Rule] = field(init=False)
    by_id: dict[str, Rule] = field(init=False)
    _dispatch: dict[str, Dispatch | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Indexes the rules."""
        self.by_key = {rule.key: rule for rule in self.rules}
        self.by_id = {rule.spec.id: rule for rule in self.rules}

    def hits(self, event: EnrichedTouchpoint) -> Hits:
        """Which rules an event concerns, by number, and its roles in them."""
        kind = event.kind
        dispatch = self._dispatch[kind] if kind in self._dispatch else self._built(kind)
        hits: Hits = []
        if dispatch is not None:
            dispatch(event, hits, self.tally)
        return hits

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
