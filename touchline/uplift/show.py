"""An uplift report in the terminal."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from touchline.pipeline.measures.detection import Quartiles
from touchline.report.words import number, span
from touchline.uplift.report import ArmFigures, ExperimentUplift, RuleUplift, Says, UpliftReport, percentage, points

_DASH: Final = "\N{EN DASH}"
_STYLES: Final = {Says.FEWER: "bold", Says.MORE: "bold", Says.MISMATCH: "bold red"}
_SHORT: Final = {
    Says.NOTHING: "nothing",
    Says.MISMATCH: "wrong split",
    Says.TOO_SMALL: "too small",
    Says.FEWER: "fewer",
    Says.MORE: "more",
    Says.NO_DIFFERENCE: "no difference",
}
_QUIET: Final = frozenset({Says.NOTHING, Says.TOO_SMALL})
_COLUMNS: Final = ("rule", "treated", "outcome", "rate", "held out", "outcome", "rate", "uplift", "95 %", " says")


def show(report: UpliftReport, console: Console) -> None:
    """Prints a report."""
    until = "" if report.until is None else f" · up to {report.until:%Y-%m-%d %H:%M} UTC"
    _say(console, f"{report.source}{until} · outcome: {report.outcome}", "")
    for experiment in report.experiments:
        console.print()
        _experiment(experiment, report, console)
    notes = [f"left out: {number(count)} {what}" for what, count in report.left_out.items()]
    if notes or report.remarks:
        console.print()
    for line in notes:
        _say(console, line, "dim")
    for remark in report.remarks:
        _say(console, f"note: {remark}", "yellow")


def _experiment(found: ExperimentUplift, report: UpliftReport, console: Console) -> None:
    everything, rules = found.all, found.rules
    if len(rules) == 1:
        everything, rules = rules[0], []
    waiting = everything.treated.open + everything.held_out.open
    counted = everything.treated.customers + everything.held_out.customers
    head = Text.assemble((found.experiment or "no name", "bold"), f": {number(counted)} customers are counted, ")
    console.print(head.append(f"{number(waiting)} not yet: their {span(report.within)} are not over"))
    console.print(_table((everything, *rules)))
    _say(console, f"{everything.words}.", _STYLES.get(everything.says, ""))
    for line in _details(everything):
        _say(console, line, "dim")
    for row in rules:
        if row.says in _STYLES:
            _say(console, f"{row.rule}: {row.words}.", _STYLES[row.says])
    for remark in found.remarks:
        _say(console, f"note: {remark}", "yellow")


def _say(console: Console, line: str, style: str) -> None:
    console.print(line, style=style, markup=False, soft_wrap=True)


def _table(rows: Sequence[RuleUplift]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for index, name in enumerate(_COLUMNS):
        left = index == 0 or name.startswith(" ")
        table.add_column(name.strip(), justify="left" if left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row), style="dim" if row.says in _QUIET else "")
    return table


def _cells(row: RuleUplift) -> list[str | Text]:
    cells: list[str | Text] = [row.rule or "all rules"]
    for arm in (row.treated, row.held_out):
        cells += [number(arm.customers), number(arm.outcomes), _rate(arm)]
    cells.append(_DASH if row.uplift is None else points(row.uplift))
    cells.append("" if row.interval is None else f"{points(row.interval[0])} to {points(row.interval[1])}")
    return [*cells, Text(_SHORT[row.says], _STYLES.get(row.says, ""))]


def _rate(arm: ArmFigures) -> str:
    return _DASH if arm.rate is None else f"{arm.rate:.1%}"


def _details(row: RuleUplift) -> list[str]:
    lines = []
    if row.treated.customers:
        lines.append(f"{number(row.treated.reached)} of {number(row.treated.customers)} treated were reached")
    if row.split is None:
        lines.append("whether the split is as planned is not known: --share says what was planned")
    elif not row.mismatch:
        lines.append(f"the split is as planned ({percentage(row.share or 0)} held out; p = {row.split:.2f})")
    if row.held_out.lead is not None:
        lines.append(f"lead, from when the message would have come: {_lead(row.held_out.lead, row.held_out)}")
    if row.held_out.signal_lead is not None:
        lines.append(f"lead, from the friction: {_lead(row.held_out.signal_lead, row.held_out)}")
    return lines


def _lead(lead: Quartiles, arm: ArmFigures) -> str:
    return (
        f"median {span(lead.median)} (quartiles {span(lead.lower)}, {span(lead.upper)}; {number(arm.outcomes)} cases)"
    )
