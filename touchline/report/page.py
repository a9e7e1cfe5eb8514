"""The report as one HTML page that needs nothing else: no script, no font, no picture from anywhere."""

from importlib.resources import files
from typing import Final

from touchline.report import charts
from touchline.report.figures import Access, ChannelRow, Check, Entry, Figures, Journey, Lead, RuleRow, SideBySide
from touchline.report.markup import Html, join, tag
from touchline.report.words import SILENT, day_of, number, percent, plain, share, span, times

_MANY_CHANNELS: Final = 8


def page(figures: Figures) -> str:
    """The whole page."""
    style = Html(files("touchline.report").joinpath("page.css").read_text(encoding="utf-8"))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{figures.title} · Touchline"),
        tag("style", style),
    )
    body = tag("body", tag("main", *_parts(figures)))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _parts(figures: Figures) -> list[Html]:
    parts = [_header(figures), _tiles(figures), _overview(figures)]
    parts.append(_rules(figures) if figures.rules else _section("Friction by rule", SILENT))
    if figures.journeys:
        parts.append(_journeys(figures))
    if figures.reasons:
        parts.append(_reasons(figures))
    parts.extend(_side_by_side(pair) for pair in figures.side_by_side)
    if figures.checks:
        parts.append(_checks(figures))
    if figures.access:
        parts.append(_access(figures.access))
    return parts


def _overview(figures: Figures) -> Html:
    """Two columns of about the same height: a long list of channels stands alone in its."""
    channels, days, stages = _channels(figures), _days(figures), _stages(figures)
    long = len(figures.channels) > _MANY_CHANNELS
    columns = ((channels,), (days, stages)) if long else ((channels, days), (stages,))
    return tag("div", *(tag("div", *column) for column in columns), class_="two")


def _section(title: str, note: str | Html | None, *children: Html) -> Html:
    return tag("section", tag("h2", title), tag("p", note, class_="note") if note else None, *children)


def _header(figures: Figures) -> Html:
    when = ""
    if figures.since and figures.until:
        when = f"{figures.since:%d %b %Y} to {figures.until:%d %b %Y} · "
    return tag(
        "header",
        tag("div", "Touchline", class_="brand"),
        tag("h1", figures.title),
        tag("div", f"{when}{figures.source} · worked off in {span(figures.seconds)}", class_="dim"),
    )


def _tiles(figures: Figures) -> Html:
    lead = figures.lead
    tiles = (
        ("", number(figures.touchpoints), f"touchpoints of {number(figures.customers)} customers"),
        ("amber", number(figures.signals), "signals raised"),
        ("green", number(figures.sent), "messages, each with one reason"),
        _lead_tile(lead),
    )
    return tag(
        "div", *(tag("div", tag("b", b), tag("span", s), class_=f"tile {c}") for c, b, s in tiles), class_="tiles"
    )


def _lead_tile(lead: Lead) -> tuple[str, str, str]:
    if lead.median_seconds is None:
        return "blue", "0", "signals came before a complaint or a bad score"
    return "blue", span(lead.median_seconds), f"median lead of {number(lead.before)} signals before {lead.outcomes}"


def _channels(figures: Figures) -> Html:
    most = max((row.touchpoints for row in figures.channels), default=0)
    head = _head("channel", "", "#touchpoints", "#share", "#customers")
    rows = [_channel(row, most, figures.touchpoints) for row in figures.channels]
    return _section("Touchpoints by channel", "The medium decides, not the system that reports it.", _table(head, rows))


def _channel(row: ChannelRow, most: int, whole: int) -> Html:
    return tag(
        "tr",
        tag("td", plain(row.channel)),
        tag("td", charts.bar(row.touchpoints, most, "blue"), class_="wide"),
        _num(number(row.touchpoints)),
        _num(percent(row.touchpoints, whole), "dim"),
        _num(number(row.customers), "dim"),
    )


def _days(figures: Figures) -> Html:
    key = join(tag("span", "touchpoints", class_="key"), tag("span", "signals opened (own scale)", class_="key amber"))
    rows, unit = charts.bundled(figures.days)
    return _section(f"By {unit}", key, charts.days(rows))


def _stages(figures: Figures) -> Html:
    most = max((row.touchpoints for row in figures.stages), default=0)
    rows = [
        tag(
            "tr",
            tag("td", row.stage),
            tag("td", charts.bar(row.touchpoints, most, "blue"), class_="wide"),
            _num(number(row.touchpoints)),
            _num(number(row.customers), "dim"),
        )
        for row in figures.stages
    ]
    head = _head("stage", "", "#touchpoints", "#customers")
    return _section("Along the relationship", "Before, during and after the purchase.", _table(head, rows))


