"""A signal that an incident explains: one decision, with that reason, whenever word of the incident comes."""

import os
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.outreach.cases import NOON, advance, book, decisions, feed, profile, signal
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, from_ms, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import PlainRecord
from touchline.pipeline.outreach.messages import built_in_messages
from touchline.pipeline.outreach.plan import Plan, PolicyBook
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.pipeline.outreach.state import CustomerState, Held, Step, Todo
from touchline.pipeline.outreach.waiting import MAX_WAIT
from touchline.schemas.codec import encode
from touchline.schemas.control import Tick
from touchline.schemas.incident import Incident
from touchline.schemas.outreach import Decision
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Control, Route, Scope, Severity, SignalStatus
from touchline.schemas.wire import CUSTOMERS, INCIDENTS, SIGNALS

CAUSE = "carrier_late party:dhl"
POLICY = book(cap=50, cooldown=0)


def incident(opened: int = NOON, *, ended: int | None = None, **changes: Any) -> Incident:
    fields: dict[str, Any] = {
        "incident_id": "i-1",
        "revision": 1 if ended is None else 2,
        "status": SignalStatus.OPENED if ended is None else SignalStatus.RESOLVED,
        "rule": "carrier_late",
        "rule_version": 1,
        "group": "party:dhl",
        "party": "dhl",
        "control": Control.PARTNER,
        "severity": Severity.HIGH,
        "owner": "logistics",
        "covers": ("promise_broken",),
        "customers": 30,
        "affected": (),
        "first": from_ms(opened),
        "at": from_ms(opened),
        "last": from_ms(opened),
        "opened_at": from_ms(opened),
        "raised_at": from_ms(opened if ended is None else ended),
        "evidence": "30 customers",
    }
    return Incident(**{**fields, **changes})


def record(item: Incident | Tick) -> PlainRecord:
    if isinstance(item, Tick):
        return PlainRecord(0, 0, None, encode(item), (("touchline-tick", b"1"),))
    return PlainRecord(0, 0, item.incident_id.encode(), encode(item))


def told(shard: LocalShard, *items: Incident | Tick) -> list[Decision]:
    return decisions(shard.process(INCIDENTS, [record(item) for item in items], 0))


def up_to(high: int, *, live: bool = True) -> Tick:
    return Tick(partition=0, partitions=1, high=high, wall=high if live else None)


def outreach(policy: PolicyBook = POLICY, *, live: bool = True) -> LocalShard:
    shard = LocalShard(OutreachProcessor(policy, built_in_messages(), live=live), 0, 1)
    feed(shard, CUSTOMERS, profile())
    advance(shard, NOON - HOUR, live=live)
    return shard


def explained(signal_id: str, at: int, **changes: Any) -> Signal:
    return signal(signal_id, at, rule="promise_broken", causes=(CAUSE,), **changes)


def test_it_waits_for_word_of_incidents_and_is_not_sent_when_one_explains_it() -> None:
    shard = outreach()
    assert feed(shard, SIGNALS, explained("s-1", NOON + MINUTE)) == []
    assert told(shard, incident(), up_to(NOON + MINUTE - 1)) == []
    (decision,) = told(shard, up_to(NOON + MINUTE))
    assert (decision.outcome, decision.reason) == ("suppressed", "incident")
    assert decision.explanation == (
        "Not sent: carrier_late explains it, an incident of party:dhl since 2026-06-10 12:00 UTC (i-1)."
    )
    assert (decision.at, decision.revision) == (from_ms(NOON + MINUTE), 0)


def test_one_before_or_after_the_incident_or_with_another_cause_is_sent() -> None:
    shard = outreach()
    told(shard, incident(NOON), incident(NOON, ended=NOON + HOUR), up_to(NOON + DAY))
    reasons = {}
    other = explained("other", NOON + 1)
    other.causes = ("carrier_late party:ups",)
    for one in (explained("before", NOON - 1), explained("in", NOON), other, explained("after", NOON + HOUR)):
        (decision,) = feed(shard, SIGNALS, one)
        reasons[one.signal_id] = decision.reason.value
    assert reasons == {"before": "sent", "in": "incident", "other": "sent", "after": "sent"}


def test_a_signal_that_no_incident_can_explain_does_not_wait() -> None:
    assert [d.reason for d in feed(outreach(), SIGNALS, signal("s-1", NOON))] == ["sent"]


