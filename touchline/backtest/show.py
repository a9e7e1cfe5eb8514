"""A back-test and a comparison in the terminal: a minute's reading."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from touchline.backtest.outreach import show_outreach
from touchline.pipeline.backtest.diff import Change, Comparison
from touchline.pipeline.backtest.report import BackTestReport, OwnerFigures, PartFigures, RuleFigures
from touchline.report.words import number, share, span

_EN_DASH: Final = "\N{EN DASH}"
_FEW: Final = 30
"""With fewer warned cases than this a precision is shown dimmed: it says little."""

_STYLES: Final = {Change.APPEARS: "green", Change.VANISHES: "red", Change.MOVES: "yellow"}
_FIELDS_SHOWN: Final = 8


def show(report: BackTestReport, console: Console) -> None:
    """Prints a report."""
    rate = report.touchpoints / max(report.seconds, 1e-9)
    console.print(
        f"[bold]{number(report.touchpoints)}[/] touchpoints of [bold]{number(report.customers)}[/] customers, "
        f"{_days(report.since, report.until)} · {report.source} · {report.seconds:.1f} s ({number(rate)}/s)"
    )
    case = "customer" if report.per == "customer" else report.per
    asked = f" · outcome: {report.outcome} · a case is one {case}" if report.outcome else ""
    console.print(f"{report.rules} rules ({report.ruleset}){asked}", style="dim")
    for part in report.parts:
        console.print()
        _part(part, report, console)
    if report.outreach is not None:
        show_outreach(report.outreach, console)
    _notes(report, console)


def _part(part: PartFigures, report: BackTestReport, console: Console) -> None:
    base = ""
    if part.cases is not None:
        rate = share(part.base_rate)
        base = f": {number(part.bad or 0)} of {number(part.cases)} cases had the outcome, base rate {rate}"
    console.print(f"[bold]{part.name}[/] {_days(part.since, part.until)}{base}")
    loud = [row for row in part.rules if row.signals]
    if loud:
        console.print(_rules(loud, asked=part.cases is not None))
    silent = [row.rule for row in part.rules if not row.signals]
    if silent:
        console.print(f"without a signal: {', '.join(silent)}", style="dim")
    if part.owners:
        console.print(_owners(part.owners, report.budget, asked=part.cases is not None))


def _table(*columns: str) -> Table:
    """Columns whose name begins with a space read from the left, and the first; the others are numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for index, column in enumerate(columns):
        left = index == 0 or column.startswith(" ")
        table.add_column(column.strip(), justify="left" if left else "right", overflow="fold", no_wrap=not left)
    return table


def _rules(rows: Sequence[RuleFigures], *, asked: bool) -> Table:
    base = ("rule", " owner", "signals", "customers")
    more = ("warned", "right", "precision", "95 %", "recall", "lift", "lead", " (quartiles)")
    table = _table(*base, *(more if asked else (" severity", "retracted")))
    for row in rows:
        cells = [row.rule, row.owner, number(row.signals), number(row.customers)]
        if not asked:
            table.add_row(*cells, row.severity, number(row.retracted))
            continue
        style = "dim" if (row.warned or 0) < _FEW else ""
        table.add_row(
            *cells,
            number(row.warned or 0),
            number(row.hits or 0),
            Text(share(row.precision), style),
            Text(_range(row.precision_interval), style),
            share(row.recall),
            _EN_DASH if row.lift is None else f"{row.lift:.1f}",
            span(None if row.lead is None else row.lead[1]),
            "" if row.lead is None else f"({span(row.lead[0])} {_EN_DASH} {span(row.lead[2])})",
        )
    return table


def _range(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{share(interval[0])}{_EN_DASH}{share(interval[1])}"


def _owners(rows: Sequence[OwnerFigures], budget: int | None, *, asked: bool) -> Table:
    columns = ["alerts of", "in all", "a day", "busiest day"]
    columns += ["right"] if asked else []
    columns += [f" beyond {budget} a day"] if budget is not None else []
    table = _table(*columns)
    for row in rows:
        cells = [row.owner, number(row.alerts), f"{row.per_day:.1f}", number(row.busiest_day)]
        cells += [_EN_DASH if row.right is None else number(row.right)] if asked else []
        cells += [_cut(row)] if budget is not None else []
        table.add_row(*cells)
    return table


def _cut(row: OwnerFigures) -> str:
    if not row.cut:
        return "nothing"
    right = "" if row.cut_right is None else f", {number(row.cut_right)} of them right"
    rules = ", ".join(f"{rule} {number(count)}" for rule, count in islice(row.cut.items(), 3))
    return f"{number(sum(row.cut.values()))} cut{right}: {rules}" + (" …" if len(row.cut) > 3 else "")


def _notes(report: BackTestReport, console: Console) -> None:
    lines = [f"left out: {number(count)} {what}" for what, count in report.left_out.items()]
    if report.too_late:
        lines.append(f"came too late to open anything: {number(report.too_late)}")
    if report.unknown:
        lines.append(f"fields that events lacked (rule.field): {_first(report.unknown)}")
    still_open = {row.rule: row.open for part in report.parts for row in part.rules if row.open}
    if still_open:
        lines.append(f"warned and not right so far, but the outcome may still come: {_first(still_open)}")
    if lines or report.remarks:
        console.print()
    for line in lines:
        console.print(line, style="dim", markup=False)
    for remark in report.remarks:
        console.print(f"note: {remark}", style="yellow", markup=False)


def _first(counts: Mapping[str, int]) -> str:
    shown = ", ".join(f"{name} {number(count)}" for name, count in islice(counts.items(), _FIELDS_SHOWN))
    return shown + (" …" if len(counts) > _FIELDS_SHOWN else "")


def _days(since: datetime | None, until: datetime | None) -> str:
    return "no time" if since is None or until is None else f"{since:%Y-%m-%d} to {until:%Y-%m-%d}"


def show_comparison(found: Comparison, console: Console, *, touchpoints: int, most: int) -> None:
    """Prints what changed: the rules, then the first so many changes by customer."""
    console.print(
        f"[bold]{number(len(found.changed))}[/] changes for [bold]{number(found.customers)}[/] customers, "
        f"on {number(touchpoints)} touchpoints"
    )
    table = _table("rule", "old", "new", "same", "appear", "vanish", "move")
    for row in found.rules:
        style = "" if row.appear or row.vanish or row.move else "dim"
        counts = (row.before, row.after, row.same, row.appear, row.vanish, row.move)
        table.add_row(row.rule, *map(number, counts), style=style)
    if found.rules:
        console.print(table)
    customer = ""
    for one in found.changed[:most]:
        if one.customer != customer:
            customer = one.customer
            console.print(Text(customer, "bold"))
        group = "" if one.group == one.customer else f", {one.group}"
        line = Text("  ").append(f"{one.change:<9}", _STYLES[one.change]).append(f"{one.rule}{group}  ")
        line.append(_moment(one.before, one.after), "dim").append(f"  {one.evidence}")
        console.print(line)
    if len(found.changed) > most:
        console.print(f"… and {number(len(found.changed) - most)} more (--show, or --json for all)", style="dim")


def _moment(before: datetime | None, after: datetime | None) -> str:
    times = [f"{moment:%Y-%m-%d %H:%M}Z" for moment in (before, after) if moment is not None]
    return " → ".join(times)
