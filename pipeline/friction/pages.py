"""Pages of Markdown about rules and their tests, made from the files: one for each file of rules, and an index."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.describe import (
    below,
    condition_words,
    detector_of,
    finds,
    least_of,
    listed,
    needs,
    next_words,
    opening,
    patterns_of,
    sides_of,
)
from touchline.pipeline.friction.evidence import shown_length
from touchline.pipeline.friction.load import BUILTIN, rule_files
from touchline.pipeline.friction.rules import counted_rules
from touchline.pipeline.friction.ruletest import SUFFIX, load_tests
from touchline.schemas.rulefile import RuleFile, RuleSpec
from touchline.schemas.ruletestfile import Expected, RuleTest, TestEvent
from touchline.schemas.vocabulary import Scope
from touchline.schemas.yamlfile import YamlFile

INDEX: Final = "README.md"
_RULES: Final = TypeAdapter(RuleFile)
_MADE: Final = "<!-- Made from the files of rules by `touchline rules docs`: change those, not this. -->\n\n"


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    specs: Sequence[RuleSpec]
    tests: Sequence[RuleTest]

    @property
    def title(self) -> str:
        """The name of the file, as a heading."""
        return self.name.replace("_", " ").capitalize()


def rule_pages(paths: Iterable[Path], title: str) -> dict[str, str]:
    """The pages by their file names.

    Args:
        paths: files and folders of rules; the tests are those beside them.
        title: of the index.

    Raises: FileError when rules or tests have mistakes."""
    catalogue = Catalogue()
    files = [_read(path, catalogue) for path in rule_files(paths)]
    known = _Known(
        {spec.id: spec for file in (*_shipped(), *files) for spec in file.specs},
        {spec.id: f"{file.name}.md#{spec.id}" for file in files for spec in file.specs},
    )
    pages = {f"{file.name}.md": _page(file, catalogue, known) for file in files}
    return {INDEX: _index(files, title), **pages}


@dataclass(frozen=True, slots=True)
class _Known:
    """The rules by their ids, built-in ones among them, and where those of these pages are told of."""

    specs: Mapping[str, RuleSpec]
    links: Mapping[str, str]

    def link(self, rule: str) -> str:
        """Its name, which leads to its section where it has one."""
        return f"[`{rule}`]({self.links[rule]})" if rule in self.links else f"`{rule}`"

    def all_of(self, spec: RuleSpec) -> list[RuleSpec]:
        """A rule and those that it stands on, or whose signals it counts."""
        counted = [self.specs[name] for name in dict.fromkeys(counted_rules(spec)) if name in self.specs]
        return [spec, *below(spec, self.specs), *counted]


def _shipped() -> list[_File]:
    return [_File(path.stem, YamlFile.read(path).as_type(_RULES).rules, ()) for path in rule_files([BUILTIN])]


def _read(path: Path, catalogue: Catalogue) -> _File:
    specs = YamlFile.read(path).as_type(_RULES).rules
    beside = path.with_name(path.stem + SUFFIX)
    if not beside.is_file():
        return _File(path.stem, specs, ())
    tests = load_tests(beside, catalogue)
    return _File(path.stem, specs, tests.tests)


def _index(files: Sequence[_File], title: str) -> str:
    total = sum(len(file.specs) for file in files)
    lines = [f"{_MADE}# {title}\n\n{total} rules, each with its tests.\n"]
    for file in files:
        lines.append(f"\n## [{file.title}]({file.name}.md)\n\n")
        lines.append(
            "| rule | what it finds | owner, control | stage | severity | polarity |\n|---|---|---|---|---|---|\n"
        )
        for spec in file.specs:
            link = f"[`{spec.id}`]({file.name}.md#{spec.id})"
            owner = f"{spec.owner}, {spec.control}"
            cells = (link, _cell(spec.description), owner, spec.stage, spec.severity, spec.polarity)
            lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def _page(file: _File, catalogue: Catalogue, known: _Known) -> str:
    sections = [_section(spec, file, catalogue, known) for spec in file.specs]
    return f"{_MADE}# {file.title}\n\n[All rules]({INDEX})\n" + "".join(sections)


def _section(spec: RuleSpec, file: _File, catalogue: Catalogue, known: _Known) -> str:
    name, _ = detector_of(spec)
    rows = [
        ("finds", f"`{name}`: {' '.join(finds(spec))}"),
        ("counts by", "customer" if spec.per == "customer" else f"`{spec.per}`"),
        ("whose", f"{spec.owner}; control {spec.control}, unless the evidence names another party"),
        (
            "stage, severity",
            f"{spec.stage}, {spec.severity}" + ("" if spec.polarity == "friction" else f"; {spec.polarity}"),
        ),
        ("ends", _ends(spec)),
        *([("explains signals of", listed(spec.covers, "and"))] if spec.covers else []),
        *([("may reach next", next_words(spec.exposed))] if spec.exposed is not None else []),
        ("evidence", f"`{_cell(spec.evidence)}`"),
        ("action", _cell(spec.action)),
    ]
    table = "".join(f"| {name} | {_cell(text)} |\n" for name, text in rows)
    own = {one.id for one in file.specs}
    told = "".join(_timeline(spec, test, known, own) for test in file.tests)
    return f"\n## {spec.id}\n\n{spec.description}\n\n| | |\n|---|---|\n{table}{_inputs(spec, catalogue, known)}" + (
        f"\nIts tests:\n\n```text\n{told.rstrip()}\n```\n" if told else ""
    )


def _inputs(spec: RuleSpec, catalogue: Catalogue, known: _Known) -> str:
    """The events that it waits for, or the rules."""
    if not sides_of(spec):
        events = "".join(f"| `{kind}` | {', '.join(found)} |\n" for kind, found in needs(spec, catalogue).items())
        return f"\n| event | what it looks at |\n|---|---|\n{events}"
    rules = [(name, known.specs.get(name)) for side in sides_of(spec) for name in side]
    named = "".join(f"| {known.link(name)} | {_cell(part.description if part else '')} |\n" for name, part in rules)
    return f"\n| signals of | what they tell |\n|---|---|\n{named}"


def _ends(spec: RuleSpec) -> str:
    parts = []
    if sides_of(spec):
        parts.append("resolved when so many of its signals are that it is not true any more")
    if spec.resolve:
        which = ", or ".join(listed(pattern.event) + condition_words(pattern.where) for pattern in spec.resolve)
        parts.append(f"resolved by {which}")
    if spec.detect.absence is not None:
        parts.append("resolved by what was expected, when it comes too late")
    parts.append(f"expires {shown_length(spec.expires)} after what it rests on")
    if spec.cooldown:
        parts.append(f"no other for {shown_length(spec.cooldown)}")
    return "; ".join(parts)


def _timeline(spec: RuleSpec, test: RuleTest, known: _Known, own: Collection[str]) -> str:
    """What a test shows of one rule: the events that the rule waits for, and its signals; of a rule on rules, also
    those of the rules that it names. Nothing when it is about other rules only."""
    rules = known.all_of(spec)
    about = {rule.id for rule in rules} if sides_of(spec) else {spec.id}
    mine = [expected for expected in test.expect if expected.rule in about]
    kinds = {kind for rule in rules for pattern in patterns_of(rule) for kind in pattern.event}
    shown = [event for event in test.events if _waited_for(event.kind, kinds)]
    begins = any(_waited_for(event.kind, opening(rule)) for rule in rules for event in shown)
    if not begins or (test.expect and not mine) or not _concerns(spec, test, known, own):
        return ""
    if mine and spec.scope is Scope.CUSTOMER and all(expected.customer for expected in mine):
        who = {expected.customer for expected in mine}
        shown = [event for event in shown if (event.customer or test.customer) in who]
    several = spec.scope is Scope.INCIDENT or len({event.customer or test.customer for event in shown}) > 1
    lines = [(event.at, 0, _event(event, several, test.customer)) for event in shown]
    lines += [(0 if e.at is None else e.at, 1, _signal(e, several)) for e in mine]
    body = "".join(f"  {_offset(at):<9} {text}\n" for at, _, text in sorted(lines, key=lambda line: line[:2]))
    if not any(expected.rule == spec.id for expected in mine):
        body += f"  {'' if test.advance is None else _offset(test.advance):<9} no signal\n"
    return f"{test.name}\n{body}\n"


def _concerns(spec: RuleSpec, test: RuleTest, known: _Known, own: Collection[str]) -> bool:
    """Whether a test is about a rule on rules: it expects one, or signals of as many sides as make one. Those of rules
    of other files need not be expected, so the events that begin them tell."""
    expected = {one.rule for one in test.expect}
    if not sides_of(spec) or spec.id in expected:
        return True

    def begins(name: str) -> bool:
        if name in own or name in expected:
            return name in expected
        rules = known.all_of(known.specs[name]) if name in known.specs else []
        return any(_waited_for(event.kind, opening(rule)) for rule in rules for event in test.events)

    return sum(any(map(begins, side)) for side in sides_of(spec)) >= least_of(spec)


def _offset(ms: int) -> str:
    """As in a test file: `3d`, `1h30m`."""
    parts = []
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"), (1, "ms")):
        count, ms = divmod(ms, unit)
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts) or "0"


def _waited_for(kind: str, wanted: Iterable[str]) -> bool:
    return any(kind == one or (one.endswith(".*") and kind.startswith(one[:-1])) for one in wanted)


def _event(event: TestEvent, several: bool, customer: str) -> str:
    said: list[str] = [*event.subjects, *(str(word) for word in (event.channel, event.stage, event.party) if word)]
    if event.score is not None:
        said.append(f"{event.score.scale} {event.score.value:g}")
    said += [
        f"{name} {value:g}"
        for name, value in (
            ("sentiment", event.sentiment),
            ("wait_seconds", event.wait_seconds),
            ("duration_seconds", event.duration_seconds),
        )
        if value is not None
    ]
    said += [f"{name}={value}" for name, value in event.attributes.items()]
    if event.text is not None:
        said.append(f'"{event.text}"')
    if event.arrives is not None:
        said.append(f"(arrives {_offset(event.arrives)})")
    who = f"{event.customer or customer}: " if several else ""
    if event.repeat is not None:
        every = f", each {_offset(event.repeat.every)} later" if event.repeat.every else ""
        said.append(f"({event.repeat.times} times{every}: n is 1, 2 …)")
    return f"{who}{event.kind}" + ("  " + ", ".join(said) if said else "")


def _signal(expected: Expected, several: bool) -> str:
    who = f"{expected.customer}: " if several and expected.customer else ""
    about = [f"group {expected.group}"] if expected.group else []
    words = (("control", expected.control), ("count", expected.count), ("customers", expected.customers))
    about += [f"{word} {value}" for word, value in words if value]
    status = "" if expected.status == "open" else f" ({expected.status})"
    return (
        f"=> {who}{expected.rule}{status}"
        + ("  " + ", ".join(about) if about else "")
        + (f"  {expected.evidence}" if expected.evidence else "")
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
