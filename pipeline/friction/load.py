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
from touchline.pipeline.friction.fields import PRIVATE
from touchline.pipeline.friction.rules import Rule, RuleSet, Tally, named_rules
from touchline.schemas.rulefile import RuleFile, RuleSpec
from touchline.schemas.ruleset import RuleText
from touchline.schemas.vocabulary import Scope
from touchline.schemas.yamlfile import FileError, Mistake, Path_, YamlFile, did_you_mean, read_text

BUILTIN: Final = Path(__file__).with_name("rules")
"""The folder of the built-in rules."""

_ADAPTER: Final = TypeAdapter(RuleFile)
_TESTS: Final = (".test.yaml", ".test.yml")


@dataclass(frozen=True, slots=True)
class _Placed:
    """A rule and where it stands."""

    file: YamlFile
    path: Path_
    spec: RuleSpec

    def mistake(self, path: Path_, message: str) -> Mistake:
        return self.file.mistake((*self.path, *path), message)


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
    own, shipped = (
        _placed(YamlFile(one.text, one.name) for one in texts if one.builtin is builtin) for builtin in (False, True)
    )
    ids = {placed.spec.id for placed in own}
    kept = [placed for placed in shipped if placed.spec.id not in ids]
    return _rule_set([*kept, *own], content_of(texts))


def load_tested(path: Path) -> tuple[RuleSet, frozenset[str]]:
    """The rules of one file, and the built-in ones that they name and that do not stand there; and the ids of the
    former.

    Raises: FileError with every mistake of the file."""
    own = _placed(YamlFile.read(found) for found in rule_files([path]))
    ids = frozenset(placed.spec.id for placed in own)
    return _rule_set([*_named_by(own), *own]), ids


def _named_by(own: Sequence[_Placed]) -> list[_Placed]:
    """The built-in rules that others name without having them."""
    named = {rule for placed in own for rule in named_rules(placed.spec)} - {placed.spec.id for placed in own}
    if not named:
        return []
    return [placed for placed in _shipped() if placed.spec.id in named]


def _shipped() -> list[_Placed]:
    return _placed(YamlFile.read(path) for path in rule_files([BUILTIN]))


def content_of(texts: Iterable[RuleText]) -> str:
    """Names what was read, to the letter: sixteen hex digits."""
    whole = json.dumps([(one.name, one.text, one.builtin) for one in texts])
    return hashlib.blake2b(whole.encode(), digest_size=8).hexdigest()


def parse_rules(text: str, name: str = "rules") -> RuleSet:
    """The rules of one text.

    Raises: FileError with every mistake."""
    return _rule_set(_placed([YamlFile(text, name)]))


def _placed(files: Iterable[YamlFile]) -> list[_Placed]:
    found: list[_Placed] = []
    for file in files:
        specs = file.as_type(_ADAPTER).rules
        found.extend(_Placed(file, ("rules", number), spec) for number, spec in enumerate(specs))
    return found


def compile_files(files: Iterable[YamlFile], tally: Tally) -> list[Rule]:
    """The compiled rules of several files, in their order. They may name built-in ones.

    Raises: FileError with the mistakes of the first file that has any."""
    own = _placed(files)
    ids = {placed.spec.id for placed in own}
    return [rule for rule in _compiled([*_named_by(own), *own], tally) if rule.spec.id in ids]


def _rule_set(placed: Sequence[_Placed], content: str = "") -> RuleSet:
    tally = Tally()
    rules = _compiled(placed, tally)
    own = tuple(rule for rule in rules if rule.spec.scope is Scope.CUSTOMER)
    incidents = tuple(rule for rule in rules if rule.spec.scope is Scope.INCIDENT)
    return RuleSet(own, set_hash([rule.spec for rule in rules]), tally, content, incidents)


def _compiled(placed: Sequence[_Placed], tally: Tally) -> list[Rule]:
    rules: list[Rule] = []
    mistakes: dict[str, list[Mistake]] = {}
    homes: dict[str, str] = {}
    told = _told_to_incidents(placed)
    for one in placed:
        spec, wrong = one.spec, mistakes.setdefault(one.file.name, [])
        if spec.id in homes:
            wrong.append(one.mistake(("id",), f'"{spec.id}" stands already in {homes[spec.id]}'))
            continue
        homes[spec.id] = one.file.name
        try:
            rules.append(RuleCompiler(one.file, one.path, spec, tally, fields=set(told.get(spec.id, ()))).compiled())
        except FileError as error:
            wrong.extend(error.mistakes)
        wrong.extend(_wrong_references(one, placed))
    for name, wrong in mistakes.items():
        if wrong:
            raise FileError(name, wrong)
    return rules


def _told_to_incidents(placed: Iterable[_Placed]) -> dict[str, set[str]]:
    """What rules must keep of their events, by id, because rules for incidents group their signals by it."""
    told: dict[str, set[str]] = {}
    for one in placed:
        for rule in named_rules(one.spec):
            told.setdefault(rule, set())
            if one.spec.per not in IN_SIGNALS:
                told[rule].add(one.spec.per)
    return told


def _wrong_references(one: _Placed, placed: Sequence[_Placed]) -> list[Mistake]:
    """Rules that an incident names and that are not there, and a cause that may not be told."""
    if one.spec.scope is Scope.CUSTOMER:
        return []
    affected = one.spec.detect.affected
    known = [other.spec.id for other in placed if other.spec.scope is Scope.CUSTOMER]
    named: list[tuple[Path_, str]] = [(("covers", n), rule) for n, rule in enumerate(one.spec.covers)]
    if affected is not None:
        named += [(("detect", "affected", "signals", n), rule) for n, rule in enumerate(affected.signals)]
    private = (
        [one.mistake(("per",), f'"{one.spec.per}" is personal and is no cause')] if one.spec.per in PRIVATE else []
    )
    return private + [
        one.mistake(path, f'there is no rule "{rule}" about a customer' + did_you_mean(rule, known))
        for path, rule in named
        if rule not in known
    ]


def set_hash(specs: Iterable[RuleSpec]) -> str:
    """Sixteen hex digits that name a whole set of rules, words and all."""
    whole = sorted(json.dumps(asdict(spec), sort_keys=True, default=str) for spec in specs)
    return hashlib.blake2b("\n".join(whole).encode(), digest_size=8).hexdigest()
