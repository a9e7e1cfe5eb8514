"""Checked conditions to code: guarded comparisons, one fused function for each kind of event."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from touchline.pipeline.friction.fields import SOURCE, TYPES, WORDS, Value
from touchline.pipeline.friction.state import Item
from touchline.pipeline.friction.where import Condition, Joined, Ref, Test, Tree
from touchline.schemas.touchpoint import EnrichedTouchpoint

Facts = Mapping[str, Value]
"""Fields that were kept of an event, by name."""

Unknown = Callable[[str, str], bool]
"""Called with a rule and a field when a comparison is unknown; returns False."""

Hits = list[tuple[int, int]]
"""The number of a rule and the roles that an event plays in it, as bits."""

Dispatch = Callable[[EnrichedTouchpoint, Hits, Unknown], None]
Pairing = Callable[[Facts, Mapping[str, Facts], Unknown], bool]
View = Callable[[EnrichedTouchpoint, int, int], Item | None]
"""An event, its time and its roles, as one rule sees it; None when it lacks what the rule counts."""

_ALWAYS: Final = frozenset({"kind", "channel", "stage", "actor", "party", "source"})
"""Fields that every event has, of the right type."""


def comparable(left: object, right: object) -> bool:
    """Whether two values have one type, numbers taken together."""
    return left is not None and (
        left.__class__ is right.__class__
        or (left.__class__ in _NUMBERS and right.__class__ in _NUMBERS)
        or (isinstance(left, str) and isinstance(right, str))
    )


def ordered(left: object, right: object) -> bool:
    """Whether two values are numbers, which alone have an order here."""
    return left.__class__ in _NUMBERS and right.__class__ in _NUMBERS


_NUMBERS: Final = frozenset({int, float})
_NO_FACTS: Final[dict[str, Value]] = {}
_LONGEST_FACT: Final = 256
_ITEM: Final = "Item(at, e.raw_partition, e.raw_offset, e.event_id, e.source, roles, e.party, e.channel._value_, {})"
"""`_value_` is what `.value` returns, without the call."""


@dataclass(slots=True)
class _Writer:
    """Writes one function: variables for the fields that it reads, names for its constants."""

    variables: dict[Ref, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)

    def constant(self, value: object) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name

    def variable(self, ref: Ref) -> str:
        return self.variables.setdefault(ref, f"v{len(self.variables)}")

    def expression(self, rule: str, tree: Tree) -> str:
        if isinstance(tree, Joined):
            return "(" + f" {tree.word} ".join(self.expression(rule, part) for part in tree.parts) + ")"
        return self._test(rule, tree)

    def _test(self, rule: str, test: Test) -> str:
        left = self.variable(test.left) if isinstance(test.left, Ref) else self.constant(test.left)
        if test.sign == "is":
            return self._guarded(f"{left} is {test.right}", f"{left}.__class__ is bool", rule, test)
        if test.sign == "number":
            kind = f"({left}.__class__ is int or {left}.__class__ is float)"
            return self._guarded("True", f"{kind} and -{test.right} <= {left} <= {test.right}", rule, test)
        right = self.variable(test.right) if isinstance(test.right, Ref) else self.constant(test.right)
        return self._guarded(f"{left} {test.sign} {right}", self._guard(test, left, right), rule, test)

    def _guarded(self, comparison: str, guard: str, rule: str, test: Test) -> str:
        if not guard:
            return f"({comparison})"
        ref = test.left if isinstance(test.left, Ref) else test.right
        return f"({comparison} if {guard} else u({self.constant(rule)}, {self.constant(str(ref))}))"

    @staticmethod
    def _guard(test: Test, left: str, right: str) -> str:
        if isinstance(test.left, Ref) and isinstance(test.right, Ref):
            return f"{'comparable' if test.sign in ('==', '!=') else 'ordered'}({left}, {right})"
        ref, name, value = (
            (test.left, left, test.right) if isinstance(test.left, Ref) else (test.right, right, test.left)
        )
        sample = next(iter(value)) if isinstance(value, frozenset) else value
        if isinstance(ref, Ref) and ref.alias is None and ref.field in _ALWAYS:
            return ""
        if isinstance(sample, bool):
            return f"{name}.__class__ is bool"
        if isinstance(sample, str):
            known = isinstance(ref, Ref) and ref.field in TYPES
            return f"{name} is not None" if known else f"{name}.__class__ is str"
        return f"({name}.__class__ is int or {name}.__class__ is float)"


def _attribute_lines(refs: Mapping[Ref, str], writer: _Writer) -> list[str]:
    lines = []
    for ref, variable in refs.items():
        if ref.field in SOURCE:
            lines.append(f" {variable} = {SOURCE[ref.field]}")
        else:
            name = writer.constant(ref.field)
            lines.append(f" {variable} = a.get({name})")
            head = writer.constant(f"{ref.field}:")
            lines.append(f" if {variable} is None:")
            lines.append("  for s in e.subjects:")
            lines.append(f"   if s.startswith({head}):")
            lines.append(f"    {variable} = s[{len(ref.field) + 1}:]")
            lines.append("    break")
    return lines


def _built(lines: Sequence[str], writer: _Writer, name: str) -> Any:
    space: dict[str, Any] = {
        "__builtins__": {"str": str, "int": int, "float": float, "bool": bool},
        "comparable": comparable,
        "ordered": ordered,
        "Item": Item,
        "nothing": _NO_FACTS,
        **writer.constants,
    }
    # The source has only our own words and v0, k1 …: names and constants of rules come in by the name space.
    exec(compile("\n".join(lines), f"<rules: {name}>", "exec"), space)  # noqa: S102
    return space[name]


@dataclass(frozen=True, slots=True)
class Listener:
    """What one rule wants of one kind: when `condition` is true of an event, it plays `roles` (bits) in it."""

    rule: int
    rule_id: str
    roles: int
    condition: Condition | None


def build_dispatch(listeners: Sequence[Listener]) -> Dispatch:
    """One function for all that wait for a kind. It reads each field once."""
    writer = _Writer()
    body: list[str] = []
    for rule in sorted({listener.rule for listener in listeners}):
        mine = [listener for listener in listeners if listener.rule == rule]
        always = 0
        for listener in mine:
            always |= listener.roles if listener.condition is None else 0
        body.append(f" r = {always}")
        body.extend(
            f" if {writer.expression(item.rule_id, item.condition.tree)}: r |= {item.roles}"
            for item in mine
            if item.condition is not None
        )
        body.append(f" if r: hits.append(({rule}, r))")
    loads = _attribute_lines(writer.variables, writer)
    dispatch: Dispatch = _built(["def dispatch(e, hits, u):", " a = e.attributes", *loads, *body], writer, "dispatch")
    return dispatch


def build_pairing(rule_id: str, condition: Condition) -> Pairing:
    """A condition between an event and others of its rule, over the fields that were kept of them."""
    writer = _Writer()
    expression = writer.expression(rule_id, condition.tree)
    lines = ["def pairing(own, others, u):"]
    for ref, variable in writer.variables.items():
        facts = "own" if ref.alias is None else f"others.get({writer.constant(ref.alias)}, {{}})"
        lines.append(f" {variable} = {facts}.get({writer.constant(ref.field)})")
    pairing: Pairing = _built([*lines, f" return {expression}"], writer, "pairing")
    return pairing


def build_view(captures: Sequence[str], needs: str | None, bare: int) -> View:
    """What one rule keeps of an event: the fields in `captures`, texts cut. `needs`: the field that it must have. Of an
    event with no other roles than those in `bare` nobody asks for a field, so none is kept."""
    writer = _Writer()
    loads = _attribute_lines({Ref(None, name): writer.variable(Ref(None, name)) for name in captures}, writer)
    lines = ["def view(e, at, roles):", f" if not roles & {~bare}:", f"  return {_ITEM.format('nothing')}"]
    lines += [" a = e.attributes", *loads]
    if needs is not None:
        lines.append(f" if {writer.variable(Ref(None, needs))} is None: return None")
    lines.append(f" f = {'{}' if captures else 'nothing'}")
    for ref, variable in writer.variables.items():
        kept = f"{variable}[:{_LONGEST_FACT}] if {variable}.__class__ is str else {variable}"
        kept = f"{variable}._value_" if ref.field in WORDS else kept
        lines.append(f" if {variable} is not None: f[{writer.constant(ref.field)}] = {kept}")
    lines.append(f" return {_ITEM.format('f')}")
    view: View = _built(lines, writer, "view")
    return view
