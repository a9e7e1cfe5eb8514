"""Looks through files of rules for everything that is wrong, odd or costly; nothing of them runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.checkfields import FieldCheck
from touchline.pipeline.friction.checklogic import LogicCheck
from touchline.pipeline.friction.cost import RuleCost, cost_of, handlers
from touchline.pipeline.friction.load import BUILTIN, compile_files, load_rules, rule_files
from touchline.pipeline.friction.places import places
from touchline.pipeline.friction.rules import Rule, Tally
from touchline.pipeline.friction.ruletest import RuleTests, files_of_tests, load_tests, untested
from touchline.schemas.rulefile import Detect, RuleFile
from touchline.schemas.yamlfile import FileError, Path_, YamlFile

_ADAPTER = TypeAdapter(RuleFile)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a place in a file. `severity`: `error` (the rules can't run, or can't do what they say),
    `warning`, or `note`. `code` is one word for programs."""

    file: str
    line: int
    column: int
    where: str
    severity: str
    code: str
    message: str

    def __str__(self) -> str:
        """`file:line:column: severity: where: message`."""
        where = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {where}{self.message}"


@dataclass(slots=True)
class Report:
    """What was found, in the order of files and lines; what each rule costs; how many rules look at each kind."""

    findings: list[Finding] = field(default_factory=list)
    costs: list[RuleCost] = field(default_factory=list)
    handlers: dict[str, int] = field(default_factory=dict)

    def count(self, severity: str) -> int:
        """How many findings are that severe."""
        return sum(finding.severity == severity for finding in self.findings)


@dataclass(slots=True)
class _Checker:
    catalogue: Catalogue
    source_lateness: Mapping[str, int]
    report: Report = field(default_factory=Report)
    seen: set[tuple[str, int, int, str]] = field(default_factory=set)

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
            file.as_type(_ADAPTER)
        except FileError as error:
            self.mistakes(error)
            return None
        return file

    def compiled(self, files: list[YamlFile]) -> list[tuple[YamlFile, Path_, Rule]]:
        """The rules of the files that compile together, each with its place. A file with mistakes is left out, and the
        others are looked at without it."""
        left = list(files)
        while left:
            try:
                rules = iter(compile_files(left, Tally()))
            except FileError as error:
                self.mistakes(error)
                left = [file for file in left if file.name != error.name]
                continue
            return [
                (file, ("rules", number), next(rules))
                for file in left
                for number in range(len(file.as_type(_ADAPTER).rules))
            ]
        return []

    def rule(self, file: YamlFile, path: Path_, rule: Rule) -> None:
        def tell(at: Path_, severity: str, code: str, message: str) -> None:
            self.find(Finding(file.name, *file.place(at), ".".join(map(str, at)), severity, code, message))

        found = places(file, path, rule.spec)
        name = next(n for n in Detect.__dataclass_fields__ if getattr(rule.spec.detect, n) is not None)
        detect = getattr(rule.spec.detect, name)
        FieldCheck(self.catalogue, rule, path, found, name, detect, tell).run()
        LogicCheck(path, found, name, detect, self.source_lateness, tell).run()

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


def check_rules(paths: Iterable[Path], *, builtin: bool, source_lateness: Mapping[str, int] | None = None) -> Report:
    """Checks files and folders of rules.

    Args:
        paths: files and folders.
        builtin: whether the built-in rules are in force beside them; they count for the cost, and are not looked at.
        source_lateness: sources with a lateness of their own, in milliseconds.

    Raises: FileError when a path is not there."""
    checker = _Checker(Catalogue(), source_lateness or {})
    files = [file for path in rule_files(paths) if (file := checker.read(path)) is not None]
    found = checker.compiled(files)
    good = list(dict.fromkeys(file for file, _, _ in found))
    for file, path, rule in found:
        checker.rule(file, path, rule)
    checker.tests(good)
    rules = [rule for _, _, rule in found]
    if builtin:
        ids = {rule.spec.id for rule in rules}
        rules = [rule for rule in load_rules([BUILTIN], builtin=False).every if rule.spec.id not in ids] + rules
    report = checker.report
    report.findings.sort(key=lambda f: (f.file, f.line, f.column))
    report.costs = [cost_of(rule, checker.catalogue) for rule in rules]
    report.handlers = handlers(rules, checker.catalogue)
    return report
