"""How short and how long the text of a template can get, as far as that is known before it is filled in."""

from collections.abc import Callable, Iterable
from typing import Final

from liquid import RenderContext
from liquid.ast import BlockNode, ConditionalBlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.template import BoundTemplate

_SAME_LENGTH: Final = frozenset({"upcase_first", "upcase", "downcase", "capitalize", "strip"})
_KNOWN: Final = {"date": 60, "time": 60, "datetime": 60, "number": 25, "percent": 25, "money": 30}
"""The longest that these filters write, in characters."""

MOST: Final = {
    ("party",): 64, ("stage",): 13, ("locale",): 10, ("signal", "severity"): 8, ("signal", "polarity"): 8,
    ("signal", "stage"): 13, ("signal", "party"): 64, ("signal", "rule"): 64, ("signal", "owner"): 64,
    ("signal", "evidence"): 512, ("values", "count"): 6, ("values", "events"): 6, ("subjects", "order"): 128,
    ("subjects", "ticket"): 128,
}  # fmt: skip
"""The longest that a value gets, in characters, where the contracts bound it."""

Most = Callable[[tuple[str, ...]], int | None]


def bounds(template: BoundTemplate, most: Most) -> tuple[str, str | None]:
    """The shortest text and the longest one, with x where something is filled in; None: that can't be known.

    `most`: the longest that a name gets, in characters."""
    return _all(template.nodes, RenderContext(template), most)


def _all(nodes: Iterable[Node], context: RenderContext, most: Most) -> tuple[str, str | None]:
    least, longest = "", ""
    known = True
    for node in nodes:
        short, long = _one(node, context, most)
        least += short
        known = known and long is not None
        longest += long or ""
    return least, longest if known else None


def _one(node: Node, context: RenderContext, most: Most) -> tuple[str, str | None]:
    if isinstance(node, ContentNode):
        return node.text, node.text
    if isinstance(node, AssignNode | CaptureNode | CommentNode):
        return "", ""
    if isinstance(node, OutputNode):
        size = _filled(node.expression, most)
        return "", None if size is None else "x" * size
    if isinstance(node, IfNode | UnlessNode | CaseNode):
        branches = [_one(child, context, most) for child in node.children(context)]
        least = min((short for short, _ in branches), key=len, default="") if _has_else(node) else ""
        longs = [long for _, long in branches]
        return least, None if None in longs else max((long for long in longs if long is not None), key=len, default="")
    if isinstance(node, BlockNode | ConditionalBlockNode | MultiExpressionBlockNode):
        return _all(node.children(context), context, most)
    return "", None


def _has_else(node: Node) -> bool:
    if isinstance(node, CaseNode):
        return any(isinstance(block, BlockNode) for block in node.blocks)
    return getattr(node, "default", None) is not None


def _filled(expression: object, most: Most) -> int | None:
    if not isinstance(expression, FilteredExpression):
        return None
    left = expression.left
    size = most(tuple(map(str, left.path))) if isinstance(left, Path) else None
    for one in expression.filters or ():
        if one.name in _KNOWN:
            size = _KNOWN[one.name]
        elif one.name not in _SAME_LENGTH:
            size = None
    return size
