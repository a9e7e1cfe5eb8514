"""`touchline warehouse measures`."""

import sys
from datetime import date, datetime, timedelta
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from touchline.agents.sinks.measures import figures
from touchline.cli.context import json_option, print_json, settings_of
from touchline.cli.errors import WrongUsage
from touchline.pipeline.measures.catalogue import PERCENT, Figure

_DAY: Final = click.DateTime(formats=["%Y-%m-%d"])
_SECONDS: Final = "seconds"
_WIDE: Final = 160
_ARROWS: Final = {"up": "↑", "down": "↓"}


@click.command()
@click.option("--from", "first", type=_DAY, help="The first day (UTC), such as 2026-01-31.  [default: all]")
@click.option("--to", "last", type=_DAY, help="The last day, included.  [default: all]")
@json_option
@click.pass_context
def measures(ctx: click.Context, /, *, first: datetime | None, last: datetime | None, as_json: bool) -> None:
    """Print every measure over a time: its value, interval and number of cases.

    A measure without a value has nothing to go by. --json prints one object a line, with the definitions.
    """
    days = tuple(moment.date() if moment else None for moment in (first, last))
    if first and last and first > last:
        raise WrongUsage(f"--from {days[0]} is later than --to {days[1]}: give the earlier day first")
    found = figures(settings_of(ctx).warehouse, *days)
    if as_json:
        for one in found:
            print_json(_fields(one, *days))
    else:
        _print(found)


def _print(found: list[Figure]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("measure", no_wrap=True)
    for name in ("value", "95 % interval", "cases"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("unit", overflow="fold")
    table.add_column("better", justify="center")
    for one in found:
        unit = one.measure.unit
        table.add_row(_name(one), _number(one.value, unit), _ends(one), f"{one.cases:,}" if one.cases else "",
            "" if unit in {_SECONDS, PERCENT} else unit, _ARROWS.get(one.measure.better, ""))  # fmt: skip
    # Into a file or a pipe whole lines go: nobody sees where they would be folded.
    width = None if sys.stdout.isatty() else _WIDE
    Console(highlight=False, markup=False, width=width).print(table)


def _name(one: Figure) -> str:
    if one.group is None:
        return one.measure.title
    column, value = one.group
    if isinstance(value, bool | int):
        what = column.removeprefix("with_").replace("_", " ")
        return f"{one.measure.title}, {'with' if value else 'without'} {what}"
    return f"{one.measure.title}, {column} {value}"


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == _SECONDS:
        return _length(value)
    text = f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"
    return f"{text} %" if unit == PERCENT else text


def _length(seconds: float) -> str:
    """`3 d 4:05:06`: days where there are any, then hours, minutes and seconds."""
    days, rest = divmod(timedelta(seconds=round(seconds)), timedelta(days=1))
    return f"{days} d {rest}" if days else str(rest)


def _ends(one: Figure) -> str:
    if one.low is None or one.high is None:
        return ""
    return f"{_number(one.low, one.measure.unit)} to {_number(one.high, one.measure.unit)}"


def _fields(one: Figure, first: date | None, last: date | None) -> dict[str, Any]:
    it = one.measure
    return {
        "measure": it.measure, "title": it.title, "group": dict([one.group]) if one.group else None, "value": one.value,
        "low": one.low, "high": one.high, "cases": one.cases, "unit": it.unit, "better": it.better,
        "from": first, "to": last, "definition": it.definition, "window": it.time_window, "source": it.source,
        "reference": it.reference,
    }  # fmt: skip
