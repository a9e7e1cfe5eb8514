"""What is odd about policies that have no mistakes: it counts, but is most likely not meant."""

from collections.abc import Callable, Mapping
from typing import Final

from touchline.pipeline.engine.clock import MINUTE
from touchline.pipeline.outreach.plan import Plan
from touchline.pipeline.outreach.policyentries import Entry, Findings
from touchline.pipeline.outreach.policyfiles import PolicySet
from touchline.schemas.rulefile import RuleSpec
from touchline.schemas.vocabulary import Polarity, Purpose, Route, Severity
from touchline.schemas.yamlfile import did_you_mean

_DAY: Final = 24 * 60
_SHOWN: Final = 5
_Tell = Callable[[str, str, str], None]


def lint(policies: PolicySet, rules: Mapping[str, RuleSpec], findings: Findings) -> None:
    """Tells warnings and notes about the files' own policies. `rules`: those in force, by id."""
    owners = {spec.owner for spec in rules.values()}
    for entry in policies.entries.values():
        if entry.builtin:
            continue
        plan = _plan_of(policies, entry)
        _signals(entry, policies, rules, findings)
        _owners(entry, owners, findings)
        if plan is not None:
            _values(entry, plan, rules, findings)
    _caps(policies, findings)


def rules_of(policies: PolicySet, rules: Mapping[str, RuleSpec]) -> dict[str, list[str]]:
    """For which rules each policy counts, by its id; `default` for those of which none speaks."""
    found: dict[str, list[str]] = {"default": [], **{name: [] for name in policies.entries}}
    for rule, spec in rules.items():
        entry = policies.by_rule.get(rule) or policies.by_kind.get((spec.polarity, spec.severity))
        found["default" if entry is None else entry.spec.id].append(rule)
    return found


def _plan_of(policies: PolicySet, entry: Entry) -> Plan | None:
    plans = (*policies.book.by_rule.values(), *policies.book.by_kind.values())
    return next((plan for plan in plans if plan.id == entry.spec.id), None)


def _signals(entry: Entry, policies: PolicySet, rules: Mapping[str, RuleSpec], findings: Findings) -> None:
    spec = entry.spec
    if spec.rules:
        return
    fitting = [
        rule
        for rule, one in rules.items()
        if one.polarity in (spec.polarity or tuple(Polarity)) and one.severity in (spec.severity or tuple(Severity))
    ]
    others = [rule for rule in fitting if rule in policies.by_rule]
    where = "severity" if spec.severity else "polarity"
    if not rules_of(policies, rules)[spec.id]:
        why = f"{_listed(others)} have policies of their own" if others else "none is of that sort"
        findings.at(entry, where, f"counts for none of the rules: {why}", severity="warning", code="unused")
    elif others:
        message = f"does not count for {_listed(others)}: a policy for a rule comes before one for its severity"
        findings.at(entry, where, message, severity="note", code="passed_over")


def _owners(entry: Entry, owners: set[str], findings: Findings) -> None:
    escalate = entry.spec.escalate
    for name, target in (("target", entry.spec.target), ("escalate", escalate.to if escalate is not None else None)):
        sort, _, owner = (target or "").partition(":")
        if sort == "owner" and owner not in owners:
            message = f'no rule has the owner "{owner}"{did_you_mean(owner, owners)}'
            findings.at(entry, name, message, severity="warning", code="unknown_owner")


def _values(entry: Entry, plan: Plan, rules: Mapping[str, RuleSpec], findings: Findings) -> None:
    spec = entry.spec
    polarities = {rules[rule].polarity for rule in spec.rules if rule in rules} or set(spec.polarity)
    severities = {rules[rule].severity for rule in spec.rules if rule in rules} or set(spec.severity)

    def warn(name: str, code: str, message: str, severity: str = "warning") -> None:
        findings.at(entry, name, message, severity=severity, code=code)

    if plan.purpose is Purpose.SERVICE and Polarity.DELIGHT in polarities:
        warn(
            "purpose", "no_opt_in", "asks a favour of customers who never agreed to that: marketing needs their consent"
        )
    if plan.purpose is Purpose.MARKETING and Polarity.FRICTION in polarities:
        warn(
            "purpose",
            "needs_opt_in",
            "only customers who agreed to marketing hear what went wrong with their own order",
        )
    if spec.experiment is not None and not plan.hold_out:
        warn("experiment", "no_hold_out", f'"{spec.experiment}" holds nobody out: hold_out is 0')
    if spec.hold_out and Severity.CRITICAL in severities:
        warn("hold_out", "critical", "of critical signals nobody is held out, whatever stands here", "note")
    quiet = plan.quiet
    if plan.route is Route.CUSTOMER and quiet is not None:
        longest = (quiet.end - quiet.start) % _DAY * MINUTE
        if plan.max_age <= longest:
            where = "max_age" if spec.max_age is not None else "quiet_hours"
            warn(where, "lost_at_night", f"what comes when quiet hours begin ({quiet}) is too old when they end")


def _caps(policies: PolicySet, findings: Findings) -> None:
    plans = (policies.book.default, *policies.book.by_rule.values(), *policies.book.by_kind.values())
    used = {plan.cap_group for plan in plans}
    channels = {channel for plan in plans for channel in plan.channels}
    for path, said in policies.shared.items():
        if said.builtin:
            continue
        if path[:2] == ("caps", "groups") and path[2] not in used:
            message = f'no policy has the cap_group "{path[2]}"{did_you_mean(str(path[2]), used - {""})}'
            findings.add(said.file, said.path, message, severity="warning", code="unused")
        if path[:2] == ("caps", "channels") and path[2] not in channels:
            message = f"no policy uses the channel {path[2]}"
            findings.add(said.file, said.path, message, severity="warning", code="unused")


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
