"""The whole flow, hurt: what a reader of committed records sees equals what an undisturbed run left, record for record.

`TOUCHLINE_FAULT_EVENTS` sets how many events; `python -m tests.faults.flow` is the same with a million.
"""

import os
from collections import Counter

import pytest

from tests.faults.flow import Proof, prove
from tests.faults.flow_fleet import Blow
from tests.faults.flow_ledger import compare_lines
from tests.faults.flow_run import INPUTS, Size
from tests.faults.workload import Workload

EVENTS = int(os.environ.get("TOUCHLINE_FAULT_EVENTS", "15000"))
KILLS, INSIDE = 20, 8


@pytest.fixture(scope="module")
def proof(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Proof:
    """The three runs."""
    size = Size(EVENTS, batch=max(200, EVENTS // 100))
    return prove(kafka, tmp_path_factory.mktemp("flow"), size, kills=KILLS, inside=INSIDE, stops=True)


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_missing_nothing_is_twice_and_all_figures_are_equal(proof: Proof) -> None:
    assert not proof.problems(), "\n".join(proof.lines())


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_runs_were_worth_it(proof: Proof) -> None:
    summary = proof.calm.ledger.summary()
    distinct = len({value for _, value in Workload(EVENTS).rows()})  # a repeat is the same bytes
    assert summary.enriched + summary.rejected == distinct < EVENTS
    assert summary.signals == summary.decisions > EVENTS / 100
    assert summary.absences > EVENTS / 1_000
    assert summary.ended > EVENTS / 2_000
    assert summary.late > EVENTS / 200
    assert proof.calm.facts["touchpoints"] == summary.enriched
    assert proof.calm.facts["signals"] == summary.signals
    killed = Counter(wound.blow for wound in proof.hurt["killed"].wounds)
    assert killed == {Blow.KILL: KILLS - INSIDE, Blow.KILL_INSIDE: INSIDE}


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_worker_stopped_inside_a_transaction_beyond_its_session_writes_nothing_more(proof: Proof) -> None:
    wounds = proof.hurt["stopped"].wounds
    assert {wound.agent for wound in wounds} == set(INPUTS)
    assert all("refused" in wound.ended for wound in wounds), [str(wound) for wound in wounds]


def test_a_difference_is_found() -> None:
    calm = [("a 1", b"x"), ("a 2", b"x")]
    assert not compare_lines(calm, reversed(calm), unique=True)
    assert compare_lines(calm, calm[:1], unique=True).missing == ("a 2 78",)
    assert compare_lines(calm, [*calm, ("b 1", b"x")], unique=True).extra == ("b 1 78",)
    assert compare_lines(calm, [("a 1", b"y"), calm[1]], unique=True).missing == ("a 1 78",)
    again = compare_lines(calm, [*calm, calm[0]], unique=True)
    assert again.twice == ("a 1",)
    assert again.extra == ("a 1 78",)
    assert compare_lines([calm[0], calm[0]], [calm[0]], unique=False).missing == ("a 1 78",)
