"""What becomes of a decision to send: attempts, retries, their end, and what is known after a crash."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.deliver.worker import Worker, decision
from tests.outreach.cases import NOON
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND, from_ms
from touchline.pipeline.outreach.adapter import Adapter, Parcel, SendResult, SendStatus
from touchline.pipeline.outreach.delivery import DeliveryPlan
from touchline.pipeline.outreach.ids import delivery_id
from touchline.pipeline.outreach.ledger import Attempt
from touchline.pipeline.outreach.targets import Limits
from touchline.schemas.codec import decode_decision
from touchline.schemas.outreach import Decision, Message
from touchline.schemas.vocabulary import Channel, DeliveryStatus, Outcome, Reason
from touchline.schemas.wire import DELIVERIES, OUTBOX

SENT = SendResult(SendStatus.SENT)
LATER = SendResult(SendStatus.RETRY, "the server answered 450")
NEVER = SendResult(SendStatus.FAILED, "the server answered 550")
WHO_KNOWS = SendResult(SendStatus.UNKNOWN, "the connection broke after the text was sent")
BUSY = SendResult(SendStatus.BUSY, "no connection free")


class Named:
    """An adapter that is never called here: these tests say how attempts end."""

    def __init__(self, name: str, *, idempotent: bool) -> None:
        self.name = name
        self.idempotent = idempotent

    async def send(self, parcel: Parcel) -> SendResult:
        raise AssertionError("no attempt is made here")

    async def close(self) -> None:
        """Nothing is open."""


MAIL: Adapter = Named("smtp", idempotent=False)
HOOK: Adapter = Named("webhook", idempotent=True)
PLAN = DeliveryPlan(observe=False, adapters={Channel.EMAIL: MAIL, Channel.SMS: HOOK})


def in_flight(number: int) -> DeliveryPlan:
    """So many attempts at once of each adapter."""
    return replace(PLAN, limits={name: Limits(in_flight=number) for name in ("smtp", "webhook")})


def to(attempt: Attempt) -> str:
    """Whom an attempt is meant for, by the customer's id."""
    assert attempt.parcel.message is not None
    return attempt.parcel.message.to.removesuffix("@example.com")


def sms(number: int = 1) -> Decision:
    return decision(number, channel=Channel.SMS, message=Message(to="+49301", subject="s", text="t"))


def statuses(worker: Worker) -> list[tuple[DeliveryStatus, int]]:
    return [(record.status, record.attempts) for record in worker.ledger]


def test_an_attempt_is_on_record_before_it_is_made() -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(decision())
    assert statuses(worker) == [(DeliveryStatus.ATTEMPTED, 1)]
    assert attempt.effect_id == delivery_id(decision().decision_id, 0)
    assert worker.settle((attempt, SENT)) == []
    assert statuses(worker) == [(DeliveryStatus.ATTEMPTED, 1), (DeliveryStatus.SENT, 1)]
    assert (worker.last.adapter, worker.last.channel, worker.last.error) == ("smtp", Channel.EMAIL, None)
    assert [o.key for o in worker.outputs] == [b"c-1", b"c-1"]


def test_an_attempt_that_was_not_begun_stays_due() -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(decision())
    state = worker.shard.state
    assert list(worker.processor.due(state)) == list(worker.processor.due(state)) == [attempt]
    worker.settle()
    assert list(worker.processor.due(state)) == [attempt]
    worker.settle((attempt, SENT))
    assert list(worker.processor.due(state)) == []
    assert statuses(worker) == [(DeliveryStatus.ATTEMPTED, 1), (DeliveryStatus.SENT, 1)]


def test_a_replay_adds_nothing() -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(decision(), decision())
    assert worker.take(decision()) == []
    worker.settle((attempt, SENT))
    assert worker.take(decision()) == []
    assert worker.restart() == []
    assert worker.take(decision()) == []
    assert worker.settle((attempt, NEVER)) == []
    assert statuses(worker) == [(DeliveryStatus.ATTEMPTED, 1), (DeliveryStatus.SENT, 1)]


