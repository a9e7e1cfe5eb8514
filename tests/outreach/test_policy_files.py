"""Policy files: what counts, where it was said, and every mistake with its place."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.outreach.cases import signal
from tests.outreach.policycases import HEAD, KNOWN, compiled, mistakes, text
from touchline.pipeline.engine.clock import DAY, HOUR
from touchline.pipeline.outreach.plan import Cap, Escalation, Plan, PolicyBook
from touchline.pipeline.outreach.policyfiles import compile_policies, read_policies
from touchline.pipeline.outreach.quiet import QuietHours
from touchline.schemas.policyfile import PolicySpec
from touchline.schemas.request import Skill
from touchline.schemas.vocabulary import Channel, Polarity, Purpose, Route, Scope, Severity
from touchline.schemas.yamlfile import FileError

WHOLE = """\
zone: Europe/Berlin
quiet_hours: {start: "20:00", end: "09:00"}
defaults: {channels: [sms], delay: 5m, cooldown: 6d, priority: 40, max_age: 1d, hold_out: 0.1, experiment: autumn}
caps:
  total: {messages: 2, within: 7d}
  channels: {sms: {messages: 1, within: 3d}}
  groups: {gifts: {messages: 1, within: 30d}}
policies:
- id: apologies
  rules: [late, lost]
  purpose: service
  channels: [email, push]
  template: apology
  delay: 1h
  cooldown: 2d
  priority: 90
  cap_group: gifts
  quiet_hours: off
  max_age: 12h
  hold_out: 0.2
  experiment: apology
  pace: 500
- id: calls
  rules: burnt
  route: person
  queue: seniors
  skill: {language: de, topics: [billing], seniority: 2}
  answer_within: 2h
  escalate: {to: "owner:care"}
- id: notices
  severity: low
  route: owner
  target: party:dhl
