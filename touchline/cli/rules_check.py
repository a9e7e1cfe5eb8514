"""`touchline rules check`: all that is wrong with rules, before any of them runs."""

from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from touchline.cli.context import json_option, print_json, settings_of
from touchline.pipeline.friction.check import Report, check_rules
from touchline.pipeline.friction.load import BUILTIN
from touchline.schemas.mapfile import load_map

_SHOWN_KINDS: Final = 5


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH...]", type=click.Path(path_type=Path))
@click.option(
    "--builtin/--no-builtin", default=None, help="Count the built-in rules for the cost; else as the settings say."
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="An import map: the kinds that it makes are known. May be repeated.",
)
@click.option("--strict", is_flag=True, help="Exit code 1 for warnings too.")
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    /,
    paths: tuple[Path, ...],
    *,
    builtin: bool | None,
    maps: tuple[Path, ...],
    strict: bool,
    as_json: bool,
) -> None:
    """Look through files and folders of rules for everything that is wrong, odd or costly. Nothing of them runs.

    Without a PATH: the rules of the settings, or the built-in ones when there are none. An error is what can't run or
    can never be true; a warning is most likely not meant; a note is good to know. Exit code 1 when there is an error.
    """
    journey = settings_of(ctx).journey
    report = check_rules(
        paths or journey.rules or (BUILTIN,),
        builtin=journey.builtin_rules if builtin is None else builtin,
        source_lateness=journey.source_lateness,
        maps=[load_map(path).map for path in maps],
    )
    if as_json:
        print_json(_as_json(report))
    else:
        _show(report, mapped=bool(maps))
    if report.count("error") or (strict and report.count("warning")):
        raise click.exceptions.Exit(1)


def _show(report: Report, *, mapped: bool) -> None:
    for finding in report.findings:
        click.echo(str(finding))
    if not mapped and any(finding.code == "unknown_kind" for finding in report.findings):
        click.echo(
            "kinds of your own are no mistake when somebody publishes them: --map MAP knows those of an import map"
        )
    shipped, mine = report.costs[: -report.checked or None], report.costs[len(report.costs) - report.checked :]
    if report.costs:
        click.echo(f"{'rule':<32} {'kinds':>5} {'bytes a key':>12} {'at most':>8}")
    for cost in mine:
        click.echo(f"{cost.rule:<32} {cost.kinds:>5,} {cost.bytes_per_key:>12,} {cost.bytes_most:>8,}")
    if shipped:
        most = max(cost.bytes_most for cost in shipped)
        click.echo(f"{f'and {len(shipped)} built-in ones':<32} {'':>5} {'':>12} {most:>8,}")
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
