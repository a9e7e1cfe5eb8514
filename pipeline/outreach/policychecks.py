"""What can't be meant in a policy: each check tells its mistakes with their places."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from touchline.pipeline.outreach.plan import Plan
from touchline.pipeline.outreach.policyentries import Entry, Findings, Known
from touchline.pipeline.outreach.quiet import QuietHours
from touchline.schemas.policyfile import OFF, QuietSpec
from touchline.schemas.vocabulary import Route, Severity
from touchline.schemas.yamlfile import Path_, YamlFile, did_you_mean

_HOUR: Final = 60
_DAY: Final = 24 * _HOUR
_OWNER: Final = re.compile(r"(?:owner|party):[^\x00-\x1f\x7f]{1,64}")
_TO: Final = re.compile(r"(?:queue|owner|party):[^\x00-\x1f\x7f]{1,64}")

_ONLY_FOR: Final = {
    "queue": (Route.PERSON,),
    "skill": (Route.PERSON,),
    "answer_within": (Route.PERSON,),
    "escalate": (Route.PERSON,),
    "target": (Route.OWNER,),
    "channels": (Route.CUSTOMER, Route.PERSON),
    "template": (Route.CUSTOMER, Route.PERSON),
    "purpose": (Route.CUSTOMER, Route.PERSON),
    "cap_group": (Route.CUSTOMER,),
    "pace": (Route.CUSTOMER,),
    "quiet_hours": (Route.CUSTOMER, Route.PERSON),
    "hold_out": (Route.CUSTOMER, Route.PERSON),
    "experiment": (Route.CUSTOMER, Route.PERSON),
}
"""The routes that a field has a meaning for."""


def quiet_of(spec: QuietSpec) -> QuietHours | None:
    """As plans have it."""
    return None if spec is OFF else QuietHours.parse(spec.start, spec.end)


def check_quiet(file: YamlFile, path: Path_, spec: QuietSpec, findings: Findings) -> None:
    """Quiet hours that leave no hour, or of which nobody can say what they are."""
    quiet = quiet_of(spec)
    if quiet is None:
        return
    if quiet.start == quiet.end:
        findings.add(file, path, "begins when it ends: a whole day would let nothing out; for no quiet hours write off")
    elif (quiet.end - quiet.start) % _DAY > _DAY - _HOUR:
        findings.add(file, path, "leaves less than an hour a day in which a message may go")


def check_entry(entry: Entry, plan: Plan, groups: Collection[str], known: Known, findings: Findings) -> None:
    """All that can be said of one policy by itself. `plan`: what it comes to; `groups`: those that have a cap."""
    _check_signals(entry, known, findings)
    _check_route(entry, findings)
    _check_escalation(entry, findings)
    _check_hold_out(entry, known, findings)
    spec = entry.spec
    if spec.quiet_hours is not None:
        check_quiet(entry.file, (*entry.path, "quiet_hours"), spec.quiet_hours, findings)
    if spec.cap_group is not None and spec.cap_group not in groups:
        hint = (
            did_you_mean(spec.cap_group, groups)
            or ": write it under caps, as groups: {NAME: {messages: 1, within: 7d}}"
        )
        findings.at(entry, "cap_group", f'there is no cap for the group "{spec.cap_group}"{hint}')
    if spec.template is not None and known.templates is not None and spec.template not in known.templates:
        hint = did_you_mean(spec.template, known.templates)
        findings.at(entry, "template", f'there is no text named "{spec.template}"{hint}')
    if plan.delay >= plan.max_age:
        where = "delay" if spec.delay is not None else "max_age" if spec.max_age is not None else "id"
        findings.at(entry, where, "the delay is not shorter than max_age: all would be too old before the first look")


def _check_signals(entry: Entry, known: Known, findings: Findings) -> None:
    spec = entry.spec
    if spec.rules and (spec.severity or spec.polarity):
        findings.at(entry, "rules", "a policy stands for rules, or for a severity and polarity: not for both")
    elif not (spec.rules or spec.severity or spec.polarity):
        findings.at(entry, "id", "stands for no signal: name its rules, or a severity or polarity")
    for number, rule in enumerate(spec.rules):
        path = (*entry.path, "rules", number)
        if rule in spec.rules[:number]:
            findings.add(entry.file, path, f'"{rule}" stands here twice')
        elif known.rules is not None and rule not in known.rules and not entry.builtin:
            findings.add(entry.file, path, f'there is no rule "{rule}"{did_you_mean(rule, known.rules)}')


def _check_route(entry: Entry, findings: Findings) -> None:
    spec, route = entry.spec, entry.spec.route or Route.CUSTOMER
    for name, routes in _ONLY_FOR.items():
        if getattr(spec, name) is not None and route not in routes:
            belongs = " or ".join(routes)
            findings.at(entry, name, f'belongs to "route: {belongs}", and this one turns to the {route}')
    if route is Route.PERSON and spec.queue is None:
        findings.at(entry, "route", "a task needs a queue: name one with queue")
    if route is Route.OWNER and spec.target is not None and _OWNER.fullmatch(spec.target) is None:
        findings.at(entry, "target", f'"{spec.target}" is no owner: write owner:billing, or party:dhl for a partner')


def _check_escalation(entry: Entry, findings: Findings) -> None:
    spec, escalate = entry.spec, entry.spec.escalate
    if escalate is None:
        return
    if _TO.fullmatch(escalate.to) is None:
        findings.add(
            entry.file,
            (*entry.path, "escalate", "to"),
            f'"{escalate.to}" leads nowhere: write queue:seniors, owner:billing or party:dhl',
        )
    elif spec.queue is not None and escalate.to == f"queue:{spec.queue}":
        findings.add(entry.file, (*entry.path, "escalate", "to"), "leads nowhere: it is the queue that did not answer")
    if escalate.after is None and spec.answer_within is None:
        findings.at(entry, "escalate", "when? Give it after, or the policy answer_within")


def _check_hold_out(entry: Entry, known: Known, findings: Findings) -> None:
    spec = entry.spec
    if not spec.hold_out:
        return
    severities: set[Severity] = set(spec.severity)
    if spec.rules and known.rules is not None:
        severities = {known.rules[rule].severity for rule in spec.rules if rule in known.rules}
    if severities == {Severity.CRITICAL}:
        findings.at(entry, "hold_out", "stands for critical signals only, and for these nobody is ever held out")


def check_experiments(default: Plan, said: str, plans: Mapping[str, tuple[Entry, Plan]], findings: Findings) -> None:
    """Two experiments of one name with different shares: it could not be told who was held out. `said`: where the
    default's share comes from."""
    shares = {default.experiment: (default.hold_out, said)} if default.hold_out else {}
    for entry, plan in plans.values():
        if not plan.hold_out:
            continue
        share, where = shares.setdefault(plan.experiment, (plan.hold_out, entry.said("hold_out").origin))
        if share != plan.hold_out:
            name = "hold_out" if entry.spec.hold_out is not None else "experiment"
            message = (
                f'the experiment "{plan.experiment}" holds out {share:.0%} in {where}, and {plan.hold_out:.0%} here: '
                "give this one a name of its own with experiment"
            )
            findings.at(entry, name, message)


def check_one_each(entries: Iterable[Entry], findings: Findings) -> dict[str, Entry]:
    """Which policy each rule has that one names. Two for one rule are a mistake, but for a built-in one, which gives
    way."""
    by_rule: dict[str, Entry] = {}
    for entry in entries:
        for number, rule in enumerate(entry.spec.rules):
            other = by_rule.setdefault(rule, entry)
            if other is not entry and other.builtin is entry.builtin:
                message = f'"{rule}" has a policy already: {other.spec.id} in {other.origin}'
                findings.add(entry.file, (*entry.path, "rules", number), message)
    return by_rule
