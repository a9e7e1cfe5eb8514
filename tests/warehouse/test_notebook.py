"""examples/notebooks/journeys.ipynb: its cells run in order in plain Python, on the simulated shop, and show something.

Jupyter itself is no dependency: a cell is run as Jupyter runs it, its last expression is what it shows."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.conftest import READER
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep

FILE = Path(__file__).parents[2] / "examples" / "notebooks" / "journeys.ipynb"
NOTEBOOK: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
SVG = "{http://www.w3.org/2000/svg}"


def run(cell: str, names: dict[str, Any]) -> Any:
    """Runs a cell; what its last line shows, None when that is no expression."""
    tree = ast.parse(cell)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, FILE.name, "exec"), names)  # noqa: S102
    if last is None:
        return None
    assert isinstance(last, ast.Expr)
    return eval(compile(ast.Expression(last.value), FILE.name, "eval"), names)  # noqa: S307


@pytest.fixture(scope="module")
def ran(shop_reader: WarehouseSettings) -> tuple[dict[str, Any], list[ET.Element]]:
    """The names that the notebook left, and what its cells showed, in order."""
    names: dict[str, Any] = {}
    given = {"PORT": shop_reader.port, "USER": READER[0], "PASSWORD": READER[1], "DATABASE": shop_reader.database}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(f"TOUCHLINE_WAREHOUSE__{name}", str(value))
        shown = [run(cell, names) for cell in CODE]
    names["client"].disconnect()
    return names, [ET.fromstring(one._repr_html_()) for one in shown if one is not None]  # noqa: S314 -- our own


def test_every_drawing_has_something_in_it(ran: tuple[dict[str, Any], list[ET.Element]]) -> None:
    _, (time, friction, orders, funnel, worst, timeline) = ran
    for drawing in (time, worst, timeline):
        assert len(drawing.findall("tr")) > 1
    for drawing in (friction, orders, funnel):
        assert len(drawing.findall(f"{SVG}rect")) > 1
        assert all(float(rect.attrib["width"]) >= 0 for rect in drawing.findall(f"{SVG}rect"))


def test_bars_are_as_long_as_the_figures(
    ran: tuple[dict[str, Any], list[ET.Element]], shop_reader: WarehouseSettings
) -> None:
    names, (_, friction, *_) = ran
    bars = [float(rect.attrib["width"]) for rect in friction.findall(f"{SVG}rect")]
    figures = [row["raised"] for row in names["friction"]]
    assert bars == [pytest.approx(300 * figure / max(figures), abs=0.1) for figure in figures]
    asked = "SELECT count() FROM signals WHERE polarity = 'friction' AND status != 'retracted' AND at >= toDate('{}')"
    ((counted,),) = upkeep.query(shop_reader, asked.format(names["since"].date())).rows
    assert sum(figures) == counted


def test_the_sankey_diagram_has_a_band_for_each_edge_and_loses_nothing(
    ran: tuple[dict[str, Any], list[ET.Element]],
) -> None:
    names, (_, _, orders, *_) = ran
    edges = names["edges"]
    bands = [float(path.attrib["stroke-width"]) for path in orders.findall(f"{SVG}path")]
    assert len(bands) == len(edges) > 5
    thickest = max(bands) / max(edge["journeys"] for edge in edges)
    assert sum(bands) == pytest.approx(thickest * sum(edge["journeys"] for edge in edges), rel=0.05)
    words = " ".join(text.text or "" for text in orders.findall(f"{SVG}text"))
    assert {edge["target"] for edge in edges} <= set(words.split())
    _, height = float(orders.attrib["width"]), float(orders.attrib["height"])
    for rect in orders.findall(f"{SVG}rect"):
        assert float(rect.attrib["y"]) + float(rect.attrib["height"]) <= height


def test_nothing_is_stored_in_it() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in NOTEBOOK["cells"]:
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)
    assert FILE.stat().st_size < 20_000


def test_it_needs_the_driver_alone() -> None:
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name) or ""
        for cell in CODE
        for node in ast.walk(ast.parse(cell))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert {name.partition(".")[0] for name in imported} - sys.stdlib_module_names == {"clickhouse_driver"}
