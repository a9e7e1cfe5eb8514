"""The template engine of texts: Liquid without files, without a clock and without markup that anybody sends us.

A template says a sentence or does not: what is not known raises, instead of leaving a hole in it. Output, loops and
names that it sets are bounded. The same template with the same values gives the same text, on any machine at any time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TextIO, cast

from liquid import Environment, FalsyStrictUndefined, RenderContext, escape
from liquid.ast import Node
from liquid.builtin import content, illegal, output
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.filters import array, math, misc, string
from liquid.builtin.tags import (
    assign_tag,
    capture_tag,
    case_tag,
    comment_tag,
    echo_tag,
    for_tag,
    if_tag,
    inline_comment_tag,
    unless_tag,
)
from liquid.exceptions import LiquidError, LiquidInterrupt
from liquid.output import LimitedStringIO
from liquid.template import BoundTemplate

from touchline.pipeline.outreach import templates_filters as own

_TAGS: Final = (
    content.Literal,
    output.Output,
    illegal.Illegal,
    if_tag.IfTag,
    unless_tag.UnlessTag,
    case_tag.CaseTag,
    for_tag.ForTag,
    for_tag.BreakTag,
    for_tag.ContinueTag,
    assign_tag.AssignTag,
    capture_tag.CaptureTag,
    comment_tag.CommentTag,
    inline_comment_tag.InlineCommentTag,
    echo_tag.EchoTag,
)

TAGS: Final = ("if", "unless", "case", "for", "break", "continue", "assign", "capture", "comment", "echo")
"""The tags that a template may use. None reads a file, none includes another template."""

FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    # of ours: in the recipient's language, zone and name
    "date": own.date,
    "time": own.time,
    "datetime": own.datetime_,
    "number": own.number,
    "percent": own.percent,
    "money": own.money,
    "track": own.track,
    "url": own.url,
    "upcase_first": own.upcase_first,
    "replace": own.replace,
    # as Liquid has them
    "default": misc.default,
    "size": misc.size,
    "append": string.append,
    "prepend": string.prepend,
    "upcase": string.upcase,
    "downcase": string.downcase,
    "capitalize": string.capitalize,
    "strip": string.strip,
    "truncate": string.truncate,
    "truncatewords": string.truncatewords,
    "remove": string.remove,
    "split": string.split,
    "slice": string.slice_,
    "url_encode": string.url_encode,
    "first": array.first,
    "last": array.last,
    "plus": math.plus,
    "minus": math.minus,
    "times": math.times,
    "divided_by": math.divided_by,
    "modulo": math.modulo,
    "round": math.round_,
    "floor": math.floor,
    "ceil": math.ceil,
    "abs": math.abs_,
    "at_least": math.at_least,
    "at_most": math.at_most,
}
"""The filters that a template may use. None looks at a clock, none lets text through as markup."""


_SURELY_SHORT: Final = 15_000
"""So many characters are within the bound of output, whatever they are."""

_OF_FILTERS: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What filters raise over values that they can't work with."""


class RenderError(Exception):
    """A text can't be made of this signal; the message says why."""


class _Texts(Environment):
    """Liquid, cut down to what a message needs."""

    block_nesting_limit = 20
    context_depth_limit = 20
    loop_iteration_limit = 500
    local_namespace_limit = 100_000
    output_stream_limit = 60_000

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Only these."""
        for tag in _TAGS:
            self.add_tag(tag)
        for name, function in FILTERS.items():
            self.add_filter(name, function)


_PLAIN: Final = _Texts(undefined=FalsyStrictUndefined)
_HTML: Final = _Texts(undefined=FalsyStrictUndefined, autoescape=True)


def parse(source: str, *, html: bool = False) -> BoundTemplate:
    """Reads a template. `html`: what it tells of a signal is escaped.

    Raises: LiquidError."""
    return (_HTML if html else _PLAIN).from_string(source)


class Template:
    """A template that is ready to be rendered, as often as need be.

    Most of a text are sentences and words that are filled in. These are put together directly, which is the same as
    what the engine does, at a tenth of its time; only the rest is the engine's.

    Raises: LiquidError when the source is none."""

    __slots__ = ("_html", "_parts", "_template")

    def __init__(self, source: str, *, html: bool = False) -> None:
        self._template = parse(source, html=html)
        self._html = html
        self._parts = _parts(self._template)

    def render(self, values: Mapping[str, object]) -> str:
        """The text.

        Raises: RenderError when something that it needs is not known or of the wrong kind, or it gets too long."""
        text = self._put_together(values) if self._parts is not None else None
        return self._rendered(values) if text is None else text

    def _put_together(self, values: Mapping[str, object]) -> str | None:
        """The text, None when it is for the engine to say what is wrong."""
        out, context = _Pieces(), None
        for part in self._parts or ():
            if isinstance(part, str):
                out.append(part)
            elif isinstance(part, _Word):
                value = _at(values, part.path)
                if value is None:
                    return None
                if part.upcase_first:
                    value = own.upcase_first(value)
                out.append(escape(value) if self._html else value)
            else:
                context = context or RenderContext(self._template, globals=values)
                try:
                    part.render(context, cast("TextIO", out))
                except (LiquidError, LiquidInterrupt, *_OF_FILTERS):
                    return None
        text = "".join(out)
        return text if len(text) < _SURELY_SHORT else None

    def _rendered(self, values: Mapping[str, object]) -> str:
        template, buffer = self._template, LimitedStringIO(_Texts.output_stream_limit)
        try:
            template.render_with_context(RenderContext(template, globals=values), buffer)
            return buffer.getvalue()
        except LiquidError as error:
            raise RenderError(str(error.message)) from None
        except _OF_FILTERS as error:
            raise RenderError(f"a filter can't work with what it got ({type(error).__name__})") from None


class _Pieces(list[str]):
    """What the engine takes for a stream: it only writes."""

    def write(self, text: str) -> int:
        """Takes a piece."""
        self.append(text)
        return len(text)


@dataclass(frozen=True, slots=True)
class _Word:
    """Something that is filled in as it stands."""

    path: tuple[str, ...]
    upcase_first: bool


def _parts(template: BoundTemplate) -> tuple[str | _Word | Node, ...] | None:
    """The sentences, words and other pieces of a template; None where a piece may change what later ones say."""
    parts: list[str | _Word | Node] = []
    for node in template.nodes:
        if _sets_names(node, template):
            return None
        parts.append(node.text if isinstance(node, content.ContentNode) else _word(node) or node)
    return tuple(parts)


def _word(node: Node) -> _Word | None:
    expression = node.expression if isinstance(node, output.OutputNode) else None
    if not isinstance(expression, FilteredExpression) or not isinstance(expression.left, Path):
        return None
    filters = [one.name for one in expression.filters or ()]
    path = tuple(part for part in expression.left.path if isinstance(part, str))
    if filters not in ([], ["upcase_first"]) or len(path) < len(expression.left.path):
        return None
    return _Word(path, bool(filters))


def _sets_names(node: Node, template: BoundTemplate) -> bool:
    below = node.children(RenderContext(template))
    return bool(list(node.template_scope())) or any(_sets_names(child, template) for child in below)


def _at(values: Any, path: tuple[str, ...]) -> str | None:
    """The text at a path of names, None when there is none, or something else than text."""
    for name in path:
        if not isinstance(values, dict):
            return None
        try:
            values = values[name]
        except KeyError:
            return None
    return values if isinstance(values, str) else None
