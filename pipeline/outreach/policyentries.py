"""Policies as they are written, and where each word of them stands."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from pydantic import TypeAdapter

from touchline.schemas.policyfile import PolicyFile, PolicySpec
from touchline.schemas.rulefile import RuleSpec
from touchline.schemas.ruleset import RuleText
from touchline.schemas.yamlfile import FileError, Finding, Mistake, Path_, YamlFile

_ADAPTER: Final = TypeAdapter(PolicyFile)


@dataclass(frozen=True, slots=True)
class Known:
    """What policies may name. None: not looked at; a worker knows its texts but not what rules others work by.

    `rules`: the rules in force, by id. `templates`: the names of texts."""

    rules: Mapping[str, RuleSpec] | None = None
    templates: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A value that a file gives, and where it stands."""

    file: YamlFile
    path: Path_
    value: Any
    builtin: bool = False

    @property
    def origin(self) -> str:
        """The file and the line, as a person reads it."""
        name = f"{self.file.name}:{self.file.place(self.path)[0]}"
        return f"built-in {name}" if self.builtin else name


@dataclass(frozen=True, slots=True)
class Entry:
    """A policy and where it stands."""

    file: YamlFile
    path: Path_
    spec: PolicySpec
    builtin: bool

    def said(self, name: str, value: Any = None) -> Said:
        """One of its fields."""
        return Said(self.file, (*self.path, name), value, self.builtin)

    @property
    def origin(self) -> str:
        """Where it stands."""
        return self.said("id").origin


@dataclass(slots=True)
class Findings:
    """What is wrong with files, in the order in which it was found."""

    found: list[Finding] = field(default_factory=list)

    def add(self, file: YamlFile, path: Path_, message: str, *, severity: str = "error", code: str = "mistake") -> None:
        """Something about a place in a file."""
        line, column = file.place(path)
        self.found.append(Finding(file.name, line, column, ".".join(map(str, path)), severity, code, message))

    def at(self, entry: Entry, name: str, message: str, *, severity: str = "error", code: str = "mistake") -> None:
        """Something about a field of a policy, or about the whole of it where the field is not there."""
        self.add(entry.file, (*entry.path, name), message, severity=severity, code=code)

    def take(self, error: FileError) -> None:
        """The mistakes of a file that can't be read."""
        for mistake in error.mistakes:
            one = (mistake.line, mistake.column, mistake.where)
            self.found.append(Finding(error.name, *one, "error", "mistake", mistake.message))

    def count(self, severity: str) -> int:
        """How many are that severe."""
        return sum(finding.severity == severity for finding in self.found)

    def refuse(self) -> None:
        """Raises: FileError with all mistakes of the first file that has any."""
        errors = [finding for finding in self.found if finding.severity == "error"]
        if errors:
            first = errors[0].file
            mistakes = [Mistake(e.line, e.column, e.where, e.message) for e in errors if e.file == first]
            raise FileError(first, mistakes)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file of the right shape."""

    file: YamlFile
    content: PolicyFile
    builtin: bool


def parse(texts: Iterable[RuleText], findings: Findings) -> list[Parsed]:
    """The files of the right shape; the mistakes of the others are told."""
    found = []
    for one in texts:
        try:
            file = YamlFile(one.text, one.name)
            found.append(Parsed(file, file.as_type(_ADAPTER), one.builtin))
        except FileError as error:
            findings.take(error)
    return found


def entries_of(files: Sequence[Parsed], findings: Findings) -> list[Entry]:
    """The policies in force, in order, the built-in ones last: one with the id of a built-in one replaces it."""
    own: dict[str, Entry] = {}
    shipped: dict[str, Entry] = {}
    for one in files:
        homes = shipped if one.builtin else own
        for number, spec in enumerate(one.content.policies):
            entry = Entry(one.file, ("policies", number), spec, one.builtin)
            if spec.id in homes:
                findings.at(entry, "id", f'"{spec.id}" stands already in {homes[spec.id].origin}')
            else:
                homes[spec.id] = entry
    return [*own.values(), *(entry for name, entry in shipped.items() if name not in own)]


def shared_of(files: Iterable[Parsed], findings: Findings) -> dict[Path_, Said]:
    """What holds for all policies, by its path in a file (`("defaults", "delay")`, `("caps", "groups", "asks")`). Each
    is said once; what the files say themselves replaces what a built-in file says."""
    own: dict[Path_, Said] = {}
    shipped: dict[Path_, Said] = {}
    for one in files:
        homes = shipped if one.builtin else own
        for path, value in _shared(one.content):
            said = Said(one.file, path, value, one.builtin)
            if path in homes:
                findings.add(one.file, path, f"is said already in {homes[path].origin}, for all policies")
            else:
                homes[path] = said
    return {**shipped, **own}


def _shared(content: PolicyFile) -> Iterator[tuple[Path_, Any]]:
    for name in ("zone", "quiet_hours"):
        if (value := getattr(content, name)) is not None:
            yield (name,), value
    for item in fields(content.defaults) if content.defaults is not None else ():
        if (value := getattr(content.defaults, item.name)) is not None:
            yield ("defaults", item.name), value
    caps = content.caps
    if caps is not None:
        if caps.total is not None:
            yield ("caps", "total"), caps.total
        yield from ((("caps", "channels", channel), cap) for channel, cap in caps.channels.items())
        yield from ((("caps", "groups", group), cap) for group, cap in caps.groups.items())
