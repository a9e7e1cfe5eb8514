"""Breaks every rule of the catalogue in every small way, and looks whether its tests notice.

    python -m tests.friction.mutate [RULE…]

A mutant is one rule with one change: a threshold one higher or lower, a length of time a twentieth longer or shorter, a
comparison strict or not, a kind or a word or a whole part left out. It is killed when a test of the file fails that the
rule itself passes. Prints each mutant that survives, and ends with 1 when there is one.
"""

import ast
import copy
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter
from ruamel.yaml import YAML

from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.load import BUILTIN, parse_rules
from touchline.pipeline.friction.rules import all_named
from touchline.pipeline.friction.ruletest import RuleTests, files_of_tests, load_tests
from touchline.schemas.rulefile import RuleSpec
from touchline.schemas.ruletestfile import RuleTest
from touchline.schemas.types import parse_duration
from touchline.schemas.yamlfile import FileError

Spec = dict[str, Any]
_ADAPTER = TypeAdapter(RuleSpec)
_LENGTH = re.compile(r"\d+(?:\.\d+)?(?:ms|s|m|h|d)")
_STRICT: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_OPTIONAL = ("unless", "context", "resolve", "where", "cooldown", "grace", "expires", "exposed", "by")
_LOGIC = ("detect", "resolve", "cooldown", "expires", "exposed", "per")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed rule, and the change in words. `numeric`: of a threshold or a length of time."""

    rule: str
    change: str
    numeric: bool
    spec: Spec


@dataclass(frozen=True, slots=True)
class Home:
    """The rules of one file as they are written, and its tests. `others`: the rules of all files."""

    rules: Mapping[str, Spec]
    tests: RuleTests
    others: Mapping[str, Spec]


@lru_cache(maxsize=1)
def homes() -> tuple[Home, ...]:
    """The files of the catalogue."""
    found, catalogue, others = [], Catalogue(), dict[str, Spec]()
    for path in files_of_tests([BUILTIN]):
        tests = load_tests(path, catalogue)
        rules = YAML(typ="safe", pure=True).load(tests.rule_file.read_text("utf-8"))["rules"]
        mine = {rule["id"]: rule for rule in rules}
        others |= mine
        found.append(Home(mine, tests, others))
    return tuple(found)


def mutants(rule: Spec, others: Mapping[str, Spec] = MappingProxyType({})) -> Iterator[Mutant]:
    """Every mutant of a rule that is a valid rule. `others`: those that it may name."""
    adapter = TypeAdapter(RuleSpec)
    for change, numeric, spec in _changes(rule):
        if spec == rule:
            continue
        try:
            adapter.validate_python(spec)
            parse_rules(_text(_with_parts(spec, others)))
        except (ValueError, FileError):
            continue
        yield Mutant(rule["id"], change, numeric, spec)


def survives(mutant: Mutant, home: Home) -> bool:
    """Whether no test tells the mutant from the rule."""
    return _passes(mutant.rule, mutant.spec, home)


def _passes(name: str, spec: Spec, home: Home) -> bool:
    rules = parse_rules(_text(_with_parts(spec, home.others)))
    own = frozenset((name,))
    tests = replace(home.tests, rules=rules, ids=own, tests=tuple(_only(name, t) for t in home.tests.tests))
    return all(tests.outcome(number).passed for number in range(len(tests.tests)))


def _only(rule: str, test: RuleTest) -> RuleTest:
    """A test as far as one rule goes, in the order in which it is written."""
    mine = copy.copy(test)
    mine.expect = tuple(expected for expected in test.expect if expected.rule == rule)
    mine.shuffle = False
    return mine


def survivors(names: Iterable[str] = (), *, numeric: bool = False) -> tuple[int, list[Mutant]]:
    """How many mutants there were of the named rules (of all without names), and those that no test noticed."""
    wanted, total, alive = set(names), 0, []
    for home in homes():
        for name, rule in home.rules.items():
            if wanted and name not in wanted:
                continue
            assert _passes(name, rule, home), f"{name} does not pass its own tests"
            for mutant in mutants(rule, home.others):
                if mutant.numeric or not numeric:
                    total += 1
                    if survives(mutant, home):
                        alive.append(mutant)
    return total, alive


def _with_parts(spec: Spec, others: Mapping[str, Spec]) -> list[Spec]:
    """A rule and those that it stands on, which are as they should be."""
    found, waiting = {spec["id"]: spec}, _named(spec)
    while waiting:
        name = waiting.pop()
        if name in others and name not in found:
            found[name] = others[name]
            waiting.extend(_named(others[name]))
    return list(found.values())


def _named(spec: Spec) -> list[str]:
    return list(all_named(_ADAPTER.validate_python(spec)))


def _text(rules: Sequence[Spec]) -> str:
    return json.dumps({"schema": "friction/1", "rules": rules})


def _changes(rule: Spec) -> Iterator[tuple[str, bool, Spec]]:
    for part in _LOGIC:
        if part in rule:
            for change, numeric, value in _node(part, rule[part]):
                yield change, numeric, {**rule, part: value}
            if part in _OPTIONAL:
                yield f"without {part}", False, {name: value for name, value in rule.items() if name != part}
    if rule.get("per", "customer") != "customer":
        yield "per: customer", False, {**rule, "per": "customer"}


def _node(path: str, node: Any) -> Iterator[tuple[str, bool, Any]]:
    """Changes of a part of a rule: what it is in words, whether it is numeric, and the part as it is then."""
    if isinstance(node, dict):
        yield from _fields(path, node)
    elif isinstance(node, list):
        yield from _items(path, node)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        step = 1 if isinstance(node, int) else abs(node) / 10
        for new in (node - step, node + step):
            yield f"{path}: {new} instead of {node}", True, new
    elif path.endswith("where"):
        yield from _conditions(path, node)
    elif isinstance(node, str):
        yield from _lengths(path, node)


def _fields(path: str, node: dict[str, Any]) -> Iterator[tuple[str, bool, Any]]:
    for key, value in node.items():
        for change, numeric, new in _node(f"{path}.{key}", value):
            yield change, numeric, {**node, key: new}
        if key in _OPTIONAL:
            yield f"{path} without {key}", False, {name: kept for name, kept in node.items() if name != key}


def _items(path: str, node: list[Any]) -> Iterator[tuple[str, bool, Any]]:
    for index, value in enumerate(node):
        if len(node) > 1:
            yield f"{path} without {value}", False, [*node[:index], *node[index + 1 :]]
        if not isinstance(value, str):
            for change, numeric, new in _node(f"{path}[{index}]", value):
                yield change, numeric, [*node[:index], new, *node[index + 1 :]]


def _lengths(path: str, text: str) -> Iterator[tuple[str, bool, str]]:
    for found in _LENGTH.finditer(text):
        length = parse_duration(found[0])
        assert isinstance(length, int)
        for factor in (0.95, 1.05):
            new = f"{text[: found.start()]}{round(length * factor)}ms{text[found.end() :]}"
            yield f"{path}: {new} instead of {text}", True, new


def _conditions(path: str, text: str) -> Iterator[tuple[str, bool, str]]:
    tree = ast.parse(" ".join(text.split()), mode="eval")
    for number, node in enumerate(ast.walk(tree)):
        for numeric, edit in _edits(node):
            changed = copy.deepcopy(tree)
            edit(list(ast.walk(changed))[number])
            yield f"{path}: {ast.unparse(changed)}", numeric, ast.unparse(changed)


def _edits(node: ast.AST) -> Iterator[tuple[bool, Any]]:
    """What can be done to one node of a condition: whether it is numeric, and the doing."""
    if isinstance(node, ast.BoolOp):
        for index in range(len(node.values)):
            yield False, lambda twin, index=index: twin.values.pop(index)
    elif isinstance(node, ast.Tuple) and len(node.elts) > 1:
        for index in range(len(node.elts)):
            yield False, lambda twin, index=index: twin.elts.pop(index)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield False, lambda twin: setattr(twin, "value", twin.value + "x")
    elif isinstance(node, ast.Constant) and not isinstance(node.value, bool):
        # What lies between -1 and 1 (a sentiment, a share) is written with a point.
        step = 1 if isinstance(node.value, int) else 0.05
        for sign in (-1, 1):
            yield True, lambda twin, change=sign * step: setattr(twin, "value", round(twin.value + change, 6))
    elif isinstance(node, ast.Compare):
        for index, op in enumerate(node.ops):
            new = _STRICT.get(type(op))
            if new is not None:
                yield True, lambda twin, index=index, new=new: twin.ops.__setitem__(index, new())


def main() -> int:
    """Says which mutants survive."""
    total, alive = survivors(sys.argv[1:])
    for mutant in alive:
        print(f"{mutant.rule}: {mutant.change}")
    print(f"{total} mutants, {len(alive)} survived")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
