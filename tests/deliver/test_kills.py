"""Deliver on a real Apache Kafka, killed at random points: no message twice, and a ledger that agrees.

`TOUCHLINE_KILLS` and `TOUCHLINE_KILL_DECISIONS` set the numbers; `python -m tests.deliver.kills` has the whole ones.
"""

import asyncio
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.deliver.kills import Outcome, run
from touchline.schemas.vocabulary import DeliveryStatus

KILLS = int(os.environ.get("TOUCHLINE_KILLS", "12"))
DECISIONS = int(os.environ.get("TOUCHLINE_KILL_DECISIONS", "1500"))


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_no_message_twice_and_every_other_one_is_unknown(kafka: str, tmp_path: Path) -> None:
    outcome = asyncio.run(run(kafka, tmp_path, DECISIONS, KILLS, inside=KILLS // 4))
    assert not list(outcome.problems()), "\n".join(outcome.lines())
    assert sum(line.startswith("kill") for line in outcome.story) == KILLS
    assert outcome.of(DeliveryStatus.UNKNOWN), "the kills were worth it: some attempts were under way"


def test_what_is_wrong_is_found() -> None:
    sent, unknown = DeliveryStatus.SENT, DeliveryStatus.UNKNOWN
    fine = Outcome(3, 0, Counter("ab"), {"a": sent, "b": sent, "c": unknown}, 6, 1.0)
    assert list(replace(fine, kills=1).problems()) == []
    assert list(fine.problems()) == ["only 2 came"]
    wrong = {
        "1 messages came twice": replace(fine, kills=1, got=Counter("aab")),
        "2 deliveries are in the ledger": replace(fine, kills=1, ended={"a": sent, "b": sent}),
        "1 ended neither sent nor unknown": replace(fine, kills=1, ended={**fine.ended, "c": DeliveryStatus.FAILED}),
        "1 are sent in the ledger": replace(fine, kills=1, got=Counter("a")),
        "1 came that the ledger does not know of": replace(fine, kills=1, got=Counter("abx")),
    }
    for words, outcome in wrong.items():
        assert any(problem.startswith(words) for problem in outcome.problems()), words
