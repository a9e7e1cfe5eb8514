"""The report in the terminal: a minute's reading."""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from touchline.report.figures import Check, Entry, Figures, Journey, Role, SideBySide
from touchline.report.words import SILENT, day_of, number, percent, plain, share, span, times

_ROLES = {
    Role.TOUCHPOINT: ("·", ""),
    Role.COMPLAINT: ("!", "bold red"),
    Role.SIGNAL: ("▲", "bold yellow"),
    Role.DECISION: ("→", "cyan"),
    Role.DELIVERY: ("✉", "green"),
}


def show(figures: Figures, console: Console, *, page: str | None = None) -> None:
    """Prints the report. `page`: where the same report lies as HTML."""
    console.print()
    console.rule(f"[bold]{figures.title}")
    console.print(_headline(figures), justify="center")
    console.print()
    for part in _parts(figures):
        console.print(part)
        console.print()
    if page:
        console.print(Text("The same with charts: ").append(page, "bold"))
    if figures.access:
        _access(figures, console)


def _parts(figures: Figures) -> list[RenderableType]:
    parts: list[RenderableType] = [_channels(figures)]
    parts.append(_rules(figures) if figures.rules else Text(SILENT))
    if figures.reasons:
        parts.append(_reasons(figures))
    day = day_of(figures.since, figures.until)
    parts.extend(_journey(journey, day) for journey in figures.journeys)
    parts.extend(_side_by_side(pair) for pair in figures.side_by_side)
    if figures.checks:
        parts.append(_checks(figures.checks))
    return parts


def _headline(figures: Figures) -> Text:
    text = Text()
    text.append(number(figures.touchpoints), "bold").append(" touchpoints of ")
    text.append(number(figures.customers), "bold").append(" customers")
    if figures.since and figures.until:
        text.append(f", {figures.since:%d %b %Y} to {figures.until:%d %b %Y}")
    text.append(f" · {figures.source} · worked off in {span(figures.seconds)}\n", "dim")
    text.append(number(figures.signals), "bold yellow").append(" signals · ")
    text.append(number(figures.sent), "bold green").append(" messages · ")
    text.append(_lead_words(figures), "bold")
    return text


def _lead_words(figures: Figures) -> str:
    lead = figures.lead
    if lead.median_seconds is None:
        return "none came before a complaint or a bad score"
    return f"{number(lead.before)} came before {lead.outcomes}, median lead {span(lead.median_seconds)}"


def _table(title: str, *columns: str) -> Table:
    """The first column and those whose name begins with a space read from the left, the others are numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for index, column in enumerate(columns):
        left = index == 0 or column.startswith(" ")
        table.add_column(column.strip(), justify="left" if left else "right", no_wrap=not left or not column.strip())
    return table


def _bar(value: int, most: int, style: str, width: int = 24) -> Text:
    eighths = round(value / most * width * 8) if most else 0
    full, rest = divmod(eighths, 8)
    return Text("█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else ""), style)


def _channels(figures: Figures) -> Table:
    table = _table("Touchpoints by channel", "channel", "touchpoints", "", " ", "customers")
    most = max((row.touchpoints for row in figures.channels), default=0)
    for row in figures.channels:
        table.add_row(
            plain(row.channel),
            number(row.touchpoints),
            percent(row.touchpoints, figures.touchpoints),
            _bar(row.touchpoints, most, "blue"),
            number(row.customers),
        )
    return table


def _rules(figures: Figures) -> Table:
    leads = ["before", "lead"] if figures.lead.before else []
    table = _table("Friction by rule", "rule", " owner", " control", "signals", " ", *leads)
    most = max(row.signals for row in figures.rules)
    for row in figures.rules:
        table.add_row(
            plain(row.rule),
            plain(row.owner),
            Text(row.control, "magenta" if row.control == "partner" else ""),
            number(row.signals),
            _bar(row.signals, most, "yellow", width=10),
            *((number(row.complained), span(row.lead_seconds)) if leads else ()),
        )
    return table


def _reasons(figures: Figures) -> Table:
    table = _table("Decisions by reason", "outcome", " reason", "decisions", "", " ")
    whole = sum(row.decisions for row in figures.reasons)
    most = max(row.decisions for row in figures.reasons)
    styles = {"sent": "green", "held": "yellow"}
    for row in figures.reasons:
        style = styles.get(row.outcome, "bright_black")
        table.add_row(
            Text(plain(row.outcome), style),
            plain(row.reason),
            number(row.decisions),
            percent(row.decisions, whole),
            _bar(row.decisions, most, style),
        )
    return table


def _journey(journey: Journey, day: str) -> RenderableType:
    table = Table(box=None, pad_edge=False, show_header=False)
    for name in ("at", "mark", "what"):
        table.add_column(name, no_wrap=name != "what", style="dim" if name == "at" else "")
    for entry in journey.entries:
        mark, style = _ROLES[entry.role]
        table.add_row(f"{entry.at:{day} %H:%M}", Text(mark, style), _entry(entry, style))
    return Panel(table, title=Text(journey.title), title_align="left", border_style="dim", padding=(0, 1))


def _entry(entry: Entry, style: str) -> Text:
    text = Text(times(entry.what, entry.times), style or "default")
    if entry.channel:
        text.append(f" · {plain(entry.channel)}", "dim")
    if entry.detail:
        text.append(f"  {entry.detail}", "" if entry.role is not Role.TOUCHPOINT else "dim italic")
    return text


def _side_by_side(pair: SideBySide) -> RenderableType:
    title = f"{pair.title}: {number(pair.outcomes)} among {pair.population}"
    table = _table(title, " by", "cases", "hits", "precision", "recall", "lead")
    for row in pair.rows:
        table.add_row(
            row.name,
            number(row.cases),
            number(row.hits),
            share(row.precision),
            share(row.recall),
            span(row.median_lead_seconds),
        )
    return table


def _checks(checks: Sequence[Check]) -> RenderableType:
    lines = [Text("Does it add up?", "bold")]
    for check in checks:
        mark = Text("✓ ", "green") if check.holds else Text("✗ ", "bold red")
        lines.append(
            mark.append(f"{check.title}: ", "default").append(check.numbers, "default" if check.holds else "red")
        )
    return Group(*lines)


def _access(figures: Figures, console: Console) -> None:
    access = figures.access
    if access is None:
        return
    console.print(Text("Ask the warehouse: ").append(access.query, "bold"), soft_wrap=True)
    console.print(Text(f"  ClickHouse {access.warehouse} · Kafka {access.bootstrap}", "dim"), soft_wrap=True)
    if access.own_event:
        console.print(Text("\nNow one of your own:\n").append(f"  {access.own_event}", "bold green"), soft_wrap=True)
