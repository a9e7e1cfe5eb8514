"""Requests to our own people and to owners; and what is taken back when a signal ends after its decision."""

from typing import Any

from tests.outreach.cases import NOON, advance, book, decisions, feed, profile, record, requests, signal
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, from_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.partition import partition_of
from touchline.pipeline.engine.records import Output, PlainRecord
from touchline.pipeline.outreach.ids import decision_id, request_id
from touchline.pipeline.outreach.messages import built_in_messages
from touchline.pipeline.outreach.plan import Plan, PolicyBook
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.schemas.codec import encode
from touchline.schemas.outreach import Decision, Delivery
from touchline.schemas.request import Skill
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import (
    Channel,
    Control,
    DeliveryStatus,
    Outcome,
    Reason,
    Route,
    SignalStatus,
)
from touchline.schemas.wire import CUSTOMERS, DELIVERIES, REQUESTS, SIGNALS

CALL = Plan(
    "call_back",
    route=Route.PERSON,
    target="queue:service",
    skill=Skill(topics=("delivery",)),
    answer_within=4 * HOUR,
    priority=80,
    cooldown=DAY,
)


def shard_of(policy: PolicyBook, *, live: bool = True) -> LocalShard:
    shard = LocalShard(OutreachProcessor(policy, built_in_messages()), 1, 4)
    feed(shard, CUSTOMERS, profile(locale="de-AT"))
    advance(shard, NOON - HOUR, live=live)
    return shard


def hand(shard: LocalShard, *signals: Signal) -> list[Output]:
    return shard.process(SIGNALS, [record(one) for one in signals], 0)


def ended(one: Signal, at: int, status: SignalStatus = SignalStatus.RESOLVED, revision: int = 1) -> Signal:
    fields: dict[str, Any] = {"revision": revision, "status": status, "raised_at": from_ms(at)}
    return signal(one.signal_id, NOON, rule=one.rule, **fields)


def test_a_task_goes_to_the_partition_of_its_queue_with_all_that_is_known() -> None:
    shard = shard_of(book(("long_wait", CALL), ("survey", Plan(delay=DAY))))
    hand(shard, signal("s-0", NOON - MINUTE, rule="other"), signal("s-9", NOON - MINUTE, rule="survey"))
    outputs = hand(shard, signal())
    (decision,), (request,) = decisions(outputs), requests(outputs)
    assert (decision.outcome, decision.reason, decision.route, decision.target) == (
        Outcome.SENT, Reason.SENT, Route.PERSON, "queue:service",
    )  # fmt: skip
    assert (decision.message, decision.channel) == (None, Channel.EMAIL)
    assert [(o.key, o.partition) for o in outputs if o.topic == REQUESTS] == [(b"queue:service", None)]
    assert partition_of(b"queue:service", 4) != 1  # not that of the customer
    assert request.request_id == request_id(decision_id("s-1"))
    assert (request.revision, request.cancelled, request.decision) == (0, False, decision)
    assert (request.due_at, request.skill, request.priority) == (from_ms(NOON + 4 * HOUR), CALL.skill, 80)
    assert (request.language, request.polarity, request.signal) == ("de", "friction", signal())
    assert request.suggestion.strip()
    assert request.journey == (
        "2026-06-10 11:59 UTC: message about other by email",
        "2026-06-10 11:59 UTC: open as well: survey (high): waited 20 min",
        "2026-06-10 12:00 UTC: long_wait (high): waited 20 min",
    )


def test_a_partner_hears_of_its_own_and_nothing_for_the_customer_to_read() -> None:
    shard = shard_of(book(("long_wait", Plan(route=Route.OWNER))))
    (request,) = requests(hand(shard, signal(control=Control.PARTNER, party="dhl")))
    assert (request.target, request.suggestion, request.channel, request.due_at) == ("party:dhl", "", None, None)


def test_it_is_cancelled_once_when_the_signal_ends_and_not_when_it_is_updated() -> None:
    for live in (True, False):
        shard = shard_of(book(("long_wait", CALL)), live=live)
        (asked,) = requests(hand(shard, signal()))
        assert hand(shard, signal(revision=1, status=SignalStatus.UPDATED)) == []
        shard.restart()
        outputs = hand(shard, ended(signal(), NOON + HOUR, revision=2))
        (over,) = requests(outputs)
        assert decisions(outputs) == []
        assert (over.request_id, over.revision, over.cancelled) == (asked.request_id, 1, True)
        assert (over.signal.status, over.at) == (SignalStatus.RESOLVED, from_ms(NOON + HOUR))
        assert hand(shard, ended(signal(), NOON + 2 * HOUR, SignalStatus.RETRACTED, 3)) == []
        assert shard.counts["requests.cancelled"] == 1


