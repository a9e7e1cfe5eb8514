"""Reads files of rules."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from touchline.pipeline.friction.candidates import IN_SIGNALS
from touchline.pipeline.friction.compiler import RuleCompiler
from touchline.pipeline.friction.linking import Placed, linked
from touchline.pipeline.friction.rules import Rule, RuleSet, Tally, all_named, named_rules
from touchline.schemas.rulefile import RuleFile, RuleSpec
from touchline.schemas.ruleset import RuleText, content_of
from touchline.schemas.vocabulary import Scope
from touchline.schemas.yamlfile import FileError, Mistake, Path_, YamlFile, read_text, yaml_files

__all__ = [
    "BUILTIN", "Written", "compile_files", "compile_texts", "compile_written", "content_of", "load_rules",
    "load_tested", "parse_rules", "read_texts", "rule_files", "set_hash", "written",
]  # fmt: skip

BUILTIN: Final = Path(__file__).with_name("rules")
"""The folder of the built-in rules."""

_ADAPTER: Final = TypeAdapter(RuleFile)


@dataclass(frozen=True, slots=True)
class Written:
    """A rule as it is written, and where it stands."""

    file: YamlFile
    path: Path_
    spec: RuleSpec


def rule_files(paths: Iterable[Path]) -> list[Path]:
    """The rule files among files and folders (folders with all below them), in order of name, without rule tests.

    Raises: FileError when a path is not there."""
    return yaml_files(paths, "rules")


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
    own, shipped = (
        written(YamlFile(one.text, one.name) for one in texts if one.builtin is builtin) for builtin in (False, True)
    )
    ids = {one.spec.id for one in own}
    return _rule_set([*(one for one in shipped if one.spec.id not in ids), *own], content_of(texts))


def parse_rules(text: str, name: str = "rules") -> RuleSet:
    """The rules of one text.

    Raises: FileError with every mistake."""
    return _rule_set(written([YamlFile(text, name)]))


def load_tested(path: Path) -> tuple[RuleSet, frozenset[str]]:
    """The rules of one file and those that they name, from the files beside it or else the built-in ones; and the ids
    of the file's own.

    Raises: FileError with every mistake of the first file that has any."""
    found = written(YamlFile.read(file) for file in rule_files([path]))
    own = frozenset(one.spec.id for one in found)
    for folder in (path.parent, BUILTIN):
        missing = {name for one in found for name in all_named(one.spec)} - {one.spec.id for one in found}
        if missing:
            files = [file for file in rule_files([folder]) if file.resolve() != path.resolve()]
            found = [*found, *_standing_under(missing, written(map(YamlFile.read, files)))]
    return _rule_set(found), own


def _standing_under(names: Iterable[str], others: Iterable[Written]) -> list[Written]:
    """Those of other rules that have one of the names, and those that they name themselves."""
    by_id, wanted, taken = {one.spec.id: one for one in others}, sorted(names), dict[str, Written]()
    while wanted:
        name = wanted.pop()
        if name in by_id and name not in taken:
            taken[name] = by_id[name]
            wanted.extend(all_named(by_id[name].spec))
    return list(taken.values())


def written(files: Iterable[YamlFile]) -> list[Written]:
    """All rules of some files, as they are written.

    Raises: FileError with the mistakes of shape of the first file that has any."""
    found: list[Written] = []
    for file in files:
        specs = file.as_type(_ADAPTER).rules
        found.extend(Written(file, ("rules", number), spec) for number, spec in enumerate(specs))
    return found


def compile_files(files: Iterable[YamlFile], tally: Tally) -> list[Rule]:
    """The compiled rules of several files, each by itself: those that name others are not linked with them.

    Raises: FileError with the mistakes of the first file that has any."""
    return [rule for _, _, rule in compile_written(written(files), tally)]


def compile_written(found: Sequence[Written], tally: Tally, *, beside: Sequence[Written] = ()) -> list[Placed]:
    """The compiled rules, each with its place and not linked with others. `beside`: rules that are in force with them.

    Raises: FileError with the mistakes of the first file that has any."""
    rules: list[Placed] = []
    mistakes: dict[str, list[Mistake]] = {}
    homes: dict[str, str] = {}
    told = _told_to_incidents([*beside, *found])
    for one in found:
        spec, wrong = one.spec, mistakes.setdefault(one.file.name, [])
        if spec.id in homes:
            message = f'"{spec.id}" stands already in {homes[spec.id]}'
            wrong.append(one.file.mistake((*one.path, "id"), message))
            continue
        homes[spec.id] = one.file.name
        try:
            fields = set(told.get(spec.id, ()))
            rules.append((one.file, one.path, RuleCompiler(one.file, one.path, spec, tally, fields=fields).compiled()))
        except FileError as error:
            wrong.extend(error.mistakes)
    for name, wrong in mistakes.items():
        if wrong:
            raise FileError(name, wrong)
    return rules


def _rule_set(found: Sequence[Written], content: str = "") -> RuleSet:
    tally = Tally()
    rules = linked(compile_written(found, tally))
    own = tuple(rule for rule in rules if rule.spec.scope is Scope.CUSTOMER)
    incidents = tuple(rule for rule in rules if rule.spec.scope is Scope.INCIDENT)
    return RuleSet(own, set_hash([rule.spec for rule in rules]), tally, content, incidents)


def _told_to_incidents(found: Iterable[Written]) -> dict[str, set[str]]:
    """What rules must keep of their events, by id, because rules for incidents group their signals by it."""
    told: dict[str, set[str]] = {}
    for one in found:
        for rule in named_rules(one.spec):
            told.setdefault(rule, set())
            if one.spec.per not in IN_SIGNALS:
                told[rule].add(one.spec.per)
    return told


def set_hash(specs: Iterable[RuleSpec]) -> str:
    """Sixteen hex digits that name a whole set of rules, words and all."""
    whole = sorted(json.dumps(asdict(spec), sort_keys=True, default=str) for spec in specs)
    return hashlib.blake2b("\n".join(whole).encode(), digest_size=8).hexdigest()
