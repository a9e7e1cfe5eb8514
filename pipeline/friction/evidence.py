"""What a signal says in words: a template over the events and numbers of its rule, checked when the rule is read."""

import string
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND, from_ms
from touchline.pipeline.friction.deadline import read_time
from touchline.pipeline.friction.fields import PRIVATE, Value
from touchline.schemas.yamlfile import did_you_mean

WORDS: Final = frozenset({"count", "threshold", "within", "party", "group", "channel", "at"})
"""What every rule can tell. `distinct` has `values` too, `absence` has `deadline`, what reckons with numbers has
`value` and, where it has a window, `n`."""

_LONGEST: Final = 512
_PLAIN: Final = 1_000


class TemplateError(Exception):
    """A template that is not allowed. `column` counts from 1 within its text."""

    def __init__(self, column: int, message: str) -> None:
        self.column, self.message = column, message
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Template:
    """Literals and the names between them: `(literal, alias, name)`; a trailing literal has no name."""

    parts: tuple[tuple[str, str, str], ...]

    @property
    def fields(self) -> frozenset[tuple[str, str]]:
        """Alias and field of what it tells of events."""
        return frozenset((alias, name) for _, alias, name in self.parts if alias)

    def render(self, words: Mapping[str, Value], facts: Mapping[str, Mapping[str, Value]]) -> str:
        """The text, at most 512 characters; what is not known is `unknown`."""
        pieces = []
        for literal, alias, name in self.parts:
            pieces.append(literal)
            if name:
                pieces.append(_shown(facts.get(alias, {}).get(name) if alias else words.get(name)))
        text = "".join(pieces)
        if not text.isprintable():
            text = "".join(character if character.isprintable() else " " for character in text)
        return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def parse_template(text: str, aliases: Collection[str], words: Collection[str]) -> Template:
    """Checks a template. `aliases`: the events that have a name; `words`: what the rule can tell besides.

    Raises: TemplateError."""
    parts: list[tuple[str, str, str]] = []
    column = 1
    try:
        for literal, name, form, conversion in string.Formatter().parse(text):
            column += len(literal)
            if name is None:
                parts.append((literal, "", ""))
                continue
            if form or conversion:
                raise TemplateError(column, f'"{{{name}}}" takes no format')
            parts.append((literal, *_checked(name, column, aliases, words)))
            column += len(name) + 2
    except ValueError as error:
        raise TemplateError(1, f"is no template: {error}; a brace itself is written twice") from None
    return Template(tuple(parts))


def _checked(name: str, column: int, aliases: Collection[str], words: Collection[str]) -> tuple[str, str]:
    alias, dot, field = name.partition(".")
    if not dot:
        if name in words:
            return "", name
        known = ", ".join(sorted(words))
        raise TemplateError(column, f'"{{{name}}}" is not known: {known}, or alias.field' + did_you_mean(name, words))
    if alias not in aliases:
        raise TemplateError(column, f'no event is called "{alias}" in this rule' + did_you_mean(alias, aliases))
    if field in PRIVATE:
        raise TemplateError(column, f'"{field}" is personal and does not go into a signal')
    if not field.isidentifier():
        raise TemplateError(column, f'"{field}" is no name of a field')
    return alias, field


def _shown(value: Value) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < _PLAIN else f"{value:.2f}".rstrip("0").rstrip(".")
    time = read_time(value)
    return shown_time(time) if time is not None and ("T" in str(value) or ":" in str(value)) else str(value)[:128]


def shown_time(ms: int) -> str:
    """`2026-03-02 09:00 UTC`."""
    return from_ms(ms).isoformat(" ", "minutes")[:16] + " UTC"


@lru_cache(maxsize=1_024)
def shown_length(ms: int) -> str:
    """`24 h`, `90 min`."""
    for unit, word in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s")):
        if ms % unit == 0 and (ms >= 2 * unit or unit == SECOND):
            return f"{ms // unit} {word}"
    return f"{ms} ms"
