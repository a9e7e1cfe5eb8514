"""A rule in words, for people who do not read rule files: what it finds, and which events it needs for that."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Final

from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.deadline import parse_deadline
from touchline.pipeline.friction.evidence import parse_template, shown_length
from touchline.pipeline.friction.fields import TYPES
from touchline.pipeline.friction.where import parse_where
from touchline.schemas.rulefile import Absence, Affected, AllOf, AnyOf, Count, Distinct, Exposed, Match, RuleSpec, Steps
from touchline.schemas.rulenumbers import Average, Percentile, Points, Ratio, Score, Sum
from touchline.schemas.rulepatterns import EventPattern

AnyPattern = EventPattern | Points
"""Which events, and for a score also what they add to it."""

_ORDINARY: Final = {"last", "after", "context"}
"""How events are called that a rule gives no name."""


def detector_of(spec: RuleSpec) -> tuple[str, object]:
    """Its detector: the name and what stands there."""
    return next((f.name, part) for f in fields(spec.detect) if (part := getattr(spec.detect, f.name)) is not None)


def finds(spec: RuleSpec) -> list[str]:
    """What has to happen, a paragraph each, in Markdown."""
    name, part = detector_of(spec)
    return _WORDS[name](part)


def next_words(exposed: Exposed) -> str:
    """Who may be next."""
    by = "" if exposed.by == "customer" else f", each `{exposed.by}` by itself"
    until = f", until {_any_of(exposed.unless)}" if exposed.unless else ""
    return f"who has {pattern_words(exposed)}{by}{until}; for **{shown_length(exposed.within)}** at the most"


def pattern_words(pattern: AnyPattern) -> str:
    """The kinds and the condition of a pattern: `a` or `b` where …"""
    return listed(pattern.event) + condition_words(pattern.where)


def condition_words(where: str | None) -> str:
    """A condition on one line, with what stands before it."""
    return f" where `{' '.join(where.split())}`" if where else ""


def listed(names: Sequence[str], word: str = "or") -> str:
    """`a`, `b` or `c`."""
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {word} {quoted[-1]}"


def patterns_of(spec: RuleSpec) -> list[AnyPattern]:
    """Every pattern of a rule, in the order of the file."""
    return [*_patterns(spec.detect), *_patterns(spec.resolve), *_patterns(spec.exposed)]


def sides_of(spec: RuleSpec) -> tuple[tuple[str, ...], ...]:
    """The rules that a rule on rules names; of those that stand together any will do."""
    part = spec.detect.all or spec.detect.any
    return part.rules if part is not None else ()


def least_of(spec: RuleSpec) -> int:
    """Of how many sides a rule on rules needs a signal."""
    return spec.detect.any.at_least if spec.detect.any is not None else len(sides_of(spec))


def below(spec: RuleSpec, known: Mapping[str, RuleSpec]) -> list[RuleSpec]:
    """The rules that it names, and those that they name in turn, as far as they are known."""
    found: dict[str, RuleSpec] = {}
    waiting = [name for side in sides_of(spec) for name in side]
    while waiting:
        name = waiting.pop(0)
        if name in known and name not in found:
            found[name] = known[name]
            waiting.extend(other for side in sides_of(known[name]) for other in side)
    return list(found.values())


def opening(spec: RuleSpec) -> set[str]:
    """The kinds without which nothing begins; none for a rule on rules."""
    if sides_of(spec):
        return set()
    patterns = list(_patterns(spec.detect))  # none where signals are counted
    alone = spec.detect.absence is not None or spec.detect.sequence is not None
    return {kind for pattern in (patterns[:1] if alone else patterns) for kind in pattern.event}


def needs(spec: RuleSpec, catalogue: Catalogue) -> dict[str, list[str]]:
    """Each kind that it waits for, in the order of the rule, with the fields and attributes that it looks at."""
    wanted: dict[str, dict[str, None]] = {}
    aliases = _aliases(spec)
    for pattern in patterns_of(spec):
        for kind in pattern.event:
            wanted.setdefault(kind, {})
        if pattern.where is not None:
            for ref in parse_where(pattern.where, aliases).refs:
                _want(wanted, catalogue, [pattern] if ref.alias is None else aliases[ref.alias], ref.field)
    for alias, name in _told(spec, aliases):
        _want(wanted, catalogue, aliases[alias], name)
    name, part = detector_of(spec)
    value = getattr(part, "value", None)
    if isinstance(value, str):
        _want(wanted, catalogue, list(_patterns(spec.detect)), value)
    if spec.per != "customer":
        over = () if spec.exposed is None else spec.exposed.unless
        _want(wanted, catalogue, [pattern for pattern in patterns_of(spec) if pattern not in over], spec.per)
    if spec.exposed is not None and spec.exposed.by != "customer":
        _want(wanted, catalogue, list(_patterns(spec.exposed)), spec.exposed.by)
    return {kind: list(found) for kind, found in wanted.items()}


def _told(spec: RuleSpec, aliases: dict[str, list[AnyPattern]]) -> Iterator[tuple[str, str]]:
    """What the evidence and the deadline read of events."""
    words = {name for name in spec.evidence.replace("{", "}").split("}") if name.isidentifier()}
    yield from ((alias, name) for _, alias, name in parse_template(spec.evidence, aliases, words).parts if alias)
    absence = spec.detect.absence
    if absence is not None:
        deadline = parse_deadline(absence.deadline, spec.id, absence.after.as_, ValueError)
        if deadline.field is not None:
            yield absence.after.as_ or "after", deadline.field


def _aliases(spec: RuleSpec) -> dict[str, list[AnyPattern]]:
    """The events that have a name. Those without share the ordinary ones."""
    found: dict[str, list[AnyPattern]] = {}
    _, part = detector_of(spec)
    for pattern in _patterns(spec.detect):
        own = getattr(pattern, "as_", None) or getattr(part, "as_", None)
        for name in (own,) if own else _ORDINARY:
            found.setdefault(name, []).append(pattern)
    return found


def _want(wanted: dict[str, dict[str, None]], catalogue: Catalogue, patterns: Sequence[AnyPattern], name: str) -> None:
    """Notes a field for those kinds of the patterns that usually have it; for all of them when none does, for then it
    is the type of a subject."""
    kinds = [kind for pattern in patterns for kind in pattern.event]
    if name in TYPES:
        if name not in {"kind", "channel", "stage", "actor", "party", "source"}:
            for kind in kinds:
                wanted[kind][f"`{name}`"] = None
        return
    usual = {
        kind: entry.attributes[name]
        for kind in kinds
        if (entry := catalogue.kinds.get(kind)) and name in entry.attributes
    }
    for kind in usual or kinds:
        wanted[kind][f"`{name}` {usual[kind]}" if usual else f"a subject `{name}:…`"] = None


def _patterns(node: object) -> Iterator[AnyPattern]:
    if isinstance(node, AnyPattern):
        yield node
    elif isinstance(node, tuple):
        for item in node:
            yield from _patterns(item)
    elif is_dataclass(node):
        for field in fields(node):
            yield from _patterns(getattr(node, field.name))


def _any_of(patterns: Sequence[AnyPattern]) -> str:
    return ", or ".join(map(pattern_words, patterns))


def _match(part: Match) -> list[str]:
    return [f"Each {pattern_words(part)}."]


def _count(part: Count) -> list[str]:
    return [f"At least **{part.at_least}** within **{shown_length(part.within)}** of {pattern_words(part)}."]


def _distinct(part: Distinct) -> list[str]:
    many = f"At least **{part.at_least}** different values of `{part.value}`"
    return [f"{many} within **{shown_length(part.within)}**, among {pattern_words(part)}."]


def _affected(part: Affected) -> list[str]:
    what = f"of {pattern_words(part.by)}" if part.by is not None else f"with a signal of {listed(part.signals)}"
    return [f"At least **{part.customers}** different customers within **{shown_length(part.within)}** {what}."]


def _sequence(part: Steps) -> list[str]:
    steps = ", then ".join(pattern_words(step) + (f" (*{step.as_}*)" if step.as_ else "") for step in part.steps)
    found = [f"Within **{shown_length(part.within)}**: {steps}. Others may come between."]
    if part.unless:
        found.append(f"Not when {_any_of(part.unless)} comes between.")
    return found


def _absence(part: Absence) -> list[str]:
    deadline = parse_deadline(part.deadline, "", part.after.as_, ValueError)
    length = f"**{shown_length(abs(deadline.offset))}**"
    if deadline.field is None:
        until = f"within {length}"
    else:
        until = f"by its `{deadline.field}`"
        if deadline.offset:
            until += f" {'+' if deadline.offset > 0 else '-'} {length}"
    found = [f"After {pattern_words(part.after)}, none of {_any_of(part.expect)} {until}."]
    if part.unless:
        found.append(f"Called off by {_any_of(part.unless)} until then.")
    if part.context is not None:
        found.append(f"The newest {pattern_words(part.context)} until then says whose it is.")
    if part.grace:
        found.append(f"It is told **{shown_length(part.grace)}** later, for what is reported late.")
    return found


def _limit(part: Sum | Average | Ratio) -> str:
    if part.at_least is not None:
        return f"at least **{part.at_least:g}**"
    return f"at most **{part.at_most:g}**"


def _within(part: Sum | Average | Ratio) -> str:
    enough = f", of at least **{part.min_events}** events" if part.min_events > 1 else ""
    return f"within **{shown_length(part.within)}**{enough}"


def _sum(part: Sum) -> list[str]:
    return [f"The sum of `{part.value}` is {_limit(part)} {_within(part)}, over {pattern_words(part)}."]


def _average(part: Average) -> list[str]:
    return [f"The average of `{part.value}` is {_limit(part)} {_within(part)}, over {pattern_words(part)}."]


def _percentile(part: Percentile) -> list[str]:
    which = f"The **{part.p}**th percentile of `{part.value}`"
    return [f"{which} is {_limit(part)} {_within(part)}, over {pattern_words(part)}."]


def _ratio(part: Ratio) -> list[str]:
    share = f"The share of {pattern_words(part.part)} among {pattern_words(part.of)}"
    return [f"{share} is {_limit(part)} {_within(part)}."]


def _score(part: Score) -> list[str]:
    points = "; ".join(f"**{p.points:+g}** for {pattern_words(p)}" for p in part.points)
    fades = "half of it is left" if part.decay == "exponential" else "half of it is left, nothing after twice that"
    found = [f"A score that begins at 0: {points}. After **{shown_length(part.half_life)}** {fades}."]
    if part.below is not None:
        again = f", and again once it has been above **{part.rearm_above:g}**" if part.rearm_above is not None else ""
        found.append(f"It falls below **{part.below:g}**{again}.")
    else:
        again = f", and again once it has been below **{part.rearm_below:g}**" if part.rearm_below is not None else ""
        found.append(f"It rises above **{part.above:g}**{again}.")
    return found


def _sides(part: AllOf) -> str:
    sides = [listed(side) for side in part.rules]
    return "; ".join([*sides[:-1], f"and {sides[-1]}"])


def _all(part: AllOf) -> list[str]:
    within = f"begun within **{shown_length(part.within)}**"
    return [f"Signals of all of these rules stand at once, {within}: {_sides(part)}."]


def _any(part: AnyOf) -> list[str]:
    many = f"Signals of at least **{part.at_least}** of these rules stand at once"
    return [f"{many}, begun within **{shown_length(part.within)}**: {_sides(part)}."]


_WORDS: Final[dict[str, Callable[..., list[str]]]] = {
    "match": _match,
    "count": _count,
    "distinct": _distinct,
    "sequence": _sequence,
    "absence": _absence,
    "sum": _sum,
    "average": _average,
    "percentile": _percentile,
    "ratio": _ratio,
    "score": _score,
    "all": _all,
    "any": _any,
    "affected": _affected,
}
