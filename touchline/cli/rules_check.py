"""`touchline rules check`: all that is wrong with rules, before any of them runs."""

from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from touchline.cli.context import json_option, print_json, settings_of
from touchline.pipeline.friction.check import Report, check_rules
from touchline.pipeline.friction.load import BUILTIN

_SHOWN_KINDS: Final = 5


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH...]", type=click.Path(path_type=Path))
@click.option(
    "--builtin/--no-builtin", default=None, help="Count the built-in rules for the cost; else as the settings say."
)
@click.option("--strict", is_flag=True, help="Exit code 1 for warnings too.")
@json_option
@click.pass_context
def check(ctx: click.Context, /, paths: tuple[Path, ...], *, builtin: bool | None, strict: bool, as_json: bool) -> None:
    """Look through files and folders of rules for everything that is wrong, odd or costly. Nothing of them runs.

    Without a PATH: the rules of the settings, or the built-in ones when there are none. An error is what can't run or
    can never be true; a warning is most likely not meant; a note is good to know. Exit code 1 when there is an error.
    """
    journey = settings_of(ctx).journey
    report = check_rules(
        paths or journey.rules or (BUILTIN,),
        builtin=journey.builtin_rules if builtin is None else builtin,
        source_lateness=journey.source_lateness,
    )
    if as_json:
        print_json(_as_json(report))
    else:
        _show(report)
    if report.count("error") or (strict and report.count("warning")):
        raise click.exceptions.Exit(1)


def _show(report: Report) -> None:
    for finding in report.findings:
        click.echo(str(finding))
    if report.costs:
        click.echo(f"{'rule':<32} {'kinds':>5} {'bytes a key':>12} {'at most':>8}")
    for cost in report.costs:
        click.echo(f"{cost.rule:<32} {cost.kinds:>5,} {cost.bytes_per_key:>12,} {cost.bytes_most:>8,}")
    busiest = ", ".join(f"{kind} {rules}" for kind, rules in list(report.handlers.items())[:_SHOWN_KINDS])
    if busiest:
        click.echo(f"rules that look at an event, by kind: {busiest}")
    counts = (f"{report.count(severity):,} {severity}s" for severity in ("error", "warning", "note"))
    click.echo(", ".join(counts), err=True)


def _as_json(report: Report) -> dict[str, object]:
    return {
        "errors": report.count("error"),
        "warnings": report.count("warning"),
        "notes": report.count("note"),
        "findings": [asdict(finding) for finding in report.findings],
        "rules": [asdict(cost) for cost in report.costs],
        "handlers": report.handlers,
    }
