"""`touchline outreach day`."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from touchline.cli.context import json_option, print_json, settings_of
from touchline.explain.day import Day, Example, Group, read_day
from touchline.pipeline.engine.clock import from_ms
from touchline.pipeline.outreach.quiet import zone_named

_RULES: Final = 3
"""So many rules are named with each reason."""


@click.command(short_help="Show what was decided on a day.")
@click.option("--day", "wanted", type=click.DateTime(["%Y-%m-%d"]), help="As 2026-01-31.  [default: today]")
@click.option("--examples", type=click.IntRange(0, 20), default=2, show_default=True, help="Of each reason.")
@json_option
@click.pass_context
def day(ctx: click.Context, /, *, wanted: datetime | None, examples: int, as_json: bool) -> None:
    """Show what outreach decided on a day: what was sent (or would have been, where it only observed) by rule and
    channel, what was not, by reason, what caps cut, and examples.

    A day is one of the zone of the settings (outreach.zone).
    """
    settings = settings_of(ctx)
    zone = zone_named(settings.outreach.zone) or UTC
    chosen = wanted.date() if wanted is not None else datetime.now(zone).date()
    first, last = (datetime.combine(chosen + timedelta(days=n), time(), zone) for n in (0, 1))
    found = read_day(settings.warehouse, int(first.timestamp()), int(last.timestamp()), max(examples, 1))
    kept = found.examples if examples else []
    if as_json:
        print_json(_json(found, chosen, settings.outreach.zone, kept))
    else:
        _print(found, f"{chosen} ({settings.outreach.zone})", kept, Console(highlight=False, soft_wrap=True))


def _print(found: Day, title: str, examples: Sequence[Example], console: Console) -> None:
    sent, observed = found.sent(observed=False), found.sent(observed=True)
    if not found.decisions:
        console.print(f"{title}: nothing was decided")
        return
    words = [f"{_total(sent):,} messages were sent"] if sent or not observed else []
    words += [f"{_total(observed):,} messages would have been sent"] if observed else []
    console.print(f"[bold]{title}[/]: {found.decisions:,} decisions, {', '.join(words)}")
    for heading, groups in (("sent", sent), ("would have been sent", observed)):
        if groups:
            _table(console, heading, ("rule", "channel", "messages", "customers"), _rows(groups))
    refused = found.not_sent()
    if refused:
        rows = [(f"{outcome}, {reason}", f"{count:,}", _named(rules)) for outcome, reason, count, rules in refused]
        _table(console, "not sent", ("why", "decisions", "rules"), rows)
    cut = found.cut()
    if cut:
        parts = ", ".join(f"{reason} {count:,}" for reason, count in cut.most_common())
        console.print(f"\ncaps cut {cut.total():,} messages: {parts}")
    if found.deliveries:
        rows = [(one.status, one.channel, f"{one.deliveries:,}") for one in found.deliveries]
        _table(console, "deliveries", ("status", "channel", "messages"), rows)
    if examples:
        console.print("\n[bold]for example[/]")
    for one in examples:
        console.print(f"  {from_ms(one.at):%H:%M} UTC  {one.rule}  {one.customer}: {one.explanation}", markup=False)


def _total(groups: Sequence[Group]) -> int:
    return sum(group.decisions for group in groups)


def _rows(groups: Sequence[Group]) -> list[tuple[str, ...]]:
    return [(one.rule, one.channel, f"{one.decisions:,}", f"{one.customers:,}") for one in groups]


def _named(rules: Sequence[tuple[str, int]]) -> str:
    named = ", ".join(f"{rule} {count:,}" for rule, count in rules[:_RULES])
    return f"{named}, and {len(rules) - _RULES} more" if len(rules) > _RULES else named


def _table(console: Console, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for head in heads:
        table.add_column(head, justify="right" if head in {"messages", "customers", "decisions"} else "left")
    for row in rows:
        table.add_row(*row)
    console.print(f"\n[bold]{title}[/]")
    console.print(table)


def _json(found: Day, chosen: date, zone: str, examples: Sequence[Example]) -> dict[str, Any]:
    return {
        "day": chosen.isoformat(),
        "zone": zone,
        "decisions": found.decisions,
        "sent": _total(found.sent(observed=False)),
        "would_have_been_sent": _total(found.sent(observed=True)),
        "cut_by_caps": dict(found.cut()),
        "groups": [group._asdict() for group in found.groups],
        "deliveries": [one._asdict() for one in found.deliveries],
        "examples": [{**one._asdict(), "at": from_ms(one.at).isoformat()} for one in examples],
    }
