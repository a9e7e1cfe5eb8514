"""Reads files of policies and makes one book of plans of them.

What counts, in this order: what a policy says itself, the `defaults` of the files, the settings. Which policy counts
for a signal: one for its rule before one for its severity and polarity; of each sort the files' own before the built-in
ones, and then the one that names both before one that names either.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, Final
from zoneinfo import available_timezones

from touchline.pipeline.outreach.plan import Cap, Escalation, Plan, PolicyBook
from touchline.pipeline.outreach.policychecks import (
    check_entry,
    check_experiments,
    check_one_each,
    check_quiet,
    quiet_of,
)
from touchline.pipeline.outreach.policyentries import Entry, Findings, Known, Said, entries_of, parse, shared_of
from touchline.pipeline.outreach.quiet import zone_named
from touchline.schemas.policyfile import PolicySpec
from touchline.schemas.ruleset import RuleText
from touchline.schemas.vocabulary import Channel, Polarity, Route, Severity
from touchline.schemas.yamlfile import Path_, did_you_mean, read_text, yaml_files

BUILTIN: Final = Path(__file__).with_name("policies")
"""The folder of the built-in policies."""

SETTINGS: Final = "settings"
"""Where a value comes from that no file gives."""

_ALL: Final = Known()
_PLAIN: Final = (
    "purpose", "route", "channels", "template", "delay", "cooldown", "priority", "cap_group", "max_age", "hold_out",
    "experiment", "pace", "skill", "answer_within",
)  # fmt: skip
"""Fields of a policy that a plan has by the same name and in the same form."""


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Policies, compiled. `entries`: those in force as they are written, by id; `by_rule` and `by_kind`: which of them
    stands for what. `shared`: what holds for all, by its path in a file. `origins`: of each plan, by its id, where each
    of its values was said; what is not there stands in the settings."""

    book: PolicyBook
    entries: Mapping[str, Entry] = field(default_factory=dict)
    by_rule: Mapping[str, Entry] = field(default_factory=dict)
    by_kind: Mapping[tuple[Polarity, Severity], Entry] = field(default_factory=dict)
    shared: Mapping[Path_, Said] = field(default_factory=dict)
    origins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_policies(paths: Iterable[Path] = (), *, builtin: bool = True) -> tuple[RuleText, ...]:
    """The texts of policy files and folders, and of the built-in ones.

    Raises: FileError when one can't be read."""
    own = [RuleText(name=str(path), text=read_text(path)) for path in yaml_files(paths, "policies")]
    shipped = yaml_files([BUILTIN], "policies") if builtin else ()
    return (*own, *(RuleText(name=path.name, text=read_text(path), builtin=True) for path in shipped))


def compile_policies(texts: Sequence[RuleText], base: PolicyBook, known: Known = _ALL) -> PolicySet:
    """The policies of all texts.

    Args:
        texts: of files; a policy with the id of a built-in one replaces it.
        base: what the settings say. Its switches stay as they are.
        known: what policies may name.

    Raises: FileError with every mistake of the first file that has any."""
    findings = Findings()
    found = look_through(texts, base, known, findings)
    findings.refuse()
    return found


def look_through(texts: Sequence[RuleText], base: PolicyBook, known: Known, findings: Findings) -> PolicySet:
    """The same, but what is wrong is told: files and policies with mistakes are then not as they should be."""
    files = parse(texts, findings)
    shared = shared_of(files, findings)
    entries = entries_of(files, findings)
    _check_shared(shared, findings)
    default, where = _default(base.default, shared)
    groups = dict(base.group_caps) | _caps(shared, "groups")
    plans = {entry.spec.id: (entry, *_plan(entry, default, where)) for entry in entries}
    for entry, plan, _ in plans.values():
        check_entry(entry, plan, groups, known, findings)
    both = {name: (entry, plan) for name, (entry, plan, _) in plans.items()}
    check_experiments(default, where.get("hold_out", SETTINGS), both, findings)
    by_rule = check_one_each(entries, findings)
    by_kind = _by_kind(entries, findings)
    total, zone = shared.get(("caps", "total")), shared.get(("zone",))
    book = replace(
        base,
        default=default,
        by_rule={rule: plans[entry.spec.id][1] for rule, entry in by_rule.items()},
        by_kind={kind: plans[entry.spec.id][1] for kind, entry in by_kind.items()},
        cap=base.cap if total is None else Cap(total.value.messages, total.value.within),
        channel_caps={Channel(name): cap for name, cap in _caps(shared, "channels").items()},
        group_caps=groups,
        zone=(zone_named(zone.value) if zone is not None else None) or base.zone,
    )
    origins = {default.id: where, **{name: said for name, (_, _, said) in plans.items()}}
    in_force = {entry.spec.id: entry for entry in entries}
    return PolicySet(replace(book, content=content_of(book)), in_force, by_rule, by_kind, shared, origins)


