"""`touchline fixes`."""

from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from touchline.agents.sinks import fixes as store
from touchline.cli.context import json_option, print_json, settings_of
from touchline.cli.errors import WrongUsage
from touchline.cli.moment import Moment
from touchline.pipeline.measures.effect import FEWEST, Effect, Finding
from touchline.schemas.yamlfile import did_you_mean

_WORDS = {
    Finding.FELL: "fell",
    Finding.ROSE: "rose",
    Finding.UNSURE: "can't be told yet",
    Finding.TOO_FEW: f"fewer than {FEWEST} signals or two days on a side: says nothing",
}


@click.group()
def fixes() -> None:
    """Record changes that are meant to mend causes, and see what became of the friction."""


@fixes.command()
@click.option("--rule", required=True, help="The rule whose friction it is meant to mend.")
@click.option("--cause", default="", help="Of a rule for incidents: the group, such as party:dhl.")
@click.option("--owner", required=True, help="The department that made the change.")
@click.option("--what", required=True, help="What was changed, in words.")
@click.option("--at", type=Moment(), help="When it took effect; without it: now.")
@json_option
@click.pass_context
def add(
    ctx: click.Context, /, rule: str, cause: str, owner: str, what: str, at: datetime | None, *, as_json: bool
) -> None:
    """Record a change: a release, a new carrier, a new script."""
    settings = settings_of(ctx).warehouse
    _check_rule(settings_of(ctx), rule, cause)
    fix = store.record(settings, rule, cause, owner, what, at or datetime.now(UTC).replace(microsecond=0))
    if as_json:
        print_json(fix)
    else:
        click.echo(f"recorded {fix.fix_id}: `touchline fixes effect` tells what becomes of the friction")


@fixes.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, /, *, as_json: bool) -> None:
    """List all changes, the latest first."""
    found = store.fixes(settings_of(ctx).warehouse)
    if as_json:
        for fix in found:
            print_json(fix)
        return
    table = _table("change", "at", "owner", "mends", "what")
    for fix in found:
        table.add_row(fix.fix_id, f"{fix.at:%Y-%m-%d %H:%M}", fix.owner, _mends(fix), fix.what)
    _print(table, len(found))


@fixes.command()
@click.argument("fix_id")
@click.pass_context
def withdraw(ctx: click.Context, /, fix_id: str) -> None:
    """Take the record of a change back."""
    fix = store.withdraw(settings_of(ctx).warehouse, fix_id)
    click.echo(f"withdrawn {fix.fix_id}: {fix.what}")


@fixes.command()
@click.option("--weeks", type=click.IntRange(1, store.MAX_WEEKS), default=4, show_default=True, help="On either side.")
@json_option
@click.pass_context
def effect(ctx: click.Context, /, weeks: int, *, as_json: bool) -> None:
    """Compare the friction before and after each change: signals in 1,000 touchpoints, and their ratio."""
    found = store.effects(settings_of(ctx).warehouse, weeks)
    if as_json:
        for fix, became in found:
            print_json({"fix": fix, "effect": became, "before": became.before.rate, "after": became.after.rate})
        return
    table = _table("change", "owner", "mends", "before", "after", "ratio (95 %)", "friction")
    for fix, became in found:
        table.add_row(
            fix.fix_id, fix.owner, _mends(fix), _side(became.before.signals, became.before.rate),
            _side(became.after.signals, became.after.rate), _ratio(became), _WORDS[became.finding],
        )  # fmt: skip
    _print(table, len(found))


def _check_rule(settings: Any, rule: str, cause: str) -> None:
    """Raises: WrongUsage where no such rule is known, neither by its files nor by its signals."""
    from touchline.pipeline.friction.load import load_rules  # noqa: PLC0415  # takes a while: only where it is needed

    rules = load_rules(settings.journey.rules, builtin=settings.journey.builtin_rules)
    known = {known.spec.id: known for known in rules.every}
    names = [*known, *store.rules_seen(settings.warehouse)]
    if rule not in names:
        raise WrongUsage(f'there is no rule "{rule}"{did_you_mean(rule, names)}')
    if cause and rule in known and known[rule] not in rules.incidents:
        raise WrongUsage(f"{rule} is no rule for incidents, so it has no --cause: leave it out for all its friction")


def _mends(fix: store.Fix) -> str:
    return f"{fix.rule} {fix.cause}".strip()


def _side(signals: int, rate: float | None) -> str:
    return "no touchpoints" if rate is None else f"{rate:.2f} ({signals:,})"


def _ratio(became: Effect) -> str:
    if became.ratio is None:
        return ""
    return f"{became.ratio:.2f} ({became.low:.2f} to {became.high:.2f})"


def _table(*names: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _print(table: Table, count: int) -> None:
    if not count:
        click.echo("no change is recorded: `touchline fixes add`")
        return
    Console(highlight=False, markup=False).print(table)
