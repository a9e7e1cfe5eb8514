"""Reads files of rules."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from touchline.pipeline.friction.compiler import RuleCompiler
from touchline.pipeline.friction.linking import Placed, linked, parts_of
from touchline.pipeline.friction.rules import Rule, RuleSet, Tally
from touchline.schemas.rulefile import RuleFile, RuleSpec
from touchline.schemas.ruleset import RuleText
from touchline.schemas.yamlfile import FileError, Mistake, YamlFile, read_text

BUILTIN: Final = Path(__file__).with_name("rules")
"""The folder of the built-in rules."""

_ADAPTER: Final = TypeAdapter(RuleFile)
_TESTS: Final = (".test.yaml", ".test.yml")


def rule_files(paths: Iterable[Path]) -> list[Path]:
    """The rule files among files and folders (folders with all below them), in order of name, without rule tests.

    Raises: FileError when a path is not there."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            below = sorted(p for p in path.rglob("*") if p.suffix in {".yaml", ".yml"} and p.is_file())
            found.extend(p for p in below if not p.name.endswith(_TESTS))
        elif path.is_file():
            found.append(path)
        else:
            raise FileError(
                str(path),
                [Mistake(1, 1, "", "there is no such file or folder of rules, seen from where the command runs")],
            )
    return list(dict.fromkeys(found))


def load_rules(paths: Iterable[Path] = (), *, builtin: bool = True) -> RuleSet:
    """The rules of files and folders, and the built-in ones. A rule with the id of a built-in one replaces it.

    Raises: FileError with every mistake of the first file that has any."""
    return compile_texts(read_texts(paths, builtin=builtin))


def read_texts(paths: Iterable[Path] = (), *, builtin: bool = True) -> tuple[RuleText, ...]:
    """The texts of rule files and folders, and of the built-in ones.

    Raises: FileError when one can't be read."""
    own = [RuleText(name=str(path), text=read_text(path)) for path in rule_files(paths)]
    shipped = rule_files([BUILTIN]) if builtin else ()
    return (*own, *(RuleText(name=path.name, text=read_text(path), builtin=True) for path in shipped))


def compile_texts(texts: Sequence[RuleText]) -> RuleSet:
    """The rules of all texts. One with the id of a built-in one replaces it.

    Raises: FileError with every mistake of the first that has any."""
    tally = Tally()
    own, shipped = (
        compile_placed([YamlFile(one.text, one.name) for one in texts if one.builtin is builtin], tally)
        for builtin in (False, True)
    )
    ids = {rule.spec.id for _, _, rule in own}
    rules = linked([*(one for one in shipped if one[2].spec.id not in ids), *own])
    return RuleSet(tuple(rules), set_hash([rule.spec for rule in rules]), tally, content_of(texts))


def content_of(texts: Iterable[RuleText]) -> str:
    """Names what was read, to the letter: sixteen hex digits."""
    whole = json.dumps([(one.name, one.text, one.builtin) for one in texts])
    return hashlib.blake2b(whole.encode(), digest_size=8).hexdigest()


def parse_rules(text: str, name: str = "rules") -> RuleSet:
    """The rules of one text.

    Raises: FileError with every mistake."""
    tally = Tally()
    rules = linked(compile_placed([YamlFile(text, name)], tally))
    return RuleSet(tuple(rules), set_hash([rule.spec for rule in rules]), tally)


def load_with_parts(path: Path) -> tuple[RuleSet, frozenset[str]]:
    """The rules of one file and those that they name, from the files beside it or else the built-in ones; and the ids
    of the file's own.

    Raises: FileError with every mistake of the first file that has any."""
    tally = Tally()
    found = compile_placed([YamlFile.read(file) for file in rule_files([path])], tally)
    own = frozenset(rule.spec.id for _, _, rule in found)
    for folder in (path.parent, BUILTIN):
        missing = {name for one in found for name in parts_of(one[2])} - {rule.spec.id for _, _, rule in found}
        if missing:
            files = [YamlFile.read(file) for file in rule_files([folder]) if file.resolve() != path.resolve()]
            others = {one[2].spec.id: one for one in compile_placed(files, tally)}
            found = [*found, *_standing_under(missing, others)]
    rules = linked(found)
    return RuleSet(tuple(rules), set_hash([rule.spec for rule in rules]), tally), own


def _standing_under(names: Iterable[str], others: Mapping[str, Placed]) -> list[Placed]:
    """Those of other rules that have one of the names, and those that they name themselves."""
    wanted, taken = sorted(names), dict[str, Placed]()
    while wanted:
        name = wanted.pop()
        if name in others and name not in taken:
            taken[name] = others[name]
            wanted.extend(parts_of(others[name][2]))
    return list(taken.values())


def compile_files(files: Sequence[YamlFile], tally: Tally) -> list[Rule]:
    """The compiled rules of several files, each by itself: those that name others are not linked with them.

    Raises: FileError."""
    return [rule for _, _, rule in compile_placed(files, tally)]


def compile_placed(files: Sequence[YamlFile], tally: Tally) -> list[Placed]:
    """The same, each with its place.

    Raises: FileError."""
    rules: list[Placed] = []
    homes: dict[str, str] = {}
    for file in files:
        mistakes: list[Mistake] = []
        for number, spec in enumerate(file.as_type(_ADAPTER).rules):
            path = ("rules", number)
            if spec.id in homes:
                mistakes.append(file.mistake((*path, "id"), f'"{spec.id}" stands already in {homes[spec.id]}'))
                continue
            homes[spec.id] = file.name
            try:
                rules.append((file, path, RuleCompiler(file, path, spec, tally).compiled()))
            except FileError as error:
                mistakes.extend(error.mistakes)
        if mistakes:
            raise FileError(file.name, mistakes)
    return rules


def set_hash(specs: Iterable[RuleSpec]) -> str:
    """Sixteen hex digits that name a whole set of rules, words and all."""
    whole = sorted(json.dumps(asdict(spec), sort_keys=True, default=str) for spec in specs)
    return hashlib.blake2b("\n".join(whole).encode(), digest_size=8).hexdigest()
