"""Grafana's dashboards from deploy/grafana/definitions: `python -m tests.deploy.dashboards` writes them anew.

A definition says what a panel shows and asks; how Grafana wants that told is here. A panel that shows a measure takes
its meaning, unit and formula from the catalogue in the warehouse, so that a dashboard can't say other than the measure.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from ruamel.yaml import YAML

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.embedded import EmbeddedWarehouse

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
DEFINITIONS, DASHBOARDS = GRAFANA / "definitions", GRAFANA / "dashboards"
VARIABLES = "_variables.yaml"
SOURCE = {"type": "grafana-clickhouse-datasource", "uid": "touchline"}
PLUGIN = "4.20.0"
SCHEMA = 39
"""The version of Grafana's dashboard JSON that is written; newer Grafanas read it and bring it up to date."""

COLUMNS = 24
_TIMESERIES, _TABLE = 0, 1  # `format` of a query, as the data source numbers it
_UNITS = {
    "percent": "percent", "percent of the scale": "percent", "seconds": "s", "points": "none", "steps": "none",
    "contacts": "none", "-1 to 1": "none", "good per bad": "none", "contacts per order": "none",
    "per thousand touchpoints": "none", "currency per customer": "none",
}  # fmt: skip
"""Grafana's name of each unit of a measure."""

_SIZES = {"stat": (4, 4), "line": (12, 8), "bars": (12, 8), "ranking": (12, 8), "table": (12, 8)}
_MEASURES = """
SELECT measure, title, definition, unit, better, time_window, source, value, low, high FROM measures
"""
_FIXES = """
SELECT at AS time, concat(owner, ': ', what) AS text, rule AS tags FROM fixes WHERE $__timeFilter(at) ORDER BY at
""".strip()


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Measure(_Section):
    """A measure as the catalogue has it."""

    measure: str
    title: str
    definition: str
    unit: str
    better: Literal["up", "down", "neither"]
    window: str
    source: str
    value: str
    low: str
    high: str

    @property
    def says(self) -> str:
        """What it means, for a description."""
        return f"{self.title}: {self.definition} Window: {self.window}. Source: {self.source}."


class Panel(_Section):
    """A panel. `measure`: `<value>`, `<low>` and `<high>` in `sql` stand for its formulas. `by`: the column that tells
    lines or bars apart. `marks`: where it turns from good to middling to bad, or the other way round, as `better` says.
    `columns`: units of a table's columns. `step`: the least time that a point stands for. `since`: how far it looks
    back, whatever time is chosen. `size`: width of 24, and height."""

    title: str
    kind: Literal["stat", "line", "bars", "ranking", "table"]
    sql: str
    measure: str = ""
    says: str = ""
    unit: str = ""
    better: Literal["up", "down", ""] = ""
    marks: tuple[float, float] | None = None
    by: str = ""
    stack: bool = True
    columns: dict[str, str] = Field(default_factory=dict)
    step: Annotated[str, Field(pattern=r"^(\d+[mhd])?$")] = ""
    since: Annotated[str, Field(pattern=r"^(\d+[dy])?$")] = ""
    size: tuple[Annotated[int, Field(ge=2, le=COLUMNS)], Annotated[int, Field(ge=3, le=20)]] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Panel:
        if not (self.measure or self.says):
            raise ValueError(f'"{self.title}" says nothing of what it means: `says`, or `measure`')
        if self.kind in ("line", "bars") and not self.step:
            raise ValueError(f'"{self.title}" needs a `step`')
        return self


class Row(_Section):
    """Panels under a heading."""

    title: str
    panels: Annotated[list[Panel], Field(min_length=1)]


class Dashboard(_Section):
    """A dashboard. `fixes`: whether changes that were recorded as fixes are marked in its lines and bars."""

    uid: Annotated[str, Field(pattern=r"^touchline-[a-z-]{1,28}$")]
    title: str
    says: str
    window: str
    refresh: str = "30m"  # measures go by the day, and some read the touchpoints of all time
    variables: list[str] = Field(default_factory=list)
    fixes: bool = False
    rows: Annotated[list[Row], Field(min_length=1)]


