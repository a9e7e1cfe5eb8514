"""Templates and picks of a map, compiled to functions of a row."""

import math
import re
from collections.abc import Callable
from typing import Any

from touchline.importer.files import Row
from touchline.importer.report import RowFault
from touchline.importer.times import TimeReader
from touchline.schemas.mapvalues import As, Hole, Pick, split_template

Getter = Callable[[Row], Any]
"""What a row says; None for nothing."""

_FILTERS: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "slug": lambda text: re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_"),
}
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def as_text(value: Any) -> str:
    """A value as it is written: true and false for booleans."""
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def compile_template(template: str) -> Getter:
    """A single column keeps its type; anything else becomes text. An empty column makes nothing of the whole."""
    parts = split_template(template)
    if len(parts) == 1 and isinstance(parts[0], Hole) and not parts[0].filters:
        return _column(parts[0].column)
    if not any(isinstance(part, Hole) for part in parts):
        return lambda _row: template
    return _joined([_piece(part) for part in parts])


def _column(name: str) -> Getter:
    def get(row: Row) -> Any:
        value = row.get(name)
        if isinstance(value, list):
            raise RowFault(f"{{{name}}} is a list: {{{name}.0}} is its first entry")
        return None if value == "" else value

    return get


def _piece(part: str | Hole) -> str | Getter:
    if isinstance(part, str):
        return part
    get = _column(part.column)
    filters = [_FILTERS[name] for name in part.filters]

    def piece(row: Row) -> str | None:
        value = get(row)
        if value is None:
            return None
        text = as_text(value)
        for change in filters:
            text = change(text)
        return text or None

    return piece


def _joined(pieces: list[str | Getter]) -> Getter:
    def join(row: Row) -> str | None:
        texts: list[str] = []
        for piece in pieces:
            if isinstance(piece, str):
                texts.append(piece)
                continue
            text = piece(row)
            if text is None:
                return None
            texts.append(text)
        return "".join(texts)

    return join


def compile_pick(pick: Pick, times: TimeReader | None = None) -> Getter:
    """A value with its look-up, type and default."""
    get: Getter = compile_template(pick.template) if pick.template else (lambda _row: pick.constant)
    if pick.map is not None:
        get = _looked_up(get, pick)
    if pick.type is not None:
        get = _converted(get, pick.type, times)
    if pick.default is None:
        return get

    def with_default(row: Row) -> Any:
        value = get(row)
        return pick.default if value is None else value

    return with_default


def compile_text(pick: Pick) -> Getter:
    """A pick whose value must be text."""
    get = compile_pick(pick)

    def text(row: Row) -> str | None:
        value = get(row)
        return None if value is None else as_text(value)

    return text


def _looked_up(get: Getter, pick: Pick) -> Getter:
    table = pick.map or {}

    def look_up(row: Row) -> Any:
        value = get(row)
        if value is None:
            return None
        key = as_text(value)
        if key not in table and not pick.has_default:
            raise RowFault(f'"{key[:40]}" is not in the map, which has no default')
        return table.get(key, pick.default)

    return look_up


def _converted(get: Getter, to: As, times: TimeReader | None) -> Getter:
    convert = _CONVERSIONS.get(to)

    def converted(row: Row) -> Any:
        value = get(row)
        if value is None:
            return None
        if convert is None:
            assert times is not None, "the mapper hands a reader of times to what may need it"  # noqa: S101
            return times.read(value, row).isoformat()
        try:
            return convert(value)
        except (ValueError, TypeError, KeyError, OverflowError):
            raise RowFault(f'"{as_text(value)[:40]}" is no {to}') from None

    return converted


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


_CONVERSIONS: dict[As, Callable[[Any], Any]] = {
    As.TEXT: as_text,
    As.NUMBER: _number,
    As.INTEGER: lambda value: int(value) if isinstance(value, str) else int(value) if value == int(value) else int(""),
    As.BOOLEAN: lambda value: _TRUTHS[as_text(value).strip().lower()],
}
