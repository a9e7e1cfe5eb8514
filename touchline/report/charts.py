"""Charts as SVG and CSS: no script, no picture, colours from the page's style."""

from collections.abc import Sequence
from datetime import date, timedelta

from touchline.report.figures import DayRow, ReasonRow
from touchline.report.markup import Html, join, tag
from touchline.report.words import number, percent, plain

_MOST_COLUMNS = 62
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640.0, 250.0, 44.0, 26.0, 14.0


def bar(value: float, most: float, style: str) -> Html:
    """A horizontal bar; `style` is a class of the page."""
    width = 100 * value / most if most else 0
    return tag("span", tag("span", class_=f"fill {style}", style=f"width:{width:.1f}%"), class_="bar")


def bundled(rows: Sequence[DayRow]) -> tuple[Sequence[DayRow], str]:
    """Days, or where there would be too many, weeks (from Monday) or months, by their first day; and their name."""
    if not rows:
        return rows, "day"
    length = (rows[-1].day - rows[0].day).days
    if length <= _MOST_COLUMNS:
        return rows, "day"
    weeks = length <= 7 * _MOST_COLUMNS
    sums: dict[date, list[int]] = {}
    for row in rows:
        first = row.day - timedelta(days=row.day.weekday()) if weeks else row.day.replace(day=1)
        bucket = sums.setdefault(first, [0, 0])
        bucket[0] += row.touchpoints
        bucket[1] += row.signals
    found = [DayRow(day=day, touchpoints=t, signals=s) for day, (t, s) in sorted(sums.items())]
    return found, "week" if weeks else "month"


def days(rows: Sequence[DayRow]) -> Html:
    """Touchpoints as an area, and signals as columns on a scale of their own."""
    most = nice(max((row.touchpoints for row in rows), default=1))
    most_signals = max((row.signals for row in rows), default=0) or 1
    step = (_WIDTH - _LEFT) / max(1, len(rows))
    form = "%b %y" if rows and (rows[-1].day - rows[0].day).days > 300 else "%d %b"
    floor = _HEIGHT - _BOTTOM
    points = [(_LEFT + step * (i + 0.5), floor - (floor - _TOP) * row.touchpoints / most) for i, row in enumerate(rows)]
    line = " ".join(f"{'M' if i == 0 else 'L'}{x:.1f},{y:.1f}" for i, (x, y) in enumerate(points))
    area = f"{line} L{points[-1][0]:.1f},{floor:.1f} L{points[0][0]:.1f},{floor:.1f} Z" if points else ""
    columns = join(*(_column(row, i, step, floor, most_signals) for i, row in enumerate(rows)))
    return tag(
        "svg",
        _grid(most, floor),
        tag("path", d=area, class_="area"),
        tag("path", d=line, class_="line"),
        columns,
        join(*(_day_label(row, i, step, form) for i, row in enumerate(rows) if i % max(1, len(rows) // 6) == 0)),
        viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
        role="img",
        aria_label="Touchpoints and signals by day",
    )


def nice(value: float) -> float:
    """The next round number above: 1, 2, 2.5 or 5 times a power of ten."""
    power = 1.0
    while power * 10 < value:
        power *= 10
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= value)


def _grid(most: float, floor: float) -> Html:
    lines = []
    for part in (0, 0.5, 1):
        y = floor - (floor - _TOP) * part
        lines.append(tag("line", x1=_LEFT, x2=_WIDTH, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid"))
        lines.append(tag("text", number(most * part), x=_LEFT - 6, y=f"{y + 3.5:.1f}", class_="axis right"))
    return join(*lines)


def _column(row: DayRow, index: int, step: float, floor: float, most: float) -> Html:
    height = (floor - _TOP) * 0.42 * row.signals / most
    words = f"{row.day:%d %b %Y}: {number(row.touchpoints)} touchpoints, {number(row.signals)} signals"
    x, width = _LEFT + step * index, step
    return tag(
        "g",
        tag("title", words),
        tag("rect", x=f"{x:.1f}", y=_TOP, width=f"{width:.1f}", height=f"{floor - _TOP:.1f}", class_="hover"),
        tag(
            "rect",
            x=f"{x + width * 0.28:.1f}",
            y=f"{floor - height:.1f}",
            width=f"{width * 0.44:.1f}",
            height=f"{height:.1f}",
            class_="column",
        ),
    )


def _day_label(row: DayRow, index: int, step: float, form: str) -> Html:
    return tag(
        "text", f"{row.day:{form}}", x=f"{_LEFT + step * (index + 0.5):.1f}", y=_HEIGHT - 8, class_="axis middle"
    )


def reasons(rows: Sequence[ReasonRow]) -> Html:
    """Decisions by reason: one bar of their shares, and the list that names them."""
    whole = sum(row.decisions for row in rows) or 1
    parts, lines, others = [], [], 0
    for row in rows:
        style = row.outcome if row.outcome in {"sent", "held"} else f"shade{others % 6}"
        others += row.outcome not in {"sent", "held"}
        words = f"{plain(row.reason)}: {number(row.decisions)} ({percent(row.decisions, whole)})"
        parts.append(tag("span", class_=f"part {style}", style=f"flex-grow:{row.decisions}", title=words))
        lines.append(
            tag(
                "li",
                tag("span", class_=f"dot {style}"),
                tag("span", plain(row.reason), class_="name"),
                tag("span", plain(row.outcome), class_="dim"),
                tag("span", number(row.decisions), class_="num"),
                tag("span", percent(row.decisions, whole), class_="num dim"),
            )
        )
    return join(tag("div", *parts, class_="stack"), tag("ul", *lines, class_="legend"))
