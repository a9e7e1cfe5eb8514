"""The part of docs/measures.md that says of each measure what its view says: `python -m tests.warehouse.measures_page`
writes it anew."""

from __future__ import annotations

import tempfile
from pathlib import Path

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.embedded import EmbeddedWarehouse

PAGE = Path(__file__).parents[2] / "docs" / "measures.md"
BEGIN = "## Every measure\n"

_COLUMNS = """
SELECT table, groupArray((name, comment)) FROM
(
    SELECT table, name, comment FROM system.columns
    WHERE database = currentDatabase() AND startsWith(table, 'measure_') ORDER BY table, position
)
GROUP BY table
"""
_BETTER = {"up": "the higher the better", "down": "the lower the better", "neither": "neither is better"}
_MEASURES = """
SELECT measure, title, definition, unit, better, time_window, source, reference, value, cases, by FROM measures
"""


def written(settings: WarehouseSettings) -> str:
    """The part as it must be."""
    columns: dict[str, list[tuple[str, str]]] = dict(map(tuple, upkeep.query(settings, _COLUMNS).rows))
    parts = [BEGIN, "\nWhat stands here is what the views say of themselves.\n"]
    for measure, title, definition, unit, better, window, source, after, value, cases, by in upkeep.query(
        settings, _MEASURES
    ).rows:
        view = f"measure_{measure}"
        parts.append(f"\n### {title}\n`{view}`, {unit}, {_BETTER[better]}. {definition[0].upper()}{definition[1:]}\n\n")
        parts += [f"- Window: {window}.\n", f"- Source: {source}.\n", f"- After: {after}.\n"]
        parts.append(f"- Value: `{value}`; cases: `{cases}`" + (f"; compared by `{by}`" if by else "") + ".\n")
        named = ", ".join(f"`{name}`" for name, _ in columns[view])
        parts.append(f"- Columns: {named}.\n")
    return "".join(parts)


def write(settings: WarehouseSettings) -> None:
    """Replaces the part on the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, _ = text.partition(BEGIN)
    PAGE.write_text(before + written(settings), encoding="utf-8")


def main() -> None:
    """Makes a warehouse, migrates it, writes the page."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedWarehouse(Path(folder) / "data") as running:
        settings = WarehouseSettings(host=running.host, port=running.port)
        upkeep.migrate(settings)
        write(settings)


if __name__ == "__main__":
    main()