def _rules(figures: Figures) -> Html:
    most = max(row.signals for row in figures.rules)
    columns = ["rule", "owner", "control", "#signals", "", "#customers~", "#resolved~"]
    note = "Who must act, and how far it is in our hands."
    leads = figures.lead.before > 0
    if leads:
        columns += [f"#before {figures.lead.outcomes}~", "#median lead~"]
        note += " Before: within two weeks; the lead is the time between."
    rows = [_rule(row, most, leads=leads) for row in figures.rules]
    return _section("Friction by rule", note, _table(_head(*columns), rows))


def _rule(row: RuleRow, most: int, *, leads: bool) -> Html:
    foresight = (_num(number(row.complained), "less"), _num(span(row.lead_seconds), "less")) if leads else ()
    return tag(
        "tr",
        tag("td", plain(row.rule)),
        tag("td", plain(row.owner)),
        tag("td", tag("span", row.control, class_=f"chip {row.control}")),
        _num(number(row.signals)),
        tag("td", charts.bar(row.signals, most, "amber"), class_="wide"),
        _num(number(row.customers), "dim less"),
        _num(number(row.resolved), "dim less"),
        *foresight,
    )


def _reasons(figures: Figures) -> Html:
    note = "One decision for each signal, with the first reason that applies."
    return _section("Decisions by reason", note, charts.reasons(figures.reasons))


def _journeys(figures: Figures) -> Html:
    cards = [_journey(journey, day_of(figures.since, figures.until)) for journey in figures.journeys]
    note = "What the customer went through, what was noticed, and what was done."
    return _section("Journeys", note, tag("div", *cards, class_="journeys"))


def _journey(journey: Journey, day: str) -> Html:
    entries = tag("ol", *(_entry(entry, day) for entry in journey.entries), class_="timeline")
    return tag("article", tag("h3", journey.title, title=journey.customer), entries, class_="journey")


def _entry(entry: Entry, day: str) -> Html:
    what = times(entry.what, entry.times)
    return tag(
        "li",
        tag("time", f"{entry.at:{day}, %H:%M}", datetime=entry.at.isoformat()),
        tag("b", what),
        tag("span", f" {plain(entry.channel)}", class_="dim") if entry.channel else None,
        tag("span", entry.detail, class_="detail") if entry.detail else None,
        class_=entry.role.value,
    )


def _side_by_side(pair: SideBySide) -> Html:
    head = _head("", "#cases named", "#hits", "#precision", "#recall", "#median lead")
    rows = [
        tag(
            "tr",
            tag("td", row.name),
            _num(number(row.cases)),
            _num(number(row.hits)),
            _num(share(row.precision)),
            _num(share(row.recall)),
            _num(span(row.median_lead_seconds)),
        )
        for row in pair.rows
    ]
    return _section(pair.title, f"{number(pair.outcomes)} bad outcomes among {pair.population}.", _table(head, rows))


def _checks(figures: Figures) -> Html:
    lines = [_check(check) for check in figures.checks]
    return _section(
        "Does it add up?", "Counted on its way, and read from the warehouse.", tag("ul", *lines, class_="checks")
    )


def _check(check: Check) -> Html:
    mark = tag("span", "✓", class_="yes") if check.holds else tag("span", "✗", class_="no")
    return tag("li", mark, tag("span", check.title), tag("span", check.numbers, class_="dim"))


def _access(access: Access) -> Html:
    parts = [
        tag("p", "Ask the warehouse, with any ClickHouse client at ", tag("b", access.warehouse), ":"),
        _code(access.query),
    ]
    parts += [tag("p", "Watch the signals on Kafka at ", tag("b", access.bootstrap), ":"), _code(access.tail)]
    if access.own_event:
        parts += [tag("p", "Publish an event of your own and see what comes of it:"), _code(access.own_event)]
    return _section("Go on from here", None, *parts)


def _code(text: str) -> Html:
    return tag("pre", tag("code", text))


def _head(*columns: str) -> Html:
    """Column heads; those with `#` before them are numbers, those with `~` behind them are left out where the page is
    narrow, one without a name stands over bars."""
    return tag("tr", *map(_head_cell, columns))


def _head_cell(column: str) -> Html:
    marks = ("num" * column.startswith("#"), "less" * column.endswith("~"), "wide" * (not column))
    return tag("th", column.strip("#~"), class_=" ".join(filter(None, marks)) or None)


def _num(text: str, style: str = "") -> Html:
    return tag("td", text, class_=f"num {style}".strip())


def _table(head: Html, rows: list[Html]) -> Html:
    return tag("div", tag("table", tag("thead", head), tag("tbody", *rows)), class_="scroll")
