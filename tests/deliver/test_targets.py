"""How a target is spared: its breaker and its rate, as functions of the times that are handed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.outreach.cases import NOON
from touchline.pipeline.engine.clock import MINUTE, SECOND
from touchline.pipeline.outreach.adapter import SendResult, SendStatus
from touchline.pipeline.outreach.targets import LONGEST_REST, Circuit, Limits, Target, Targets

SENT = SendResult(SendStatus.SENT)
DOWN = SendResult(SendStatus.RETRY, "the server answered 500", down=True)
GONE = SendResult(SendStatus.UNKNOWN, "the server did not answer in time")
ONE_REFUSED = SendResult(SendStatus.RETRY, "the server answered 450")
NO_SUCH = SendResult(SendStatus.FAILED, "the server answered 550")
BUSY = SendResult(SendStatus.BUSY, "no connection free")


def target(**limits: float) -> Target:
    return Target("mail", Limits(**limits))  # type: ignore[arg-type]


def state(target: Target) -> Circuit:
    """What its breaker is now (said in a way that no type checker takes for what it was before)."""
    return target.circuit


@pytest.mark.parametrize("end", [DOWN, GONE])
def test_so_many_failures_in_a_row_open_it_and_a_probe_closes_it(end: SendResult) -> None:
    mail = target(failures=3, rest=30 * SECOND)
    for _ in range(3):
        assert mail.may_begin(1, NOON)
        mail.ended(end, NOON)
    assert state(mail) is Circuit.OPEN
    assert not mail.may_begin(1, NOON + 30 * SECOND - 1)
    assert mail.may_begin(1, NOON + 30 * SECOND)
    assert state(mail) is Circuit.HALF_OPEN
    assert not mail.may_begin(1, NOON + 31 * SECOND), "there is one probe"
    assert not mail.may_begin(2, NOON + 31 * SECOND), "for all shards together"
    mail.ended(SENT, NOON + 32 * SECOND)
    assert state(mail) is Circuit.CLOSED
    assert all(mail.may_begin(1, NOON + 32 * SECOND) for _ in range(100))


def test_a_probe_that_fails_opens_it_again() -> None:
    mail = target(failures=1, rest=30 * SECOND)
    mail.ended(DOWN, NOON)
    assert mail.may_begin(1, NOON + 30 * SECOND)
    mail.ended(DOWN, NOON + 35 * SECOND)
    assert not mail.may_begin(1, NOON + 64 * SECOND)
    assert mail.may_begin(1, NOON + 65 * SECOND)


def test_a_probe_of_which_nothing_is_heard_is_followed_by_another() -> None:
    mail = target(failures=1, rest=30 * SECOND)
    mail.ended(DOWN, NOON)
    assert mail.may_begin(1, NOON + 30 * SECOND)
    assert not mail.may_begin(1, NOON + 59 * SECOND)
    assert mail.may_begin(2, NOON + 60 * SECOND)


def test_a_probe_that_was_none_is_made_again_at_once() -> None:
    mail = target(failures=1, rest=30 * SECOND)
    mail.ended(DOWN, NOON)
    assert mail.may_begin(1, NOON + 30 * SECOND)
    mail.ended(BUSY, NOON + 31 * SECOND)
    assert mail.may_begin(1, NOON + 31 * SECOND)


@pytest.mark.parametrize("answer", [SENT, ONE_REFUSED, NO_SUCH])
def test_a_server_that_answers_is_not_down_whatever_it_says(answer: SendResult) -> None:
    mail = target(failures=3)
    for _ in range(10):
        mail.ended(DOWN, NOON)
        mail.ended(DOWN, NOON)
        mail.ended(answer, NOON)
    assert state(mail) is Circuit.CLOSED


def test_a_server_that_asks_to_wait_is_left_alone_for_as_long_but_not_for_ever() -> None:
    slow = SendResult(SendStatus.RETRY, "the server answered 429", 90 * SECOND)
    mail = target()
    mail.ended(slow, NOON)
    assert not mail.may_begin(1, NOON + 89 * SECOND)
    assert mail.may_begin(1, NOON + 90 * SECOND)
    mail = target()
    mail.ended(SendResult(SendStatus.RETRY, "the server answered 429", 86_400 * SECOND), NOON)
    assert mail.may_begin(1, NOON + LONGEST_REST)


def test_what_was_under_way_when_it_opened_keeps_it_open_no_longer() -> None:
    mail = target(failures=2, rest=MINUTE)
    for late in range(6):
        mail.ended(GONE, NOON + late * 5 * SECOND)
    assert mail.may_begin(1, NOON + 5 * SECOND + MINUTE)


def test_without_a_breaker_nothing_opens() -> None:
    mail = target(failures=0)
    for _ in range(100):
        mail.ended(DOWN, NOON)
    assert mail.may_begin(1, NOON)


def test_each_change_is_told_with_its_reason_and_no_more_often() -> None:
    told: list[tuple[str, Circuit, str]] = []
    targets = Targets({"mail": Limits(failures=2)})
    targets.listen(lambda *change: told.append(change))
    mail = targets["mail"]
    for _ in range(5):
        mail.ended(DOWN, NOON)
    mail.may_begin(1, NOON + MINUTE)
    mail.ended(SENT, NOON + MINUTE)
    mail.ended(SENT, NOON + MINUTE)
    assert told == [
        ("mail", Circuit.CLOSED, ""),
        ("mail", Circuit.OPEN, "2 tries in a row failed: the server answered 500; nothing is sent there for 30 s"),
        ("mail", Circuit.HALF_OPEN, "one delivery is tried"),
        ("mail", Circuit.CLOSED, "it answers again"),
    ]
    targets.listen(None)
    mail.ended(DOWN, NOON)
    mail.ended(DOWN, NOON)
    assert len(told) == 4


@given(
    rate=st.sampled_from([0.2, 1.0, 2.5, 40.0]),
    asks=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3_000), st.integers(1, 60)), max_size=60),
)
def test_no_more_than_the_rate_in_any_time_whatever_shards_ask(rate: float, asks: list[tuple[int, int, int]]) -> None:
    mail, now = target(rate=rate), NOON
    granted: list[int] = []
    for shard, wait, times in asks:
        now += wait
        granted += [now for _ in range(times) if mail.may_begin(shard, now)]
    for first, begin in enumerate(granted):
        for last in range(first, len(granted)):
            most = max(rate, 1.0) + rate * (granted[last] - begin) / SECOND
            assert last - first + 1 <= most + 1e-6


def test_the_rate_is_reached() -> None:
    mail = target(rate=5.0)
    granted = sum(mail.may_begin(1, NOON + second * SECOND) for second in range(60) for _ in range(10))
    assert granted == 300


def test_a_shard_with_a_long_queue_leaves_the_others_their_share() -> None:
    """One asks all the time; the other only once a second, as an idle one does."""
    mail = target(rate=10.0)
    got = {1: 0, 2: 0}
    for ms in range(0, 60_000, 20):
        got[1] += mail.may_begin(1, NOON + ms)
        if ms % 1_000 == 0:
            while mail.may_begin(2, NOON + ms):
                got[2] += 1
    assert got[2] >= 240
    assert got[1] >= 240


def test_one_that_stops_asking_leaves_its_share_to_the_rest() -> None:
    mail = target(rate=10.0)
    assert mail.may_begin(2, NOON)
    late = sum(mail.may_begin(1, NOON + ms) for ms in range(10_000, 20_000, 20))
    assert late >= 100