def test_only_what_is_to_be_sent_is_delivered() -> None:
    worker = Worker(PLAN)
    held = decision(outcome=Outcome.HELD, reason=Reason.QUIET_HOURS, channel=None, message=None)
    assert worker.take(held, decision(2, outcome=Outcome.SUPPRESSED, reason=Reason.COOLDOWN)) == []
    (attempt,) = worker.take(replace(decision(), revision=1))
    worker.settle((attempt, SENT))
    assert [record.status for record in worker.ended.values()] == [DeliveryStatus.SENT]


@pytest.mark.parametrize("plan", [PLAN, replace(PLAN, observe=True)])
def test_what_is_observed_is_not_sent(plan: DeliveryPlan) -> None:
    worker = Worker(plan)
    assert worker.take(decision(observed=not plan.observe)) == []
    assert [(r.status, r.adapter, r.attempts) for r in worker.ledger] == [(DeliveryStatus.OBSERVED, "observe", 0)]


def test_a_channel_without_an_adapter_goes_to_the_outbox() -> None:
    worker = Worker(replace(PLAN, adapters={}))
    assert worker.take(decision(), decision()) == []
    assert [o.topic for o in worker.outputs] == [OUTBOX, DELIVERIES]
    assert worker.outputs[0].key == b"c-1"
    assert decode_decision(worker.outputs[0].value or b"") == decision()
    assert [(r.status, r.adapter) for r in worker.ledger] == [(DeliveryStatus.OUTBOX, "outbox")]


def test_refused_for_good() -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(decision())
    worker.settle((attempt, NEVER))
    assert (worker.last.status, worker.last.error) == (DeliveryStatus.FAILED, "the server answered 550")


def test_retries_wait_longer_each_time_and_have_an_end() -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(decision())
    waits = []
    for _ in range(PLAN.attempts - 1):
        assert worker.settle((attempt, LATER)) == []
        assert worker.last.next_try_at is not None
        waits.append((worker.last.next_try_at - from_ms(worker.now)).total_seconds())
        worker.now += round(waits[-1] * 1_000) - 1
        assert worker.take() == []
        worker.now += 1
        (attempt,) = worker.take()
    worker.settle((attempt, LATER))
    assert (worker.last.status, worker.last.attempts) == (DeliveryStatus.FAILED, 5)
    assert worker.last.error == "gave up: the server answered 450"
    assert [2 ** (n - 1) < wait <= 2**n for n, wait in enumerate(waits, 1)] == [True] * 4
    worker.now += DAY
    assert worker.take() == []


def test_jitter_differs_between_deliveries_and_not_between_runs() -> None:
    waits = {n: PLAN.wait(f"d-{n}", 3) for n in range(100)}
    assert waits == {n: PLAN.wait(f"d-{n}", 3) for n in range(100)}
    assert len(set(waits.values())) > 90
    assert all(4 * SECOND < wait <= 8 * SECOND for wait in waits.values())


@given(st.text(max_size=20), st.integers(1, 10_000))
def test_a_wait_stays_within_its_bounds(name: str, attempt: int) -> None:
    assert PLAN.first_retry // 2 <= PLAN.wait(name, attempt) <= PLAN.longest_retry


def test_the_wait_that_a_server_asks_for_is_kept() -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(decision())
    worker.settle((attempt, replace(LATER, retry_after=10 * MINUTE)))
    assert worker.last.next_try_at == from_ms(NOON + 10 * MINUTE)


def test_no_try_that_would_come_too_late() -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(decision())
    worker.settle((attempt, replace(LATER, retry_after=9 * HOUR)))
    assert worker.last.status is DeliveryStatus.FAILED
    assert worker.last.error == "no time left for another try: the server answered 450"


