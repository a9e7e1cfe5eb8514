"""Every measure equals what pandas makes of the same facts, written from its definition."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from tests.warehouse.bounds import bounds
from tests.warehouse.lives import lives
from tests.warehouse.reckoned import MEASURES, Frames
from tests.warehouse.reckoned.frames import DAY, ms_of
from tests.warehouse.runs import Event, run, store
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.embedded import EmbeddedWarehouse
from touchline.pipeline.measures.uplift import ALL, Assigned, Enrolment
from touchline.schemas.vocabulary import Arm
from touchline.simulator import Plan, touchpoints

PLAN = Plan(customers=60, days=45, start=datetime(2026, 3, 1, tzinfo=UTC), seed=3)

DIMENSIONS = frozenset(
    {
        "day", "channel", "topic", "kind", "stage", "party", "owner", "control", "rule", "reason", "outcome", "network",
        "currency", "experiment", "route", "observed", "with_friction", "low_is_good", "upper",
    }
)  # fmt: skip
"""Columns that rows are told apart by; all others are figures."""


def view(settings: WarehouseSettings, measure: str) -> pd.DataFrame:
    """All rows of a measure."""
    found = upkeep.query(settings, f"SELECT * FROM measure_{measure}")  # noqa: S608 -- our names
    return pd.DataFrame(found.rows, columns=[name for name, _ in found.columns])


def compare(shown: pd.DataFrame, reckoned: pd.DataFrame) -> None:
    """Fails where a row or a figure differs."""
    if shown.empty or reckoned.empty:
        assert len(shown) == len(reckoned)
        return
    assert set(shown.columns) == set(reckoned.columns)
    by = [name for name in shown.columns if name in DIMENSIONS]
    numbers = {name: "float64" for name in shown.columns if name not in by}
    frames = [
        frame[list(shown.columns)].astype(numbers).sort_values(by).reset_index(drop=True) for frame in (shown, reckoned)
    ]
    pd.testing.assert_frame_equal(*frames, check_dtype=False, rtol=1e-9, atol=1e-6)


@pytest.fixture(scope="module")
def shop(warehouse: EmbeddedWarehouse) -> Iterator[tuple[WarehouseSettings, Frames]]:
    """The simulated shop, through all agents and in the warehouse."""
    settings = WarehouseSettings(host=warehouse.host, port=warehouse.port, database="test_measures", batch_wait=0)
    upkeep.migrate(settings)
    history = run(Event(event.at, event.key, event.value) for event in touchpoints(PLAN, _nobody))
    store(history, settings)
    yield settings, Frames(history)
    upkeep.query(settings, f"DROP DATABASE {settings.database} SYNC")


def _nobody(_: Any) -> None:
    pass


@pytest.mark.parametrize("measure", MEASURES)
def test_a_measure_of_the_shop_is_what_it_is_defined_to_be(
    shop: tuple[WarehouseSettings, Frames], measure: str
) -> None:
    settings, facts = shop
    compare(view(settings, measure), MEASURES[measure](facts))


def mismatches(settings: WarehouseSettings, facts: Frames) -> dict[str, str]:
    """The measures that differ, with how."""
    found = {}
    for measure, reckon in MEASURES.items():
        try:
            compare(view(settings, measure), reckon(facts))
        except AssertionError as error:
            found[measure] = str(error)
    return found


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_all_measures_of_random_lives_are_what_they_are_defined_to_be(migrated: WarehouseSettings, seed: int) -> None:
    history = lives(seed)
    store(history, migrated)
    assert mismatches(migrated, Frames(history)) == {}


def test_all_measures_of_events_at_the_bounds_are_what_they_are_defined_to_be(migrated: WarehouseSettings) -> None:
    history = bounds()
    store(history, migrated)
    assert mismatches(migrated, Frames(history)) == {}


def test_uplift_is_that_of_the_report_on_experiments(migrated: WarehouseSettings) -> None:
    history = lives(2)
    store(history, migrated)
    facts, enrolment = Frames(history), Enrolment()
    for one in history.decisions:
        if one.arm is not Arm.NONE and (not one.observed or one.observed_by == "ramp"):
            assigned = Assigned(one.experiment, one.rule, one.customer, one.arm, ms_of(one.at), ms_of(one.signal_at))
            enrolment.take(assigned)
    for row in facts.kinds("complaint.made"):
        enrolment.outcome(row["customer"], row["at"])
    shown = view(migrated, "uplift").groupby("experiment").sum(numeric_only=True)
    tallies = enrolment.tallies(14 * DAY, facts.end)
    assert set(shown.index) == {experiment for experiment, rule in tallies if rule == ALL}
    for experiment, found in shown.iterrows():
        tally = tallies[experiment, ALL]
        assert (found.treated, found.treated_complained) == (tally.treated.customers, tally.treated.outcomes)
        assert (found.held_out, found.held_out_complained) == (tally.held_out.customers, tally.held_out.outcomes)
        assert found.treated > 0
        assert found.held_out > 0
