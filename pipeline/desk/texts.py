"""The words of notices: plain text, for people of a department or a partner."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Final

from touchline.pipeline.desk.disclosure import in_words
from touchline.schemas.notice import NoticeItem

_SUBJECT: Final = 200
_LINE: Final = 240
_LONGEST: Final = 15_000


def at_once(item: NoticeItem, zone: tzinfo) -> tuple[str, str]:
    """Subject and text of a notice about one signal."""
    lines = [
        f"{_capital(in_words(item.rule))} ({item.severity}), since {_time(item.at, zone)}.",
        "",
        f"What happened: {_cut(item.evidence, 4_000)}",
    ]
    if item.customer:
        lines.append(f"Customer: {item.customer}")
    if item.group != item.customer:
        lines.append(f"About: {_about(item)}")
    if item.action:
        lines.append(f"What to do: {_cut(item.action, 4_000)}")
    lines += ["", f"Signal {item.signal_id}"]
    about = f", {_about(item)}" if item.group != item.customer else ""
    return _cut(f"{_capital(item.severity)}: {in_words(item.rule)}{about}", _SUBJECT), "\n".join(lines)


def digest(items: Sequence[NoticeItem], count: int, cut: int, *, budget: int, zone: tzinfo) -> tuple[str, str]:
    """Subject and text of a digest. `count`: how many signals it is about, of which `items` are shown; `cut`: how many
    the budget left out."""
    lines = [f"{_signals(count)} since the last digest, the most urgent first:", "", *_listed(items, count, zone)]
    if cut:
        lines += ["", f"Not told: {_signals(cut)} beyond the alert budget of {budget} a day, the least urgent."]
    worst = f", the worst {items[0].severity}" if items else ""
    return _cut(f"{_signals(count)}{worst}{f'; {cut} more cut' if cut else ''}", _SUBJECT), "\n".join(lines)


def left_out(items: Sequence[NoticeItem], cut: int, *, budget: int, zone: tzinfo) -> tuple[str, str]:
    """Subject and text of a digest of what was not told at once."""
    lines = [
        f"{_signals(cut)} not told at once, for the alert budget of {budget} a day; the most urgent first:",
        "",
        *_listed(items, cut, zone),
    ]
    return f"{_signals(cut)} not told at once", "\n".join(lines)


def _listed(items: Sequence[NoticeItem], count: int, zone: tzinfo) -> list[str]:
    """A line for each, as many as a message holds."""
    lines: list[str] = []
    length = 0
    for item in items:
        line = _cut(f"- {item.severity}, {_time(item.at, zone)}, {_about(item)}: {_flat(item.evidence)}", _LINE)
        length += len(line) + 1
        if length > _LONGEST:
            break
        lines.append(line)
    return [*lines, f"- and {count - len(lines)} more"] if count > len(lines) else lines


def _signals(number: int) -> str:
    return "1 signal" if number == 1 else f"{number} signals"


def _about(item: NoticeItem) -> str:
    return item.group.replace(":", " ", 1) if item.group != item.customer else f"customer {item.customer}"


def _time(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _flat(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