def test_a_decision_that_lay_too_long_is_not_sent() -> None:
    worker = Worker(PLAN, now=NOON + 9 * HOUR)
    assert worker.take(decision()) == []
    assert (worker.last.status, worker.last.attempts) == (DeliveryStatus.FAILED, 0)
    assert worker.last.error == "not sent: the time in which it might be sent was over"


def test_a_try_that_was_none_does_not_count() -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(decision())
    for _ in range(20):
        worker.settle((attempt, BUSY))
        assert (worker.last.status, worker.last.attempts) == (DeliveryStatus.RETRYING, 0)
        worker.now += 3 * SECOND
        (attempt,) = worker.take()
    worker.settle((attempt, SENT))
    assert (worker.last.status, worker.last.attempts) == (DeliveryStatus.SENT, 1)


def test_an_unknown_end_is_not_repeated_without_a_key() -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(decision())
    assert worker.settle((attempt, WHO_KNOWS)) == []
    assert worker.last.status is DeliveryStatus.UNKNOWN
    worker.now += DAY
    assert worker.take() == []
    assert len(worker.ledger) == 2


def test_an_unknown_end_is_repeated_where_the_receiver_knows_repeats() -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(sms())
    worker.settle((attempt, WHO_KNOWS))
    assert worker.ledger[-1].status is DeliveryStatus.RETRYING
    worker.now += 5 * SECOND
    (again,) = worker.take()
    assert again.effect_id == attempt.effect_id
    worker.settle((again, NEVER))
    assert worker.last.status is DeliveryStatus.UNKNOWN  # the first may have arrived


def test_a_crash_before_the_end_is_known() -> None:
    worker = Worker(PLAN)
    assert len(worker.take(decision(1), sms(2))) == 2
    assert worker.restart() == []
    mail, hook = worker.ended[delivery_id(decision(1).decision_id, 0)], worker.ended[delivery_id(sms(2).decision_id, 0)]
    assert (mail.status, mail.error) == (DeliveryStatus.UNKNOWN, "the worker stopped during the attempt")
    assert hook.status is DeliveryStatus.RETRYING
    worker.now += 5 * SECOND
    (attempt,) = worker.take()
    assert (attempt.effect_id, attempt.adapter) == (hook.delivery_id, "webhook")
    worker.settle((attempt, SENT))
    assert worker.last.status is DeliveryStatus.SENT


def test_the_result_of_an_attempt_from_before_a_restart_is_not_that_of_the_next() -> None:
    worker = Worker(PLAN)
    (old,) = worker.take(sms())
    worker.restart()
    worker.now += 5 * SECOND
    (new,) = worker.take()
    assert worker.settle((old, NEVER)) == []
    assert worker.ledger[-1].status is DeliveryStatus.ATTEMPTED
    worker.settle((new, SENT))
    assert worker.last.status is DeliveryStatus.SENT


def test_what_waits_for_a_retry_outlives_a_crash() -> None:
    worker = Worker(PLAN)
    (attempt,) = worker.take(decision())
    worker.settle((attempt, LATER))
    assert worker.restart() == []
    worker.now += 3 * SECOND
    (again,) = worker.take()
    assert again.effect_id == attempt.effect_id


def test_what_waits_for_a_breaker_when_its_time_has_come_outlives_a_crash() -> None:
    worker = Worker(replace(PLAN, limits={"smtp": Limits(failures=1, rest=HOUR)}))
    (attempt,) = worker.take(decision())
    worker.settle((attempt, replace(LATER, down=True)))
    worker.now += 3 * SECOND
    assert worker.take() == []
    assert worker.restart() == []
    (again,) = worker.take()
    worker.settle((again, SENT))
    assert (worker.last.status, worker.last.attempts) == (DeliveryStatus.SENT, 2)