def test_an_agent_that_stands_still_delays_it_and_does_not_prevent_it() -> None:
    shard = outreach()
    feed(shard, SIGNALS, explained("s-1", NOON), signal("s-2", NOON + 1))
    assert advance(shard, NOON + MAX_WAIT - 1) == []
    shard.restart()
    assert [(d.signal_id, d.reason) for d in advance(shard, NOON + MAX_WAIT)] == [("s-1", "sent"), ("s-2", "sent")]


def test_in_history_it_waits_for_ever() -> None:
    shard = outreach(live=False)
    feed(shard, SIGNALS, explained("s-1", NOON))
    assert advance(shard, NOON + 30 * DAY, live=False) == []
    assert [d.reason for d in told(shard, up_to(NOON, live=False))] == ["sent"]


def test_what_is_held_is_decided_again_with_what_is_known_of_incidents_then() -> None:
    night = NOON + 10 * HOUR
    for ends, reason in ((None, "incident"), (night + HOUR, "sent")):
        shard = outreach()
        told(shard, up_to(night + MINUTE))
        (held,) = feed(shard, SIGNALS, explained("s-1", night))
        assert held.reason == "quiet_hours"
        told(shard, incident(night + 1), *([incident(night + 1, ended=ends)] if ends else []), up_to(NOON + DAY))
        (decision,) = advance(shard, NOON + DAY)
        assert (decision.reason, decision.revision) == (reason, 1)


def test_what_waits_behind_a_message_that_is_held_goes_on_when_that_is_released() -> None:
    night, morning, shard = NOON + 10 * HOUR, NOON + 20 * HOUR, outreach(live=False)
    feed(shard, SIGNALS, signal("s-0", NOON), explained("s-1", night))
    told(shard, up_to(night, live=False))
    ended = signal("s-0", NOON, revision=1, status=SignalStatus.RESOLVED, raised_at=from_ms(morning + HOUR))
    feed(shard, SIGNALS, ended)
    (released,) = told(shard, up_to(morning, live=False)) + advance(shard, morning, live=False)
    assert (released.signal_id, released.reason, released.at) == ("s-1", "sent", from_ms(morning))
    assert list(shard.state.waiting.keys()) == []


def test_a_release_goes_before_what_is_later_although_an_earlier_release_stands_behind_that() -> None:
    customer = CustomerState(queue=[Todo(14, "b", Step.END), Todo(5, "c", Step.RELEASE)])
    customer.insert(Held(7, 0, 0, "a"))
    assert [todo.signal_id for todo in customer.queue] == ["a", "b", "c"]


def test_of_the_incident_itself_its_owner_is_told_and_in_history_as_of_its_own_time() -> None:
    for live in (True, False):
        shard = outreach(live=live)
        advance(shard, NOON + DAY, live=live)
        one = signal("i-1", NOON, scope=Scope.INCIDENT, customer="party:dhl", group="party:dhl", profile_revision=0)
        (decision,) = feed(shard, SIGNALS, one)
        assert (decision.reason, decision.route, decision.target) == ("sent", "owner", "owner:care")
        assert (decision.message, decision.at) == (None, from_ms(NOON + DAY if live else NOON))


def test_in_history_the_notice_of_an_incident_has_its_delay_and_its_turn_and_then_goes() -> None:
    """It comes when journeys are further on, so its hold is over when it begins, and nothing later calls it up."""
    for plan, reason in ((Plan("late", delay=HOUR), "delayed"), (Plan("paced", pace=60), "paced")):
        shard = outreach(book(("carrier_late", plan)), live=False)
        advance(shard, NOON + DAY, live=False)
        fields = {"rule": "carrier_late", "customer": "party:dhl", "group": "party:dhl", "profile_revision": 0}
        found = feed(shard, SIGNALS, signal("i-1", NOON + 7, scope=Scope.INCIDENT, **fields))
        assert [(d.revision, d.reason, d.at) for d in found] == [
            (0, reason, from_ms(NOON + 7)),
            (1, "sent", found[0].release_at),
        ]


def test_incidents_that_are_long_over_are_forgotten() -> None:
    shard = outreach()
    told(shard, incident(NOON), incident(NOON, ended=NOON + HOUR), up_to(NOON + DAY))
    advance(shard, NOON + 30 * DAY)
    assert len(shard.state.incidents) == 1
    advance(shard, NOON + 32 * DAY)
    assert len(shard.state.incidents) == 0


