"""Which events: the words of an option, such as `kind=survey.answered where=score <= 2 within=30d`.

FilterError      the words can't be read: what is wrong and what would be right
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import TypeAdapter, ValidationError

from touchline.pipeline.friction.code import Dispatch, Listener, build_dispatch
from touchline.pipeline.friction.rules import Pattern, Tally
from touchline.pipeline.friction.where import WhereError, parse_where
from touchline.schemas.rulepatterns import Kinds
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.types import parse_duration
from touchline.schemas.yamlfile import did_you_mean

_WORD: Final = re.compile(r"(?:^|\s+)(?P<word>[A-Za-z_]+)=(?!=)")
_KINDS: Final = TypeAdapter(Kinds)
_NAME: Final = "filter"
_SUBJECTS: Final = ("kind", "missing", "rule")


class FilterError(ValueError):
    """The words can't be read."""


@dataclass(slots=True)
class EventFilter:
    """Events of some kinds (`ticket.*`: all that begin so) that fit a condition, as in a rule. `unknown` counts the
    comparisons for which an event lacked the field."""

    text: str
    pattern: Pattern
    unknown: Tally = field(default_factory=Tally)
    _dispatch: dict[str, Dispatch | None] = field(default_factory=dict)

    def fits(self, event: EnrichedTouchpoint) -> bool:
        """Whether an event is one of them."""
        kind = event.kind
        if kind not in self._dispatch:
            mine = [Listener(0, _NAME, 1, self.pattern.condition)] if self.pattern.wants(kind) else []
            self._dispatch[kind] = build_dispatch(mine) if mine else None
        dispatch = self._dispatch[kind]
        if dispatch is None:
            return False
        hits: list[tuple[int, int]] = []
        dispatch(event, hits, self.unknown)
        return bool(hits)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What signals are held against: events, signals of other rules, or that events are missing. `within`: how long
    after a signal it still counts as what the signal warned of, in milliseconds; what is missing is known to be so when
    this time has passed since the case was first seen."""

    text: str
    within: int
    events: EventFilter | None = None
    rules: frozenset[str] = frozenset()
    missing: EventFilter | None = None


def parse_filter(text: str) -> EventFilter:
    """`kind=…[,…] [where=…]`.

    Raises: FilterError."""
    words = _words(text, ("kind", "where"))
    if "kind" not in words:
        raise FilterError(f'"{text}" names no kind: write kind=order.placed, and where=… for a condition')
    return _events(text, "kind", words)


def parse_outcome(text: str) -> Outcome:
    """`kind=…[,…] [where=…] within=…`, `missing=…[,…] [where=…] within=…`, or `rule=…[,…] within=…`.

    Raises: FilterError."""
    words = _words(text, ("kind", "missing", "rule", "where", "within"))
    if sum(word in words for word in _SUBJECTS) != 1:
        raise FilterError(
            f'"{text}" must name one of events (kind=survey.answered), events that never come (missing=order.placed) '
            "and signals (rule=promise_broken)"
        )
    if "within" not in words:
        raise FilterError(f'"{text}" lacks within=30d: how long after a signal an outcome is what it warned of')
    try:
        within = int(str(parse_duration(words["within"])))
    except ValueError as error:
        raise FilterError(f"within: {error}") from None
    if "kind" in words:
        return Outcome(text, within, events=_events(text, "kind", words))
    if "missing" in words:
        return Outcome(text, within, missing=_events(text, "missing", words))
    if "where" in words:
        raise FilterError("where= goes with kind= or missing=: a signal has no further condition")
    return Outcome(text, within, rules=frozenset(_listed(words["rule"])))


def _events(text: str, word: str, words: Mapping[str, str]) -> EventFilter:
    try:
        kinds = _KINDS.validate_python(_listed(words[word]))
    except ValidationError as error:
        raise FilterError(f"{word}: " + error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    try:
        condition = parse_where(words["where"]) if "where" in words else None
    except WhereError as error:
        raise FilterError(f"where, character {error.column}: {error.message}") from None
    return EventFilter(text, Pattern(kinds, condition, 1))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _words(text: str, known: tuple[str, ...]) -> dict[str, str]:
    """What stands behind each word, up to the next one."""
    found = [match for match in _WORD.finditer(text) if match["word"] in known]
    if not found or text[: found[0].start()].strip():
        first = re.split(r"[\s=]", text.strip(), maxsplit=1)[0]
        raise FilterError(f'"{text}" begins with "{first}"{did_you_mean(first, known)}: write {_form(known)}')
    words: dict[str, str] = {}
    for number, match in enumerate(found):
        end = found[number + 1].start() if number + 1 < len(found) else len(text)
        value = text[match.end() : end].strip()
        if len(value) > 1 and value[0] == value[-1] == '"' and '"' not in value[1:-1]:
            value = value[1:-1]
        if not value or match["word"] in words:
            raise FilterError(f'"{text}": {match["word"]}= must stand once and say something')
        words[match["word"]] = value
    return words


def _form(known: tuple[str, ...]) -> str:
    return "kind=… where=… within=30d, or rule=… within=30d" if "within" in known else "kind=… where=…"
