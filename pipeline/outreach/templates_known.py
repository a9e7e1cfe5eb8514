"""What a template may name: the same for every signal, and what the rule of that signal can tell."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from touchline.pipeline.friction.composite import CompositeDetector
from touchline.pipeline.friction.rules import CUSTOMER, Rule, RuleSet
from touchline.schemas.yamlfile import did_you_mean

SIGNAL: Final = (
    "rule", "severity", "polarity", "stage", "party", "owner", "channel", "status", "group", "at", "raised_at",
    "evidence", "action",
)  # fmt: skip
CUSTOMER_FIELDS: Final = ("locale", "country", "zone", "value", "preferred")
LINKS: Final = ("unsubscribe",)

ROOTS: Final[Mapping[str, tuple[str, ...] | None]] = {
    "about": None,
    "party": None,
    "stage": None,
    "locale": None,
    "signal": (*SIGNAL, "values", "subjects"),
    "values": (),
    "subjects": (),
    "customer": CUSTOMER_FIELDS,
    "links": LINKS,
}
"""How a name begins, and what may follow; None: nothing. `values` and `subjects` go by the rule."""

_ALWAYS: Final = frozenset({"events", "count", "closed_at"})
_EXPOSED: Final = frozenset({"incident", "cause", "closed_at"})
_NO_SUBJECT: Final = frozenset({CUSTOMER, "party", "channel"})


@dataclass(frozen=True, slots=True)
class Told:
    """What a rule tells of its signals: the names below `values`, dotted where they are of an event (`s.carrier`), and
    the types of subjects."""

    values: frozenset[str]
    subjects: frozenset[str]

    def __or__(self, other: "Told") -> "Told":
        """What either tells."""
        return Told(self.values | other.values, self.subjects | other.subjects)


def told_by(rule: Rule) -> Told:
    """What a rule can tell: the numbers of its detector, and of the events that have a name the fields that its
    evidence, its conditions or its detector name."""
    values = _ALWAYS | rule.words | {f"{alias}.{name}" for alias in rule.aliases for name in rule.captures}
    if rule.threshold is not None:
        values |= {"threshold"}
    if rule.within is not None:
        values |= {"within_seconds"}
    if isinstance(rule.detector, CompositeDetector):
        values |= {"signals"}
    subjects = {rule.spec.per} - _NO_SUBJECT
    if rule.spec.exposed is not None:
        values |= _EXPOSED
        subjects |= {rule.spec.exposed.by} - _NO_SUBJECT
    return Told(frozenset(values), frozenset(subjects))


def told_by_rules(rules: RuleSet) -> dict[str, Told]:
    """The same of every rule, by its id."""
    return {rule.spec.id: told_by(rule) for rule in rules.every}


def path_problem(path: tuple[str, ...], local: Iterable[str], told: Told | None, whose: str) -> str | None:
    """What is wrong with a name, None when nothing is.

    Args:
        path: its parts.
        local: names that the template sets itself.
        told: what is known of the signal's values and subjects, None: nothing.
        whose: of what they are, for the message: `the rule long_wait`; empty: of any rule.
    """
    root, rest = path[0], path[1:]
    if root in set(local):
        return None
    if root not in ROOTS:
        known = ", ".join(ROOTS)
        return f"there is no {root}{did_you_mean(root, [*ROOTS, *local])}; there are {known}"
    if root == "signal" and rest[:1] in {("values",), ("subjects",)}:
        root, rest = rest[0], rest[1:]
    if root in {"values", "subjects"}:
        return _told_problem(root, rest, told, whose)
    return _field_problem(root, rest)


def _field_problem(root: str, rest: tuple[str, ...]) -> str | None:
    fields = ROOTS[root]
    if fields is None:
        return f"{root} has no fields: write {{{{ {root} }}}}" if rest else None
    if not rest:
        return f"{root} is not one thing: name a field of it ({', '.join(fields)})"
    if rest[0] not in fields:
        return f"{root} has no {rest[0]}{did_you_mean(rest[0], fields)}; it has {', '.join(fields)}"
    return f"{root}.{rest[0]} has no fields" if len(rest) > 1 else None


def _told_problem(root: str, rest: tuple[str, ...], told: Told | None, whose: str) -> str | None:
    name = ".".join(rest)
    if not name:
        return f"{root} is not one thing: name one of them, such as {root}.{'count' if root == 'values' else 'order'}"
    if told is None:
        return None
    known = told.values if root == "values" else told.subjects
    if name in known:
        return None
    if any(one.startswith(name + ".") for one in known):
        fields = ", ".join(sorted(one.removeprefix(name + ".") for one in known if one.startswith(name + ".")))
        return f"{root}.{name} is an event: name a field of it ({fields})"
    there = f"there are {', '.join(sorted(known))}" if known and whose else "there are none" if whose else ""
    without = f"{whose} has no" if whose else "no rule has"
    return f"{without} {root}.{name}{did_you_mean(name, sorted(known))}" + (f"; {there}" if there else "")
