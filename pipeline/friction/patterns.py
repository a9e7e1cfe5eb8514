"""From the patterns of a rule to what it listens for. Every mistake has its place in the file."""

from dataclasses import dataclass, field

from touchline.pipeline.friction.code import Pairing, build_pairing
from touchline.pipeline.friction.fields import PRIVATE
from touchline.pipeline.friction.rules import Pattern, Tally
from touchline.pipeline.friction.where import Condition, WhereError, parse_where, with_number
from touchline.schemas.rulefile import RuleSpec
from touchline.schemas.rulepatterns import EventPattern
from touchline.schemas.yamlfile import Mistake, Path_, YamlFile


@dataclass(slots=True)
class PatternCompiler:
    """Gathers the patterns of one rule, the fields to keep and the mistakes. `path` is where it stands in the file."""

    file: YamlFile
    path: Path_
    spec: RuleSpec
    tally: Tally
    mistakes: list[Mistake] = field(default_factory=list)
    patterns: list[Pattern] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)

    def also(
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
            listed = isinstance(self.node((*path, name)), list)
            place = (*path, name, number) if listed else (*path, name)
            pairing = self.pattern(pattern, roles, place, aliases)
            if pairing is not None and len(patterns) > 1:
                self.mistake((*place, "where"), f'only a single "{name}" may look at another event')
            found = pairing or found
        return found

    def node(self, path: Path_) -> object:
        """What stands at a path in the file."""
        node = self.file.data
        for step in path:
            node = node[step]
        return node

    def pattern(
        self, pattern: EventPattern, roles: int, path: Path_, aliases: tuple[str, ...] = (), *, number: str = ""
    ) -> Pairing | None:
        """Listens for a pattern. `number`: the field in which it must have one. Returns what must hold between the
        event and others, if anything."""
        condition = self.condition(pattern, path, aliases)
        pairing: Pairing | None = None
        if condition is not None and not condition.own:
            self.fields.update(ref.field for ref in condition.refs)
            if any(ref.alias is None and ref.field in PRIVATE for ref in condition.refs):
                self.mistake((*path, "where"), "what looks at another event can't look at personal fields")
            pairing = build_pairing(self.spec.id, condition)
            condition = None
        if number:
            condition = with_number(condition, number)
        self.patterns.append(Pattern(pattern.event, condition, roles))
        return pairing

    def condition(self, pattern: EventPattern, path: Path_, aliases: tuple[str, ...]) -> Condition | None:
        """The condition of a pattern, None when it has none or a wrong one."""
        if pattern.where is None:
            return None
        try:
            return parse_where(pattern.where, aliases)
        except WhereError as error:
            self.mistake((*path, "where"), error.message, error.line, error.column)
            return None

    def mistake(self, path: Path_, message: str, line: int = 1, column: int = 1) -> None:
        """Notes a mistake at a path, or at a place inside the text that stands there."""
        place = self.file.text_place(path, line, column)
        self.mistakes.append(Mistake(*place, ".".join(map(str, path)), message))
