"""The measures of a warehouse over a time: what `touchline warehouse measures` shows."""

from datetime import date

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks.upkeep import connected
from touchline.pipeline.measures.catalogue import CATALOGUE, Figure, Measure, figure, question


def figures(settings: WarehouseSettings, first: date | None = None, last: date | None = None) -> list[Figure]:
    """Every measure over the days from `first` to `last`, both included, in the order of the catalogue.

    Raises: Fatal, Retry."""
    found: list[Figure] = []
    with connected(settings, plain=True) as connection:
        answer = connection.query(CATALOGUE)
        names = [name for name, _ in answer.columns]
        for measure in (Measure(**dict(zip(names, row, strict=True))) for row in answer.rows):
            rows = connection.query(question(measure, first, last)).rows
            if not rows:
                found.append(Figure(measure=measure, group=None, value=None, cases=0, low=None, high=None))
            found.extend(figure(measure, *row) for row in rows)
    return found
