"""Looks through files of texts for everything that is wrong or odd, and how long text messages get."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from touchline.pipeline.outreach.templates_file import (
    Checking,
    Library,
    read_file,
    sms_bounds,
    text_files,
    warnings_in,
)
from touchline.schemas.yamlfile import FileError, Finding, Mistake


@dataclass(frozen=True, slots=True)
class Row:
    """A text in one language. `rule`: whether it is about a rule that is in force. `html`: whether it has its own.
    `least` and `most`: its parts as a text message; 0: not known."""

    name: str
    locale: str
    rule: bool
    html: bool
    least: int
    most: int
    segments: int


@dataclass(slots=True)
class Report:
    """What was found, in the order of files and lines, and the texts of the files without errors."""

    findings: list[Finding] = field(default_factory=list)
    texts: list[Row] = field(default_factory=list)

    def count(self, severity: str) -> int:
        """How many findings are that severe."""
        return sum(finding.severity == severity for finding in self.findings)


def check_texts(paths: Iterable[Path], checking: Checking, locale: str) -> Report:
    """All mistakes of all files, not only of the first. `locale`: the default language.

    Raises: FileError when a path is not there."""
    report, library = Report(), Library()
    for path in text_files(paths):
        try:
            one, mistakes = read_file(path, library, checking)
        except FileError as error:
            report.findings += _errors(error.name, error.mistakes)
            continue
        library = one.over(library)
        report.findings += _errors(str(path), mistakes)
        if not mistakes:
            report.findings += warnings_in(one, locale)
            report.texts += _rows(one, checking)
    report.findings.sort(key=lambda finding: (finding.file, finding.line, finding.column))
    return report


def _errors(file: str, mistakes: Iterable[Mistake]) -> Iterable[Finding]:
    for one in mistakes:
        yield Finding(file, one.line, one.column, one.where, "error", "mistake", one.message)


def _rows(library: Library, checking: Checking) -> Iterable[Row]:
    rules = checking.told or {}
    for text in library.texts.values():
        for locale, version in text.versions.items():
            least, most = sms_bounds(version)
            own = version.html is not None  # and nothing is sent that has nothing in it: one part at least
            yield Row(text.name, locale, text.name in rules, own, max(least, 1), most, version.segments)