class Variable(_Section):
    """Something to choose at the top."""

    label: str
    sql: str


def catalogue(settings: WarehouseSettings) -> dict[str, Measure]:
    """The measures of a migrated warehouse, by name."""
    rows = upkeep.query(settings, _MEASURES).rows
    return {row[0]: Measure(**dict(zip(Measure.model_fields, row, strict=True))) for row in rows}


def written(settings: WarehouseSettings) -> dict[str, str]:
    """Each file of `DASHBOARDS` as it must be, by name."""
    measures = catalogue(settings)
    known = {name: Variable.model_validate(one) for name, one in _yaml(DEFINITIONS / VARIABLES).items()}
    files = {}
    for file in sorted(DEFINITIONS.glob("[!_]*.yaml")):
        dashboard = _dashboard(Dashboard.model_validate(_yaml(file)), known, measures)
        files[f"{file.stem}.json"] = json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"
    return files


def _yaml(file: Path) -> Any:
    return YAML(typ="safe").load(file.read_text(encoding="utf-8"))


def _dashboard(told: Dashboard, known: Mapping[str, Variable], measures: Mapping[str, Measure]) -> dict[str, Any]:
    link = {
        "type": "dashboards", "title": "Touchline", "tags": ["touchline"], "asDropdown": True, "icon": "external link",
        "includeVars": True, "keepTime": True, "targetBlank": False,
    }  # fmt: skip
    return {
        "uid": told.uid,
        "title": told.title,
        "description": told.says,
        "tags": ["touchline"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "id": None,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "utc",
        "time": {"from": told.window, "to": "now"},
        "refresh": told.refresh,
        "links": [link],
        "annotations": {"list": [_annotation()] if told.fixes else []},
        "templating": {"list": [_variable(name, known[name]) for name in told.variables]},
        "panels": list(_panels(told.rows, measures)),
    }


def _annotation() -> dict[str, Any]:
    return {
        "name": "Fixes",
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "target": _query(_FIXES, _TABLE),
    }


def _variable(name: str, told: Variable) -> dict[str, Any]:
    return {
        "name": name,
        "label": told.label,
        "type": "query",
        "datasource": SOURCE,
        "definition": told.sql,
        "query": _query(told.sql, _TABLE),
        "multi": True,
        "includeAll": True,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
        "refresh": 2,  # whenever the time changes, since it is asked for in that time
        "sort": 0,
        "hide": 0,
    }


def _query(sql: str, form: int, ref: str = "A") -> dict[str, Any]:
    return {
        "refId": ref,
        "datasource": SOURCE,
        "editorType": "sql",
        "queryType": "timeseries" if form == _TIMESERIES else "table",
        "format": form,
        "pluginVersion": PLUGIN,
        "rawSql": sql.strip(),
    }


def _panels(rows: Sequence[Row], measures: Mapping[str, Measure]) -> Iterator[dict[str, Any]]:
    """From left to right, and on in the next line where one is full; a line is as high as the highest in it."""
    number = top = 0
    for row in rows:
        number += 1
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": place, "panels": []}
        top += 1
        left = high = 0
        for told in row.panels:
            wide, tall = told.size or _SIZES[told.kind]
            if left + wide > COLUMNS:
                left, top, high = 0, top + high, 0
            number += 1
            place = {"x": left, "y": top, "w": wide, "h": tall}
            yield {"id": number, "gridPos": place, **made(told, measures.get(told.measure))}
            left, high = left + wide, max(high, tall)
        top += high


def made(told: Panel, measure: Measure | None) -> dict[str, Any]:
    """A panel as Grafana wants it, without its number and place. Raises: ValueError when there is no such measure."""
    if told.measure and measure is None:
        raise ValueError(f'"{told.title}": there is no measure "{told.measure}"')
    sql, says = told.sql, [told.says] if told.says else []
    if measure is not None:
        for name in ("value", "low", "high"):
            sql = sql.replace(f"<{name}>", getattr(measure, name))
        says.append(measure.says)
    in_time = told.kind in ("line", "bars")
    panel: dict[str, Any] = {
        "type": {"line": "timeseries", "bars": "timeseries", "ranking": "barchart"}.get(told.kind, told.kind),
        "title": told.title,
        "description": " ".join(says),
        "datasource": SOURCE,
        "fieldConfig": {"defaults": _defaults(told, measure), "overrides": _overrides(told)},
        "options": _options(told),
        "targets": [_query(sql, _TIMESERIES if in_time else _TABLE)],
    }
    if told.step:
        panel["interval"] = told.step
    if told.since:
        panel["timeFrom"] = told.since
    return panel


def _defaults(told: Panel, measure: Measure | None) -> dict[str, Any]:
    unit = told.unit or (_UNITS[measure.unit] if measure is not None else "short")
    found: dict[str, Any] = {"custom": _custom(told), "noValue": "\N{EN DASH}"}
    if told.kind != "table":  # there each column has its own
        found |= {"unit": unit, "decimals": 0 if told.kind == "bars" else None}
    if told.by:
        found["displayName"] = f"${{__field.labels.{told.by}}}"
    better = told.better or (measure.better if measure is not None else "")
    found["thresholds"] = {"mode": "absolute", "steps": _steps(told.marks, better)}
    found["color"] = {"mode": "thresholds" if told.kind == "stat" else "palette-classic"}
    return {name: value for name, value in found.items() if value is not None}


def _steps(marks: tuple[float, float] | None, better: str) -> list[dict[str, Any]]:
    if marks is None:
        return [{"color": "text", "value": None}]
    colours = ("red", "yellow", "green") if better == "up" else ("green", "yellow", "red")
    return [{"color": colour, "value": value} for colour, value in zip(colours, (None, *marks), strict=True)]


def _custom(told: Panel) -> dict[str, Any]:
    if told.kind == "line":
        return {"drawStyle": "line", "lineWidth": 2, "fillOpacity": 0, "showPoints": "auto", "spanNulls": True}
    if told.kind == "bars":
        stacking = {"mode": "normal" if told.stack else "none", "group": "A"}
        return {"drawStyle": "bars", "lineWidth": 0, "fillOpacity": 80, "showPoints": "never", "stacking": stacking}
    if told.kind == "ranking":
        return {"lineWidth": 0, "fillOpacity": 80}
    return {"align": "auto", "filterable": True} if told.kind == "table" else {}


def _overrides(told: Panel) -> list[dict[str, Any]]:
    return [
        {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]}
        for name, unit in told.columns.items()
    ]


def _options(told: Panel) -> dict[str, Any]:
    if told.kind == "stat":
        reduce = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"reduceOptions": reduce, "colorMode": "value", "graphMode": "none", "textMode": "value"}
    if told.kind == "table":
        return {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}}
    legend = {"showLegend": told.kind != "ranking", "displayMode": "list", "placement": "bottom", "calcs": []}
    found: dict[str, Any] = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    if told.kind == "ranking":
        found |= {"orientation": "horizontal", "showValue": "auto", "stacking": "none", "xTickLabelRotation": 0}
    return found


def main() -> None:
    """Makes a warehouse for the catalogue, and writes the files."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedWarehouse(Path(folder) / "data") as running:
        settings = WarehouseSettings(host=running.host, port=running.port)
        upkeep.migrate(settings)
        for name, text in written(settings).items():
            (DASHBOARDS / name).write_text(text, encoding="utf-8")
            print(name)


if __name__ == "__main__":
    main()
