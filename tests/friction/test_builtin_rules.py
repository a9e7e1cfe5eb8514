"""The built-in rules and the tests beside them."""

import pytest

from touchline.pipeline.friction.load import BUILTIN, load_rules
from touchline.pipeline.friction.ruletest import Outcome, run_rule_tests, untested

OUTCOMES = run_rule_tests([BUILTIN])


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda o: f"{o.file.name}: {o.test}")
def test_a_rule_test_passes(outcome: Outcome) -> None:
    assert outcome.passed, "\n".join(outcome.problems)


def test_each_rule_has_a_test_that_fires_and_one_that_stays_silent() -> None:
    assert untested(load_rules(), OUTCOMES) == []
    assert {rule for outcome in OUTCOMES for rule in outcome.rules} == {rule.spec.id for rule in load_rules().rules}
