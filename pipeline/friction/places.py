"""Where a rule's events stand in its file, whatever its detector."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final

from touchline.pipeline.friction.where import Condition, parse_where
from touchline.schemas.rulefile import RuleSpec
from touchline.schemas.yamlfile import Path_, YamlFile

_NEWEST: Final = ("match", "count", "distinct", "sum", "average", "percentile", "of", "points", "by")
_DEFAULTS: Final = {"after": "after", "context": "context", **dict.fromkeys(_NEWEST, "last")}
"""What an event without a name is called in evidence, by where it stands."""


@dataclass(frozen=True, slots=True)
class Place:
    """A pattern of events. `path`: in the file. `role`: the key it stands under, such as `after` or `unless`."""

    path: Path_
    role: str
    kinds: tuple[str, ...]
    where: str | None
    alias: str | None
    condition: Condition | None

    def covers(self, other: "Place") -> bool:
        """Whether every event that fits the other surely fits this one too."""
        same = self.where is None or (other.where is not None and self.where.split() == other.where.split())
        return same and all(any(fits(kind, wanted) for wanted in self.kinds) for kind in other.kinds)


def fits(kind: str, wanted: str) -> bool:
    """Whether a kind (or `prefix.*`) lies within another."""
    return kind == wanted or (wanted.endswith(".*") and kind.startswith(wanted[:-1]))


def places(file: YamlFile, path: Path_, spec: RuleSpec) -> list[Place]:
    """All patterns of a rule that compiles, in the order in which they stand."""
    node: Any = file.data
    for step in path:
        node = node[step]
    return _places(spec, path, node)


def patterns(spec: RuleSpec) -> list[Place]:
    """The same where the file does not matter: paths are those within the rule, lists left out."""
    return _places(spec, (), {})


def _places(spec: RuleSpec, path: Path_, node: Any) -> list[Place]:
    found = [
        *_walk(spec.detect, (*path, "detect"), "detect", node.get("detect")),
        *_listed(spec.exposed, (*path, "exposed"), "exposed", node.get("exposed")),
        *_listed(spec.resolve, (*path, "resolve"), "resolve", node.get("resolve")),
    ]
    names = {alias for _, _, pattern in found if (alias := getattr(pattern, "as_", None))}
    return [_place(path_, role, pattern, names) for path_, role, pattern in found]


Found = tuple[Path_, str, Any]


def _walk(value: Any, path: Path_, role: str, node: Any) -> Iterator[Found]:
    if hasattr(value, "event"):
        yield path, role, value
    for item in fields(value):
        below = node.get(item.name) if isinstance(node, Mapping) else None
        yield from _listed(getattr(value, item.name), (*path, item.name), item.name, below)


def _listed(value: Any, path: Path_, role: str, node: Any) -> Iterator[Found]:
    """One pattern, or several: written as a list, or one by itself."""
    if value is None:
        return
    if isinstance(value, tuple):
        listed = isinstance(node, list)
        for number, part in enumerate(value):
            if is_dataclass(part):
                yield from _walk(part, (*path, number) if listed else path, role, node[number] if listed else node)
    elif is_dataclass(value):
        yield from _walk(value, path, role, node)


def _place(path: Path_, role: str, pattern: Any, names: set[str]) -> Place:
    alias = getattr(pattern, "as_", None) or _DEFAULTS.get(role)
    condition = None
    if pattern.where is not None:
        used = {name for name in names if re.search(rf"\b{name}\s*\.", pattern.where)}
        condition = parse_where(pattern.where, used)
    return Place(path, role, pattern.event, pattern.where, alias, condition)
