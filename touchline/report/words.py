"""Numbers and names as people read them."""

from datetime import datetime
from typing import Final

_DASH = "\N{EN DASH}"
SILENT: Final = (
    "No rule said anything: nothing went wrong, or no rule in force waits for these kinds. `--rules` brings rules of "
    "your own, and `touchline rules why-not` tells what one was waiting for."
)
"""In place of friction."""

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def number(value: float) -> str:
    """1234567 as `1,234,567`."""
    return f"{value:,.0f}"


def span(seconds: float | None) -> str:
    """A length of time in its two greatest units, such as `1 d 4 h`; a dash for None."""
    if seconds is None:
        return _DASH
    left = round(abs(seconds))
    parts: list[str] = []
    for size, unit in _STEPS:
        amount, left = divmod(left, size)
        if amount or (unit == "s" and not parts):
            parts.append(f"{amount} {unit}")
        elif parts:
            break
    return ("\N{MINUS SIGN}" if seconds < 0 else "") + " ".join(parts[:2])


def share(value: float | None) -> str:
    """A share with two digits, such as `.79`; a dash for None."""
    if value is None:
        return _DASH
    return "1.00" if value >= 0.995 else f"{value:.2f}".lstrip("0")


def percent(part: float, whole: float) -> str:
    """`12 %`, or `0.4 %` where a whole number would say nothing."""
    if not whole:
        return _DASH
    value = 100 * part / whole
    return f"{value:.1f} %" if 0 < value < 10 else f"{value:.0f} %"


def plain(name: str) -> str:
    """A name of ours in words: `self_service` as `self service`."""
    return name.replace("_", " ")


def times(what: str, count: int) -> str:
    """`what`, with its number before it when that is not 1."""
    return f"{count} \N{MULTIPLICATION SIGN} {what}" if count > 1 else what


def quoted(text: str) -> str:
    """Somebody's words; nothing stays nothing."""
    return f"\N{LEFT DOUBLE QUOTATION MARK}{text}\N{RIGHT DOUBLE QUOTATION MARK}" if text else ""


def day_of(since: datetime | None, until: datetime | None) -> str:
    """How days are written on a journey: with the year where the data spans more than one."""
    return "%a %d %b" if since is None or until is None or since.year == until.year else "%a %d %b %Y"


def shortened(name: str, longest: int = 20) -> str:
    """The beginning of a long name."""
    return name if len(name) <= longest else f"{name[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"
