"""Conditions: a small part of Python's expressions, checked node by node and turned into guarded code.

    kind == 'order.delayed' and (delay_hours > 24 or 'refund' in text) and channel not in ('web', 'app')

Allowed: `and`, `or`, `not`, comparisons (also chained) of fields with constants and with each other, `in` with a list
of constants, `'…' in field`, a field that is true or false by itself, and `alias.field` where the rule names events.
Everything else (calls, powers, comprehensions, attributes of objects …) is refused with its place.

Kleene's logic: a missing or mistyped field makes its comparison unknown. `not` is pushed down to the comparisons, so
each comparison stands unnegated and unknown may read as false: `and` and `or` are monotone, hence the whole is true
exactly when Kleene's value is true. The code is generated from the checked tree; no text of the user is ever in it.
"""

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from touchline.pipeline.friction.fields import TYPES, WORDS, FieldType
from touchline.schemas.rulepatterns import LARGEST, MAX_WHERE
from touchline.schemas.yamlfile import did_you_mean

MAX_DEPTH: Final = 16
MAX_NODES: Final = 250
_LARGEST: Final = 2**63

_SIGNS: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_NEGATED: Final = {
    "==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in",
}  # fmt: skip
_MIRRORED: Final = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_CALLED: Final[dict[type[ast.expr], str]] = {
    ast.Call: "a call",
    ast.BinOp: "arithmetic",
    ast.Subscript: "an index",
    ast.Lambda: "a function",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.JoinedStr: "a formatted string",
    ast.IfExp: "a choice",
    ast.NamedExpr: "an assignment",
    ast.Dict: "a mapping",
    ast.Attribute: "an attribute of an object",
}


_PATTERN: Final = re.compile(
    r"=~|~=|!~|(?:\b|_)(?:re|regexp?|rlike|i?like|match(?:es)?|search|fullmatch)\b", re.IGNORECASE
)
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_NO_PATTERNS: Final = (
    "there are no regular expressions: write 'word' in field, field in ('a', 'b'), or have the publisher or the import "
    "map set an attribute"
)


class WhereError(Exception):
    """A condition that is not allowed. `line` and `column` count from 1 within its text."""

    def __init__(self, line: int, column: int, message: str) -> None:
        self.line, self.column, self.message = line, column, message
        super().__init__(f"{line}:{column}: {message}")


@dataclass(frozen=True, slots=True)
class Ref:
    """A field of the event itself (`alias` None) or of another event of the rule."""

    alias: str | None
    field: str

    def __str__(self) -> str:
        """As it is written."""
        return f"{self.alias}.{self.field}" if self.alias else self.field


Constant = str | int | float | bool
_YAML_WORDS = {"true": True, "false": False}
"""As the rest of a rule file writes them; read as names of attributes they would be unknown for ever."""
Side = Ref | Constant | frozenset[Constant]


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison; on a field alone `sign` is `is`, or `number`: one no further from zero than `right`."""

    left: Side
    sign: str
    right: Side


@dataclass(frozen=True, slots=True)
class Joined:
    """`and` or `or` of several."""

    word: str
    parts: tuple["Tree", ...]


Tree = Test | Joined


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked condition with `not` pushed down."""

    tree: Tree
    refs: tuple[Ref, ...]

    @property
    def own(self) -> bool:
        """Whether it looks at nothing but the event itself."""
        return all(ref.alias is None for ref in self.refs)


def parse_where(text: str, aliases: Collection[str] = ()) -> Condition:
    """Checks a condition. `aliases`: the names of other events that it may use.

    Raises: WhereError."""
    return _Parser(text, aliases).condition()


def with_number(condition: Condition | None, name: str) -> Condition:
    """The condition, and that a field has a number; without one it is unknown, as in a comparison."""
    ref = Ref(None, name)
    test = Test(ref, "number", LARGEST)
    if condition is None:
        return Condition(test, (ref,))
    return Condition(Joined("and", (condition.tree, test)), tuple(dict.fromkeys((*condition.refs, ref))))


