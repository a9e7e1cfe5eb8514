"""The built-in rules and the tests beside them."""

import pytest

from touchline.pipeline.friction.load import BUILTIN, load_rules
from touchline.pipeline.friction.ruletest import Outcome, run_rule_tests

OUTCOMES = run_rule_tests([BUILTIN])


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda o: f"{o.file.name}: {o.test}")
def test_a_rule_test_passes(outcome: Outcome) -> None:
    assert outcome.passed, "\n".join(outcome.problems)


def test_each_rule_has_a_test_that_fires_and_one_beside_it_that_stays_silent() -> None:
    fired = {rule for outcome in OUTCOMES for rule in outcome.rules}
    silent = {outcome.file for outcome in OUTCOMES if not outcome.rules}
    assert fired == {rule.spec.id for rule in load_rules().rules}
    assert silent == {outcome.file for outcome in OUTCOMES}
