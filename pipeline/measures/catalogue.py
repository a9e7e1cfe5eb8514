"""The catalogue of measures: what the view `measures` says of each, and the query for its figure over a time.

A measure is defined once, in the comment of its view; this reads it and adds nothing but the question."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Final

from touchline.pipeline.measures.detection import interval
from touchline.pipeline.measures.proportions import difference_interval

PERCENT: Final = "percent"
"""The unit of plain shares: so many of so many cases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One row of the view `measures`; its columns have the same names and say what they mean."""

    measure: str
    title: str
    definition: str
    unit: str
    better: str
    time_window: str
    source: str
    reference: str
    value: str
    cases: str
    low: str
    high: str
    arms: str
    by: str


COLUMNS: Final = tuple(field.name for field in fields(Measure))
CATALOGUE: Final = f"SELECT {', '.join(COLUMNS)} FROM measures"  # noqa: S608 -- our own names


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measure over a time, or one group of it where it compares groups (`group`: the column and its value). `value`
    is None where nothing is known. `low` and `high`: the interval of 95 %, where there is one."""

    measure: Measure
    group: tuple[str, object] | None
    value: float | None
    cases: int
    low: float | None
    high: float | None


def question(measure: Measure, first: date | None, last: date | None) -> str:
    """The query for a measure over the days from `first` to `last`, both included; None: without an end on that side.

    Columns: the group (empty text where there is none), the value, the cases, the ends of its own interval, the
    counts of its two arms (empty where there are none)."""
    by = measure.by or "''"
    where = [f"day >= toDate('{first:%Y-%m-%d}')"] if first else []
    where += [f"day <= toDate('{last:%Y-%m-%d}')"] if last else []
    asked = ", ".join(
        [by, measure.value, measure.cases, measure.low or "NULL", measure.high or "NULL", measure.arms or "[]"]
    )
    # The formulas are those of the catalogue, which only who may change the warehouse can write.
    return (
        f"SELECT {asked} FROM measure_{measure.measure}"  # noqa: S608
        + (f" WHERE {' AND '.join(where)}" if where else "")
        + (f" GROUP BY {by} ORDER BY {by}" if measure.by else "")
    )


def figure(
    measure: Measure,
    group: object,
    value: float | None,
    cases: int | None,
    low: float | None,
    high: float | None,
    arms: Sequence[int],
) -> Figure:
    """The figure that one row of the answer to `question` says. A plain share gets its interval here, and so does the
    difference of two."""
    of = (measure.by, group) if measure.by else None
    if value is not None and cases and measure.unit == PERCENT:
        low, high = (100 * end for end in interval(round(value * cases / 100), cases))
    if value is not None and arms:
        hits, of_hits, base_hits, of_base = arms
        low, high = (100 * end for end in difference_interval(hits, of_hits, base_hits, of_base))
    return Figure(measure=measure, group=of, value=value, cases=int(cases or 0), low=low, high=high)
