"""What outreach would have done, in the terminal."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from touchline.pipeline.backtest.outreach import OutreachFigures
from touchline.report.words import number


def show_outreach(found: OutreachFigures, console: Console) -> None:
    """Prints the figures: in all, by rule, by day of a customer, and what the caps cut."""
    waiting = f", {number(found.undecided)} still waited for word of incidents" if found.undecided else ""
    console.print(
        f"\n[bold]outreach[/] by the policies {found.policies}: of {number(found.signals)} signals "
        f"[bold]{number(found.messages)}[/] messages to {number(found.customers)} customers and "
        f"[bold]{number(found.requests)}[/] requests{waiting}"
    )
    if not found.rules:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("rule", "signals", "sent", "not sent, and why"):
        table.add_column(name, justify="right" if name == "signals" else "left", overflow="fold")
    for row in found.rules:
        kept = dict(row.not_sent) | ({"held at the end": row.held} if row.held else {})
        table.add_row(row.rule, number(row.signals), _counts(row.sent), _counts(kept))
    console.print(table)
    if found.messages:
        days = ", ".join(f"{count} on {number(times)}" for count, times in found.days.items())
        console.print(f"messages on a day of a customer: {days}; to one customer at most {found.most}", style="dim")
    cut = _counts(found.capped) or "nothing"
    console.print(f"the caps cut: {cut}", style="dim")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number(count)}" for name, count in counts.items())
