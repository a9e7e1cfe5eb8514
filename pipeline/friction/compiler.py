"""From a rule as it is written to a rule that runs. Every mistake has its place in the file."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from touchline.pipeline.friction.absence import AbsenceDetector
from touchline.pipeline.friction.affected import AffectedDetector
from touchline.pipeline.friction.aggregates import (
    PART,
    Aggregate,
    AverageDetector,
    Limit,
    PercentileDetector,
    RatioDetector,
    SumDetector,
    millionths,
    shown_number,
)
from touchline.pipeline.friction.code import Pairing
from touchline.pipeline.friction.composite import CompositeDetector
from touchline.pipeline.friction.deadline import Deadline, parse_deadline
from touchline.pipeline.friction.detectors import (
    CountDetector,
    DistinctDetector,
    MatchDetector,
    SequenceDetector,
)
from touchline.pipeline.friction.evidence import WORDS, TemplateError, parse_template
from touchline.pipeline.friction.fields import PRIVATE, TYPES, FieldType
from touchline.pipeline.friction.patterns import PatternCompiler
from touchline.pipeline.friction.positive import Detector, Timing
from touchline.pipeline.friction.rules import Pattern, Rule
from touchline.pipeline.friction.score import ExponentialScore, LinearScore
from touchline.pipeline.friction.state import CONTEXT, EXPECT, FIRST, RESOLVE, UNLESS
from touchline.schemas.rulefile import (
    Absence,
    Affected,
    AllOf,
    AnyOf,
    Count,
    Distinct,
    Match,
    RuleSpec,
    Steps,
)
from touchline.schemas.rulenumbers import Average, Percentile, Ratio, Score, Sum
from touchline.schemas.rulepatterns import EventPattern
from touchline.schemas.yamlfile import FileError, Path_

_LAST: Final = "last"
"""What the newest event is called where a rule does not say."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A detector; the names of its events and the words that the evidence may use; for the evidence also the threshold
    and the window in milliseconds."""

    detector: Detector
    aliases: tuple[str, ...]
    words: frozenset[str] = frozenset()
    threshold: int | float | None = None
    within: int | None = None


@dataclass(slots=True)
class RuleCompiler(PatternCompiler):
    """Compiles one rule."""

    def compiled(self) -> Rule:
        """The rule.

        Raises: FileError with all its mistakes."""
        found = self._found()
        self.also("resolve", self.spec.resolve, RESOLVE, self.path)
        return self._rule(found, self._exposed())

    def _exposed(self) -> tuple[Pattern, ...]:
        """Who may be next, for a rule for incidents: patterns of their own, beside what it counts."""
        exposed, path = self.spec.exposed, (*self.path, "exposed")
        if exposed is None:
            return ()
        if exposed.as_ is not None:
            self.mistake((*path, "as"), "the evidence can't tell of who is exposed, so there is nothing to name")
        own = PatternCompiler(self.file, self.path, self.spec, self.tally, self.mistakes)
        own.pattern(exposed, FIRST, path)
        own.also("unless", exposed.unless, UNLESS, path)
        self._public(exposed.by, (*path, "by"))
        return tuple(own.patterns)

    def _found(self) -> "_Found":
        builders: dict[str, Callable[[Any], _Found]] = {
            "match": self._match,
            "count": self._count,
            "distinct": self._distinct,
            "sequence": self._sequence,
            "absence": self._absence,
            "sum": self._sum,
            "average": self._average,
            "percentile": self._percentile,
            "ratio": self._ratio,
            "score": self._score,
            "all": self._all,
            "any": self._any,
            "affected": self._affected,
        }
        detect = self.spec.detect
        return next(build(part) for name, build in builders.items() if (part := getattr(detect, name)) is not None)

    def _rule(self, found: "_Found", exposed: tuple[Pattern, ...]) -> Rule:
        template = None
        try:
            template = parse_template(self.spec.evidence, found.aliases, WORDS | found.words)
            self.fields.update(name for _, name in template.fields)
        except TemplateError as error:
            self.mistake((*self.path, "evidence"), error.message, 1, error.column)
        if self.mistakes or template is None:
            raise FileError(self.file.name, self.mistakes)
        needs = self.spec.detect.distinct.value if self.spec.detect.distinct is not None else None
        if needs is not None:
            self.fields.add(needs)
        detector = found.detector.keeping(frozenset(self.fields))
        return Rule(
            self.spec, f"{self.spec.id}:{logic_hash(self.spec)}", detector, tuple(self.patterns),
            tuple(sorted(self.fields)), needs, template, found.threshold, found.within, exposed,
            found.aliases, found.words,
        )  # fmt: skip

    def _timing(self, within: int = 0, grace: int = 0) -> Timing:
        return Timing(within, self.spec.cooldown, self.spec.expires, grace)

    def _match(self, match: Match) -> "_Found":
        alias = match.as_ or _LAST
        self.pattern(match, FIRST, (*self.path, "detect", "match"))
        return _Found(MatchDetector(self._timing(), alias), (alias,))

    def _count(self, count: Count) -> "_Found":
        alias = count.as_ or _LAST
        self.pattern(count, FIRST, (*self.path, "detect", "count"))
        detector = CountDetector(self._timing(count.within), alias, count.at_least)
        return _Found(detector, (alias,), threshold=count.at_least, within=count.within)

    def _distinct(self, distinct: Distinct) -> "_Found":
        alias, path = distinct.as_ or _LAST, (*self.path, "detect", "distinct")
        self._public(distinct.value, (*path, "value"))
        self.pattern(distinct, FIRST, path)
        detector = DistinctDetector(self._timing(distinct.within), alias, distinct.at_least, distinct.value)
        return _Found(detector, (alias,), frozenset({"values"}), distinct.at_least, distinct.within)

    def _sum(self, spec: Sum) -> "_Found":
        self._number("sum", spec)
        detector = SumDetector(self._timing(spec.within), spec.as_ or _LAST, _limit(spec), spec.min_events, spec.value)
        return _measured(detector)

    def _average(self, spec: Average) -> "_Found":
        self._number("average", spec)
        timing, alias = self._timing(spec.within), spec.as_ or _LAST
        return _measured(AverageDetector(timing, alias, _limit(spec), spec.min_events, spec.value))

    def _percentile(self, spec: Percentile) -> "_Found":
        self._number("percentile", spec)
        timing, alias = self._timing(spec.within), spec.as_ or _LAST
        return _measured(PercentileDetector(timing, alias, _limit(spec), spec.min_events, spec.value, spec.p))

    def _number(self, name: str, spec: Sum | Average) -> None:
        """Listens for events that have a number in the field `value`."""
        path = (*self.path, "detect", name)
        self._public(spec.value, (*path, "value"))
        if TYPES.get(spec.value) is FieldType.TEXT:
            self.mistake((*path, "value"), f'"{spec.value}" is text, and numbers are needed')
        self.pattern(spec, FIRST, path, number=spec.value)
        self.fields.add(spec.value)

    def _ratio(self, ratio: Ratio) -> "_Found":
        path = (*self.path, "detect", "ratio")
        alias, part = ratio.of.as_ or _LAST, ratio.part.as_ or ""
        if part == alias:
            self.mistake((*path, "part", "as"), f'"{part}" is the name of the other event')
        self.pattern(ratio.of, FIRST, (*path, "of"))
        self.pattern(ratio.part, PART, (*path, "part"))
        return _measured(RatioDetector(self._timing(ratio.within), alias, _limit(ratio), ratio.min_events, part), part)

    def _score(self, score: Score) -> "_Found":
        path = (*self.path, "detect", "score")
        alias, rises = score.as_ or _LAST, score.above is not None
        sign = -1 if rises else 1
        limit = score.above if rises else score.below
        back = score.rearm_below if rises else score.rearm_above
        below = sign * millionths(limit)
        rearm = below if back is None else sign * millionths(back)
        for number, part in enumerate(score.points):
            place = (*path, "points", number) if isinstance(self.node((*path, "points")), list) else (*path, "points")
            self.pattern(EventPattern(event=part.event, where=part.where), FIRST << number, place)
        points = tuple(sign * millionths(part.points) for part in score.points)
        made = LinearScore if score.decay == "linear" else ExponentialScore
        detector = made(self._timing(2 * score.half_life), alias, points, score.half_life, below, rearm, sign)
        return _Found(detector, (alias,), frozenset({"value"}), shown_number((sign * below, 1)))

    def _all(self, spec: AllOf) -> "_Found":
        return self._composite(spec, len(spec.rules))

    def _any(self, spec: AnyOf) -> "_Found":
        return self._composite(spec, spec.at_least)

    def _composite(self, spec: AllOf, at_least: int) -> "_Found":
        """Which rules those are is looked at when all rules are known."""
        if self.spec.resolve:
            self.mistake((*self.path, "resolve"), "is not for this rule: it is resolved when its signals are")
        sides = tuple(number for number, side in enumerate(spec.rules) for _ in side)
        rules = tuple(name for side in spec.rules for name in side)
        detector = CompositeDetector(self._timing(spec.within), rules, sides, at_least)
        return _Found(detector, (), frozenset({"rules"}), at_least, spec.within)

    def _affected(self, affected: Affected) -> "_Found":
        alias, aliases = _LAST, tuple[str, ...]()
        if affected.by is not None:
            alias = affected.by.as_ or _LAST
            aliases = (alias,)
            self.pattern(affected.by, FIRST, (*self.path, "detect", "affected", "by"))
        detector = AffectedDetector(self._timing(affected.within), alias, affected.customers, bool(affected.signals))
        return _Found(detector, aliases, frozenset({"customers"}), affected.customers, affected.within)

    def _public(self, name: str, path: Path_) -> None:
        if name in PRIVATE:
            self.mistake(path, f'"{name}" is personal and is not kept')

    def _sequence(self, sequence: Steps) -> "_Found":
        path = (*self.path, "detect", "sequence")
        names: list[str] = []
        pairings: list[Pairing | None] = []
        for number, step in enumerate(sequence.steps):
            place = (*path, "steps", number)
            name = step.as_ or f"step{number + 1}"
            if name in names:
                self.mistake((*place, "as"), f'"{name}" is the name of an earlier step')
            known = tuple(earlier for earlier in names if not earlier.startswith("step"))
            pairings.append(self.pattern(step, FIRST << number, place, known))
            names.append(name)
        self.also("unless", sequence.unless, UNLESS, path)
        timing = self._timing(sequence.within)
        aliases = tuple(step.as_ for step in sequence.steps if step.as_)
        detector = SequenceDetector(timing, names[-1], tuple(names), tuple(pairings), self.tally)
        return _Found(detector, aliases, within=sequence.within)

    def _absence(self, absence: Absence) -> "_Found":
        path = (*self.path, "detect", "absence")
        alias = absence.after.as_ or "after"
        self.pattern(absence.after, FIRST, (*path, "after"))
        expects = self.also("expect", absence.expect, EXPECT, path, (absence.after.as_,) if absence.after.as_ else ())
        self.also("unless", absence.unless, UNLESS, path)
        context = ""
        if absence.context is not None:
            context = absence.context.as_ or "context"
            self.pattern(absence.context, CONTEXT, (*path, "context"))
        deadline = self._deadline(absence, (*path, "deadline"))
        detector = AbsenceDetector(self._timing(grace=absence.grace), alias, context, deadline, expects, self.tally)
        return _Found(detector, tuple(name for name in (alias, context) if name), frozenset({"deadline"}))

    def _deadline(self, absence: Absence, path: Path_) -> Deadline:
        def mistake(message: str) -> FileError:
            return FileError(self.file.name, [self.file.mistake(path, message)])

        try:
            deadline = parse_deadline(absence.deadline, self.spec.id, absence.after.as_, mistake)
        except FileError as error:
            self.mistakes.extend(error.mistakes)
            return Deadline(self.spec.id, None, 0)
        if deadline.field is not None:
            self.fields.add(deadline.field)
        return deadline


def _limit(spec: Sum | Average | Ratio) -> Limit:
    return Limit(millionths(spec.at_least if spec.at_most is None else spec.at_most), spec.at_most is not None)


def _measured(detector: Aggregate, part: str = "") -> _Found:
    """`part`: the name of another event than the newest."""
    aliases = (detector.alias, part) if part else (detector.alias,)
    threshold = shown_number((detector.limit.threshold, 1))
    return _Found(detector, aliases, frozenset({"value", "n"}), threshold, detector.timing.within)


def logic_hash(spec: RuleSpec) -> str:
    """Eight hex digits of what a rule does; other words for the same logic have the same."""
    logic: Mapping[str, object] = {
        name: part
        for name, part in asdict(spec).items()
        if name in {"version", "per", "detect", "resolve", "cooldown", "expires"}
    }
    return hashlib.blake2b(json.dumps(logic, sort_keys=True, default=str).encode(), digest_size=4).hexdigest()
