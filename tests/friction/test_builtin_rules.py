"""The built-in rules and the tests beside them."""

import pytest

from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.load import BUILTIN, load_rules
from touchline.pipeline.friction.ruletest import Outcome, files_of_tests, load_tests, untested

CATALOGUE = Catalogue()
TESTS = [load_tests(path, CATALOGUE) for path in files_of_tests([BUILTIN])]
OUTCOMES = [tests.outcome(number) for tests in TESTS for number in range(len(tests.tests))]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda o: f"{o.file.name}: {o.test}")
def test_a_rule_test_passes(outcome: Outcome) -> None:
    assert outcome.passed, "\n".join(outcome.problems)


def test_each_rule_has_a_test_that_fires_and_one_that_stays_silent() -> None:
    assert untested(load_rules(), TESTS) == []
    assert {rule for outcome in OUTCOMES for rule in outcome.rules} == {rule.spec.id for rule in load_rules().every}
