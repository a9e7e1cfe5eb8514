"""Conditions of a map, compiled to functions of a row."""

import re
from collections.abc import Callable
from fnmatch import translate
from typing import Any

from touchline.importer.files import Row
from touchline.importer.report import RowFault
from touchline.importer.values import as_text
from touchline.schemas.mapfile import Test, When

Check = Callable[[Row], bool]

FIRST = "\0first"
"""The entry of a row that says whether it is the first of its key; no file can have a column of this name."""

PREVIOUS = "previous."
"""Before the name of a column: its value in the previous row of the key."""


def compile_when(when: When) -> Check:
    """All that a condition says."""
    checks: list[Check] = [_column(name, test) for name, test in when.columns.items()]
    checks += [compile_when(part) for part in when.all]
    if when.any is not None:
        checks.append(_any([compile_when(part) for part in when.any]))
    if when.negated is not None:
        checks.append(_not(compile_when(when.negated)))
    if when.first is not None:
        checks.append(_first(when.first))
    if when.changed is not None:
        checks.append(_changed(when.changed))
    return _all(checks)


def _all(checks: list[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]
    return lambda row: all(check(row) for check in checks)


def _any(checks: list[Check]) -> Check:
    return lambda row: any(check(row) for check in checks)


def _not(check: Check) -> Check:
    return lambda row: not check(row)


def _first(wanted: bool) -> Check:
    return lambda row: row[FIRST] is wanted


def _changed(columns: list[str]) -> Check:
    pairs = [(name, PREVIOUS + name) for name in columns]
    return lambda row: row[FIRST] or any(row.get(now) != row.get(before) for now, before in pairs)


def _column(name: str, test: Test) -> Check:
    checks: list[Check] = []
    if test.present is not None:
        checks.append(_present(name, test.present))
    if test.equals is not None:
        checks.append(_among(name, frozenset({as_text(test.equals)})))
    if test.one_of is not None:
        checks.append(_among(name, frozenset(as_text(value) for value in test.one_of)))
    if test.like is not None:
        checks.append(_like(name, test.like))
    if test.above is not None or test.below is not None:
        checks.append(_between(name, test.above, test.below))
    return _all(checks)


def _present(name: str, wanted: bool) -> Check:
    return lambda row: (row.get(name) not in (None, "")) is wanted


def _among(name: str, texts: frozenset[str]) -> Check:
    return lambda row: as_text(_or_empty(row.get(name))) in texts


def _like(name: str, pattern: str) -> Check:
    # A pattern of * and ? is translated without nested repetition, so no text can make it slow.
    fits = re.compile(translate(pattern)).match
    return lambda row: fits(as_text(_or_empty(row.get(name)))) is not None


def _between(name: str, above: float | None, below: float | None) -> Check:
    def check(row: Row) -> bool:
        value = row.get(name)
        if value in (None, ""):
            return False
        try:
            number = float(value)
        except (ValueError, TypeError):
            raise RowFault(
                f'column {name}: "{as_text(value)[:40]}" is no number, and the condition compares it'
            ) from None
        return (above is None or number > above) and (below is None or number < below)

    return check


def _or_empty(value: Any) -> Any:
    return "" if value is None else value