TELLS = book(("carrier_late", Plan("carrier", template="default_text", priority=70)), cap=50, cooldown=0)


def test_each_customer_is_told_of_the_incident_once_in_its_own_words() -> None:
    shard = outreach(TELLS)
    feed(shard, CUSTOMERS, profile(customer="c-2"))
    told(shard, incident(), up_to(NOON + DAY))
    first = explained("s-1", NOON + 1)
    second = explained("s-2", NOON + 2)
    other = explained("s-3", NOON + 3, customer="c-2", group="c-2")
    one, two, three = feed(shard, SIGNALS, first, second, other)
    assert [(d.reason, d.policy, d.template, d.linked) for d in (one, two, three)] == [
        ("sent", "carrier", "default_text", ()),
        ("incident", "carrier", "", ("s-1",)),
        ("sent", "carrier", "default_text", ()),
    ]
    assert one.rule == "promise_broken"
    assert two.explanation.endswith("the customer is told of it by the message about s-1.")
    again = incident(NOON + HOUR, incident_id="i-2")
    told(shard, incident(NOON, ended=NOON + HOUR), again, up_to(NOON + DAY))
    (next_one,) = feed(shard, SIGNALS, explained("s-4", NOON + 2 * HOUR))
    assert next_one.reason == "cooldown"  # of the incident's plan: they were told of such a one three hours ago


def test_the_message_of_the_night_names_those_that_came_meanwhile() -> None:
    night, morning = NOON + 10 * HOUR, NOON + 20 * HOUR
    shard = outreach(TELLS)
    told(shard, incident(), up_to(NOON + 2 * DAY))
    found = feed(shard, SIGNALS, explained("s-1", night), explained("s-2", night + 1))
    assert [(d.reason, d.linked) for d in found] == [("quiet_hours", ()), ("incident", ("s-1",))]
    (sent,) = advance(shard, morning)
    assert (sent.reason, sent.linked) == ("sent", ("s-2",))


def test_who_was_not_told_after_all_is_told_by_the_next() -> None:
    night = NOON + 10 * HOUR
    shard = outreach(TELLS)
    told(shard, incident(), up_to(NOON + 2 * DAY))
    feed(shard, SIGNALS, explained("s-1", night))
    over = explained("s-1", night, revision=1, status=SignalStatus.RESOLVED, raised_at=from_ms(night + 1))
    assert [d.reason for d in feed(shard, SIGNALS, over)] == ["resolved"]
    assert [d.reason for d in feed(shard, SIGNALS, explained("s-2", night + 2))] == ["quiet_hours"]
    assert [d.reason for d in advance(shard, NOON + 20 * HOUR)] == ["sent"]


def test_many_affected_are_worked_off_at_the_set_rate_and_others_do_not_wait() -> None:
    paced = Plan("carrier", pace=600)
    shard = outreach(book(("carrier_late", paced), cap=50, cooldown=0))
    told(shard, incident(), up_to(NOON + DAY))
    names = [f"k-{n}" for n in range(300)]
    feed(shard, CUSTOMERS, *(profile(customer=name) for name in names))
    affected = (explained(f"s-{n}", NOON + 1 + n, customer=name, group=name) for n, name in enumerate(names))
    assert {d.reason for d in feed(shard, SIGNALS, *affected)} == {"paced"}
    assert [d.reason for d in feed(shard, SIGNALS, signal("other", NOON + MINUTE))] == ["sent"]
    counts = [len(advance(shard, NOON + minutes * MINUTE)) for minutes in range(2, 40)]
    assert counts[0] == 20  # two minutes
    assert counts[1:28] == [10] * 27
    assert sum(counts) == 300


def test_the_incident_itself_may_be_for_its_owner() -> None:
    shard = outreach(book(("carrier_late", Plan("owners", route=Route.OWNER))))
    fields = {"rule": "carrier_late", "customer": "party:dhl", "group": "party:dhl", "profile_revision": 0}
    one = signal("i-1", NOON, scope=Scope.INCIDENT, **fields)
    (decision,) = feed(shard, SIGNALS, one)
    assert (decision.reason, decision.route, decision.target) == ("sent", "owner", "owner:care")
    told(shard, incident(), up_to(NOON + DAY))
    assert [d.reason for d in feed(shard, SIGNALS, explained("s-1", NOON + 1))] == ["incident"]


