"""Who is counted, in which arm, with which outcome: against a slow count, in any order and in any portions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.pipeline.measures.uplift import ALL, ArmTally, Assigned, Enrolment, Tally, Uplift, merged
from touchline.schemas.vocabulary import Arm

WITHIN, UNTIL = 30_000, 100_000
CUSTOMERS = tuple("abcdefgh")
times = st.integers(0, UNTIL)


@dataclass(slots=True)
class World:
    """What happened, in any order."""

    assigned: list[Assigned] = field(default_factory=list)
    messages: list[tuple[str, int]] = field(default_factory=list)
    outcomes: list[tuple[str, int]] = field(default_factory=list)

    def of(self, customers: Sequence[str]) -> "World":
        return World(
            [one for one in self.assigned if one.customer in customers],
            [one for one in self.messages if one[0] in customers],
            [one for one in self.outcomes if one[0] in customers],
        )

    def tallies(self, *, missing: bool = False) -> dict[tuple[str, str], Tally]:
        enrolment = Enrolment()
        for one in self.assigned:
            enrolment.take(one)
        for message in self.messages:
            enrolment.message(*message)
        for outcome in self.outcomes:
            enrolment.outcome(*outcome)
        return enrolment.tallies(WITHIN, UNTIL, missing=missing)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    customer = st.sampled_from(CUSTOMERS)
    arms = st.sampled_from([Arm.TREATED, Arm.HELD_OUT])
    decision = st.builds(
        Assigned, st.sampled_from(["x", "y"]), st.sampled_from(["r", "s"]), customer, arms, times, times
    )
    happened = st.lists(st.tuples(customer, times), max_size=20)
    return World(draw(st.lists(decision, max_size=30)), draw(happened), draw(happened))


def slowly(world: World, experiment: str, rule: str, arm: Arm, *, missing: bool) -> tuple[object, ...]:
    """One arm of one scope, counted customer by customer."""
    customers = outcomes = reached = waiting = 0
    leads: list[float] = []
    for customer in CUSTOMERS:
        mine = [
            one
            for one in world.assigned
            if one.customer == customer and one.experiment == experiment and rule in (ALL, one.rule)
        ]
        if not mine:
            continue
        first = sorted(mine, key=lambda one: (one.at, one.signal_at, one.rule, one.arm))[0]
        if first.arm is not arm:
            continue
        if first.at + WITHIN > UNTIL:
            waiting += 1
            continue
        customers += 1
        reached += any(who == customer and first.at <= at <= first.at + WITHIN for who, at in world.messages)
        came = [at - first.at for who, at in world.outcomes if who == customer and first.at < at <= first.at + WITHIN]
        outcomes += bool(came) != missing
        if came and not missing:
            leads.append(min(came) / 1_000)
    return customers, outcomes, reached, waiting, sorted(leads)


def counted(tally: ArmTally) -> tuple[object, ...]:
    return tally.customers, tally.outcomes, tally.reached, tally.open, sorted(tally.leads)


@given(worlds(), st.booleans())
def test_every_arm_is_what_a_slow_count_finds(world: World, missing: bool) -> None:
    found = world.tallies(missing=missing)
    wanted = {(one.experiment, rule) for one in world.assigned for rule in (one.rule, ALL)}
    assert found.keys() == wanted
    for (experiment, rule), tally in found.items():
        for arm in (Arm.TREATED, Arm.HELD_OUT):
            assert counted(tally.of(arm)) == slowly(world, experiment, rule, arm, missing=missing)


@given(worlds(), st.randoms(use_true_random=False))
def test_order_and_portions_change_nothing(world: World, random: Random) -> None:
    def plain(tallies: dict[tuple[str, str], Tally]) -> dict[object, object]:
        return {scope: (counted(t.treated), counted(t.held_out), t.moved) for scope, t in tallies.items()}

    whole = plain(world.tallies())
    shuffled = world.of(CUSTOMERS)
    random.shuffle(shuffled.assigned)
    random.shuffle(shuffled.messages)
    random.shuffle(shuffled.outcomes)
    assert plain(shuffled.tallies()) == whole
    cut = random.randrange(len(CUSTOMERS) + 1)
    portions = [world.of(part).tallies() for part in (CUSTOMERS[:cut], CUSTOMERS[cut:])]
    assert plain(merged(portions)) == whole


def test_a_later_decision_with_the_other_arm_moves_nobody() -> None:
    enrolment = Enrolment()
    enrolment.take(Assigned("x", "r", "a", Arm.HELD_OUT, 2_000, 0))
    enrolment.take(Assigned("x", "r", "a", Arm.TREATED, 1_000, 0))
    (tally,) = {str(t) for t in enrolment.tallies(WITHIN, UNTIL).values()}
    assert "moved=1" in tally
    assert enrolment.tallies(WITHIN, UNTIL)["x", ALL].treated.customers == 1


def test_an_outcome_at_the_moment_of_the_decision_was_before_it() -> None:
    world = World([Assigned("x", "r", "a", Arm.TREATED, 1_000, 500)], [("a", 1_000)], [("a", 1_000)])
    arm = world.tallies()["x", "r"].treated
    assert (arm.outcomes, arm.reached) == (0, 1)
    world.outcomes.append(("a", 1_000 + WITHIN))
    arm = world.tallies()["x", "r"].treated
    assert (arm.outcomes, list(arm.leads), list(arm.signal_leads)) == (1, [30.0], [30.5])


def tally(treated: tuple[int, int], held_out: tuple[int, int], *, still_open: int = 0) -> Tally:
    return Tally(ArmTally(treated[1], treated[0]), ArmTally(held_out[1], held_out[0], open=still_open))


def test_uplift_is_the_difference_with_its_interval() -> None:
    found = Uplift(tally((90, 900), (30, 100)), effect=0.15, share=0.1)
    assert found.difference == pytest.approx(-0.2)
    assert found.interval is not None
    low, high = found.interval
    assert low < -0.2 < high < 0
    assert not found.too_small
    assert not found.mismatch


def test_what_is_too_small_says_so_and_how_many_it_takes() -> None:
    found = Uplift(tally((9, 90), (3, 10)), effect=0.05, share=0.1)
    assert found.too_small
    assert found.needed is not None
    assert found.needed.held_out > 500
    assert found.needed.treated == pytest.approx(9 * found.needed.held_out, abs=9)
    assert found.least is not None
    assert 0.2 < found.least < 0.6
    assert Uplift(tally((0, 3), (0, 5)), effect=0.05).too_small, "0 of 5 is not never"


@pytest.mark.parametrize("empty", [((0, 0), (3, 10)), ((9, 90), (0, 0)), ((0, 0), (0, 0))])
def test_with_an_empty_arm_nothing_is_claimed(empty: tuple[tuple[int, int], tuple[int, int]]) -> None:
    found = Uplift(tally(*empty), effect=0.05)
    assert (found.difference, found.interval, found.split, found.least, found.needed) == (None,) * 5
    assert found.too_small
    assert Uplift(tally(*empty), effect=0.05, share=0.2).needed is not None


def test_the_split_counts_those_whose_time_is_not_over() -> None:
    uneven = Uplift(tally((0, 900), (0, 40)), effect=0.05, share=0.1)
    assert uneven.mismatch
    assert not Uplift(tally((0, 900), (0, 40), still_open=60), effect=0.05, share=0.1).mismatch


def test_leads_are_of_those_who_had_the_outcome() -> None:
    assigned = [Assigned("x", "r", who, Arm.HELD_OUT, 1_000, 0) for who in "abc"]
    world = World(assigned, [], [("a", 3_000), ("a", 9_000), ("b", 7_000)])
    arm = world.tallies()["x", ALL].held_out
    assert arm.lead is not None
    assert arm.lead.median == median([2.0, 6.0])
    assert arm.signal_lead is not None
    assert arm.signal_lead.median == median([3.0, 7.0])
