"""`touchline customer`."""

from datetime import UTC, datetime

import click
from rich.console import Console

from touchline.cli.context import json_option, print_json, settings_of
from touchline.cli.errors import Failed
from touchline.explain.ledger import Ledger, read_ledger
from touchline.explain.ledgershow import ledger_json, timeline
from touchline.pipeline.engine.clock import DAY, from_ms, to_ms


@click.group()
def customer() -> None:
    """Tell what is known of one customer."""


@customer.command(short_help="For each signal: what was decided, sent, and came back.")
@click.argument("customer")
@click.option("--days", type=click.IntRange(1, 3_650), default=90, show_default=True, help="So far back.")
@json_option
@click.pass_context
def show(ctx: click.Context, /, customer: str, *, days: int, as_json: bool) -> None:
    """Tell for every signal of CUSTOMER what was decided, why, what was sent, and what came back, from the warehouse.

    Exit code 1 when nothing at all is known of the customer.
    """
    now = to_ms(datetime.now(UTC))
    ledger = read_ledger(settings_of(ctx).warehouse, customer, now - days * DAY)
    if ledger.is_empty:
        raise Failed(
            f'nothing is known of "{customer}": the warehouse has no touchpoint of that customer_id. '
            "`touchline tail touchpoints --from-start` shows which customers there are"
        )
    if as_json:
        print_json(ledger_json(ledger, now))
    else:
        _print(ledger, days, now)


def _print(ledger: Ledger, days: int, now: int) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for line in timeline(ledger, now):
        console.print(line)
    if not ledger.entries and ledger.newest is not None:
        newest = f"{from_ms(ledger.newest):%Y-%m-%d %H:%M} UTC"
        console.print(
            f"no signal in the last {days} days; the newest touchpoint is of {newest}. --days looks further back"
        )
