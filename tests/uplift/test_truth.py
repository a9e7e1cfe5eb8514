"""On the simulated shop, where it is known what outreach changes: the report says so."""

from dataclasses import dataclass
from math import sqrt

import pytest

from tests.uplift.world import WITHIN, Known, World, known, tally
from touchline.pipeline.measures.uplift import Tally, Uplift


@dataclass(frozen=True)
class Found:
    tally: Tally
    known: Known

    @property
    def holds(self) -> bool:
        """Whether the truth lies in the interval."""
        interval = Uplift(self.tally, effect=0.05).interval
        assert interval is not None
        return interval[0] <= self.known.uplift <= interval[1]

    @property
    def lead_matches(self) -> bool:
        """Whether about half of the leads that were seen are shorter than the true median: by the sign test at 5 %."""
        leads = self.tally.held_out.leads
        shorter = sum(lead < self.known.lead for lead in leads)
        return abs(shorter - len(leads) / 2) <= 1.96 * sqrt(len(leads)) / 2 + 0.5


def found(seed: int) -> Found:
    world = World(seed)
    frictions = world.frictions()
    decided = world.decisions(frictions, world.hold_out)
    return Found(tally(world, decided, world.lived(decided)), known(world, frictions, decided))


def test_the_arms_are_counted_as_they_fared() -> None:
    one = found(3)
    treated, held_out = one.tally.treated, one.tally.held_out
    assert treated.customers + held_out.customers == one.known.customers > 50
    assert (treated.outcomes, held_out.outcomes) == one.known.in_arms
    assert (treated.reached, held_out.reached) == (treated.customers, 0)
    assert treated.open + held_out.open > 0, "the shop closes before the time of the last ones is over"
    assert held_out.lead is not None
    assert held_out.lead.upper <= WITHIN / 1_000


def test_the_truth_is_in_the_interval_and_the_lead_matches_of_a_few_shops() -> None:
    shops = [found(seed) for seed in range(201, 206)]
    assert sum(shop.holds for shop in shops) >= 4
    assert sum(shop.lead_matches for shop in shops) >= 4
    assert all(shop.known.uplift < -0.1 for shop in shops), "outreach does lower complaints there"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_truth_is_in_the_interval_in_at_least_93_of_100_shops() -> None:
    shops = [found(seed) for seed in range(1, 101)]
    assert sum(shop.holds for shop in shops) >= 93
    assert sum(shop.lead_matches for shop in shops) >= 93
    planned = [Uplift(shop.tally, effect=0.05, share=0.5).mismatch for shop in shops]
    assert not any(planned)
    shown = [Uplift(shop.tally, effect=0.05).interval for shop in shops]
    assert sum(interval is not None and interval[1] < 0 for interval in shown) > 30, "an interval that says something"
