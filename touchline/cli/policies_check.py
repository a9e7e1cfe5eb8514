"""`touchline policies check`: all that is wrong with policies, before any of them counts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from touchline.agents.policybook import base_book, template_names
from touchline.cli.context import json_option, print_json, settings_of
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.outreach.policyentries import Findings, Known
from touchline.pipeline.outreach.policyfiles import PolicySet, look_through, read_policies
from touchline.pipeline.outreach.policylint import lint, rules_of
from touchline.schemas.rulefile import RuleSpec
from touchline.schemas.yamlfile import Finding


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH...]", type=click.Path(path_type=Path))
@click.option("--builtin/--no-builtin", default=None, help="With the built-in policies; else as the settings say.")
@click.option("--strict", is_flag=True, help="Exit code 1 for warnings too.")
@json_option
@click.pass_context
def check(ctx: click.Context, /, paths: tuple[Path, ...], *, builtin: bool | None, strict: bool, as_json: bool) -> None:
    """Look through files and folders of policies for everything that is wrong or most likely not meant.

    Without a PATH: the policies of the settings. What they may name are the rules and texts in force, and what they
    leave open stands in the settings. An error is what can't count; a warning is most likely not meant; a note is good
    to know. Exit code 1 when there is an error.
    """
    settings = settings_of(ctx)
    journey, outreach = settings.journey, settings.outreach
    rules = {rule.spec.id: rule.spec for rule in load_rules(journey.rules, builtin=journey.builtin_rules).every}
    texts = read_policies(paths or outreach.policies, builtin=outreach.builtin_policies if builtin is None else builtin)
    findings = Findings()
    found = look_through(texts, base_book(outreach), Known(rules, template_names(outreach)), findings)
    if not findings.count("error"):
        lint(found, rules, findings)
    told = sorted(findings.found, key=lambda one: (one.file, one.line, one.column))
    if as_json:
        print_json(_as_json(told, findings, found, rules))
    else:
        _show(told, findings, found, rules)
    if findings.count("error") or (strict and findings.count("warning")):
        raise click.exceptions.Exit(1)


def _show(told: list[Finding], findings: Findings, found: PolicySet, rules: Mapping[str, RuleSpec]) -> None:
    for finding in told:
        click.echo(str(finding))
    if not findings.count("error"):
        ways = Counter(_way(found, rule, spec) for rule, spec in rules.items())
        listed = ", ".join(f"{count} {way}" for way, count in ways.most_common())
        click.echo(f"{len(found.entries)} policies for {len(rules)} rules: {listed}")
    counts = (f"{findings.count(severity):,} {severity}s" for severity in ("error", "warning", "note"))
    click.echo(", ".join(counts), err=True)


def _way(found: PolicySet, rule: str, spec: RuleSpec) -> str:
    plan = found.book.plan_of(rule, spec.polarity, spec.severity)
    return f"to {plan.target or f'the {plan.route}'}"


def _as_json(
    told: list[Finding], findings: Findings, found: PolicySet, rules: Mapping[str, RuleSpec]
) -> dict[str, object]:
    return {
        "errors": findings.count("error"),
        "warnings": findings.count("warning"),
        "notes": findings.count("note"),
        "findings": [asdict(finding) for finding in told],
        "policies": {} if findings.count("error") else rules_of(found, rules),
    }