def test_so_many_at_once_and_the_others_in_their_order() -> None:
    worker = Worker(in_flight(4))
    first = list(worker.take(*(decision(n) for n in range(10))))
    assert [to(a) for a in first] == ["c-0", "c-1", "c-2", "c-3"]
    assert len(worker.ledger) == 4  # the others were not even recorded as attempted
    more = worker.settle((first[0], SENT), (first[1], NEVER))
    assert [to(a) for a in more] == ["c-4", "c-5"]
    assert worker.restart() == []
    assert sum(r.status is DeliveryStatus.UNKNOWN for r in worker.ended.values()) == 4
    assert [to(a) for a in worker.take()] == ["c-6", "c-7", "c-8", "c-9"]


def test_a_shard_that_is_about_to_be_let_go_begins_nothing_more() -> None:
    worker = Worker(in_flight(2))
    first = worker.take(*(decision(n) for n in range(4)))
    state = worker.shard.state
    worker.processor.hold(state, on=True)
    assert worker.settle(*((attempt, SENT) for attempt in first)) == []
    assert worker.take(decision(4)) == []
    assert not worker.processor.due(state)
    worker.processor.hold(state, on=False)
    assert len(worker.take()) == 2


def test_a_channel_that_stands_still_holds_up_no_other() -> None:
    worker = Worker(in_flight(2))
    stalled = worker.take(*(decision(n) for n in range(10)))
    assert [a.adapter for a in stalled] == ["smtp"] * 2
    carried = 0
    due = worker.take(*(sms(n) for n in range(100, 120)))
    while due:
        assert {a.adapter for a in due} == {"webhook"}
        carried += len(due)
        due = worker.settle(*((attempt, SENT) for attempt in due))
    assert carried == 20


def test_switched_to_observe_what_was_not_sent_yet_stays() -> None:
    worker = Worker(in_flight(2))
    waiting, running = worker.take(decision(1), decision(2), decision(3))
    worker.settle((waiting, LATER))
    assert worker.restart(replace(PLAN, observe=True, adapters={})) == []
    worker.now += HOUR
    assert worker.take() == []
    found = {r.customer: r.status for r in worker.ended.values()}
    assert to(running) == "c-2"
    assert found == {"c-1": DeliveryStatus.OBSERVED, "c-2": DeliveryStatus.UNKNOWN, "c-3": DeliveryStatus.UNKNOWN}


_ENDS = st.sampled_from([SENT, LATER, NEVER, WHO_KNOWS, BUSY])


@given(
    sizes=st.lists(st.integers(1, 5), max_size=5),
    acts=st.lists(st.tuples(st.sampled_from(["settle", "wait", "crash", "replay"]), _ENDS), max_size=60),
    hook=st.booleans(),
)
def test_whatever_happens_each_delivery_ends_once_and_is_not_tried_after_it(
    sizes: list[int], acts: list[tuple[str, SendResult]], hook: bool
) -> None:
    worker = Worker(in_flight(3))
    make = sms if hook else decision
    everything = [make(n) for n in range(sum(sizes))]
    due: list[Attempt] = []
    rest = list(everything)
    for size in sizes:
        due += worker.take(*rest[:size])
        rest = rest[size:]
    for act, end in acts:
        if act == "settle" and due:
            due += worker.settle((due.pop(0), end))
        elif act == "wait":
            worker.now += 20 * SECOND
            due += worker.take()
        elif act == "crash":
            due = list(worker.restart())
        else:
            due += worker.take(*everything)
    while len(worker.shard.state.open) or due:
        due = [*due, *worker.settle(*((attempt, SENT) for attempt in due))][len(due) :]
        worker.now += 6 * MINUTE
        due += worker.take()
    final = {DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN}
    assert {r.status for r in worker.ended.values()} <= final
    assert len(worker.ended) == len(everything)
    for key in worker.ended:
        story = [record for record in worker.ledger if record.delivery_id == key]
        assert sum(record.status in final for record in story) == 1
        tried = [DeliveryStatus.ATTEMPTED, DeliveryStatus.RETRYING]
        assert all(a.status in tried and a.status is not b.status for a, b in pairwise(story))
        assert max(record.attempts for record in story) <= PLAN.attempts
