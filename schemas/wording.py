"""What is wrong with a value, in the words of whoever wrote the file: pydantic and YAML speak of their own insides."""

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

_PATTERNS: Final = {
    r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$": "is no kind: dotted lower case, object first, such as order.shipped",
    r"^[A-Za-z_][A-Za-z0-9_.\-]*$": "is no name: letters, digits, _ . and - (no spaces), not beginning with a digit",
    r"^[a-z][a-z0-9_]{0,15}$": "is no name of an event: lower-case letters, digits and _, at most 16",
    r"^[^\x00-\x1f\x7f]+$": "holds a control character",
    r"^[^\w\s\"']$|^[\t ]$": 'is no separator: write one character, such as ";"',
    r"^([01]\d|2[0-3]):[0-5]\d$": 'is no time of day: write "08:00" or "21:30", in quotes',
    r"^[a-z]{2,3}$": "is no language: write two or three lower-case letters, such as de",
    r"^[a-z][a-z0-9_]{0,30}:[^\x00-\x1f\x7f]{1,128}$": "is no subject: write its type and its id, such as order:123",
}
"""What the patterns of `schemas/types.py` and `schemas/rulepatterns.py` ask for."""

HIDDEN: Final = object()
"""In place of a value that must not be told."""

_FIELDS: Final = "expected fields (name: value)"
_TIME: Final = "is no time with its offset, such as 2026-03-02T09:00:00Z"
_DATE: Final = "is no date, such as 2026-03-02"
_TYPES: Final = {
    "string_type": "expected a text",
    "list_type": "expected a list, such as [a, b]",
    "tuple_type": "expected a list, such as [a, b]",
    "set_type": "expected a list, such as [a, b]",
    "dict_type": _FIELDS,
    "dataclass_type": _FIELDS,
    "model_type": _FIELDS,
    "model_attributes_type": _FIELDS,
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "timezone_aware": _TIME,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
}
SCALAR_TYPES: Final = {
    "string_type": "a text",
    "int_type": "a number",
    "int_parsing": "a number",
    "int_from_float": "a number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "none_required": "nothing",
    "dataclass_type": "fields",
    "list_type": "a list",
    "tuple_type": "a list",
}
"""What was expected, where one of several would do."""
_BOUNDS: Final = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}
_SIZES: Final = {
    "too_short": ("min_length", "needs at least", "entry", "entries"),
    "too_long": ("max_length", "may have at most", "entry", "entries"),
    "string_too_short": ("min_length", "needs at least", "character", "characters"),
    "string_too_long": ("max_length", "may have at most", "character", "characters"),
}
_HINTS: Final = (
    (r"character '\\t'", "indent with spaces, not with tabs"),
    (r"mapping values are not allowed", "is it indented as its neighbours are? A text with a colon needs quotes"),
    (r"stream end|end of stream", "a bracket, a brace or a quote is not closed"),
    (r"expected ',' or", "a bracket or a brace is not closed, or a text needs quotes: one with , : [ ] { } or quotes"),
    (
        r"<block end>, but found|did not find expected",
        "a text that begins with a quote, [ or { needs quotes around all",
    ),
    (r"cannot start any token", "a text that begins with it needs quotes"),
)


def did_you_mean(word: str, known: Iterable[str], at_least: float = 0.6) -> str:
    """`, did you mean "…"?` when another known word is close, else nothing. `at_least`: how like, up to 1."""
    close = difflib.get_close_matches(word, [name for name in known if name != word], 1, at_least)
    return f', did you mean "{close[0]}"?' if close else ""


def one_of(expected: str, value: object) -> str:
    """That a value is none of those that pydantic lists as `'a', 'b' or 'c'`."""
    words = re.findall(r"'([^']*)'", expected)
    listed = ", ".join(words) if words else expected
    if len(words) == 1:
        return f"expected {listed}, not {shown(value)}"
    return f"{shown(value)} is not one of {listed}{did_you_mean(str(value), words)}"


def in_words(error: Mapping[str, Any]) -> str:
    """The message of one of pydantic's errors."""
    kind, value, context = error["type"], error.get("input"), error.get("ctx", {})
    if kind in {"literal_error", "enum"}:
        return one_of(str(context["expected"]), value)
    if kind == "string_pattern_mismatch" and context["pattern"] in _PATTERNS:
        return f"{shown(value)} {_PATTERNS[context['pattern']]}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"expected {words} {_number(context[name])}, not {shown(value)}"
    if kind in _SIZES:
        name, words, one, many = _SIZES[kind]
        return f"{words} {context[name]} {one if context[name] == 1 else many}"
    if kind in _TYPES:
        words = _TYPES[kind]
        return f"{shown(value)} {words}" if words.startswith("is ") else f"{words}, not {shown(value)}{_braces(value)}"
    return str(error["msg"]).removeprefix("Value error, ")


def shown(value: object) -> str:
    """A value as it may be told: short, and what is nested only by its sort."""
    if isinstance(value, dict):
        return "fields"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if value is HIDDEN:
        return "what stands there"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else str(value)
    return text if len(text) <= 60 else text[:56] + "…" + text[-1]


def _number(bound: object) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _braces(value: object) -> str:
    """`{column}` without quotes is an object to YAML."""
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value.values())) is not None:
        return ""
    return f' (in quotes if you mean it so: "{{{next(iter(value))}}}")'


def yaml_in_words(problem: str) -> str:
    """What the YAML parser found, and what to do."""
    problem = " ".join(problem.split())
    if "duplicate key" in problem:
        return problem.split(" with value")[0] + " (the key stands twice)"
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, problem)), "")
    return f"{problem}: {hint}" if hint else problem


def fields_at(schema: Mapping[str, Any], loc: Iterable[str | int]) -> list[str]:
    """The names of fields that a JSON schema allows at a place that pydantic names; none when it can't be followed.

    pydantic puts the names of union members and of functions among its steps; what is no step in the schema stays where
    it is."""
    nodes = [schema]
    definitions = schema.get("$defs", {})

    def resolved(node: Any) -> Iterable[Mapping[str, Any]]:
        if not isinstance(node, Mapping):
            return
        if "$ref" in node:
            yield from resolved(definitions.get(str(node["$ref"]).rpartition("/")[2]))
            return
        yield node
        for name in ("anyOf", "allOf", "oneOf"):
            for part in node.get(name, ()):
                yield from resolved(part)

    for step in loc:
        parts = [part for node in nodes for part in resolved(node)]
        below = [item for part in parts for item in _below(part, step)]
        nodes = below or nodes
    return [name for node in nodes for part in resolved(node) for name in part.get("properties", {})]


def _below(part: Mapping[str, Any], step: str | int) -> list[Any]:
    take: Callable[[str], Any] = part.get
    if isinstance(step, int):
        return [item for item in (take("items"),) if item is not None]
    known = part.get("properties", {})
    if step in known:
        return [known[step]]
    by_pattern = list(part.get("patternProperties", {}).values())
    return [extra for extra in (part.get("additionalProperties"), *by_pattern) if isinstance(extra, Mapping)]
