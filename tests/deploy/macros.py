"""What Grafana and its ClickHouse data source make of a query before ClickHouse gets it.

The semantics are those of grafana/clickhouse-datasource: the table of macros in its README, `pkg/macros/macros.go` for
what they expand to, and `applyConditionalAll` in `src/data/CHDatasource.ts` for `$__conditionalAll`, which is resolved
first and in the browser. `${name:singlequote}` is a format of Grafana's own (its documentation, "Variable syntax")."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

ALL: Sequence[str] = ("$__all",)
_CONDITIONAL = "$__conditionalAll("
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}")


@dataclass(frozen=True)
class View:
    """What somebody looks at: the time that is chosen, the seconds that a point stands for, and what is chosen in each
    variable."""

    start: datetime
    end: datetime
    interval: int = 3_600
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)


class MacroError(Exception):
    """The data source would refuse the query, or leave something in it that ClickHouse does not know."""


def expand(sql: str, view: View) -> str:
    """The query as ClickHouse gets it. Raises: MacroError."""
    sql = _VARIABLE.sub(lambda found: _values(found, view), _conditional(sql, view))
    for name, macro in _MACROS.items():
        sql = _called(sql, name, macro, view)
    for name, moment in (("$__fromTime", view.start), ("$__toTime", view.end)):
        sql = re.sub(rf"{re.escape(name)}\b", _date_time(moment), sql)
    sql = re.sub(r"\$__interval_s\b", str(max(view.interval, 1)), sql)
    if left := re.search(r"\$\w+|\$\{", sql):
        raise MacroError(f"{left[0]} is no macro or variable")
    return sql


def variables(sql: str) -> set[str]:
    """The variables that a query uses."""
    named = {found[1] for found in _VARIABLE.finditer(sql)}
    return named | {name for name in re.findall(r"\$(\w+)", sql) if not name.startswith("__")}


def _arguments(sql: str, opening: int) -> tuple[list[str], int]:
    """What stands between the bracket at `opening` and the one that closes it, split at its commas; and the end."""
    depth, begin, found = 0, opening + 1, []
    for place in range(opening, len(sql)):
        sign = sql[place]
        depth += (sign == "(") - (sign == ")")
        if (sign == "," and depth == 1) or depth == 0:
            found.append(sql[begin:place])
            begin = place + 1
        if depth == 0:
            return found, place + 1
    raise MacroError("a bracket is not closed")


def _conditional(sql: str, view: View) -> str:
    while (place := sql.rfind(_CONDITIONAL)) >= 0:
        given, end = _arguments(sql, place + len(_CONDITIONAL) - 1)
        name = re.search(r"\$\{?(\w+)", given[-1])
        if len(given) != 2 or name is None:
            raise MacroError("$__conditionalAll takes a condition and a variable")
        everything = list(view.chosen.get(name[1], ALL)) in (list(ALL), [])
        sql = sql[:place] + ("1=1" if everything else given[0]) + sql[end:]
    return sql


def _values(found: re.Match[str], view: View) -> str:
    values = view.chosen.get(found[1], ALL)
    if found[2] != "singlequote" or list(values) == list(ALL):
        raise MacroError(f"{found[0]}: only ${{name:singlequote}} is safe, and only where something is chosen")
    return ",".join("'" + value.replace("'", r"\'") + "'" for value in values)


def _called(sql: str, name: str, macro: str, view: View) -> str:
    begin = f"$__{name}("
    while (place := sql.find(begin)) >= 0:
        given, end = _arguments(sql, place + len(begin) - 1)
        if len(given) != 1:
            raise MacroError(f"$__{name}: expected 1 argument, received {len(given)}")
        made = macro.format(
            column=given[0].strip(),
            start=_date_time(view.start),
            end=_date_time(view.end),
            first=f"toDate('{view.start.astimezone(UTC):%Y-%m-%d}')",
            last=f"toDate('{view.end.astimezone(UTC):%Y-%m-%d}')",
            seconds=max(view.interval, 1),
        )
        sql = sql[:place] + made + sql[end:]
    return sql


def _date_time(moment: datetime) -> str:
    return f"toDateTime({int(moment.timestamp())})"


_MACROS = {
    "timeFilter": "{column} >= {start} AND {column} <= {end}",
    "dateFilter": "{column} >= {first} AND {column} <= {last}",
    "timeInterval": "toStartOfInterval(toDateTime({column}), INTERVAL {seconds} second)",
}
"""Those that dashboards use, without the ones for milliseconds."""