@dataclass(slots=True)
class _Parser:
    text: str
    aliases: Collection[str]
    shift: int = 0
    nodes: int = 0
    refs: dict[Ref, None] = field(default_factory=dict)

    def condition(self) -> Condition:
        if len(self.text) > MAX_WHERE:
            raise WhereError(1, 1, f"is longer than {MAX_WHERE} characters")
        tree = self._tree(self._parsed(), negated=False, depth=0)
        return Condition(tree, tuple(self.refs))

    def _parsed(self) -> ast.expr:
        # Line ends become blanks of the same length, so that every offset still names a place in the text.
        flat = self.text.replace("\n", " ").replace("\r", " ").replace("\t", " ")
        control = next((i for i, c in enumerate(flat) if c < " "), None)
        if control is not None:
            raise self._error(control, "is no condition: a control character")
        self.shift = len(flat) - len(flat.lstrip())
        flat = flat.strip()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of an odd backslash in a string: the comparison will tell
                body = ast.parse(flat, mode="eval").body
            for token in tokenize.generate_tokens(io.StringIO(flat).readline):
                if token.type == tokenize.COMMENT:
                    raise self._error(token.start[1], "a comment is not allowed in a condition")
        except SyntaxError as error:
            # Python places what is missing at the end on a line of its own, or nowhere.
            offset = error.offset - 1 if error.offset and error.lineno == 1 else len(flat)
            if _PATTERN.search(_QUOTED.sub("", flat)):
                raise self._error(offset, _NO_PATTERNS) from None
            alone = flat[offset : offset + 1] == "=" and flat[offset + 1 : offset + 2] != "="
            raise self._error(offset, f"is no condition: {'== compares' if alone else error.msg}") from None
        except (MemoryError, RecursionError):
            raise self._error(0, "is nested too deeply") from None
        except ValueError as error:
            raise self._error(0, f"is no condition: {error}") from None
        return body

    def _error(self, offset: int, message: str) -> WhereError:
        before = self.text[: self.shift + offset]
        return WhereError(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1, message)

    def _at(self, node: ast.expr, message: str) -> WhereError:
        flat = self.text[self.shift :].encode()
        return self._error(len(flat[: node.col_offset].decode(errors="ignore")), message)

    def _tree(self, node: ast.expr, *, negated: bool, depth: int) -> Tree:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise self._at(node, f"is too large: at most {MAX_DEPTH} levels and {MAX_NODES} parts")
        if isinstance(node, ast.BoolOp):
            word = "and" if isinstance(node.op, ast.And) != negated else "or"
            parts = (self._tree(part, negated=negated, depth=depth + 1) for part in node.values)
            return Joined(word, tuple(parts))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self._tree(node.operand, negated=not negated, depth=depth + 1)
        if isinstance(node, ast.Compare):
            return self._comparisons(node, negated=negated)
        if isinstance(node, ast.Name | ast.Attribute):
            ref = self._ref(node)
            if ref.field in TYPES:
                raise self._at(node, f'"{ref}" is {TYPES[ref.field]}, not true or false: compare it with something')
            return Test(ref, "is", not negated)
        raise self._refused(node, "is no condition: compare a field with something")

    def _comparisons(self, node: ast.Compare, *, negated: bool) -> Tree:
        tests: list[Tree] = []
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            self.nodes += 1
            sign = _SIGNS.get(type(op))
            if sign is None:
                raise self._at(right, '"is" is not allowed: write == or !=')
            tests.append(self._test(left, _NEGATED[sign] if negated else sign, right))
            left = right
        return tests[0] if len(tests) == 1 else Joined("or" if negated else "and", tuple(tests))

    def _test(self, left_node: ast.expr, sign: str, right_node: ast.expr) -> Test:
        left, right = self._side(left_node), self._side(right_node)
        if not isinstance(left, Ref) and not isinstance(right, Ref):
            raise self._at(left_node, "compares no field")
        if sign in {"in", "not in"}:
            return self._membership(left_node, left, sign, right_node, right)
        if isinstance(left, frozenset) or isinstance(right, frozenset):
            raise self._at(right_node, 'a list can only stand after "in" or "not in"')
        if isinstance(left, Ref):
            self._fits(left, right, sign, right_node)
            return Test(left, sign, right)
        return self._test(right_node, _MIRRORED[sign], left_node)

    def _membership(self, left_node: ast.expr, left: Side, sign: str, right_node: ast.expr, right: Side) -> Test:
        if isinstance(right, frozenset) and isinstance(left, Ref):
            for value in sorted(right, key=str):
                self._fits(left, value, "==", right_node)
            return Test(left, sign, right)
        if isinstance(right, Ref) and isinstance(left, str):
            self._fits(right, left, "in", right_node)
            return Test(left, sign, right)
        raise self._at(left_node, "\"in\" wants field in ('a', 'b') or 'a' in field")

    def _fits(self, ref: Ref, value: Side, sign: str, node: ast.expr) -> None:
        """Refuses comparisons that could never be true."""
        kind = TYPES.get(ref.field)
        if isinstance(value, Ref):
            other = TYPES.get(value.field)
            if kind and other and kind is not other:
                raise self._at(node, f'"{ref}" is {kind}, "{value}" is {other}')
            return
        is_text = isinstance(value, str)
        if kind and (isinstance(value, bool) or is_text != (kind is FieldType.TEXT)):
            raise self._at(node, f'"{ref}" is {kind}, compared with {value!r}')
        if sign in {"<", "<=", ">", ">="} and (is_text or isinstance(value, bool)):
            raise self._at(node, f"{value!r} has no order: < and > compare numbers")
        words = WORDS.get(ref.field)
        if words and sign in {"==", "!="} and value not in words:
            raise self._at(node, f'"{value}" is no {ref.field}' + did_you_mean(str(value), words))

    def _side(self, node: ast.expr) -> Side:
        self.nodes += 1
        if isinstance(node, ast.Name) and node.id in _YAML_WORDS:
            return _YAML_WORDS[node.id]
        if isinstance(node, ast.Name | ast.Attribute):
            return self._ref(node)
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            values = [self._constant(item) for item in node.elts]
            if not values or len({_class(value) for value in values}) > 1:
                raise self._at(node, "a list holds one or more constants of one type")
            self.nodes += len(values)
            return frozenset(values)
        return self._constant(node)

    def _constant(self, node: ast.expr) -> Constant:
        minus = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        inner = node.operand if isinstance(node, ast.UnaryOp) and minus else node
        if not isinstance(inner, ast.Constant) or not isinstance(inner.value, str | int | float):
            raise self._refused(inner, "is not allowed here: a constant or a field is needed")
        value = inner.value
        if isinstance(value, str | bool):
            if minus:
                raise self._at(node, "only a number can have a minus")
            return value
        if not -_LARGEST < value < _LARGEST:
            raise self._at(node, "is too large a number")
        return -value if minus else value

    def _ref(self, node: ast.Name | ast.Attribute) -> Ref:
        if isinstance(node, ast.Name):
            if node.id in self.aliases:
                raise self._at(node, f'"{node.id}" is an event: write {node.id}.field')
            ref = Ref(None, node.id)
        else:
            if not isinstance(node.value, ast.Name):
                raise self._refused(node, "is not allowed")
            alias = node.value.id
            if alias not in self.aliases:
                known = f"this condition may use {', '.join(sorted(self.aliases)) or 'no other event'}"
                raise self._at(node, f'no event is called "{alias}" here ({known})' + did_you_mean(alias, self.aliases))
            if node.attr == "text":
                raise self._at(node, "the text of another event is not kept")
            ref = Ref(alias, node.attr)
        if not ref.field.isascii() or len(ref.field) > 64:
            raise self._at(node, "is no name of a field")
        self.refs[ref] = None
        return ref

    def _refused(self, node: ast.expr, otherwise: str) -> WhereError:
        if isinstance(node, ast.Call) and _PATTERN.search(ast.unparse(node.func)):
            return self._at(node, _NO_PATTERNS)
        called = _CALLED.get(type(node))
        return self._at(node, f"{called} is not allowed in a condition" if called else otherwise)


def _class(value: Constant) -> str:
    return "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