def content_of(book: PolicyBook) -> str:
    """Sixteen hex digits that name all that policies and settings say; switches are no part of it."""
    plans = {
        "default": asdict(book.default),
        "rules": {rule: asdict(plan) for rule, plan in book.by_rule.items()},
        "kinds": {"/".join(kind): asdict(plan) for kind, plan in book.by_kind.items()},
        "caps": [asdict(book.cap), *({name: asdict(cap) for name, cap in caps.items()} for caps in _all_caps(book))],
        "zone": str(book.zone),
    }
    whole = json.dumps(plans, sort_keys=True, default=str)
    return hashlib.blake2b(whole.encode(), digest_size=8).hexdigest()


def _all_caps(book: PolicyBook) -> tuple[Mapping[str, Cap], Mapping[str, Cap]]:
    return {str(channel): cap for channel, cap in book.channel_caps.items()}, book.group_caps


def _check_shared(shared: Mapping[Path_, Said], findings: Findings) -> None:
    zone, quiet = shared.get(("zone",)), shared.get(("quiet_hours",))
    if zone is not None and zone_named(zone.value) is None:
        hint = did_you_mean(zone.value, available_timezones()) or ": write a name such as Europe/Berlin or UTC"
        findings.add(zone.file, zone.path, f'"{zone.value}" is no time zone{hint}')
    if quiet is not None:
        check_quiet(quiet.file, quiet.path, quiet.value, findings)


def _default(plan: Plan, shared: Mapping[Path_, Said]) -> tuple[Plan, dict[str, str]]:
    """What holds where no policy says anything, and where that was said."""
    said = {path[-1]: one for path, one in shared.items() if path[0] == "defaults"}
    values: dict[str, Any] = {str(name): one.value for name, one in said.items()}
    where = {str(name): one.origin for name, one in said.items()}
    quiet = shared.get(("quiet_hours",))
    if quiet is not None:
        values["quiet"], where["quiet"] = quiet_of(quiet.value), quiet.origin
    return replace(plan, **values), where


def _caps(shared: Mapping[Path_, Said], sort: str) -> dict[str, Cap]:
    found = {str(path[2]): one.value for path, one in shared.items() if path[:2] == ("caps", sort)}
    return {name: Cap(cap.messages, cap.within) for name, cap in found.items()}


def _plan(entry: Entry, default: Plan, where: Mapping[str, str]) -> tuple[Plan, dict[str, str]]:
    """What a policy comes to, and where each of its values was said."""
    spec = entry.spec
    values = {name: value for name in _PLAIN if (value := getattr(spec, name)) is not None}
    where = dict(where) | {name: entry.said(name).origin for name in values}
    for name, field_, value in _others(spec):
        values[name], where[name] = value, entry.said(field_).origin
    if spec.route is Route.OWNER:
        # Owners are told of everything: an experiment is about customers.
        values["hold_out"], where["hold_out"] = 0.0, where["route"]
    return replace(default, id=spec.id, **values), where


def _others(spec: PolicySpec) -> list[tuple[str, str, Any]]:
    """What a plan has in another form: its name there, its name in the file, and the value."""
    found: list[tuple[str, str, Any]] = []
    if spec.quiet_hours is not None:
        found.append(("quiet", "quiet_hours", quiet_of(spec.quiet_hours)))
    if spec.queue is not None:
        found.append(("target", "queue", f"queue:{spec.queue}"))
    elif spec.target is not None:
        found.append(("target", "target", spec.target))
    if spec.escalate is not None:
        after = spec.escalate.after or spec.answer_within or 0
        found.append(("escalation", "escalate", Escalation(after, spec.escalate.to)))
    return found


def _by_kind(entries: Sequence[Entry], findings: Findings) -> dict[tuple[Polarity, Severity], Entry]:
    by_kind: dict[tuple[Polarity, Severity], Entry] = {}
    told: set[tuple[str, str]] = set()
    for kind in product(Polarity, Severity):
        fitting = [entry for entry in entries if _stands_for(entry.spec, *kind)]
        if not fitting:
            continue
        best = max(_narrowness(entry) for entry in fitting)
        one, *more = [entry for entry in fitting if _narrowness(entry) == best]
        by_kind[kind] = one
        for other in more:
            if (one.spec.id, other.spec.id) not in told:
                told.add((one.spec.id, other.spec.id))
                polarity, severity = kind
                message = (
                    f"{polarity} of {severity} severity has a policy already: {one.spec.id} in {one.origin}; "
                    "the one that names both a severity and a polarity would count"
                )
                findings.at(other, "severity" if other.spec.severity else "polarity", message)
    return by_kind


def _stands_for(spec: PolicySpec, polarity: Polarity, severity: Severity) -> bool:
    if spec.rules or not (spec.polarity or spec.severity):
        return False
    return polarity in (spec.polarity or tuple(Polarity)) and severity in (spec.severity or tuple(Severity))


def _narrowness(entry: Entry) -> tuple[bool, int]:
    return not entry.builtin, bool(entry.spec.polarity) + bool(entry.spec.severity)
