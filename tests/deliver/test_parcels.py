"""What else deliver carries (notices and word of care), what it takes back, and what it tells of bounces."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.deliver.test_delivery import BUSY, HOOK, LATER, MAIL, NEVER, PLAN, SENT, WHO_KNOWS, Named, in_flight, sms
from tests.deliver.worker import Worker, decision
from tests.outreach.cases import NOON
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, from_ms
from touchline.pipeline.outreach.adapter import Bounce, SendResult, SendStatus
from touchline.pipeline.outreach.ids import delivery_id
from touchline.pipeline.outreach.ledger import Attempt
from touchline.pipeline.outreach.plan import ALL, Switches
from touchline.pipeline.outreach.targets import Limits
from touchline.schemas.codec import encode
from touchline.schemas.context import Cause, CustomerContext, OpenSignal
from touchline.schemas.notice import Means, Notice, NoticeItem
from touchline.schemas.outreach import Decision, Message
from touchline.schemas.vocabulary import Carried, Channel, DeliveryStatus, Outcome, Polarity, Reason, Route, Severity
from touchline.schemas.vocabulary import SignalStatus as Status
from touchline.schemas.wire import CONTEXT, DELIVERIES, OUTBOX

CHAT = Named("team", idempotent=False)
CARING = replace(PLAN, others=(CHAT,), care="webhook")


def notice(number: int = 1, means: Means = Means.EMAIL, to: str = "logistics@example.com", **changes: Any) -> Notice:
    item = NoticeItem(
        signal_id=f"s-{number}", status=Status.OPENED, rule="parcel_stuck", severity=Severity.HIGH, customer="c-1",
        group="order:1", at=from_ms(NOON), evidence="no scan for 3 d", action="open a claim",
    )  # fmt: skip
    message = Message(to=to, subject="1 new signal", text="parcel_stuck: no scan for 3 d")
    fields: dict[str, Any] = {
        "notice_id": f"n-{number}", "target": "owner:logistics", "digest": False, "means": means, "message": message,
        "items": (item,), "count": 1, "at": from_ms(NOON), "send_before": from_ms(NOON + 2 * HOUR),
    }  # fmt: skip
    return Notice(**{**fields, **changes})


def context(revision: int, *, care: bool, at: int = NOON, customer: str = "c-1") -> CustomerContext:
    signal = OpenSignal(
        signal_id="s-1", rule="long_wait", severity=Severity.HIGH, polarity=Polarity.FRICTION, owner="care",
        party="own", group=customer, since=from_ms(at),
    )  # fmt: skip
    return CustomerContext(
        customer=customer, revision=revision, at=from_ms(at), health=80 if care else 95, care=care,
        care_since=from_ms(at), causes=(Cause(rule="long_wait", points=20, words="since noon"),) if care else (),
        open_count=int(care), open_signals=(signal,) if care else (),
    )  # fmt: skip


def gone(**changes: Any) -> Decision:
    """What comes of it when the friction is resolved before the message was sent."""
    fields = {"revision": 1, "outcome": Outcome.SUPPRESSED, "reason": Reason.RESOLVED, "channel": None, "message": None}
    return decision(**{**fields, **changes})


# Notices


def test_a_notice_by_mail_goes_by_the_adapter_of_the_channel() -> None:
    worker = Worker(CARING)
    (attempt,) = worker.tell(notice(), notice())
    assert (attempt.adapter, attempt.parcel.what, attempt.parcel.message) == ("smtp", Carried.NOTICE, notice().message)
    worker.settle((attempt, SENT))
    assert worker.tell(notice()) == []
    first, last = worker.ledger
    assert (first.status, last.status) == (DeliveryStatus.ATTEMPTED, DeliveryStatus.SENT)
    assert (last.what, last.target, last.customer) == (Carried.NOTICE, "owner:logistics", "owner:logistics")
    assert (last.decision_id, last.signal_id, last.rule, last.channel) == ("n-1", "s-1", "parcel_stuck", Channel.EMAIL)
    assert {o.key for o in worker.outputs if o.topic == DELIVERIES} == {b"owner:logistics"}


def test_a_notice_to_a_webhook_goes_to_the_one_that_it_names_with_all_that_it_tells() -> None:
    worker = Worker(CARING)
    (attempt,) = worker.tell(notice(means=Means.WEBHOOK, to="team"))
    assert attempt.adapter == "team"
    assert attempt.parcel.data is not None
    assert attempt.parcel.data["target"] == "owner:logistics"
    assert attempt.parcel.data["items"][0]["signal_id"] == "s-1"  # type: ignore[index]


def test_a_notice_of_several_rules_is_of_none_of_them() -> None:
    worker = Worker(CARING)
    one = notice()
    both = (*one.items, replace(one.items[0], rule="promise_broken"))
    worker.tell(replace(one, items=both, count=2))
    assert worker.last.rule == "notice"


def test_a_notice_to_a_webhook_that_the_settings_do_not_have_has_failed() -> None:
    worker = Worker(CARING)
    assert worker.tell(notice(means=Means.WEBHOOK, to="nobody")) == []
    assert worker.last.status is DeliveryStatus.FAILED
    assert worker.last.error == "the settings have no adapter of the name that it is meant for"


def test_a_notice_for_a_queue_is_there_already() -> None:
    worker = Worker(CARING)
    assert worker.tell(notice(means=Means.QUEUE, to="")) == []
    assert (worker.last.status, worker.last.adapter) == (DeliveryStatus.OUTBOX, "outbox")
    assert [o.topic for o in worker.outputs] == [DELIVERIES]


def test_a_notice_that_nobody_carries_stays_on_its_topic() -> None:
    worker = Worker(replace(PLAN, adapters={}))
    assert worker.tell(notice()) == []
    assert worker.last.status is DeliveryStatus.OUTBOX
    assert OUTBOX not in {o.topic for o in worker.outputs}


def test_a_notice_too_late_and_one_only_observed() -> None:
    worker = Worker(CARING, now=NOON + 2 * HOUR)
    assert worker.tell(notice(1), notice(2, observed=True)) == []
    assert {r.decision_id: r.status for r in worker.ended.values()} == {
        "n-1": DeliveryStatus.FAILED,
        "n-2": DeliveryStatus.OBSERVED,
    }


# Care


def test_contexts_are_read_only_where_care_is_told_to_somebody() -> None:
    assert CONTEXT not in Worker(PLAN).processor.inputs
    assert CONTEXT in Worker(CARING).processor.inputs


def test_the_begin_and_the_end_of_care_are_told_once_each() -> None:
    worker = Worker(CARING)
    (begin,) = worker.know(context(1, care=True), context(2, care=True))
    assert begin.parcel.what is Carried.CARE
    assert begin.parcel.message is None
    assert json.loads(encode(begin.parcel.data)) == {
        "customer": "c-1", "care": True, "since": "2026-06-10T12:00:00Z", "health": 80,
        "causes": [{"rule": "long_wait", "points": 20, "words": "since noon"}], "at": "2026-06-10T12:00:00Z",
    }  # fmt: skip
    assert (worker.last.rule, worker.last.signal_id, worker.last.customer) == ("long_wait", "s-1", "c-1")
    worker.settle((begin, SENT))
    worker.restart()
    assert worker.know(context(2, care=True)) == []
    (end,) = worker.know(context(3, care=False))
    assert end.parcel.data is not None
    assert (end.parcel.data["care"], end.parcel.data["health"]) == (False, 95)
    assert worker.last.rule == "care"
    assert end.effect_id != begin.effect_id


def test_a_tombstone_ends_care_and_what_begins_after_it_is_another() -> None:
    worker = Worker(CARING)
    (begin,) = worker.know(context(1, care=True))
    (end,) = worker.know("c-1", "c-1")
    assert end.parcel.data is not None
    assert (end.parcel.data["care"], end.parcel.data["since"], end.parcel.data["health"]) == (False, None, 100)
    (again,) = worker.know(context(1, care=True, at=NOON + MINUTE))
    assert len({begin.effect_id, end.effect_id, again.effect_id}) == 3


def test_a_replay_of_contexts_tells_nothing_again() -> None:
    story: list[CustomerContext | str] = [context(1, care=True), context(2, care=False), "c-1"]
    worker = Worker(CARING)
    due = [*worker.know(story[0]), *worker.know(*story[1:])]
    assert len(due) == 2
    worker.settle(*((attempt, SENT) for attempt in due))
    assert worker.know(*story) == []


def care_told(worker: Worker) -> list[tuple[DeliveryStatus, str | None]]:
    """How each word of care stands, in the order in which they were taken on."""
    return [(record.status, record.error) for record in worker.ended.values()]


ENDED, BEGUN = "not told any more: care has ended", "not told any more: care has begun again"


@pytest.mark.parametrize("crash", [False, True])
def test_the_end_of_care_takes_back_a_begin_that_has_not_arrived_and_a_begin_such_an_end(crash: bool) -> None:
    worker = Worker(CARING)
    (begin,) = worker.know(context(1, care=True))
    worker.settle((begin, LATER))
    if crash:
        worker.restart()
    (end,) = worker.know(context(2, care=False))
    assert care_told(worker)[0] == (DeliveryStatus.CANCELLED, ENDED)
    worker.settle((end, WHO_KNOWS))
    if crash:
        worker.restart()
    (again,) = worker.know(context(3, care=True))
    assert care_told(worker)[1] == (DeliveryStatus.UNKNOWN, BEGUN)
    worker.settle((again, SENT))
    worker.now += HOUR
    assert worker.know() == []
    assert care_told(worker)[2] == (DeliveryStatus.SENT, None)
    assert worker.shard.state.words == {}


@pytest.mark.parametrize(
    ("result", "ended"),
    [
        (SENT, (DeliveryStatus.SENT, None)),
        (LATER, (DeliveryStatus.CANCELLED, ENDED)),
        (WHO_KNOWS, (DeliveryStatus.UNKNOWN, ENDED)),
    ],
)
def test_a_begin_of_care_that_is_under_way_at_its_end_is_not_tried_again(
    result: SendResult, ended: tuple[DeliveryStatus, str | None]
) -> None:
    worker = Worker(CARING)
    (begin,) = worker.know(context(1, care=True))
    (end,) = worker.know(context(2, care=False))
    worker.settle((begin, result), (end, LATER))
    assert care_told(worker)[0] == ended
    worker.now += HOUR
    (again,) = worker.know()
    assert again.effect_id == end.effect_id


def test_a_begin_of_care_that_was_under_way_at_a_crash_gives_way_to_its_end() -> None:
    worker = Worker(CARING)
    worker.know(context(1, care=True))
    worker.know(context(2, care=False))
    worker.restart()
    assert care_told(worker)[0] == (DeliveryStatus.UNKNOWN, ENDED)
    worker.now += HOUR
    (end,) = worker.know()
    assert end.parcel.data is not None
    assert end.parcel.data["care"] is False


def test_an_end_of_care_that_comes_with_its_begin_is_all_that_is_told() -> None:
    worker = Worker(CARING)
    (end,) = worker.know(context(1, care=True), context(2, care=False))
    assert end.parcel.data is not None
    assert end.parcel.data["care"] is False


def test_a_replayed_context_takes_no_newer_word_of_care_back() -> None:
    story = [context(1, care=True), context(2, care=False)]
    worker = Worker(CARING)
    (begin,) = worker.know(story[0])
    worker.settle((begin, SENT))
    (end,) = worker.know(story[1])
    worker.settle((end, LATER))
    assert worker.know(*story) == []
    worker.now += HOUR
    (again,) = worker.know()
    assert again.effect_id == end.effect_id


def test_care_of_long_ago_is_not_told_but_its_end_is() -> None:
    worker = Worker(CARING, now=NOON + 3 * DAY)
    assert worker.know(context(1, care=True)) == []
    assert worker.ledger == []
    assert worker.shard.counts == {"care.too_old": 1}
    assert len(worker.know(context(2, care=False, at=NOON + 3 * DAY))) == 1


def test_in_observe_mode_care_is_only_written_down() -> None:
    worker = Worker(replace(CARING, observe=True, adapters={}, others=()))
    assert worker.know(context(1, care=True)) == []
    assert (worker.last.status, worker.last.what) == (DeliveryStatus.OBSERVED, Carried.CARE)


# Taken back


def test_what_is_not_for_a_customer_is_not_delivered() -> None:
    worker = Worker(PLAN)
    assert worker.take(decision(route=Route.PERSON), decision(2, route=Route.OWNER)) == []
    assert worker.ledger == []


def test_a_decision_taken_back_before_it_was_tried_is_cancelled() -> None:
    worker = Worker(in_flight(1))
    worker.take(decision(1), decision(2))
    assert worker.take(gone(number=2)) == []
    key = delivery_id(decision(2).decision_id, 0)
    assert (worker.ended[key].status, worker.ended[key].attempts) == (DeliveryStatus.CANCELLED, 0)
    assert worker.ended[key].error == "not sent any more: the decision is now resolved"
    assert worker.take(decision(2), gone(number=2)) == []


def test_a_later_message_of_the_same_decision_is_not_taken_back_by_what_came_before() -> None:
    worker = Worker(PLAN)
    held = gone(revision=0, outcome=Outcome.HELD, reason=Reason.QUIET_HOURS)
    assert len(worker.take(held, decision(revision=1))) == 1


def test_one_that_waits_for_another_try_is_cancelled_too_for_it_surely_did_not_arrive() -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(decision())
    worker.settle((attempt, LATER))
    worker.take(gone())
    assert worker.last.status is DeliveryStatus.CANCELLED
    worker.now += HOUR
    assert worker.take() == []


def test_one_that_may_have_arrived_is_unknown() -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(sms())
    worker.settle((attempt, WHO_KNOWS))
    worker.take(replace(gone(), decision_id=sms().decision_id))
    assert worker.last.status is DeliveryStatus.UNKNOWN


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (SENT, DeliveryStatus.SENT),
        (NEVER, DeliveryStatus.FAILED),
        (LATER, DeliveryStatus.CANCELLED),
        (WHO_KNOWS, DeliveryStatus.UNKNOWN),
    ],
)
def test_one_that_is_under_way_ends_as_it_ends_and_is_not_tried_again(end: SendResult, status: DeliveryStatus) -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(sms())
    assert worker.take(replace(gone(), decision_id=sms().decision_id)) == []
    worker.settle((attempt, end))
    assert worker.last.status is status
    worker.now += HOUR
    assert worker.take() == []


# The switches


def stopped(*rules: str, observe: bool = False) -> Switches:
    return Switches(observe=observe, stopped=frozenset(rules))


@pytest.mark.parametrize("rule", ["long_wait", ALL])
def test_messages_of_a_stopped_rule_end_at_once(rule: str) -> None:
    worker = Worker(in_flight(1))
    running, _ = worker.take(decision(1), sms(3)), worker.take(decision(2))
    worker.processor.switch(stopped(rule))
    assert worker.take(decision(4)) == []
    words = "not sent: messages about long_wait are stopped"
    ends = {r.customer: (r.status, r.error) for r in worker.ended.values() if r.status is DeliveryStatus.CANCELLED}
    assert ends == {"c-2": (DeliveryStatus.CANCELLED, words), "c-4": (DeliveryStatus.CANCELLED, words)}
    for attempt in running:
        worker.settle((attempt, LATER))
    assert {r.status for r in worker.ended.values()} == {DeliveryStatus.CANCELLED}
    worker.processor.switch(stopped())
    assert len(worker.take(decision(5))) == 1


def test_an_attempt_on_record_that_was_not_begun_is_not_made_once_its_rule_is_stopped() -> None:
    worker = Worker(PLAN)  # its adapters raise when they are called
    due = worker.take(decision(1))
    worker.processor.switch(stopped("long_wait"))
    assert worker.perform(due) == []
    assert (worker.last.status, worker.last.attempts) == (DeliveryStatus.CANCELLED, 0)


@pytest.mark.parametrize("end", [BUSY, LATER])
def test_one_that_was_under_way_when_its_rule_was_stopped_is_not_sent_once_that_is_lifted(end: SendResult) -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(decision(1))
    worker.processor.switch(stopped("long_wait"))
    worker.take()
    worker.processor.switch(stopped())
    worker.take()
    worker.settle((attempt, end))
    assert worker.last.status is DeliveryStatus.CANCELLED
    worker.now += HOUR
    assert worker.take() == []


def test_other_rules_and_owners_go_on() -> None:
    worker = Worker(CARING)
    worker.processor.switch(stopped("parcel_stuck"))
    assert len(worker.take(decision(1))) == 1
    assert len(worker.tell(notice())) == 1


def test_switched_to_observe_nothing_is_sent_any_more() -> None:
    worker = Worker(CARING)
    due = [*worker.take(decision(1)), *worker.tell(notice())]
    worker.processor.switch(stopped(observe=True))
    assert worker.perform(due) == []
    assert worker.take(decision(2)) == []
    assert {r.status for r in worker.ended.values()} == {DeliveryStatus.OBSERVED}


def test_what_stops_outlives_a_restart_of_the_shard() -> None:
    worker = Worker(in_flight(1))
    worker.take(decision(1), decision(2))
    worker.restart()
    worker.processor.switch(stopped(ALL))
    worker.take()
    assert {r.customer: r.status for r in worker.ended.values()} == {
        "c-1": DeliveryStatus.UNKNOWN,
        "c-2": DeliveryStatus.CANCELLED,
    }


# Bounces


@pytest.mark.parametrize(("bounce", "hard"), [(Bounce.HARD, True), (Bounce.SOFT, False)])
def test_a_bounce_is_a_touchpoint_that_says_which_address_it_was(bounce: Bounce, hard: bool) -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(decision())
    worker.settle((attempt, replace(NEVER, bounce=bounce)))
    ((key, touchpoint),) = worker.published
    assert key == b"c-1"
    assert (touchpoint.event_id, touchpoint.source) == (f"{attempt.effect_id}/bounce", "touchline.deliver")
    assert (touchpoint.kind, touchpoint.channel, touchpoint.customer_id) == ("message.bounced", Channel.EMAIL, "c-1")
    assert touchpoint.attributes == {"decision_id": decision().decision_id, "hard": hard}
    assert touchpoint.identifiers == {"email": "c-1@example.com"}
    assert touchpoint.occurred_at == from_ms(NOON)
    assert worker.last.status is DeliveryStatus.FAILED


@pytest.mark.parametrize(
    ("channel", "to", "identifiers"),
    [
        (Channel.SMS, "+49301234567", {"phone": "+49301234567"}),
        (Channel.VOICE, "+49301234567", {"phone": "+49301234567"}),
        (Channel.PUSH, "x" * 128, {"push_token": "x" * 128}),
        (Channel.PUSH, "x" * 129, {}),
        (Channel.EMAIL, "c-1@example.com\n", {}),
        (Channel.EMAIL, "", {}),
        (Channel.SOCIAL, "@c-1", {}),
    ],
)
def test_the_address_is_told_as_a_touchpoint_may_hold_it(
    channel: Channel, to: str, identifiers: dict[str, str]
) -> None:
    worker = Worker(replace(PLAN, adapters={channel: HOOK}))
    (attempt,) = worker.take(decision(channel=channel, message=Message(to=to, subject="s", text="t")))
    worker.settle((attempt, replace(NEVER, bounce=Bounce.HARD)))
    ((_, touchpoint),) = worker.published
    assert (touchpoint.channel, touchpoint.identifiers) == (channel, identifiers)


def test_what_failed_for_other_reasons_is_no_bounce() -> None:
    worker = Worker(CARING)
    mail, owner = *worker.take(decision()), *worker.tell(notice())
    worker.settle((mail, NEVER), (owner, replace(NEVER, bounce=Bounce.HARD)))
    assert worker.published == []


def test_a_recipient_who_is_refused_for_now_has_bounced_when_all_tries_are_used_up() -> None:
    worker = Worker(replace(PLAN, attempts=2))
    (attempt,) = worker.take(decision())
    worker.settle((attempt, replace(LATER, bounce=Bounce.SOFT)))
    assert worker.published == []
    worker.now += MINUTE
    (attempt,) = worker.take()
    worker.settle((attempt, replace(LATER, bounce=Bounce.SOFT)))
    assert [touchpoint.attributes["hard"] for _, touchpoint in worker.published] == [False]


# Targets


DOWN = SendResult(SendStatus.RETRY, "the server answered 500", down=True)


def test_what_a_breaker_holds_back_waits_and_was_not_attempted() -> None:
    worker = Worker(replace(PLAN, limits={"smtp": Limits(failures=3)}))
    due = worker.take(*(decision(n, send_before=None) for n in range(3)))
    worker.settle(*((attempt, DOWN) for attempt in due))
    assert worker.take(*(decision(n, send_before=None) for n in range(3, 9))) == []
    assert len(worker.take(sms(20))) == 1, "another target is another matter"
    assert {r.attempts for r in worker.ledger if r.channel is Channel.EMAIL} == {1}
    worker.now += 31 * 1_000
    (probe,) = worker.take()
    assert worker.settle((probe, SENT)) != []
    assert len([r for r in worker.ended.values() if r.status is DeliveryStatus.ATTEMPTED]) == 9


def test_a_server_that_is_down_for_hours_uses_up_no_attempts() -> None:
    worker = Worker(replace(PLAN, limits={"smtp": Limits(failures=3)}))
    due: Sequence[Attempt] = worker.take(*(decision(n, send_before=None) for n in range(50)))
    for _ in range(2 * 120):
        due = worker.settle(*((attempt, DOWN) for attempt in due))
        worker.now += 30 * 1_000
        due = [*due, *worker.take()]
    while len(worker.shard.state.open):
        due = worker.settle(*((attempt, SENT) for attempt in due))
        worker.now += MINUTE
        due = [*due, *worker.take()]
    failed = [r for r in worker.ended.values() if r.status is not DeliveryStatus.SENT]
    assert len(failed) <= 50  # those that were the probe too often
    assert sum(r.status is DeliveryStatus.ATTEMPTED for r in worker.ledger) <= 16 + 240 + 50 + 50


def test_what_waits_behind_a_breaker_ends_in_time() -> None:
    worker = Worker(replace(PLAN, limits={"smtp": Limits(failures=1)}))
    (attempt, *rest) = worker.take(*(decision(n) for n in range(5)))
    worker.settle((attempt, DOWN), *((other, DOWN) for other in rest))
    worker.now = NOON + 9 * HOUR
    assert worker.take() == []
    assert {r.status for r in worker.ended.values()} == {DeliveryStatus.FAILED}


def test_at_a_set_rate_the_rest_waits_unattempted() -> None:
    worker = Worker(replace(PLAN, limits={"smtp": Limits(rate=2, in_flight=64)}))
    begun = len(worker.take(*(decision(n) for n in range(10))))
    assert begun == 2
    for _ in range(4):
        worker.now += 1_000
        more = len(worker.take())
        assert more == 2
        begun += more
    assert begun == 10
    assert len(worker.ledger) == 10


_ACTS = st.sampled_from(["take", "recall", "settle", "wait", "crash", "stop", "go", "replay"])


@given(st.lists(st.tuples(_ACTS, st.integers(0, 9)), max_size=50))
def test_whatever_happens_each_ends_once_and_nothing_is_tried_after_it(acts: list[tuple[str, int]]) -> None:
    limits = {name: Limits(failures=2, rate=3.0, in_flight=2) for name in ("smtp", "webhook")}
    worker = Worker(replace(PLAN, limits=limits))
    assert {MAIL.name, HOOK.name} == set(limits)
    made: dict[int, Decision] = {}
    ends = [SENT, LATER, NEVER, WHO_KNOWS, DOWN, replace(NEVER, bounce=Bounce.HARD)]
    due: list[Attempt] = []
    for act, number in acts:
        if act == "take":
            made[number] = (sms if number % 2 else decision)(number)
            due += worker.take(made[number])
        elif act == "recall" and number in made:
            due += worker.take(replace(gone(), decision_id=made[number].decision_id))
        elif act == "settle" and due:
            due += worker.settle((due.pop(0), ends[number % len(ends)]))
        elif act == "wait":
            worker.now += 20_000
            due += worker.take()
        elif act == "crash":
            due = list(worker.restart())
        elif act in {"stop", "go"}:
            worker.processor.switch(stopped(*(["long_wait"] if act == "stop" else [])))
        else:
            due += worker.take(*made.values())
    worker.processor.switch(stopped())
    while len(worker.shard.state.open) or due:
        due = [*worker.settle(*((attempt, SENT) for attempt in due))]
        worker.now += 6 * MINUTE
        due += worker.take()
    open_ones = {DeliveryStatus.ATTEMPTED, DeliveryStatus.RETRYING}
    assert set(worker.ended) == {delivery_id(one.decision_id, 0) for one in made.values()}
    for key in worker.ended:
        story = [record for record in worker.ledger if record.delivery_id == key]
        assert story[-1].status not in open_ones
        assert all(record.status in open_ones for record in story[:-1])
    told = [touchpoint.event_id for _, touchpoint in worker.published]
    assert len(told) == len(set(told))
