"""Looks through files of rules for everything that is wrong, odd or costly; nothing of them runs."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter

from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.checkfields import FieldCheck
from touchline.pipeline.friction.checklinks import LinkCheck
from touchline.pipeline.friction.checklogic import LogicCheck
from touchline.pipeline.friction.composite import CompositeDetector
from touchline.pipeline.friction.cost import RuleCost, cost_of, handlers
from touchline.pipeline.friction.linking import Placed, linked
from touchline.pipeline.friction.load import BUILTIN, compile_written, rule_files, written
from touchline.pipeline.friction.mapkinds import MadeKinds
from touchline.pipeline.friction.places import places
from touchline.pipeline.friction.rules import Rule, Tally
from touchline.pipeline.friction.ruletest import RuleTests, files_of_tests, load_tests, untested
from touchline.schemas.mapfile import MapFile
from touchline.schemas.rulefile import Detect, RuleFile
from touchline.schemas.yamlfile import FileError, Finding, Path_, YamlFile

_ADAPTER = TypeAdapter(RuleFile)


@dataclass(slots=True)
class Report:
    """What was found, in the order of files and lines; what each rule costs, last those that were `checked`; how many
    rules look at each kind."""

    findings: list[Finding] = field(default_factory=list)
    costs: list[RuleCost] = field(default_factory=list)
    checked: int = 0
    handlers: dict[str, int] = field(default_factory=dict)

    def count(self, severity: str) -> int:
        """How many findings are that severe."""
        return sum(finding.severity == severity for finding in self.findings)


@dataclass(slots=True)
class _Checker:
    catalogue: Catalogue
    source_lateness: Mapping[str, int]
    words: Set[str]
    report: Report = field(default_factory=Report)
    kinds_told: set[tuple[str, str]] = field(default_factory=set)
    seen: set[tuple[str, int, int, str]] = field(default_factory=set)
    by_id: dict[str, Rule] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)

    def mistakes(self, error: FileError, code: str = "mistake") -> None:
        for mistake in error.mistakes:
            self.find(Finding(error.name, mistake.line, mistake.column, mistake.where, "error", code, mistake.message))

    def find(self, finding: Finding) -> None:
        place = (finding.file, finding.line, finding.column, finding.message)
        if place not in self.seen:
            self.seen.add(place)
            self.report.findings.append(finding)

    def read(self, path: Path) -> YamlFile | None:
        """A file of the right shape; None when it has mistakes, which are told."""
        try:
            file = YamlFile.read(path)
        except FileError as error:
            self.mistakes(error)
            return None
        try:
            file.as_type(_ADAPTER)
        except FileError as error:
            self.mistakes(error)
            self.absent |= _ids(file)
            return None
        return file

    def compiled(self, files: list[YamlFile], *, builtin: bool) -> tuple[list[Placed], list[Rule]]:
        """The rules of the files that compile together, each with its place; and all that are in force with them. A
        file with mistakes is left out, and the others are looked at without it."""
        left = list(files)
        shipped = written(YamlFile.read(path) for path in rule_files([BUILTIN])) if builtin else []
        while True:
            try:
                mine = written(left)
                ids = {one.spec.id for one in mine} | self.absent
                beside = [one for one in shipped if one.spec.id not in ids]
                placed = compile_written(mine, Tally(), beside=beside)
                others = compile_written(beside, Tally(), beside=mine)
                rules = linked([*others, *placed], self.absent)
            except FileError as error:
                self.mistakes(error)
                self.absent |= {name for file in left if file.name == error.name for name in _ids(file)}
                left = [file for file in left if file.name != error.name]
                continue
            own = rules[len(others) :]
            return [(file, path, rule) for (file, path, _), rule in zip(placed, own, strict=True)], rules

    def rule(self, file: YamlFile, path: Path_, rule: Rule) -> None:
        def tell(at: Path_, severity: str, code: str, message: str) -> None:
            if code == "unknown_kind":
                # Once in a file: it may stand in every rule, and it is one mistake or none.
                if (file.name, message) in self.kinds_told:
                    return
                self.kinds_told.add((file.name, message))
            self.find(file.finding(at, severity, code, message))

        found = places(file, path, rule.spec)
        name = next(n for n in Detect.__dataclass_fields__ if getattr(rule.spec.detect, n) is not None)
        detect = getattr(rule.spec.detect, name)
        FieldCheck(self.catalogue, rule, path, found, name, detect, tell, self.words).run()
        LogicCheck(path, found, name, detect, self.source_lateness, tell).run()
        if isinstance(rule.detector, CompositeDetector):
            LinkCheck(path, rule, rule.detector, self.by_id, tell).run()

    def tests(self, files: Iterable[YamlFile]) -> None:
        """Rules without a test that fires or one that stays silent. The tests themselves are not run."""
        beside: dict[Path, list[RuleTests]] = {}
        for path in files_of_tests({Path(file.name).parent for file in files}):
            try:
                tests = load_tests(path, self.catalogue)
            except FileError as error:
                if error.name == str(path):
                    self.mistakes(error)
                continue
            beside.setdefault(tests.rule_file, []).append(tests)
        for file in files:
            found = beside.get(Path(file.name), [])
            missing = untested(found[0].rules, found, found[0].ids) if found else []
            for number, spec in enumerate(file.as_type(_ADAPTER).rules):
                lacks = [f"has no test in which it {what}" for rule, what in missing if rule == spec.id]
                place = file.place(("rules", number, "id"))
                for message in lacks if found else ["has no tests"]:
                    self.find(Finding(file.name, *place, spec.id, "warning", "untested", message))


def _ids(file: YamlFile) -> set[str]:
    """The ids of the rules of a file, whatever mistakes it has: who names one of them has made none."""
    rules = file.data.get("rules") if isinstance(file.data, Mapping) else None
    listed = rules if isinstance(rules, list) else []
    return {str(rule["id"]) for rule in listed if isinstance(rule, Mapping) and "id" in rule}


def check_rules(
    paths: Iterable[Path],
    *,
    builtin: bool,
    source_lateness: Mapping[str, int] | None = None,
    maps: Iterable[MapFile] = (),
) -> Report:
    """Checks files and folders of rules.

    Args:
        paths: files and folders.
        builtin: whether the built-in rules are in force beside them; they count for the cost, and are not looked at.
        source_lateness: sources with a lateness of their own, in milliseconds.
        maps: import maps; the kinds and attributes that they make are known besides those of the catalogue.

    Raises: FileError when a path is not there."""
    catalogue, made = Catalogue(), MadeKinds()
    for whole in maps:
        made.add(whole)
    for kind, entry in made.kinds.items():
        listed = catalogue.kinds.get(kind)
        catalogue.kinds[kind] = replace(entry, attributes={**(listed.attributes if listed else {}), **entry.attributes})
    checker = _Checker(catalogue, source_lateness or {}, made.words)
    files = [file for path in rule_files(paths) if (file := checker.read(path)) is not None]
    found, rules = checker.compiled(files, builtin=builtin)
    checker.by_id = {rule.spec.id: rule for rule in rules}
    good = list(dict.fromkeys(file for file, _, _ in found))
    for file, path, rule in found:
        checker.rule(file, path, rule)
    checker.tests(good)
    report = checker.report
    report.findings.sort(key=lambda f: (f.file, f.line, f.column))
    report.costs = [cost_of(rule, catalogue) for rule in rules]
    report.checked = len(found)
    report.handlers = handlers(rules, catalogue)
    return report
