"""Does a rule foresee what it should? The rule for broken delivery promises, beside a plain query for the same."""

from collections.abc import Callable, Sequence
from typing import Final

from touchline.pipeline.measures.detection import Case, missed_promise, quality
from touchline.report.figures import Predictor, SideBySide
from touchline.report.outcomes import BAD_SCORE
from touchline.report.reading import Reading, Row
from touchline.report.words import number

RULE: Final = "promise_broken"
_LEAST: Final = 10
"""With fewer bad outcomes than this the shares would say nothing."""


def promises(reading: Reading) -> list[SideBySide]:
    """Rule and query against surveys of 2 or less that were answered later; nothing where there are hardly any."""
    rows = reading.rows("promises", rule=RULE)
    bad = sum(row[3] <= BAD_SCORE for row in rows)
    if bad < _LEAST:
        return []
    return [
        SideBySide(
            title="Broken delivery promises, and scores of 2 or less that were given later",
            population=f"{number(len(rows))} orders with a promise and an answered survey",
            outcomes=bad,
            rows=[
                _predictor("rule promise_broken", rows, _by_rule),
                _predictor("plain query: not delivered a day after the promise", rows, _by_query),
            ],
        )
    ]


def _predictor(name: str, rows: Sequence[Row], warned: Callable[[Row], int | None]) -> Predictor:
    found = quality(Case(known_at=row[2], bad=row[3] <= BAD_SCORE, warned_at=warned(row)) for row in rows)
    return Predictor(
        name=name,
        cases=found.warned,
        hits=found.hits,
        precision=found.precision,
        recall=found.recall,
        median_lead_seconds=found.median_lead,
    )


def _by_rule(row: Row) -> int | None:
    return int(row[4]) or None


def _by_query(row: Row) -> int | None:
    return missed_promise(row[0], int(row[1]) or None)
