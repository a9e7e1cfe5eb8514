"""`touchline policies show`: what would be done about a rule's signals, and where each word of it stands."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from touchline.agents.policybook import base_book, template_names
from touchline.cli.context import json_option, print_json, settings_of
from touchline.cli.errors import WrongUsage
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.outreach.case import purpose_of
from touchline.pipeline.outreach.checks import span
from touchline.pipeline.outreach.plan import Cap, Escalation, Plan, PolicyBook
from touchline.pipeline.outreach.policyentries import Known
from touchline.pipeline.outreach.policyfiles import SETTINGS, PolicySet, compile_policies, read_policies
from touchline.schemas.request import Skill
from touchline.schemas.rulefile import RuleSpec
from touchline.schemas.vocabulary import Route, Scope
from touchline.schemas.yamlfile import did_you_mean

_LENGTHS: Final = {"delay", "cooldown", "max_age", "answer_within"}
_WIDE: Final = 200


@click.command()
@click.argument("rule", required=False)
@click.option("--all", "every", is_flag=True, help="A line for each rule.")
@click.option(
    "--policies", "paths", multiple=True, type=click.Path(path_type=Path), metavar="PATH",
    help="Files and folders instead of those of the settings. May be repeated.",
)  # fmt: skip
@json_option
@click.pass_context
def show(ctx: click.Context, /, rule: str | None, *, every: bool, paths: tuple[Path, ...], as_json: bool) -> None:
    """Show the plan for the signals of RULE: each value, and the file and line (or the settings) that says it."""
    if every == (rule is not None):
        raise click.UsageError("name one RULE, or write --all")
    settings = settings_of(ctx)
    journey, outreach = settings.journey, settings.outreach
    rules = {one.spec.id: one.spec for one in load_rules(journey.rules, builtin=journey.builtin_rules).every}
    if rule is not None and rule not in rules:
        raise WrongUsage(f'there is no rule "{rule}"{did_you_mean(rule, rules)}')
    texts = read_policies(paths or outreach.policies, builtin=outreach.builtin_policies)
    found = compile_policies(texts, base_book(outreach), Known(rules, template_names(outreach)))
    chosen = rules if rule is None else {rule: rules[rule]}
    if as_json:
        print_json([_as_json(found, spec) for spec in chosen.values()])
    elif rule is None:
        _table(found, chosen)
    else:
        _one(found, rules[rule])


def _table(found: PolicySet, rules: Mapping[str, RuleSpec]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("rule", "policy", "to", "purpose", "priority", "hold-out", "said in"):
        table.add_column(name, no_wrap=True, justify="right" if name in {"priority", "hold-out"} else "left")
    for rule, spec in sorted(rules.items()):
        plan = _plan(found, spec)
        entry = found.entries.get(plan.id)
        values = (rule, plan.id, _to(plan, spec), purpose_of(spec.polarity, plan), str(plan.priority), _share(plan))
        table.add_row(*values, SETTINGS if entry is None else entry.origin)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    console.print(table)
    for line in _caps(found.book):
        click.echo(line)


def _one(found: PolicySet, spec: RuleSpec) -> None:
    plan = _plan(found, spec)
    where = found.origins.get(plan.id, {})
    entry = found.entries.get(plan.id)
    click.echo(f"{spec.id} ({spec.polarity}, {spec.severity}, owner {spec.owner}): policy {plan.id}")
    if entry is not None and entry.spec.description:
        click.echo(f"  {' '.join(entry.spec.description.split())}")
    for name, value in _values(plan, spec).items():
        if value:
            click.echo(f"  {name:<14} {value:<36} {where.get(name, _unsaid(name))}".rstrip())
    if spec.scope is Scope.INCIDENT and plan.route is Route.CUSTOMER:
        click.echo("  The incident itself goes to its owner; messages go to those who are exposed to its cause.")


def _values(plan: Plan, spec: RuleSpec) -> dict[str, str]:
    found = {item.name: _words(item.name, getattr(plan, item.name)) for item in fields(plan) if item.name != "id"}
    found["purpose"] = purpose_of(spec.polarity, plan)
    found["target"] = _to(plan, spec)
    found["template"] = plan.template or spec.id
    return found


def _unsaid(name: str) -> str:
    """Where a value comes from that no file gives."""
    by_signal = {"purpose": "the rule's polarity", "template": "the rule", "target": "the signal"}
    set_there = {"channels", "cooldown", "quiet", "max_age", "hold_out", "experiment"}
    return by_signal.get(name) or (SETTINGS if name in set_there else "")


def _words(name: str, value: Any) -> str:
    if isinstance(value, Escalation):
        return f"to {value.target} after {span(value.after)}"
    if isinstance(value, Skill):
        parts = (value.language, *value.topics, *value.products, value.seniority and f"seniority {value.seniority}")
        return ", ".join(str(part) for part in parts if part)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if name in _LENGTHS and value is not None:
        return span(value)
    others = {
        "hold_out": f"{value:.0%}" if name == "hold_out" and value else "nobody",
        "pace": f"{value:,} an hour" if name == "pace" and value else "no bound",
        "quiet": "none" if value is None else str(value),
    }
    return others.get(name) or str(value or "")


def _plan(found: PolicySet, spec: RuleSpec) -> Plan:
    return found.book.plan_of(spec.id, spec.polarity, spec.severity)


def _to(plan: Plan, spec: RuleSpec) -> str:
    if plan.route is Route.CUSTOMER:
        return "customer"
    return plan.target or f"owner:{spec.owner}"


def _share(plan: Plan) -> str:
    return f"{plan.hold_out:.0%} {plan.experiment}" if plan.hold_out else "-"


def _caps(book: PolicyBook) -> list[str]:
    def one(what: str, cap: Cap) -> str:
        return f"{what}: at the most {cap.messages} within {span(cap.within)}"

    return [
        one("messages to a customer", book.cap),
        *(one(f"  by {channel}", cap) for channel, cap in book.channel_caps.items()),
        *(one(f"  of the group {group}", cap) for group, cap in book.group_caps.items()),
    ]


def _as_json(found: PolicySet, spec: RuleSpec) -> dict[str, object]:
    plan = _plan(found, spec)
    where = found.origins.get(plan.id, {})
    values = {item.name: getattr(plan, item.name) for item in fields(plan) if item.name != "id"}
    values |= {"purpose": purpose_of(spec.polarity, plan), "quiet": None if plan.quiet is None else str(plan.quiet)}
    said = {name: where.get(name, SETTINGS) for name in values}
    return {"rule": spec.id, "policy": plan.id, "values": values, "said_in": said}
