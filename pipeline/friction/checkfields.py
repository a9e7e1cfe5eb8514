"""Kinds and attributes of a rule against the catalogue of kinds and its types.

The vocabulary is open, so what the catalogue does not list is a warning; what contradicts its types is an error.
"""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Final

from touchline.pipeline.enrichment.kinds import AttributeType, Catalogue
from touchline.pipeline.friction.fields import TYPES, FieldType
from touchline.pipeline.friction.places import Place, fits
from touchline.pipeline.friction.rules import CUSTOMER, Rule
from touchline.pipeline.friction.where import Condition, Joined, Ref, Test, Tree
from touchline.schemas.yamlfile import Path_, did_you_mean

SUBJECTS: Final = frozenset({
    "bot", "call", "cart", "chat", "contract", "device", "invoice", "order", "parcel", "payment", "product", "return",
    "session", "shipment", "store", "subscription", "ticket", "visit",
})  # fmt: skip
"""Types of subjects that a name may mean although no kind lists it as an attribute. Types are publishers' words too."""

_CLASSES: Final = {
    AttributeType.STRING: "text",
    AttributeType.TIME: "text",
    AttributeType.INTEGER: "number",
    AttributeType.NUMBER: "number",
    AttributeType.BOOLEAN: "bool",
}
_NEAR: Final = 0.8
"""A kind that is less like another is nobody's slip: `loan.granted` beside `consent.granted`."""

_NUMERIC: Final = frozenset({"sum", "average", "percentile"})
_WORDS: Final = {"text": "a text", "number": "a number", "bool": "true or false"}

Tell = Callable[[Path_, str, str, str], None]
"""Takes down a finding: where, `error` or `warning`, its code, and the message."""


def comparisons(tree: Tree) -> Iterator[Test]:
    """The comparisons of a condition."""
    if isinstance(tree, Joined):
        for part in tree.parts:
            yield from comparisons(part)
    else:
        yield tree


