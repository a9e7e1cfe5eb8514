"""Rules that change while the stream goes on: what stays, what ends, and that no other rule notices."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.friction.support import START, Run, compiled, last_of_each, touchpoint
from touchline.pipeline.engine.clock import DAY, MINUTE
from touchline.pipeline.friction.journey import _PORTION
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Control, Severity, SignalStatus
from touchline.schemas.yamlfile import FileError


def rule(name: str, detect: str, more: str = "", *, owner: str = "care", evidence: str = "{count} times") -> str:
    return f"""
- id: {name}
  owner: {owner}
  stage: support
  detect: {detect}
  evidence: "{evidence}"
  action: act
{more}"""


def rule_set(*rules: str) -> str:
    return "schema: friction/1\nrules:" + "".join(rules)


THREE = "{count: {event: a.one, at_least: 3, within: 24h}}"
FOUR = "{count: {event: a.one, at_least: 4, within: 24h}}"
MATCH = "{match: {event: a.one}}"
ABSENCE = "{absence: {after: {as: s, event: a.one}, expect: {event: b.two}, deadline: 1h}}"
OTHER = rule_set(rule("other", "{match: {event: c.three}}"))


def ones(start: int, count: int, at: int = START, **more: object) -> list[EnrichedTouchpoint]:
    return [touchpoint(str(n), "a.one", at + n * MINUTE, raw_offset=n, **more) for n in range(start, start + count)]


def reload(run: Run, text: str) -> Run:
    processor = run.shard.processor
    processor.put_in_force(compiled(text))  # type: ignore[attr-defined]
    return run


def test_other_words_keep_the_window_and_hold_from_the_next_revision_on() -> None:
    run = Run(rule_set(rule("r", THREE))).feed(*ones(0, 2))
    reload(run, rule_set(rule("r", THREE, "  severity: critical", owner="sales", evidence="{count} in all")))
    (signal,) = run.feed(*ones(2, 1)).signals()
    assert (signal.status, signal.severity, signal.owner) == ("opened", "critical", "sales")
    assert (signal.evidence, signal.events) == ("3 in all", ("0", "1", "2"))


def test_another_logic_ends_what_was_open_in_the_words_of_the_former_rule_and_starts_afresh() -> None:
    run = Run(rule_set(rule("r", THREE, "  severity: high"))).feed(*ones(0, 3))
    (opened,) = run.signals()
    reload(run, rule_set(rule("r", FOUR, "  version: 2", owner="sales", evidence="now {count}")))
    run.feed(*ones(3, 3))
    expired = run.signals()[-1]
    assert run.told() == [("r", 1, "opened"), ("r", 2, "expired")]
    assert expired.signal_id == opened.signal_id
    assert (expired.owner, expired.severity, expired.rule_version) == ("care", "high", 1)
    assert expired.evidence == opened.evidence
    assert expired.ruleset != opened.ruleset  # it says which rules ended it
    run.feed(*ones(6, 1))
    assert run.told()[2:] == [("r", 1, "opened")]
    assert run.signals()[-1].events == ("3", "4", "5", "6")


@pytest.mark.parametrize("restarted", [False, True])
def test_what_a_removed_rule_had_open_expires_although_nothing_comes_of_the_customer_any_more(restarted: bool) -> None:
    more = "  severity: critical\n  control: outside\n  per: order"
    run = Run(rule_set(rule("r", MATCH, more, owner="billing", evidence="{group}: {last.code}")))
    run.feed(*ones(0, 1, subjects=("order:7",), attributes={"code": "E1"}, party="unknown"))
    if restarted:  # with other rules, as after a deployment
        after = Run(OTHER)
        after.shard.changelog = run.shard.changelog
        after.shard.restart()
        after.outputs = run.outputs
        run = after
    else:
        reload(run, OTHER)
    opened, expired = run.feed().signals()
    assert (expired.signal_id, expired.revision, expired.status) == (opened.signal_id, 2, SignalStatus.EXPIRED)
    assert (expired.owner, expired.severity, expired.control) == ("billing", Severity.CRITICAL, Control.OUTSIDE)
    assert (expired.evidence, expired.group, expired.action) == ("order:7: E1", "order:7", "act")
    assert run.shard.state.customers.get("c-1", 0).groups == {}  # what it cost the relationship fades by itself
    assert run.feed().advance(START + 60 * DAY).told() == [("r", 1, "opened"), ("r", 2, "expired")]
    assert len(run.advance(START + 200 * DAY).shard.state.customers) == 0


def test_the_party_of_a_department_stays_ours_when_it_owns_no_rule_any_more() -> None:
    run = Run(rule_set(rule("r", MATCH, owner="billing"))).feed(*ones(0, 1, party="billing"))
    opened, expired = reload(run, OTHER).feed().signals()
    assert opened.control is expired.control is Control.OWN


def test_a_timer_that_waited_for_a_removed_rule_says_nothing() -> None:
    run = Run(rule_set(rule("r", ABSENCE))).feed(*ones(0, 1))
    assert reload(run, OTHER).advance(START + DAY).signals() == []


def test_a_cooldown_survives_another_logic_and_no_other_rule() -> None:
    run = Run(rule_set(rule("r", MATCH, "  cooldown: 2d"), rule("gone", MATCH, "  cooldown: 2d"))).feed(*ones(0, 1))
    longer = "{match: {event: a.one, where: channel == 'web'}}"
    reload(run, rule_set(rule("r", longer, "  cooldown: 2d"), rule("new", MATCH, "  cooldown: 2d")))
    run.feed(*ones(1, 1, START + DAY))
    assert run.told() == [
        ("r", 1, "opened"), ("gone", 1, "opened"), ("gone", 2, "expired"), ("r", 2, "expired"), ("new", 1, "opened"),
    ]  # fmt: skip
    run.feed(*ones(2, 1, START + 2 * DAY))
    assert run.told()[5:] == [("r", 1, "opened"), ("new", 2, "updated")]


def test_a_cooldown_does_not_survive_another_group() -> None:
    run = Run(rule_set(rule("r", MATCH, "  cooldown: 2d"))).feed(*ones(0, 1, subjects=("order:7",)))
    reload(run, rule_set(rule("r", MATCH, "  cooldown: 2d\n  per: order")))
    run.feed(*ones(1, 1, subjects=("order:7",)))
    assert run.told() == [("r", 1, "opened"), ("r", 2, "expired"), ("r", 1, "opened")]
    assert [list(groups) for groups in run.shard.state.customers.get("c-1", 0).groups.values()] == [["order:7"]]


def test_all_customers_are_looked_through_in_portions_and_once_whatever_is_restarted() -> None:
    count = 2 * _PORTION + 100
    run = Run(rule_set(rule("r", MATCH)))
    run.feed(*[touchpoint(str(n), "a.one", START + n, raw_offset=n, customer=f"c-{n}") for n in range(count)])
    second = rule_set(rule("r", MATCH, "  version: 2"))
    reload(run, second).feed()
    assert len(run.signals()) == count + _PORTION
    run.shard.restart()  # in the midst of it
    last = f"c-{count - 1}"
    run.feed(touchpoint("x", "a.one", START, raw_offset=9_999, customer=last))  # before its turn comes
    assert [(s.rule_version, s.status.value) for s in run.signals() if s.customer == last] == [
        (1, "opened"), (1, "expired"), (2, "opened"),
    ]  # fmt: skip
    for _ in range(4):
        run.feed()
    expired = [s.customer for s in run.signals() if s.status is SignalStatus.EXPIRED]
    assert sorted(expired) == sorted(f"c-{n}" for n in range(count))
    assert set(run.shard.state.terms.keys()) == set(compiled(second).by_key)
    assert run.counts["rules.forgotten"] == count


def test_the_former_set_is_as_if_it_had_never_left_for_what_nobody_looked_at_between() -> None:
    first = rule_set(rule("r", THREE))
    run = Run(first).feed(*ones(0, 2))
    reload(run, OTHER)
    reload(run, first)
    assert run.feed(*ones(2, 1)).told() == [("r", 1, "opened")]


def test_state_of_a_release_that_kept_no_terms_is_let_go_without_a_word() -> None:
    run = Run(rule_set(rule("r", MATCH))).feed(*ones(0, 1))
    run.shard.changelog = [entry for entry in run.shard.changelog if entry[0] != "r"]
    run.shard.restart()
    assert reload(run, OTHER).feed().told() == [("r", 1, "opened")]
    assert run.counts["rules.forgotten"] == 1


BOTH = "{all: {rules: [r, s], within: 2d}}"
OTHER_PART = rule("s", "{match: {event: b.two}}")


def both(number: int, at: int) -> list[EnrichedTouchpoint]:
    """An event for each of the two rules that BOTH names."""
    return [
        touchpoint(f"{number}-{kind}", kind, at + n, raw_offset=2 * number + n)
        for n, kind in enumerate(("a.one", "b.two"))
    ]


def test_another_logic_of_a_part_ends_what_stands_on_it_and_its_cooldown_goes_on() -> None:
    linked = rule("both", BOTH, "  cooldown: 2d")
    run = Run(rule_set(linked, rule("r", MATCH), OTHER_PART)).feed(*both(0, START))
    reload(run, rule_set(linked, rule("r", MATCH, "  version: 2"), OTHER_PART))
    run.feed()
    assert sorted(run.told()[3:]) == [("both", 2, "expired"), ("r", 2, "expired")]
    run.feed(*both(1, START + DAY))
    assert run.told()[5:] == [("r", 1, "opened"), ("s", 1, "opened")]
    run.feed(*both(2, START + 3 * DAY))
    assert [one for one in run.told()[7:] if one[0] == "both"] == [("both", 1, "opened"), ("both", 2, "updated")]


def test_another_logic_of_the_whole_leaves_its_parts_alone_and_knows_what_begins_from_then_on() -> None:
    parts = (rule("r", MATCH), OTHER_PART)
    run = Run(rule_set(*parts)).feed(*both(0, START))
    reload(run, rule_set(*parts, rule("both", BOTH))).feed(*both(1, START + DAY))
    assert [(s.rule, s.values["count"]) for s in run.signals()][-1] == ("both", 2)
    reload(run, rule_set(*parts, rule("both", BOTH, "  version: 2"))).feed()
    assert run.told()[-1] == ("both", 2, "expired")
    reload(run, rule_set(*parts)).feed(*both(2, START + 2 * DAY)).advance(START + 5 * DAY)
    assert [name for name, _, status in run.told() if status == "expired"] == ["both"]
    assert {key.split(":")[0] for key in run.shard.state.customers.get("c-1", 0).groups} == {"r", "s"}


def test_other_words_of_a_part_keep_the_whole() -> None:
    linked = rule("both", BOTH)
    run = Run(rule_set(linked, rule("r", MATCH), OTHER_PART)).feed(both(0, START)[0])
    reload(run, rule_set(linked, rule("r", MATCH, owner="sales"), OTHER_PART)).feed(both(0, START)[1])
    assert run.told()[-1] == ("both", 1, "opened")


def test_a_part_can_not_be_taken_away_from_under_a_rule() -> None:
    with pytest.raises(FileError, match='no rule is called "r"'):
        compiled(rule_set(rule("both", BOTH), OTHER_PART))


UNCHANGED = (
    rule("count", THREE, "  cooldown: 2h"), rule("wait", ABSENCE, "  per: order"),
    rule("linked", "{any: {rules: [count, [two, wait]], at_least: 2, within: 5h}}", evidence="{rules}"),
    rule("two", "{sequence: {steps: [{as: x, event: a.one}, {as: y, event: b.two}], within: 3h}}"),
)  # fmt: skip
CHANGING = (
    rule("moving", FOUR), rule("moving", MATCH, "  cooldown: 1h"), rule("moving", MATCH, owner="sales"), "",
    rule("moving", ABSENCE, "  per: order"),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_rules_that_did_not_change_say_the_same_whenever_others_do(data: st.DataObject) -> None:
    """Batch by batch, with reloads and restarts between them, against the same stream without either."""
    moments = data.draw(st.lists(st.integers(0, 12 * 60), min_size=1, max_size=25))
    log = [
        touchpoint(
            str(n), data.draw(st.sampled_from(["a.one", "b.two"])), START + at * MINUTE, raw_offset=n,
            customer=data.draw(st.sampled_from(["c-1", "c-2"])), subjects=(f"order:{data.draw(st.integers(1, 2))}",),
        )
        for n, at in enumerate(sorted(moments))
    ]  # fmt: skip
    calm, moved = Run(rule_set(*UNCHANGED)), Run(rule_set(*UNCHANGED, CHANGING[0]))
    for event in log:
        calm.feed(event)
        if data.draw(st.booleans()):
            reload(moved, rule_set(*UNCHANGED, data.draw(st.sampled_from(CHANGING))))
        if data.draw(st.integers(0, 3)) == 0:
            moved.shard.restart()
        moved.feed(event)
    for run in (calm, moved):
        run.advance(START + 2 * DAY)
    assert said(moved.signals()) == said(calm.signals())
    newest = last_of_each(moved.signals())  # revisions without a gap, and opened once
    reload(moved, rule_set(*UNCHANGED)).feed()
    ended = last_of_each(moved.signals())
    finals = {SignalStatus.EXPIRED, SignalStatus.RESOLVED, SignalStatus.RETRACTED}
    assert all(s.status in finals for s in ended.values() if s.rule == "moving")
    assert newest.keys() == ended.keys()


def said(signals: list[Signal]) -> list[tuple[object, ...]]:
    """All of a signal but the name of the rule set, of the rules that did not change."""
    return [
        (s.signal_id, s.revision, s.status, s.at, s.raised_at, s.evidence, s.events, s.values, s.customer, s.group)
        for s in signals
        if s.rule != "moving"
    ]
