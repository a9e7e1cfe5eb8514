"""The figures of a report: what a budget keeps, and how signals of all rules are taken together."""

from tests.backtest.support import at, book_of, event, question, signal
from touchline.pipeline.backtest.cases import Part
from touchline.pipeline.backtest.report import ALL, Figures, PartFigures
from touchline.pipeline.backtest.run import PastSignal
from touchline.pipeline.friction.load import parse_rules
from touchline.schemas.vocabulary import Severity

RULE = """
- id: {id}
  owner: somebody
  stage: support
  severity: {severity}
  detect: {{match: {{event: page.viewed}}}}
  evidence: "{{count}}"
  action: act
"""
SETS = (("grave", Severity.HIGH), ("wrong", Severity.LOW), ("sound", Severity.LOW))
RULES = parse_rules(
    "schema: friction/1\nrules:" + "".join(RULE.format(id=name, severity=severity) for name, severity in SETS)
)


def told(signals: list[PastSignal], budget: int | None) -> PartFigures:
    customers = sorted({one.customer for one in signals})
    events = [event("contact.opened", 0, customer=name, event_id=name) for name in customers]
    events += [event("complaint.made", 30, customer=name, event_id=f"{name}!") for name in customers if name < "c"]
    book = book_of(question("kind=complaint.made within=48h"), events)
    signals = book.close(signals, at(1_000))
    return Figures(book, RULES, signals, budget=budget).part("all", Part(at(0), at(1_000)))


def of(rule: str, hours: float, customer: str) -> PastSignal:
    return signal(hours, rule=rule, customer=customer, severity=dict(SETS)[rule])


def test_a_budget_keeps_the_gravest_and_then_the_rule_that_was_right_more_often() -> None:
    signals = [of("wrong", 1, "x"), of("sound", 2, "a"), of("grave", 3, "y"), of("sound", 4, "b")]
    (owner,) = told(signals, 1).owners
    assert owner.cut == {"sound": 2, "wrong": 1}
    (owner,) = told(signals, 3).owners
    assert (owner.cut, owner.right, owner.cut_right) == ({"wrong": 1}, 2, 0)
    (owner,) = told(signals, None).owners
    assert (owner.cut, owner.cut_right) == (None, None)


def test_all_rules_together_count_a_case_once() -> None:
    part = told([of("sound", 1, "a"), of("grave", 2, "a"), of("wrong", 3, "x")], None)
    rows = {row.rule: row for row in part.rules}
    together = rows[ALL]
    assert (together.signals, together.customers, together.warned, together.hits) == (3, 2, 2, 1)
    assert (part.cases, part.bad, part.base_rate) == (2, 1, 0.5)
    assert (rows["grave"].hits, rows["wrong"].hits, rows["wrong"].precision) == (1, 0, 0.0)