@dataclass(slots=True)
class FieldCheck:
    """The check of one rule. `detector`: its name; `detect`: what it says; `words`: names that are known besides."""

    catalogue: Catalogue
    rule: Rule
    path: Path_
    places: list[Place]
    detector: str
    detect: Any
    tell: Tell
    words: Set[str] = frozenset()
    unknown: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Tells everything."""
        for place in self.places:
            self._kinds(place)
        aliases = {place.alias: place.kinds for place in self.places if place.alias}
        for place in self.places:
            if place.condition is not None:
                self._condition(place, place.condition, aliases)
        beside = {"resolve", "exposed"}
        every = tuple(kind for place in self.places if not beside & {*map(str, place.path)} for kind in place.kinds)
        for alias, name in sorted(self.rule.evidence.fields):
            self._known((*self.path, "evidence"), name, aliases.get(alias, every))
        value = getattr(self.detect, "value", None)
        if value is not None:
            self._value((*self.path, "detect", self.detector, "value"), value, every)
        if self.detector == "absence":
            self._deadline(aliases)
        if self.rule.spec.per != CUSTOMER:
            self._known((*self.path, "per"), self.rule.spec.per, every)
            self._groups(every)

    def _kinds(self, place: Place) -> None:
        for kind in place.kinds:
            if not self._listed((kind,)):
                what = "begins no kind of the catalogue" if kind.endswith("*") else "is not in the catalogue of kinds"
                near = did_you_mean(kind, self.catalogue.kinds, at_least=_NEAR)
                self.tell((*place.path, "event"), "warning", "unknown_kind", f'"{kind}" {what}{near}')

    def _listed(self, kinds: tuple[str, ...]) -> list[str]:
        return [known for known in self.catalogue.kinds if any(fits(known, kind) for kind in kinds)]

    def _types(self, name: str, kinds: tuple[str, ...]) -> Mapping[str, AttributeType]:
        """The attribute's type in each of the kinds that list it."""
        entries = {kind: self.catalogue.kinds[kind].attributes for kind in self._listed(kinds)}
        return {kind: attributes[name] for kind, attributes in entries.items() if name in attributes}

    def _known(self, path: Path_, name: str, kinds: tuple[str, ...]) -> None:
        listed = self._listed(kinds)
        if name in TYPES or name in SUBJECTS or name in self.words or name in self.unknown:
            return
        if not listed or self._types(name, kinds):
            return
        self.unknown.add(name)
        names = {a for kind in listed for a in self.catalogue.kinds[kind].attributes}
        near = did_you_mean(name, names | SUBJECTS | self.words | set(TYPES))
        if name == "at":
            near = ', did you mean "occurred_at"?'
        kinds_said = ", ".join(sorted(listed)[:3]) + (" …" if len(listed) > 3 else "")
        message = f'"{name}" is no attribute that the catalogue lists for {kinds_said}{near}'
        self.tell(path, "warning", "unknown_attribute", message)

    def _condition(self, place: Place, condition: Condition, aliases: Mapping[str, tuple[str, ...]]) -> None:
        path = (*place.path, "where")
        for ref in condition.refs:
            self._known(path, ref.field, aliases.get(ref.alias, ()) if ref.alias else place.kinds)
        for test in comparisons(condition.tree):
            sides = [
                (side, self._classes(side, aliases.get(side.alias, ()) if side.alias else place.kinds))
                for side in (test.left, test.right)
                if isinstance(side, Ref)
            ]
            self._comparison(path, test, sides)

    def _classes(self, ref: Ref, kinds: tuple[str, ...]) -> Mapping[str, str]:
        """What a field can hold, and where that is said."""
        if ref.field in TYPES:
            return {"number" if TYPES[ref.field] is FieldType.NUMBER else "text": "every touchpoint"}
        return {_CLASSES[kind_type]: kind for kind, kind_type in self._types(ref.field, kinds).items()}

    def _comparison(self, path: Path_, test: Test, sides: list[tuple[Ref, Mapping[str, str]]]) -> None:
        wanted = _wanted(test)
        for ref, classes in sides:
            if wanted and classes and wanted not in classes:
                (has, kind), *_ = classes.items()
                message = f'"{ref}" is {_WORDS[has]} in {kind}, compared as {_WORDS[wanted]}: that is never true'
                self.tell(path, "error", "type", message)
        if len(sides) == 2 and wanted is None:
            (left, ours), (right, theirs) = sides
            if ours and theirs and not set(ours) & set(theirs):
                ours_said, theirs_said = _WORDS[next(iter(ours))], _WORDS[next(iter(theirs))]
                self.tell(path, "error", "type", f'"{left}" is {ours_said}, "{right}" is {theirs_said}: never true')

    def _value(self, path: Path_, name: str, kinds: tuple[str, ...]) -> None:
        self._known(path, name, kinds)
        classes = self._classes(Ref(None, name), kinds)
        if self.detector in _NUMERIC and classes and "number" not in classes:
            (has, kind), *_ = classes.items()
            self.tell(path, "error", "type", f'"{name}" is {_WORDS[has]} in {kind}: a {self.detector} needs numbers')

    def _deadline(self, aliases: Mapping[str, tuple[str, ...]]) -> None:
        name = getattr(self.rule.detector, "deadline", None)
        name = name.field if name is not None else None
        if name is None:
            return
        path = (*self.path, "detect", "absence", "deadline")
        kinds = next((place.kinds for place in self.places if place.role == "after"), ())
        self._known(path, name, kinds)
        types = self._types(name, kinds)
        if types and AttributeType.TIME not in types.values():
            kind, found = next(iter(types.items()))
            severity = "warning" if found is AttributeType.STRING else "error"
            self.tell(path, severity, "type", f'"{name}" is of type {found} in {kind}, not a time')

    def _groups(self, kinds: tuple[str, ...]) -> None:
        """A group for each value of a number or a time is a group for each event."""
        per = self.rule.spec.per
        types = set(self._types(per, kinds).values())
        number = TYPES.get(per) is FieldType.NUMBER or types & {AttributeType.NUMBER, AttributeType.TIME}
        if number or per == "text":
            message = (
                f'"{per}" has nearly as many values as there are events, each a group of its own: of one customer the '
                "newest 64 are kept, the others are given up"
            )
            self.tell((*self.path, "per"), "warning", "unbounded", message)


def _wanted(test: Test) -> str | None:
    """What the comparison takes its field to be; None when it compares two fields for being the same."""
    if test.sign == "is":
        return "bool"
    if test.sign in {"<", "<=", ">", ">="}:
        return "number"
    if isinstance(test.left, str):
        return "text"
    value = next(iter(test.right)) if isinstance(test.right, frozenset) else test.right
    if isinstance(value, Ref):
        return None
    return "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
