"""`touchline warehouse export`."""

import re
from pathlib import Path

import click

from touchline.agents.sinks import export as sink
from touchline.cli.context import settings_of
from touchline.cli.errors import WrongUsage
from touchline.embedded.warehouse.errors import ServerError
from touchline.embedded.warehouse.statement import parse
from touchline.schemas.yamlfile import did_you_mean

_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@click.command()
@click.argument("sql", metavar="QUERY", required=False)
@click.option("--table", help="Everything in this view or table, instead of a query.")
@click.option("--to", "file", type=click.Path(path_type=Path), required=True, help="FILE.parquet, .csv or .ndjson.")
@click.pass_context
def export(ctx: click.Context, /, sql: str | None, table: str | None, file: Path) -> None:
    """Write what a QUERY (- reads it from the input) finds into a file.

    The ending of the file's name says in which format. It comes over HTTP, from warehouse.http_port. The file is whole
    or not there; an older one of that name stays until then.
    """
    data_format = sink.FORMATS.get(file.suffix)
    if data_format is None:
        near = did_you_mean(file.suffix, sink.FORMATS)
        raise WrongUsage(f"{file} must end with one of {', '.join(sink.FORMATS)}{near or '.'}")
    if (sql is None) == (table is None):
        raise WrongUsage("give either a query or --table NAME: what is to be exported?")
    text = (
        _all_of(table) if table is not None else _checked(click.get_text_stream("stdin").read() if sql == "-" else sql)
    )
    done = sink.export(settings_of(ctx).warehouse, text, file, data_format)
    click.echo(f"wrote {done.file} ({done.bytes:,} bytes)")


def _all_of(table: str) -> str:
    if not _TABLE.fullmatch(table):
        raise WrongUsage(f'"{table}" is no name of a table: letters, digits and _, such as touchpoints')
    return f"SELECT * FROM {table}"  # noqa: S608 -- a name, as was just checked


def _checked(sql: str | None) -> str:
    """One SELECT without FORMAT. Raises: WrongUsage."""
    try:
        statement = parse(sql or "")
    except ServerError as error:
        raise WrongUsage(error.message) from None
    if statement.insert is not None or statement.verb not in {"SELECT", "WITH", "("}:
        raise WrongUsage(f'"{statement.verb}" begins no query: what is exported is what a SELECT finds')
    if statement.format is not None or statement.outfile:
        raise WrongUsage("leave FORMAT and INTO OUTFILE out: the file of --to and its ending say both")
    return statement.text
