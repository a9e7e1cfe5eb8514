"""`touchline warehouse`."""

import csv
import sys
from dataclasses import asdict
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from touchline.agents.sinks import upkeep
from touchline.agents.sinks.clickhouse import Result
from touchline.agents.sinks.status import Status
from touchline.agents.sinks.status import status as status_of
from touchline.cli.context import json_option, print_json, settings_of, to_terminal
from touchline.cli.errors import Failed, WrongUsage
from touchline.cli.export import export
from touchline.cli.measures import measures
from touchline.embedded.warehouse.statement import tokens
from touchline.schemas.yamlfile import did_you_mean

_QUESTIONS: Final = ("SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS")


@click.group()
def warehouse() -> None:
    """Migrate, check, rebuild, query or export ClickHouse."""


warehouse.add_command(export)
warehouse.add_command(measures)


@warehouse.command()
@click.pass_context
def migrate(ctx: click.Context, /) -> None:
    """Bring the tables to what this release needs."""
    done = upkeep.migrate(settings_of(ctx).warehouse)
    click.echo("\n".join(f"applied {name}" for name in done) or "the tables are up to date")


@warehouse.command()
@json_option
@click.pass_context
def status(ctx: click.Context, /, *, as_json: bool) -> None:
    """Tell how the warehouse is. Exit code 1 when something must be mended."""
    found = status_of(settings_of(ctx).warehouse)
    if as_json:
        print_json(asdict(found))
    else:
        _show(found)
    if not found.is_well:
        raise Failed(_cure(found))


def _show(found: Status) -> None:
    newest = "none" if found.newest is None else f"{found.newest:%Y-%m-%d %H:%M:%S} UTC"
    click.echo(f"ClickHouse {found.version}; newest touchpoint: {newest}")
    click.echo(f"minutes whose facts are newer than their figures: {found.stale:,}")
    for disk in found.disks:
        click.echo(f"disk {disk.name}: {disk.free / 2**30:,.1f} of {disk.total / 2**30:,.1f} GiB free")
    for mutation in found.mutations:
        click.echo(f"under way: {mutation}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("table", "rows", "MiB", "parts"):
        table.add_column(name, justify="left" if name == "table" else "right")
    for size in found.tables:
        table.add_row(size.table, f"{size.rows:,}", f"{size.bytes / 2**20:,.1f}", f"{size.parts:,}")
    Console(highlight=False, markup=False).print(table)
    for name in found.outstanding:
        click.echo(f"not applied yet: {name}")
    for line in found.altered:
        click.echo(f"altered: {line}")


def _cure(found: Status) -> str:
    if found.outstanding:
        return f"{len(found.outstanding)} migrations are to be applied: `touchline warehouse migrate`"
    if found.altered:
        return (
            f"{len(found.altered)} things are not as the migrations left them, so somebody altered the tables: put "
            "them back by hand (`touchline warehouse query --write 'ALTER TABLE …'`)"
        )
    return "the server can't do what was asked of it: see the lines that say why"


@warehouse.command()
@json_option
@click.pass_context
def verify(ctx: click.Context, /, *, as_json: bool) -> None:
    """Compare every aggregate with the facts. Exit code 1 and the list when they differ."""
    differences = upkeep.verify(settings_of(ctx).warehouse)
    if as_json:
        print_json({"differences": [_fields(difference) for difference in differences]})
    else:
        for difference in differences:
            click.echo(difference)
    if differences:
        raise Failed(f"{len(differences)} differences: `touchline warehouse rebuild` counts anew from the facts")
    if not as_json:
        click.echo("every aggregate equals the facts")


@warehouse.command()
@click.pass_context
def rebuild(ctx: click.Context, /) -> None:
    """Count every aggregate anew from the facts. Workers may run meanwhile."""
    with Progress(console=to_terminal(), transient=True) as bar:
        task = bar.add_task("rebuild", total=None)
        minutes = upkeep.rebuild(
            settings_of(ctx).warehouse, lambda done, total: bar.update(task, completed=done, total=total)
        )
    click.echo(f"{minutes:,} minutes were counted anew, and their hours and days")


@warehouse.command()
@click.argument("sql")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header.")
@click.option("--write", is_flag=True, help="The statement may change something.")
@json_option
@click.pass_context
def query(ctx: click.Context, /, sql: str, *, as_csv: bool, write: bool, as_json: bool) -> None:
    """Run SQL (- reads it from the input) and print the rows.

    The user of the settings may change the warehouse, so what is no question is refused unless --write is given.
    """
    text = sys.stdin.read() if sql == "-" else sql
    if not write:
        _refuse_changes(text)
    result = upkeep.query(settings_of(ctx).warehouse, text)
    names = [name for name, _ in result.columns]
    if as_json:
        for row in result.rows:
            print_json(dict(zip(names, row, strict=True)))
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")  # a shell would take a \r for a part of the last value
        writer.writerows([names, *result.rows])
    else:
        _print(result, names)


def _refuse_changes(sql: str) -> None:
    """Raises: WrongUsage for a statement that may do more than read."""
    words = [token for token in tokens(sql) if token.kind == "word"]
    verb = words[0].text.upper() if words else ""
    if verb == "WITH" and any(token.is_word("INSERT") for token in words):
        verb = "WITH … INSERT"
    if verb not in _QUESTIONS:
        near = did_you_mean(verb, _QUESTIONS)
        raise WrongUsage(
            f'"{verb}" begins no question ({", ".join(_QUESTIONS)}){near or "."} --write runs what changes things too'
        )


def _print(result: Result, names: list[str]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, (_, kind) in zip(names, result.columns, strict=True):
        number = kind.removeprefix("Nullable(").startswith(("Int", "UInt", "Float", "Decimal"))
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in result.rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    Console(highlight=False, markup=False).print(table)
    click.echo(f"{len(result.rows):,} rows", err=True)


def _fields(difference: upkeep.Difference) -> dict[str, Any]:
    return {name: getattr(difference, name) for name in ("name", "period", "start", "group", "facts", "aggregate")}
