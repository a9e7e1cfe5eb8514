"""From a rule as it is written to a rule that runs. Every mistake has its place in the file."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field

from touchline.pipeline.friction.absence import AbsenceDetector
from touchline.pipeline.friction.code import Pairing, build_pairing
from touchline.pipeline.friction.deadline import Deadline, parse_deadline
from touchline.pipeline.friction.detectors import (
    CountDetector,
    DistinctDetector,
    MatchDetector,
    SequenceDetector,
)
from touchline.pipeline.friction.evidence import WORDS, TemplateError, parse_template
from touchline.pipeline.friction.fields import PRIVATE
from touchline.pipeline.friction.positive import Detector, Timing
from touchline.pipeline.friction.rules import Pattern, Rule, Tally
from touchline.pipeline.friction.state import CONTEXT, EXPECT, FIRST, RESOLVE, UNLESS
from touchline.pipeline.friction.where import Condition, WhereError, parse_where
from touchline.schemas.rulefile import Absence, Count, Distinct, EventPattern, Match, RuleSpec, Steps
from touchline.schemas.yamlfile import FileError, Mistake, Path_, YamlFile

_LAST = "last"
"""What the newest event is called where a rule does not say."""


@dataclass(slots=True)
class RuleCompiler:
    """Compiles one rule. `path` is where it stands in the file."""

    file: YamlFile
    path: Path_
    spec: RuleSpec
    tally: Tally
    mistakes: list[Mistake] = field(default_factory=list)
    patterns: list[Pattern] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)

    def compiled(self) -> Rule:
        """The rule.

        Raises: FileError with all its mistakes."""
        detect = self.spec.detect
        aliases: tuple[str, ...]
        threshold: int | None = None
        words: set[str] = set(WORDS)
        if detect.match is not None:
            detector, aliases = self._match(detect.match)
        elif detect.count is not None:
            detector, aliases = self._count(detect.count)
            threshold = detect.count.at_least
        elif detect.distinct is not None:
            detector, aliases = self._distinct(detect.distinct)
            threshold = detect.distinct.at_least
            words.add("values")
        elif detect.sequence is not None:
            detector, aliases = self._sequence(detect.sequence)
        elif detect.absence is not None:
            detector, aliases = self._absence(detect.absence)
            words.add("deadline")
        self._also("resolve", self.spec.resolve, RESOLVE, self.path)
        return self._rule(detector, aliases, words, threshold)

    def _rule(
        self, detector: Detector, aliases: Collection[str], words: Collection[str], threshold: int | None
    ) -> Rule:
        template = None
        try:
            template = parse_template(self.spec.evidence, aliases, words)
            self.fields.update(name for _, name in template.fields)
        except TemplateError as error:
            self._mistake((*self.path, "evidence"), error.message, 1, error.column)
        if self.mistakes or template is None:
            raise FileError(self.file.name, self.mistakes)
        detect = self.spec.detect
        within = next((p.within for p in (detect.count, detect.distinct, detect.sequence) if p is not None), None)
        needs = detect.distinct.value if detect.distinct is not None else None
        if needs is not None:
            self.fields.add(needs)
        return Rule(
            self.spec, f"{self.spec.id}:{logic_hash(self.spec)}", detector, tuple(self.patterns),
            tuple(sorted(self.fields)), needs, template, threshold, within,
        )  # fmt: skip

    def _timing(self, within: int = 0, grace: int = 0) -> Timing:
        return Timing(within, self.spec.cooldown, self.spec.expires, grace)

    def _match(self, match: Match) -> tuple[Detector, tuple[str, ...]]:
        alias = match.as_ or _LAST
        self._pattern(match, FIRST, (*self.path, "detect", "match"))
        return MatchDetector(self._timing(), alias), (alias,)

    def _count(self, count: Count) -> tuple[Detector, tuple[str, ...]]:
        alias = count.as_ or _LAST
        self._pattern(count, FIRST, (*self.path, "detect", "count"))
        return CountDetector(self._timing(count.within), alias, count.at_least), (alias,)

    def _distinct(self, distinct: Distinct) -> tuple[Detector, tuple[str, ...]]:
        alias, path = distinct.as_ or _LAST, (*self.path, "detect", "distinct")
        if distinct.value in PRIVATE:
            self._mistake((*path, "value"), f'"{distinct.value}" is personal and is not kept')
        self._pattern(distinct, FIRST, path)
        return DistinctDetector(self._timing(distinct.within), alias, distinct.at_least, distinct.value), (alias,)

    def _sequence(self, sequence: Steps) -> tuple[Detector, tuple[str, ...]]:
        path = (*self.path, "detect", "sequence")
        names: list[str] = []
        pairings: list[Pairing | None] = []
        for number, step in enumerate(sequence.steps):
            place = (*path, "steps", number)
            name = step.as_ or f"step{number + 1}"
            if name in names:
                self._mistake((*place, "as"), f'"{name}" is the name of an earlier step')
            known = tuple(earlier for earlier in names if not earlier.startswith("step"))
            pairings.append(self._pattern(step, FIRST << number, place, known))
            names.append(name)
        self._also("unless", sequence.unless, UNLESS, path)
        timing = self._timing(sequence.within)
        aliases = tuple(step.as_ for step in sequence.steps if step.as_)
        return SequenceDetector(timing, names[-1], tuple(names), tuple(pairings), self.tally), aliases

    def _absence(self, absence: Absence) -> tuple[Detector, tuple[str, ...]]:
        path = (*self.path, "detect", "absence")
        alias = absence.after.as_ or "after"
        self._pattern(absence.after, FIRST, (*path, "after"))
        expects = self._also("expect", absence.expect, EXPECT, path, (absence.after.as_,) if absence.after.as_ else ())
        self._also("unless", absence.unless, UNLESS, path)
        context = ""
        if absence.context is not None:
            context = absence.context.as_ or "context"
            self._pattern(absence.context, CONTEXT, (*path, "context"))
        deadline = self._deadline(absence, (*path, "deadline"))
        detector = AbsenceDetector(self._timing(grace=absence.grace), alias, context, deadline, expects, self.tally)
        return detector, tuple(name for name in (alias, context) if name)

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

    def _also(
        self,
        name: str,
        patterns: tuple[EventPattern, ...],
        roles: int,
        path: Path_,
        aliases: tuple[str, ...] = (),
    ) -> Pairing | None:
        """Patterns of one role, written as one or as a list. A condition on other events only where there is one."""
        found: Pairing | None = None
        for number, pattern in enumerate(patterns):
            listed = isinstance(self._node((*path, name)), list)
            place = (*path, name, number) if listed else (*path, name)
            pairing = self._pattern(pattern, roles, place, aliases)
            if pairing is not None and len(patterns) > 1:
                self._mistake((*place, "where"), f'only a single "{name}" may look at another event')
            found = pairing or found
        return found

    def _node(self, path: Path_) -> object:
        node = self.file.data
        for step in path:
            node = node[step]
        return node

    def _pattern(self, pattern: EventPattern, roles: int, path: Path_, aliases: tuple[str, ...] = ()) -> Pairing | None:
        """Listens for a pattern. Returns what must hold between the event and others, if anything."""
        condition = self._condition(pattern, path, aliases)
        pairing: Pairing | None = None
        if condition is not None and not condition.own:
            self.fields.update(ref.field for ref in condition.refs)
            if any(ref.alias is None and ref.field in PRIVATE for ref in condition.refs):
                self._mistake((*path, "where"), "what looks at another event can't look at personal fields")
            pairing = build_pairing(self.spec.id, condition)
            condition = None
        self.patterns.append(Pattern(pattern.event, condition, roles))
        return pairing

    def _condition(self, pattern: EventPattern, path: Path_, aliases: tuple[str, ...]) -> Condition | None:
        if pattern.where is None:
            return None
        try:
            return parse_where(pattern.where, aliases)
        except WhereError as error:
            self._mistake((*path, "where"), error.message, error.line, error.column)
            return None

    def _mistake(self, path: Path_, message: str, line: int = 1, column: int = 1) -> None:
        place = self.file.text_place(path, line, column)
        self.mistakes.append(Mistake(*place, ".".join(map(str, path)), message))


def logic_hash(spec: RuleSpec) -> str:
    """Eight hex digits of what a rule does; other words for the same logic have the same."""
    logic: Mapping[str, object] = {
        name: part
        for name, part in asdict(spec).items()
        if name in {"version", "per", "detect", "resolve", "cooldown", "expires"}
    }
    return hashlib.blake2b(json.dumps(logic, sort_keys=True, default=str).encode(), digest_size=4).hexdigest()