def test_one_that_ended_while_its_first_decision_waited_is_asked_and_cancelled_in_history() -> None:
    shard = shard_of(book(("long_wait", CALL)), live=False)
    assert hand(shard, signal(profile_revision=2), ended(signal(), NOON + HOUR)) == []
    outputs = shard.process(CUSTOMERS, [record(profile(2))], 0)
    assert [(r.revision, r.cancelled, r.signal.status) for r in requests(outputs)] == [
        (0, False, SignalStatus.OPENED),
        (1, True, SignalStatus.RESOLVED),
    ]


def test_the_same_task_is_not_asked_for_twice_within_the_cooldown_nor_does_it_use_up_a_cap() -> None:
    shard = shard_of(book(("long_wait", CALL), cap=1))
    hand(shard, signal())
    (again,) = decisions(hand(shard, signal("s-2", NOON + HOUR)))
    assert (again.reason, again.explanation) == (
        Reason.COOLDOWN,
        "Not sent: a request about long_wait went out 1 h before; the cooldown is 1 d.",
    )
    assert [d.reason for d in decisions(hand(shard, signal("s-3", NOON + HOUR, rule="other")))] == [Reason.SENT]


def test_a_delayed_task_is_not_asked_for_when_its_signal_ends_before() -> None:
    shard = shard_of(book(("long_wait", Plan(route=Route.PERSON, delay=HOUR))))
    (held,) = decisions(hand(shard, signal()))
    assert held.reason is Reason.DELAYED
    outputs = hand(shard, ended(signal(), NOON + MINUTE))
    assert ([d.reason for d in decisions(outputs)], requests(outputs)) == ([Reason.RESOLVED], [])


def test_in_observe_mode_the_request_says_so() -> None:
    shard = shard_of(book(("long_wait", CALL), observe=True))
    (request,) = requests(hand(shard, signal()))
    assert (request.decision.observed, request.decision.observed_by) == (True, "mode")


def delivered(shard: LocalShard, decision: Decision, status: DeliveryStatus) -> None:
    delivery = Delivery(
        delivery_id="d-1", revision=1, decision_id=decision.decision_id, signal_id=decision.signal_id,
        rule=decision.rule, customer=decision.customer, channel=Channel.EMAIL, adapter="smtp", status=status,
        attempts=1, at=from_ms(NOON),
    )  # fmt: skip
    assert shard.process(DELIVERIES, [PlainRecord(0, 0, b"c-1", encode(delivery))], 0) == []


def test_a_message_that_has_not_left_is_cancelled_when_its_signal_ends() -> None:
    for status in (None, DeliveryStatus.RETRYING):
        shard = shard_of(book(hold_out=0.000001))
        (sent,) = decisions(hand(shard, signal()))
        if status is not None:
            delivered(shard, sent, status)
        shard.restart()
        (off,) = decisions(hand(shard, ended(signal(), NOON + HOUR)))
        assert (off.decision_id, off.revision, off.outcome, off.reason) == (
            sent.decision_id, 1, Outcome.SUPPRESSED, Reason.RESOLVED,
        )  # fmt: skip
        assert (off.message, off.signal_revision, off.at) == (None, 1, from_ms(NOON + HOUR))
        assert (off.arm, off.experiment) == (sent.arm, sent.experiment) == ("treated", "default")
        assert hand(shard, ended(signal(), NOON + 2 * HOUR, SignalStatus.RETRACTED, 2)) == []


def test_one_that_has_left_stays_sent_in_the_ledger() -> None:
    over = (DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN, DeliveryStatus.OUTBOX)
    for status in over:
        shard = shard_of(book())
        (sent,) = decisions(hand(shard, signal()))
        delivered(shard, sent, status)
        assert hand(shard, ended(signal(), NOON + HOUR)) == []


def test_neither_is_one_whose_time_is_over_nor_one_of_history_nor_one_that_was_only_observed() -> None:
    late = shard_of(book())
    hand(late, signal())
    assert hand(late, ended(signal(), NOON + 9 * HOUR)) == []  # since the quiet hours it could not leave
    for shard in (shard_of(book(), live=False), shard_of(book(observe=True))):
        hand(shard, signal())
        assert hand(shard, ended(signal(), NOON + HOUR)) == []


def test_the_arm_stays_on_record_when_a_held_one_is_resolved() -> None:
    """Whoever is held out is decided at once, so a treated one that is held must not lose its place."""
    night = NOON + 10 * HOUR
    shard = shard_of(book(hold_out=0.000001))
    (held,) = decisions(hand(shard, signal(at=night)))
    (over,) = decisions(hand(shard, ended(signal(), night + HOUR)))
    assert (held.arm, over.reason, over.arm, over.experiment) == ("treated", Reason.RESOLVED, "treated", "default")
