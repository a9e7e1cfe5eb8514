"""What is odd about policies without a mistake is warned of, with its place; what is in order is not."""

import pytest

from tests.outreach.policycases import KNOWN, RULES, text
from touchline.pipeline.outreach.plan import PolicyBook
from touchline.pipeline.outreach.policyentries import Findings
from touchline.pipeline.outreach.policyfiles import look_through
from touchline.pipeline.outreach.policylint import lint


def odd(body: str, *more: str) -> list[str]:
    findings = Findings()
    texts = [text(body), *(text(one, "built.yaml", builtin=True) for one in more)]
    found = look_through(texts, PolicyBook(), KNOWN, findings)
    assert findings.found == []
    lint(found, RULES, findings)
    return [f"{one.line}: {one.severity}: {one.code}: {one.message}" for one in findings.found]


def policy(fields: str) -> str:
    return f"policies: [{{id: a, {fields}}}]"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (policy("severity: critical, polarity: need"), "2: warning: unused: counts for none of the rules: none is of"),
        (policy("rules: glad, purpose: service"), "2: warning: no_opt_in: asks a favour of customers who never agreed"),
        (policy("rules: late, purpose: marketing"), "2: warning: needs_opt_in: only customers who agreed to marketing"),
        (policy("rules: late, experiment: x"), '2: warning: no_hold_out: "x" holds nobody out: hold_out is 0'),
        (policy("rules: [late, burnt], hold_out: 0.1"), "2: note: critical: of critical signals nobody is held out"),
        (policy("rules: late, max_age: 11h"), "2: warning: lost_at_night: what comes when quiet hours begin (21:0"),
        (policy("rules: late, route: owner, target: 'owner:car'"), '2: warning: unknown_owner: no rule has the owner'),
        ("caps: {groups: {gifts: {messages: 1, within: 1d}}}", 'unused: no policy has the cap_group "gifts"'),
        ("caps: {channels: {chat: {messages: 1, within: 1d}}}", "unused: no policy uses the channel chat"),
    ],
)  # fmt: skip
def test_what_is_odd_is_told(body: str, message: str) -> None:
    (found,) = odd(body)
    assert message in found


@pytest.mark.parametrize(
    "body",
    [
        policy("severity: high"),
        "caps: {groups: {g: {messages: 1, within: 1d}}}\n" + policy("rules: glad, purpose: marketing, cap_group: g"),
        policy("rules: late, experiment: x, hold_out: 0.1"),
        policy("rules: late, max_age: 12h"),
        policy("rules: late, max_age: 1h, quiet_hours: off"),
        policy("rules: late, route: owner, target: 'owner:care'"),
        policy("rules: late, route: owner, target: 'party:anybody'"),
        "caps: {channels: {sms: {messages: 1, within: 1d}}}",
    ],
)  # fmt: skip
def test_what_is_in_order_is_not_warned_of(body: str) -> None:
    assert odd(body) == []


def test_a_policy_for_a_sort_says_which_rules_it_does_not_reach() -> None:
    assert odd(policy("severity: [high, medium], priority: 1"), "policies: [{id: x, rules: [lost, due]}]") == [
        "2: note: passed_over: does not count for lost, due: a policy for a rule comes before one for its severity"
    ]
    (found,) = odd(policy("severity: high, priority: 1"), "policies: [{id: x, rules: [lost]}]")
    assert found.startswith("2: warning: unused: counts for none of the rules: lost have policies of their own")
