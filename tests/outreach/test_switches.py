"""What is really sent: allow-list, test recipient, stop, ramp; and another book between two batches."""

from dataclasses import replace

from tests.outreach.cases import NOON, advance, book, feed, profile, signal
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.outreach.messages import built_in_messages
from touchline.pipeline.outreach.plan import Cap, Plan, PolicyBook
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.schemas.outreach import Decision
from touchline.schemas.vocabulary import Channel, Reason
from touchline.schemas.wire import CUSTOMERS, SIGNALS


def shard_of(policy: PolicyBook, partition: int = 0, partitions: int = 1) -> LocalShard:
    return LocalShard(OutreachProcessor(policy, built_in_messages()), partition, partitions)


def many(shard: LocalShard, count: int, at: int, of: str = "c") -> list[Decision]:
    """As many customers with a signal each, a second apart."""
    feed(shard, CUSTOMERS, *(profile(customer=f"{of}-{n}") for n in range(count)))
    return feed(
        shard,
        SIGNALS,
        *(signal(f"{of}-s-{n}", at + n * 1_000, customer=f"{of}-{n}", group=f"{of}-{n}") for n in range(count)),
    )


def test_a_test_recipient_stands_in_the_message_alone() -> None:
    shard = shard_of(book(test_recipient={Channel.EMAIL: "test@example.com"}))
    (decision,) = many(shard, 1, NOON)
    assert decision.message is not None
    assert decision.message.to == "test@example.com"
    assert (decision.customer, decision.observed) == ("c-0", False)


def test_only_those_on_the_list_get_messages() -> None:
    shard = shard_of(book(allow=frozenset({"c-1"})))
    found = many(shard, 3, NOON)
    assert [(d.customer, d.observed, d.observed_by) for d in found] == [
        ("c-0", True, "allow_list"),
        ("c-1", False, ""),
        ("c-2", True, "allow_list"),
    ]


def test_the_ramp_lets_so_many_a_day_through_in_all_shards_together() -> None:
    policy = book(ramp=(3, 10), ramp_from=NOON)
    sent = [0, 0, 0]
    for partition in range(4):
        shard = shard_of(policy, partition, 4)
        for day in range(3):
            found = many(shard, 8, NOON + day * DAY, f"d{day}")
            assert {d.reason for d in found} == {Reason.SENT}
            assert {d.observed_by for d in found} <= {"", "ramp"}
            sent[day] += sum(not d.observed for d in found)
            shard.restart()
    assert sent == [3, 10, 10]
    before = many(shard_of(policy), 2, NOON - HOUR)
    assert {d.observed_by for d in before} == {"ramp"}


def test_what_the_ramp_left_out_counts_for_nothing_once_messages_are_sent() -> None:
    shard = shard_of(book(ramp=(0, 5), ramp_from=NOON, cap=1))
    feed(shard, CUSTOMERS, profile())
    first, again = feed(shard, SIGNALS, signal(), signal("s-2", NOON + HOUR, rule="b"))
    assert (first.observed_by, again.reason) == ("ramp", Reason.FREQUENCY_CAP)  # as it would have been
    (real,) = feed(shard, SIGNALS, signal("s-3", NOON + 25 * HOUR, rule="c", raised_at=signal(at=NOON + DAY).at))
    assert (real.reason, real.observed) == (Reason.SENT, False)


def test_another_book_counts_from_the_next_batch_on_also_for_what_is_held() -> None:
    night = NOON + 10 * HOUR
    shard = shard_of(book())
    feed(shard, CUSTOMERS, profile())
    feed(shard, SIGNALS, signal(at=night), signal("s-2", night + 1, rule="b"))
    assert isinstance(shard.processor, OutreachProcessor)
    shard.processor.put_in_force(book(("b", Plan("b", priority=99)), stopped=frozenset({"*"})), built_in_messages())
    found = advance(shard, night + 10 * HOUR)
    assert {(d.signal_id, d.policy, d.observed_by) for d in found if d.reason is Reason.SENT} == {
        ("s-1", "default", "stop"),
        ("s-2", "b", "stop"),
    }


def test_a_longer_window_than_before_still_knows_the_last_messages() -> None:
    policy = book(cap=1, cap_window=DAY, cooldown=DAY)
    shard = shard_of(policy)
    feed(shard, CUSTOMERS, profile())
    for day, rule in ((0, "a"), (2, "b"), (4, "c")):
        (sent,) = feed(shard, SIGNALS, signal(f"s-{day}", NOON + day * DAY, rule=rule))
        assert sent.reason is Reason.SENT
    assert isinstance(shard.processor, OutreachProcessor)
    shard.processor.put_in_force(replace(policy, cap=Cap(3, 7 * DAY)), built_in_messages())
    (capped,) = feed(shard, SIGNALS, signal("s-6", NOON + 5 * DAY, rule="d"))
    assert capped.reason is Reason.FREQUENCY_CAP


def test_a_pace_is_kept_by_all_shards_together_and_others_do_not_wait() -> None:
    policy = book(("long_wait", Plan("slow", pace=120)))
    times: list[int] = []
    for partition in range(4):
        shard = shard_of(policy, partition, 4)
        assert {d.reason for d in many(shard, 30, NOON + 1)} == {Reason.PACED}
        other = signal("o-1", NOON + MINUTE, rule="other", customer="o", group="o")
        feed(shard, CUSTOMERS, profile(customer="o"))
        assert [d.reason for d in feed(shard, SIGNALS, other)] == [Reason.SENT]
        found = []
        for minutes in range(1, 90):
            found += advance(shard, NOON + minutes * MINUTE)
            if minutes == 20:
                shard.restart()
        assert [d.reason for d in found] == [Reason.SENT] * 30
        times += [int(d.at.timestamp() * 1_000) for d in found]
    assert all(sum(1 for at in times if first <= at < first + HOUR) <= 120 for first in times)
    assert max(times) - min(times) <= HOUR  # and no slower than that


def test_what_waits_for_its_turn_is_taken_back_when_it_is_resolved() -> None:
    shard = shard_of(book(("long_wait", Plan("slow", pace=1))))
    feed(shard, CUSTOMERS, profile())
    (held,) = feed(shard, SIGNALS, signal(at=NOON + 1))
    assert held.reason is Reason.PACED
    over = signal(revision=1, status="resolved", raised_at=signal(at=NOON + MINUTE).at)
    assert [d.reason for d in feed(shard, SIGNALS, over)] == [Reason.RESOLVED]
    assert advance(shard, NOON + 5 * HOUR) == []
