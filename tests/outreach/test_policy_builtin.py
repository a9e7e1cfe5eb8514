"""The built-in policies: no mistakes, nothing odd, and who hears of what."""

from dataclasses import replace

import pytest

from touchline.agents.policybook import base_book, book_of, template_names
from touchline.agents.settings import OutreachSettings, Settings
from touchline.pipeline.friction.load import load_rules
from touchline.pipeline.outreach.plan import PolicyBook
from touchline.pipeline.outreach.policyentries import Findings, Known
from touchline.pipeline.outreach.policyfiles import compile_policies, look_through, read_policies
from touchline.pipeline.outreach.policylint import lint, rules_of
from touchline.schemas.rulefile import RuleSpec
from touchline.schemas.vocabulary import Polarity, Purpose, Route, Severity

PEOPLE = {
    "escalation_threatened", "complaint_unanswered", "public_complaint", "all_at_once", "score_collapse",
    "high_effort", "negative_burst",
}  # fmt: skip
OWNERS = {"bad_review"}


@pytest.fixture(scope="module")
def rules() -> dict[str, RuleSpec]:
    return {rule.spec.id: rule.spec for rule in load_rules().every}


@pytest.fixture(scope="module")
def book() -> PolicyBook:
    return book_of(Settings())


def test_nothing_about_them_is_wrong_or_odd(rules: dict[str, RuleSpec]) -> None:
    texts = [replace(one, builtin=False) for one in read_policies()]
    findings = Findings()
    found = look_through(texts, PolicyBook(), Known(rules, template_names(OutreachSettings())), findings)
    lint(found, rules, findings)
    # The one for critical friction is for rules that somebody writes: those shipped have policies of their own.
    assert [(one.code, one.where) for one in findings.found if one.severity != "note"] == [
        ("unused", "policies.0.severity")
    ]


def test_customers_hear_of_what_goes_wrong_but_where_only_a_person_or_the_owner_helps(
    rules: dict[str, RuleSpec], book: PolicyBook
) -> None:
    routes = {rule: book.plan_of(rule, spec.polarity, spec.severity).route for rule, spec in rules.items()}
    assert {rule for rule, route in routes.items() if route is Route.PERSON} == PEOPLE
    assert {rule for rule, route in routes.items() if route is Route.OWNER} == OWNERS
    assert {rules[rule].severity for rule in PEOPLE} == {Severity.HIGH, Severity.CRITICAL}


def test_no_task_can_lie_for_ever(rules: dict[str, RuleSpec], book: PolicyBook) -> None:
    owners = {spec.owner for spec in rules.values()}
    for rule in PEOPLE:
        plan = book.by_rule[rule]
        assert plan.target is not None
        assert plan.target.startswith("queue:")
        assert plan.answer_within
        assert plan.escalation is not None
        assert plan.escalation.target.removeprefix("owner:") in owners


def test_the_more_urgent_comes_first_and_a_favour_is_asked_last(rules: dict[str, RuleSpec], book: PolicyBook) -> None:
    def priority(polarity: Polarity, severity: Severity) -> int:
        return book.plan_of("a_rule_of_mine", polarity, severity).priority

    frictions = [priority(Polarity.FRICTION, severity) for severity in Severity]
    assert frictions == sorted(set(frictions))
    assert frictions[0] > priority(Polarity.NEED, Severity.CRITICAL) > priority(Polarity.DELIGHT, Severity.CRITICAL)


def test_what_sells_or_asks_a_favour_is_marketing_and_seldom(rules: dict[str, RuleSpec], book: PolicyBook) -> None:
    plans = {rule: book.plan_of(rule, spec.polarity, spec.severity) for rule, spec in rules.items()}
    marketing = {rule for rule, plan in plans.items() if plan.purpose is Purpose.MARKETING}
    delights = {rule for rule, spec in rules.items() if spec.polarity is Polarity.DELIGHT}
    assert marketing == delights | {"consumable_running_out"}
    assert {plans[rule].cap_group for rule in marketing} == {"favours"}


def test_nobody_is_held_out_unless_somebody_says_so(book: PolicyBook) -> None:
    assert all(plan.hold_out == 0 for plan in (book.default, *book.by_rule.values(), *book.by_kind.values()))


def test_the_settings_hold_for_all_that_they_leave_open() -> None:
    settings = OutreachSettings(cooldown=1, cap=9, hold_out=0.5, quiet_hours=None, zone="Asia/Tokyo")
    book = book_of(Settings(outreach=settings))
    plans = (book.default, *book.by_rule.values(), *book.by_kind.values())
    assert {plan.cooldown for plan in plans} == {1}
    assert {plan.quiet for plan in plans} == {None}
    assert {plan.hold_out for plan in plans if plan.route is not Route.OWNER} == {0.5}
    assert (book.cap.messages, str(book.zone)) == (9, "Asia/Tokyo")


def test_they_can_be_switched_off() -> None:
    settings = OutreachSettings(builtin_policies=False)
    assert book_of(Settings(outreach=settings)).by_rule == {}
    assert base_book(settings).by_kind == {}


def test_each_says_for_which_rules_it_counts(rules: dict[str, RuleSpec]) -> None:
    found = rules_of(compile_policies(read_policies(), PolicyBook()), rules)
    assert sum(map(len, found.values())) == len(rules)
    assert set(found["whole_relationship"]) == {"all_at_once", "score_collapse", "high_effort", "negative_burst"}
    assert "long_wait" in found["default"]