STEPS = st.lists(
    st.tuples(
        st.integers(1, 5 * HOUR),
        st.sampled_from(["explained", "explained", "other", "end", "incident", "over", "tick", "profile"]),
        st.sampled_from(["c-1", "c-2"]),
        st.integers(0, 20),
    ),
    min_size=3,
    max_size=40,
)
CASES = int(os.environ.get("TOUCHLINE_INCIDENT_CASES", "300"))


@settings(max_examples=CASES, deadline=None)
@given(STEPS, st.integers(0, 2**32))
def test_however_the_three_inputs_take_turns(steps: Sequence[tuple[int, str, str, int]], seed: int) -> None:
    the_same_in_any_turns(POLICY, steps, seed)


@settings(max_examples=CASES, deadline=None)
@given(STEPS, st.integers(0, 2**32))
def test_however_they_take_turns_with_messages_about_the_incident(
    steps: Sequence[tuple[int, str, str, int]], seed: int
) -> None:
    late = Plan("late", delay=3 * HOUR, priority=80, cooldown=0)
    tells = Plan("carrier", delay=HOUR, priority=60, cooldown=4 * HOUR)
    policy = book(("carrier_late", tells), ("long_wait", late), cap=4, cap_window=DAY, cooldown=0)
    the_same_in_any_turns(policy, steps, seed)


def the_same_in_any_turns(policy: PolicyBook, steps: Sequence[tuple[int, str, str, int]], seed: int) -> None:
    logs: dict[str, list[Any]] = {SIGNALS: [up_to(NOON, live=False)], CUSTOMERS: [], INCIDENTS: []}
    revisions, opened, standing, now = {"c-1": 0, "c-2": 0}, list[Signal](), list[Incident](), NOON
    behind = NOON
    for number, (after, what, customer, salt) in enumerate(steps):
        now += after
        more = {"customer": customer, "group": customer, "profile_revision": revisions[customer]}
        if what == "profile" and not any(one.customer == customer for one in opened):
            revisions[customer] += 1
            logs[CUSTOMERS].append(profile(revisions[customer], now, customer=customer))
        elif what in {"explained", "other"}:
            opened.append((explained if what == "explained" else signal)(f"s-{number}", now, **more))
            logs[SIGNALS].append(opened[-1])
        elif what == "end" and opened:
            last = opened.pop(salt % len(opened))
            logs[SIGNALS].append(replace(last, revision=1, status=SignalStatus.RESOLVED, raised_at=from_ms(now)))
        elif what == "incident" and not standing:
            standing.append(incident(now, incident_id=f"i-{number}"))
            logs[INCIDENTS].append(standing[-1])
        elif what == "over" and standing:
            last_one = standing.pop()
            since = to_ms(last_one.opened_at)
            logs[INCIDENTS].append(incident(since, ended=now, incident_id=last_one.incident_id))
        elif what == "tick":
            behind = max(behind, now - salt * HOUR)  # in history customers are ahead of the slowest raw partition
            for log in logs.values():
                log.append(up_to(behind, live=False))
    end = now + 3 * DAY
    for log in logs.values():
        log.append(up_to(end, live=False))
    expected = run(policy, logs, None)
    for turn in range(3):
        assert run(policy, logs, random.Random(seed + turn)) == expected


def run(policy: PolicyBook, logs: dict[str, list[Any]], rng: random.Random | None) -> list[tuple[Any, ...]]:
    """What was decided when the inputs were handed over in turns; without chance, incidents and profiles first."""
    left = {topic: list(log) for topic, log in logs.items()}
    shard = LocalShard(OutreachProcessor(policy, built_in_messages(), live=False), 0, 1)
    found: list[Decision] = []
    while any(left.values()):
        topics = [topic for topic in (INCIDENTS, CUSTOMERS, SIGNALS) if left[topic]]
        topic, size = (topics[0], 10**6) if rng is None else (rng.choice(topics), rng.randint(1, 4))
        batch, left[topic] = left[topic][:size], left[topic][size:]
        found += told(shard, *batch) if topic == INCIDENTS else feed(shard, topic, *batch)
        if rng is not None and rng.random() < 0.1:
            shard.restart()
    assert list(shard.state.waiting.keys()) == []
    rows = [(d.signal_id, d.revision, d.outcome, d.reason, d.at, d.explanation, d.linked) for d in found]
    return sorted(rows, key=lambda row: row[:2])