"""


def test_a_policy_says_all_that_a_plan_has() -> None:
    book = compiled(WHOLE).book
    assert book.by_rule["late"] == Plan(
        id="apologies", purpose=Purpose.SERVICE, channels=(Channel.EMAIL, Channel.PUSH), template="apology",
        delay=HOUR, cooldown=2 * DAY, priority=90, cap_group="gifts", quiet=None, max_age=12 * HOUR, hold_out=0.2,
        experiment="apology", pace=500,
    )  # fmt: skip
    default = Plan(
        channels=(Channel.SMS,), delay=HOUR // 12, cooldown=6 * DAY, priority=40, max_age=DAY, hold_out=0.1,
        experiment="autumn", quiet=QuietHours.parse("20:00", "09:00"),
    )  # fmt: skip
    assert book.default == default
    calls = book.by_rule["burnt"]
    assert (calls.route, calls.target) == (Route.PERSON, "queue:seniors")
    assert calls.skill == Skill(language="de", topics=("billing",), seniority=2)
    assert (calls.answer_within, calls.escalation) == (2 * HOUR, Escalation(2 * HOUR, "owner:care"))
    assert calls.quiet == default.quiet
    assert {plan.hold_out for plan in book.by_kind.values()} == {0}  # owners are told of everything
    assert {kind: plan.target for kind, plan in book.by_kind.items()} == {
        (polarity, Severity.LOW): "party:dhl" for polarity in Polarity
    }
    assert (book.cap, book.zone) == (Cap(2, 7 * DAY), ZoneInfo("Europe/Berlin"))
    assert book.channel_caps == {Channel.SMS: Cap(1, 3 * DAY)}
    assert book.group_caps == {"gifts": Cap(1, 30 * DAY)}


def test_every_field_of_a_policy_is_among_those_tested_above() -> None:
    fields = set(PolicySpec.__dataclass_fields__) - {"description", "polarity"}
    assert fields == {name for name in fields if f"{name}: " in WHOLE}


def test_where_each_value_was_said_is_known() -> None:
    found = compiled(text(WHOLE, "shop.yaml"), text("policies: [{id: thanks, rules: glad}]", "b.yaml", builtin=True))
    said = found.origins["apologies"]
    assert (said["priority"], said["quiet"]) == ("shop.yaml:17", "shop.yaml:19")
    assert found.origins["calls"]["priority"] == "shop.yaml:4"
    assert found.origins["calls"]["escalation"] == "shop.yaml:30"
    assert found.entries["thanks"].origin == "built-in b.yaml:2"
    assert "pace" not in found.origins["calls"]


def test_what_no_file_says_stands_in_the_settings() -> None:
    base = PolicyBook(default=Plan(cooldown=9 * DAY, priority=50), cap=Cap(8, DAY), zone=ZoneInfo("Asia/Tokyo"))
    book = compiled("policies: [{id: a, rules: late, priority: 1}]", base=base).book
    assert (book.by_rule["late"].cooldown, book.cap, book.zone) == (9 * DAY, Cap(8, DAY), base.zone)
    assert compiled(base=base).book.default == base.default


@pytest.mark.parametrize(
    ("policies", "want"),
    [
        ("{id: a, severity: high}", {("friction", "high"): "a", ("need", "high"): "a", ("friction", "low"): None}),
        ("{id: a, polarity: need}", {("need", "low"): "a", ("friction", "low"): None}),
        ("{id: a, severity: high}, {id: b, severity: high, polarity: need}", {("need", "high"): "b"}),
        ("{id: b, severity: [low, high], polarity: need}, {id: a, polarity: need}", {("need", "medium"): "a"}),
    ],
)
def test_the_narrower_policy_counts(policies: str, want: dict[tuple[str, str], str | None]) -> None:
    book = compiled(f"policies: [{policies}]").book
    got = {(kind.value, bad.value): plan.id for (kind, bad), plan in book.by_kind.items()}
    assert {kind: got.get(kind) for kind in want} == want


def test_a_rule_comes_before_a_sort_and_own_policies_before_built_in_ones_of_the_same_sort() -> None:
    shipped = text(
        "policies: [{id: x, rules: [late, lost], priority: 1}, {id: y, polarity: need, severity: high, priority: 2}]",
        builtin=True,
    )
    own = "policies: [{id: a, severity: high, priority: 3}, {id: b, rules: lost, priority: 4}]"
    book = compiled(own, shipped).book

    def chosen(rule: str, polarity: Polarity, severity: Severity) -> str:
        return book.plan_of(rule, polarity, severity).id

    assert chosen("late", Polarity.FRICTION, Severity.HIGH) == "x"
    assert chosen("lost", Polarity.FRICTION, Severity.HIGH) == "b"
    assert chosen("other", Polarity.NEED, Severity.HIGH) == "a"  # though the built-in one is narrower
    assert chosen("other", Polarity.NEED, Severity.LOW) == "default"


def test_a_policy_with_the_id_of_a_built_in_one_replaces_it() -> None:
    shipped = text("policies: [{id: x, rules: [late, lost], priority: 1}]", builtin=True)
    book = compiled("policies: [{id: x, rules: late, priority: 2}]", shipped).book
    assert {rule: plan.priority for rule, plan in book.by_rule.items()} == {"late": 2}


def test_own_defaults_reach_into_built_in_policies() -> None:
    shipped = text("policies: [{id: x, rules: late, priority: 1}]", builtin=True)
    plan = compiled("defaults: {cooldown: 8d, priority: 7}", shipped).book.by_rule["late"]
    assert (plan.cooldown, plan.priority) == (8 * DAY, 1)


def test_an_incident_goes_to_its_owner_and_what_it_exposes_to_the_customers() -> None:
    book = compiled("policies: [{id: a, rules: late, pace: 10}, {id: b, rules: lost, route: person, queue: q}]").book
    mine = signal(rule="late")
    assert book.plan(mine) is book.by_rule["late"]
    whole = signal(rule="late", scope=Scope.INCIDENT)
    assert (book.plan(whole).route, book.plan(whole).target) == (Route.OWNER, None)
    assert book.plan(signal(rule="lost", scope=Scope.INCIDENT)).target == "queue:q"


def policy(fields: str) -> str:
    return f"caps: {{groups: {{gifts: {{messages: 1, within: 7d}}}}}}\npolicies:\n- {{id: a, {fields}}}\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (policy("priority: 3"), "4:8: policies.0.id: stands for no signal: name its rules, or a severity or polarity"),
        (policy("rules: late, severity: low"), "4:18: policies.0.rules: a policy stands for rules, or for a severity"),
        (policy("rules: [late, lot]"), '4:25: policies.0.rules.1: there is no rule "lot", did you mean "lost"?'),
        (policy("rules: [late, late]"), '4:25: policies.0.rules.1: "late" stands here twice'),
        (policy("rules: late, template: apolgy"), 'template: there is no text named "apolgy", did you mean "apology"?'),
        (policy("rules: late, cap_group: gift"), 'there is no cap for the group "gift", did you mean "gifts"?'),
        (policy("rules: late, cap_group: zz"), 'no cap for the group "zz": write it under caps, as groups: {NAME:'),
        (policy("rules: late, delay: 3d"), "policies.0.delay: the delay is not shorter than max_age"),
        (policy("rules: late, max_age: 1m, delay: 1m"), "policies.0.delay: the delay is not shorter than max_age"),
        (policy("rules: late, pace: 0"), "policies.0.pace: 0 an hour would send nothing at all: leave it out"),
        (policy("rules: late, pace: -5"), "policies.0.pace: expected at least 1, not -5"),
        (policy("rules: late, route: owner, pace: 5"), 'pace: belongs to "route: customer", and this one turns to the'),
        (policy("rules: late, route: person"), "policies.0.route: a task needs a queue: name one with queue"),
        (policy("rules: late, queue: q"), 'policies.0.queue: belongs to "route: person", and this one turns to the cu'),
        (policy("rules: late, answer_within: 1h"), 'answer_within: belongs to "route: person"'),
        (policy("rules: late, target: owner:x"), 'policies.0.target: belongs to "route: owner"'),
        (policy("rules: late, route: owner, target: bob"), 'target: "bob" is no owner: write owner:billing, or party:'),
        (policy("rules: late, route: owner, hold_out: 0.5"), 'hold_out: belongs to "route: customer or person"'),
        (policy("rules: late, quiet_hours: {start: '08:00', end: '08:00'}"), "quiet_hours: begins when it ends: a who"),
        (policy("rules: late, quiet_hours: {start: '00:00', end: '23:59'}"), "quiet_hours: leaves less than an hour a"),
        (policy("rules: late, quiet_hours: no"), "quiet_hours: for no quiet hours write off, else a beginning and an"),
        (policy("rules: late, quiet_hours: {start: '8:00', end: '09:00'}"), '"8:00" is no time of day: write "08:00"'),
        (policy("rules: burnt, hold_out: 0.1"), "hold_out: stands for critical signals only, and for these nobody"),
        (policy("severity: critical, hold_out: 0.1"), "hold_out: stands for critical signals only, and for these nob"),
        (policy("rules: late, hold_out: 10"), "hold_out: 10 is no share of customers: write 0.1 for 10 %"),
        (policy("rules: late, priority: urgent"), 'policies.0.priority: expected a whole number, not "urgent"'),
        (policy("rules: late, prioriy: 3"), 'policies.0.prioriy: is not a field here, did you mean "priority"?'),
        (policy("rules: late, route: human"), '"human" is not one of customer, person, owner'),
        (policy("rules: late, cooldown: 3"), "cooldown: 3 is no length of time: write it with its unit"),
        ("policies: [{id: settings, rules: late}]", '"settings" is what no policy may be called'),
        ("zone: Europe/Berln", '2:7: zone: "Europe/Berln" is no time zone, did you mean "Europe/Berlin"?'),
        ("quiet_hours: {start: '00:00', end: '23:30'}", "2:14: quiet_hours: leaves less than an hour a day"),
        ("caps: {total: {messages: 0, within: 7d}}", "caps.total.messages: expected at least 1, not 0"),
        ("caps: {channels: {emial: {messages: 1, within: 7d}}}", 'is not one of voice, ivr, email'),
        ("default: {delay: 1h}", 'default: is not a field here, did you mean "defaults"?'),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_what_to_do(body: str, message: str) -> None:
    (found,) = mistakes(body)
    assert message in found


def person(fields: str) -> str:
    return f"policies:\n- {{id: a, rules: late, route: person, queue: q, {fields}}}\n"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("answer_within: 1h, escalate: {to: seniors}", '"seniors" leads nowhere: write queue:seniors, owner:billing'),
        ("answer_within: 1h, escalate: {to: 'queue:q'}", "leads nowhere: it is the queue that did not answer"),
        ("escalate: {to: 'queue:z'}", "when? Give it after, or the policy answer_within"),
    ],
)
def test_an_escalation_leads_somewhere_some_time(fields: str, message: str) -> None:
    (found,) = mistakes(person(fields))
    assert f"policies.0.escalate{'.to' if 'leads' in message else ''}: {message}" in found


def test_two_policies_for_the_same_are_a_mistake_that_names_the_other() -> None:
    first = "policies:\n- {id: a, rules: late}\n- {id: c, severity: high}\n"
    assert mistakes(first, "policies: [{id: b, rules: [lost, late]}]") == [
        '2:34: policies.0.rules.1: "late" has a policy already: a in 0.yaml:3'
    ]
    (found,) = mistakes(first, "policies: [{id: d, polarity: need}]")
    assert "policies.0.polarity: need of high severity has a policy already: c in 0.yaml:4; the one that" in found
    assert mistakes(first, "policies: [{id: d, polarity: need}, {id: e, polarity: need, severity: high}]") == []
    assert mistakes(first, "policies: [{id: a, rules: lost}]") == [
        '2:17: policies.0.id: "a" stands already in 0.yaml:3'
    ]


def test_what_holds_for_all_is_said_once() -> None:
    assert mistakes("zone: UTC\ndefaults: {delay: 1h}", "defaults: {delay: 2h, priority: 3}") == [
        "2:19: defaults.delay: is said already in 0.yaml:3, for all policies"
    ]
    assert mistakes("zone: UTC", "defaults: {delay: 2h}") == []


def test_an_experiment_has_one_share() -> None:
    one, two = "policies: [{id: a, rules: late, hold_out: 0.1, experiment: x}]", "policies: [{id: b, rules: lost, "
    assert mistakes(one, two + "hold_out: 0.1, experiment: x}]") == []
    assert mistakes(one, two + "hold_out: 0.2, experiment: y}]") == []
    assert mistakes(one, two + "hold_out: 0, experiment: x}]") == []
    (found,) = mistakes(one, two + "hold_out: 0.2, experiment: x}]")
    assert 'the experiment "x" holds out 10% in 0.yaml:2, and 20% here: give this one a name of its own' in found
    base = PolicyBook(default=Plan(hold_out=0.3))
    (found,) = mistakes(two + "hold_out: 0.2}]", base=base)
    assert 'policies.0.hold_out: the experiment "default" holds out 30% in settings' in found


def test_all_mistakes_of_all_files_are_told_and_a_set_with_any_is_refused() -> None:
    bodies = ("policies: [{id: a, rules: lat}]", "policies: [{id: b, rules: lte}, {id: c}]", "zone: [")
    assert len(mistakes(*bodies)) == 4
    with pytest.raises(FileError, match=r'^1\.yaml:2:.*"lte".*\n1\.yaml:2:.*stands for no signal'):
        compiled("policies: [{id: z, rules: late}]", *bodies[1:2])


def test_a_worker_does_not_mind_rules_that_it_has_not_heard_of() -> None:
    texts = [text("policies: [{id: a, rules: new_one}]")]
    assert compile_policies(texts, PolicyBook()).book.by_rule["new_one"].id == "a"
    with pytest.raises(FileError, match="there is no rule"):
        compile_policies(texts, PolicyBook(), KNOWN)


POLICIES = (
    "- {id: a, rules: [late], priority: 1}", "- {id: b, rules: lost, hold_out: 0.1}", "- {id: c, severity: high}",
    "- {id: d, polarity: need, severity: high}", "- {id: e, rules: [burnt, slow], quiet_hours: off}",
    "- {id: f, severity: critical, cooldown: 1h}", "- {id: g, rules: due, route: person, queue: q}",
)  # fmt: skip


@given(st.permutations(POLICIES), st.lists(st.integers(0, 2), min_size=7, max_size=7))
def test_in_what_order_and_files_policies_stand_makes_no_difference(order: list[str], homes: list[int]) -> None:
    files = [
        "policies:\n" + "".join(f"{one}\n" for one, at in zip(order, homes, strict=True) if at == n) for n in range(3)
    ]
    book = compiled(*(body for body in files if body != "policies:\n")).book
    assert book == compiled("policies:\n" + "".join(f"{one}\n" for one in POLICIES)).book


def test_the_hash_names_what_counts_and_nothing_else() -> None:
    first = compiled("policies: [{id: a, rules: late}]").book.content
    assert compiled("# a remark\npolicies:\n- id: a\n  description: words\n  rules: [late]\n").book.content == first
    assert compiled("policies: [{id: a, rules: late, priority: 51}]").book.content != first
    assert compiled("policies: [{id: a, rules: late}]", base=PolicyBook(cap=Cap(1, 1))).book.content != first


def test_files_are_read_from_folders_and_what_is_missing_is_said(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.yml").write_text(HEAD)
    (tmp_path / "README.md").write_text("no policies")
    (one,) = read_policies([tmp_path], builtin=False)
    assert one.name == str(tmp_path / "more" / "a.yml")
    with pytest.raises(FileError, match="there is no such file or folder of policies"):
        read_policies([tmp_path / "gone"])
