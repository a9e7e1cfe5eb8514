"""What is wrong with a template, told before it is used: names and filters that there are not, and where they stand."""

import datetime as dt
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from babel import Locale
from liquid import RenderContext
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.arguments import KeywordArgument
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.echo_tag import EchoNode
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.template import BoundTemplate

from touchline.pipeline.outreach.templates import FILTERS, TAGS, parse
from touchline.pipeline.outreach.templates_filters import READER, Reader
from touchline.schemas.yamlfile import did_you_mean

_READER: Final = Reader(Locale("en"), dt.UTC)
_SAMPLES: Final[dict[str, object]] = {
    "date": dt.datetime(2026, 3, 7, 14, 30, tzinfo=dt.UTC),
    "time": dt.datetime(2026, 3, 7, 14, 30, tzinfo=dt.UTC),
    "datetime": dt.datetime(2026, 3, 7, 14, 30, tzinfo=dt.UTC),
    "number": 1.5,
    "percent": 0.25,
    "money": 1.5,
}
"""Filters whose arguments are tried when they are written out, and what on."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and at which character of the source (from 0)."""

    at: int
    message: str


@dataclass(slots=True)
class Findings:
    """What a template names: paths with their places, in its sentences and in its conditions; names that it sets."""

    paths: list[tuple[tuple[str, ...], int]] = field(default_factory=list)
    tested: set[tuple[str, ...]] = field(default_factory=set)
    local: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def read_template(source: str, *, html: bool = False) -> tuple[BoundTemplate | None, Findings]:
    """A template and what it names; without a template where the source is none, and the problem says why."""
    found = Findings()
    try:
        template = parse(source, html=html)
    except LiquidError as error:
        found.problems.append(_syntax(error, source))
        return None, found
    _walk(template.nodes, template, found)
    return template, found


def place_in(source: str, at: int) -> tuple[int, int]:
    """Line and column, both from 1, of a character."""
    return source.count("\n", 0, at) + 1, at - (source.rfind("\n", 0, at) + 1) + 1


def _walk(nodes: Iterable[Node], template: BoundTemplate, found: Findings) -> None:
    context = RenderContext(template, globals={READER: _READER})
    for node in nodes:
        if isinstance(node, ContentNode):
            _unclosed(node, found)
        found.local.update(map(str, (*node.template_scope(), *node.block_scope())))
        said = isinstance(node, OutputNode | EchoNode)
        for expression in node.expressions():
            for inner in _inner(expression):
                if isinstance(inner, Path):
                    _path(inner, found, said=said)
                if isinstance(inner, FilteredExpression):
                    for one in inner.filters or ():
                        _filter(one, context, found)
        _walk(node.children(context), template, found)


def _inner(expression: Expression) -> Iterator[Expression]:
    yield expression
    for child in expression.children():
        yield from _inner(child)


def _path(path: Path, found: Findings, *, said: bool) -> None:
    at = max(path.token.start_index, 0)
    if not all(isinstance(part, str) for part in path.path):
        found.problems.append(Problem(at, f"{path}: write the name of the field itself, with dots"))
        return
    parts = tuple(step for part in path.path for step in str(part).split("."))
    found.paths.append((parts, at))
    if not said:
        found.tested.add(parts)


def _filter(one: Filter, context: RenderContext, found: Findings) -> None:
    at = max(one.token.start_index, 0)
    function = FILTERS.get(one.name)
    if function is None:
        problem = f"there is no filter {one.name}{did_you_mean(one.name, FILTERS)}; there are {', '.join(FILTERS)}"
        found.problems.append(Problem(at, problem))
        return
    least, most, named = _takes(function)
    arguments = [argument for argument in one.args if not isinstance(argument, KeywordArgument)]
    wrong = [a.name for a in one.args if isinstance(a, KeywordArgument) and a.name not in named]
    if wrong:
        found.problems.append(Problem(at, f"{one.name} has no argument {wrong[0]}"))
    elif not least <= len(arguments) <= most:
        count = str(least) if least == most else f"{least} to {most}"
        found.problems.append(Problem(at, f"{one.name} takes {count} arguments after its colon, not {len(arguments)}"))
    elif one.name in _SAMPLES and not any(isinstance(argument.value, Path) for argument in one.args):
        try:
            one.evaluate(_SAMPLES[one.name], context)
        except (LiquidError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            why = error.message if isinstance(error, LiquidError) else "it can't be used with that"
            found.problems.append(Problem(at, f"{one.name}: {why}"))


def _takes(function: Any) -> tuple[int, int, set[str]]:
    """How many arguments a filter takes besides its value, and which by name."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    plain = [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD and one.name != "reader"]
    least = sum(one.default is one.empty for one in plain)
    named = {one.name for one in parameters if one.kind is one.KEYWORD_ONLY} - {"environment", "context"}
    return least, len(plain), named


def _unclosed(node: ContentNode, found: Findings) -> None:
    for mark, end in (("{{", "}}"), ("{%", "%}")):
        if mark in node.text:
            at = node.token.start_index + node.text.index(mark)
            found.problems.append(Problem(at, f"{mark} has no {end} after it"))


def _syntax(error: LiquidError, source: str) -> Problem:
    token = error.token
    message = str(error.message)
    at = 0 if token is None else max(token.start_index, 0)
    name = token.value if token is not None else ""
    if message.startswith(("unexpected tag", "unknown tag")) and name.removeprefix("end") in TAGS:
        message = f"there is no {name.removeprefix('end')} before this {name}"
    elif message.startswith(("unexpected tag", "unknown tag")) and name not in TAGS:
        message = f"there is no tag {name}{did_you_mean(name, TAGS)}; there are {', '.join(TAGS)}"
    return Problem(min(at, max(len(source) - 1, 0)), message)
