"""No rule of the catalogue can be changed without one of its tests noticing."""

import pytest

from tests.friction.mutate import homes, mutants, survivors
from touchline.pipeline.friction.load import load_rules


def test_no_threshold_and_no_length_of_time_can_be_changed_unnoticed() -> None:
    total, alive = survivors(numeric=True)
    assert [f"{mutant.rule}: {mutant.change}" for mutant in alive] == []
    assert total > 150


@pytest.mark.slow
def test_nothing_can_be_changed_or_left_out_unnoticed() -> None:
    total, alive = survivors()
    assert [f"{mutant.rule}: {mutant.change}" for mutant in alive] == []
    assert total > 500


def test_every_rule_has_mutants() -> None:
    others = homes()[0].others
    assert others.keys() == {rule.spec.id for rule in load_rules().every}
    for name, rule in others.items():
        assert list(mutants(rule, others)), name


def test_what_is_changed_is_told() -> None:
    rule = {
        "id": "r", "owner": "o", "stage": "use", "per": "device", "cooldown": "2h", "evidence": "e", "action": "a",
        "detect": {
            "count": {"event": ["a.b", "c.d"], "at_least": 3, "within": "1h", "where": "x <= 2 and kind != 'q'"},
        },
    }  # fmt: skip
    assert [mutant.change for mutant in mutants(rule)] == [
        "detect.count.event without a.b",
        "detect.count.event without c.d",
        "detect.count.at_least: 2 instead of 3",
        "detect.count.at_least: 4 instead of 3",
        "detect.count.within: 3420000ms instead of 1h",
        "detect.count.within: 3780000ms instead of 1h",
        "detect.count.where: kind != 'q'",
        "detect.count.where: x <= 2",
        "detect.count.where: x < 2 and kind != 'q'",
        "detect.count.where: x <= 1 and kind != 'q'",
        "detect.count.where: x <= 3 and kind != 'q'",
        "detect.count.where: x <= 2 and kind != 'qx'",
        "detect.count without where",
        "cooldown: 6840000ms instead of 2h",
        "cooldown: 7560000ms instead of 2h",
        "without cooldown",
        "per: customer",
    ]
