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

Dispatch = Callable[[EnrichedTouchpoint, list[tuple[int, int]], Unknown], None]
"""Adds the number of each listener that an event concerns, and the roles that it plays there, as bits."""

Mark = tuple[str, str, int]
"""The state key of a rule, the name of a group, and the roles that an event plays there."""

Reader = Callable[[EnrichedTouchpoint, list[Mark], Unknown], dict[str, Value]]
"""Adds a mark for each rule and group that an event concerns; returns the fields to keep of it."""

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


def _loads(refs: Mapping[Ref, str], writer: _Writer, depth: int = 1) -> list[str]:
    """Lines that read fields of the event `e`, with so many spaces before them."""
    lines = []
    for ref, variable in refs.items():
        if ref.field in SOURCE:
            lines.append(f"{variable} = {SOURCE[ref.field]}")
        else:
            name = writer.constant(ref.field)
            head = writer.constant(f"{ref.field}:")
            lines += [
                f"{variable} = a.get({name})",
                f"if {variable} is None:",
                " for s in e.subjects:",
                f"  if s.startswith({head}):",
                f"   {variable} = s[{len(ref.field) + 1}:]",
                "   break",
            ]
    return [" " * depth + line for line in lines]


def _keeps(names: Sequence[str], writer: _Writer, masks: Mapping[str, int] | None = None, depth: int = 1) -> list[str]:
    """Lines that put fields into the dictionary `f`, texts cut; where there are masks, only those that `w` asks for."""
    lines = []
    for name in names:
        variable = writer.variable(Ref(None, name))
        kept = f"{variable}[:{_LONGEST_FACT}] if {variable}.__class__ is str else {variable}"
        kept = f"{variable}._value_" if name in WORDS else kept
        asked = f"w & {masks[name]} and " if masks is not None else ""
        lines.append(" " * depth + f"if {asked}{variable} is not None: f[{writer.constant(name)}] = {kept}")
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


@dataclass(frozen=True, slots=True)
class Keeper:
    """What one rule keeps of an event: the fields in `captures`, and nothing of one that plays no roles but those in
     `bare`, of which nobody asks for a field. `needs`: the field without which an event does not count. `key`: of its
    state. `groups`: the groups that an event belongs to, by the field `per`; None when the only one is the customer."""

    key: str
    rule_id: str
    captures: Sequence[str]
    needs: str | None
    bare: int
    per: str
    groups: Callable[[EnrichedTouchpoint], Sequence[str]] | None


def _roles_lines(listeners: Sequence[Listener], writer: _Writer) -> list[str]:
    """Lines that gather in `r` the roles that an event plays in one rule."""
    always = 0
    for listener in listeners:
        always |= listener.roles if listener.condition is None else 0
    return [f" r = {always}"] + [
        f" if {writer.expression(item.rule_id, item.condition.tree)}: r |= {item.roles}"
        for item in listeners
        if item.condition is not None
    ]


def build_dispatch(listeners: Sequence[Listener]) -> Dispatch:
    """One function for all that wait for a kind. It reads each field once."""
    writer = _Writer()
    body: list[str] = []
    for rule in sorted({listener.rule for listener in listeners}):
        body += _roles_lines([listener for listener in listeners if listener.rule == rule], writer)
        body.append(f" if r: hits.append(({rule}, r))")
    loads = _loads(writer.variables, writer)
    dispatch: Dispatch = _built(["def dispatch(e, hits, u):", " a = e.attributes", *loads, *body], writer, "dispatch")
    return dispatch


def _mark_lines(keeper: Keeper, roles: int | None, writer: _Writer, groups: dict[str, str]) -> list[str]:
    """Lines that add the marks of an event that plays the roles in `r` (`roles`, where they are always the same)."""
    key = writer.constant(keeper.key)
    if keeper.groups is None:
        mark = writer.constant((keeper.key, "", roles)) if roles is not None else f"({key}, '', r)"
        return [f"  marks.append({mark})"]
    found = groups.setdefault(keeper.per, f"g{len(groups)}")  # rules by the same field read it once
    told = f"u({writer.constant(keeper.rule_id)}, {writer.constant(keeper.per)})"
    return [
        f"  if {found} is None: {found} = {writer.constant(keeper.groups)}(e)",
        f"  for n in {found}: marks.append(({key}, n, r))",
        f"  if not {found}: {told}",
    ]


def build_reader(listeners: Sequence[Listener], keepers: Mapping[int, Keeper]) -> Reader:
    """One function for all rules that wait for a kind. It reads each field once, and keeps those that any rule needs
    of the event. An event without what a rule counts, or counts by, is counted as unknown, and is none for it."""
    writer = _Writer()
    numbers = sorted({listener.rule for listener in listeners})
    names = sorted({name for number in numbers for name in keepers[number].captures})
    masks = {name: 1 << place for place, name in enumerate(names)}
    groups: dict[str, str] = {}
    body: list[str] = []
    for number in numbers:
        keeper, mine = keepers[number], [listener for listener in listeners if listener.rule == number]
        body += _roles_lines(mine, writer)
        always = mine[0].roles if len(mine) == 1 and mine[0].condition is None else None
        keeps = f"r & {~keeper.bare}"
        if keeper.needs is not None:
            needed = writer.variable(Ref(None, keeper.needs))
            told = f"u({writer.constant(keeper.rule_id)}, {writer.constant(keeper.needs)})"
            body.append(f" if {needed} is None and {keeps}: r = int({told})")
        body += [" if r:", *_mark_lines(keeper, always, writer, groups)]
        wanted = sum(masks[name] for name in set(keeper.captures))
        if wanted:
            body.append(f"  if {keeps}: w |= {wanted}")
    tested = dict(writer.variables)
    fields = _keeps(names, writer, masks)
    later = {ref: variable for ref, variable in writer.variables.items() if ref not in tested}
    lines = [
        "def reader(e, marks, u):", " a = e.attributes", " w = 0", *[f" {found} = None" for found in groups.values()],
        *_loads(tested, writer), *body, " if not w: return nothing", *_loads(later, writer), " f = {}", *fields,
        " return f",
    ]  # fmt: skip
    reader: Reader = _built(lines, writer, "reader")
    return reader


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


def build_view(keeper: Keeper) -> View:
    """An event as one rule alone would see it."""
    writer = _Writer()
    loads = _loads({Ref(None, name): writer.variable(Ref(None, name)) for name in keeper.captures}, writer)
    lines = ["def view(e, at, roles):", f" if not roles & {~keeper.bare}:", f"  return {_ITEM.format('nothing')}"]
    lines += [" a = e.attributes", *loads]
    if keeper.needs is not None:
        lines.append(f" if {writer.variable(Ref(None, keeper.needs))} is None: return None")
    lines += [" f = {}", *_keeps(keeper.captures, writer), f" return {_ITEM.format('f')}"]
    view: View = _built(lines, writer, "view")
    return view
