"""Several signals of a customer at once: one message, of the highest rank, that names the others."""

from hypothesis import given
from hypothesis import strategies as st

from tests.outreach.cases import NOON, advance, book, feed, profile, signal
from touchline.pipeline.engine.clock import HOUR, from_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.outreach.messages import built_in_messages
from touchline.pipeline.outreach.plan import Plan, PolicyBook
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.schemas.outreach import Decision
from touchline.schemas.vocabulary import Outcome, Reason, Severity, SignalStatus
from touchline.schemas.wire import CUSTOMERS, SIGNALS

NIGHT = NOON + 10 * HOUR
MORNING = NOON + 20 * HOUR
THREE = (("low", Plan("low", priority=10)), ("mid", Plan("mid", priority=50)), ("top", Plan("top", priority=90)))


def shard_of(policy: PolicyBook, *, live: bool = True) -> LocalShard:
    shard = LocalShard(OutreachProcessor(policy, built_in_messages()), 0, 1)
    feed(shard, CUSTOMERS, profile())
    advance(shard, NOON - HOUR, live=live)
    return shard


def told(found: list[Decision]) -> dict[str, tuple[Reason, tuple[str, ...]]]:
    return {d.signal_id: (d.reason, d.linked) for d in found}


def test_of_those_held_together_the_highest_goes_and_names_the_others() -> None:
    for live in (True, False):
        shard = shard_of(book(*THREE, cap=9), live=live)
        found = feed(
            shard,
            SIGNALS,
            *(signal(f"s-{n}", NIGHT + n, rule=rule) for n, rule in enumerate(("mid", "low", "top", "low"))),
        )
        assert {d.reason for d in found} == {Reason.QUIET_HOURS}
        assert told(advance(shard, MORNING, live=live)) == {
            "s-2": (Reason.SENT, ("s-0", "s-1", "s-3")),
            "s-0": (Reason.LOWER_PRIORITY, ("s-2",)),
            "s-1": (Reason.LOWER_PRIORITY, ("s-2",)),
            "s-3": (Reason.LOWER_PRIORITY, ("s-2",)),
        }


def test_of_the_same_priority_the_graver_then_the_older_then_the_id() -> None:
    one = signal("s-1", NIGHT, rule="a")
    for other, winner in (
        (signal("s-2", NIGHT, rule="b", severity=Severity.CRITICAL), "s-2"),
        (signal("s-2", NIGHT - HOUR, rule="b", raised_at=from_ms(NIGHT)), "s-2"),
        (signal("s-0", NIGHT, rule="b"), "s-0"),
        (signal("s-2", NIGHT, rule="b"), "s-1"),
    ):
        shard = shard_of(book(cap=9))
        feed(shard, SIGNALS, one, other)
        assert [d.signal_id for d in advance(shard, MORNING) if d.outcome is Outcome.SENT] == [winner]


def test_what_is_decided_on_the_spot_gives_way_to_a_higher_one_that_waits() -> None:
    policy = book(("top", Plan("top", priority=90, delay=2 * HOUR)), ("low", Plan("low", priority=10)))
    shard = shard_of(policy)
    feed(shard, SIGNALS, signal("s-1", rule="top"))
    (lost,) = feed(shard, SIGNALS, signal("s-2", NOON + HOUR, rule="low"))
    assert (lost.reason, lost.linked) == (Reason.LOWER_PRIORITY, ("s-1",))
    assert told(advance(shard, NOON + 3 * HOUR)) == {"s-1": (Reason.SENT, ("s-2",))}


def test_a_higher_one_on_the_spot_goes_and_stands_for_a_lower_one_that_waits() -> None:
    policy = book(("top", Plan("top", priority=90)), ("low", Plan("low", priority=10, delay=2 * HOUR)))
    shard = shard_of(policy)
    feed(shard, SIGNALS, signal("s-1", rule="low"))
    (sent,) = feed(shard, SIGNALS, signal("s-2", NOON + HOUR, rule="top"))
    assert (sent.reason, sent.linked) == (Reason.SENT, ("s-1",))
    shard.restart()
    assert told(advance(shard, NOON + 3 * HOUR)) == {"s-1": (Reason.LOWER_PRIORITY, ("s-2",))}


def test_one_that_can_not_go_keeps_nobody_back() -> None:
    """At the release the highest is looked at first; it is too old, so the other one goes."""
    policy = book(("top", Plan("top", priority=90, max_age=HOUR)), ("low", Plan("low", priority=10)))
    shard = shard_of(policy)
    feed(shard, SIGNALS, signal("s-2", NIGHT, rule="top"), signal("s-1", NIGHT, rule="low"))
    assert told(advance(shard, MORNING)) == {"s-2": (Reason.TOO_OLD, ()), "s-1": (Reason.SENT, ())}


def test_one_that_was_resolved_keeps_nobody_back() -> None:
    shard = shard_of(book(*THREE))
    feed(shard, SIGNALS, signal("s-2", NIGHT, rule="top"), signal("s-1", NIGHT, rule="low"))
    over = {"revision": 1, "status": SignalStatus.RESOLVED, "raised_at": from_ms(NIGHT + HOUR)}
    feed(shard, SIGNALS, signal("s-2", NIGHT, rule="top", **over))
    assert told(advance(shard, MORNING)) == {"s-1": (Reason.SENT, ())}


def test_two_of_one_moment_on_the_spot() -> None:
    for second, reason in (("low", Reason.LOWER_PRIORITY), ("mid", Reason.LOWER_PRIORITY), ("top", Reason.SENT)):
        shard = shard_of(book(*THREE))
        feed(shard, SIGNALS, signal("s-1", rule="mid"))
        (found,) = feed(shard, SIGNALS, signal("s-2", rule=second, group="order:1"))
        assert found.reason is (reason if second != "mid" else Reason.COOLDOWN)


def test_a_stopped_rule_keeps_no_real_message_back() -> None:
    policy = book(*THREE, stopped=frozenset({"top"}))
    shard = shard_of(policy)
    feed(shard, SIGNALS, signal("s-1", NIGHT, rule="top"), signal("s-2", NIGHT, rule="low"))
    found = advance(shard, MORNING)
    assert [(d.signal_id, d.reason, d.observed_by) for d in found] == [
        ("s-1", Reason.SENT, "stop"),
        ("s-2", Reason.SENT, ""),
    ]


def test_other_customers_have_nothing_to_do_with_it() -> None:
    shard = shard_of(book(*THREE))
    feed(shard, CUSTOMERS, profile(customer="c-2"))
    feed(
        shard, SIGNALS, signal("s-1", NIGHT, rule="top"), signal("s-2", NIGHT, rule="low", customer="c-2", group="c-2")
    )
    assert {d.reason for d in advance(shard, MORNING)} == {Reason.SENT}


def test_a_hundred_at_once_name_twenty() -> None:
    shard = shard_of(book(cap=500, cooldown=0))
    feed(shard, SIGNALS, *(signal(f"s-{n:03}", NIGHT + n) for n in range(100)))
    found = advance(shard, MORNING)
    assert [len(d.linked) for d in found if d.outcome is Outcome.SENT] == [20]
    assert sum(d.reason is Reason.LOWER_PRIORITY for d in found) == 99


@given(
    st.lists(
        st.tuples(st.integers(0, 3 * HOUR), st.sampled_from(["low", "mid", "top", "wait"])), min_size=1, max_size=14
    ),
    st.lists(st.integers(1, 4), max_size=14),
    st.booleans(),
)
def test_never_two_messages_at_one_release_and_every_link_is_answered(
    steps: list[tuple[int, str]], sizes: list[int], live: bool
) -> None:
    policy = book(*THREE, ("wait", Plan("wait", priority=70, delay=5 * HOUR)), cap=99, cooldown=0)
    now, items = NIGHT - 6 * HOUR, []
    for number, (after, rule) in enumerate(steps):
        now += after + 1
        items.append(signal(f"s-{number}", now, rule=rule))
    split, whole = shard_of(policy, live=live), shard_of(policy, live=live)
    found, rest = [], list(items)
    for size in [*sizes, 99]:
        found += feed(split, SIGNALS, *rest[:size])
        rest = rest[size:]
    expected = feed(whole, SIGNALS, *items)
    for hours in range(1, 48):
        found += advance(split, now + hours * HOUR, live=live)
        expected += advance(whole, now + hours * HOUR, live=live)
    assert found == expected
    final = {d.signal_id: d for d in found}
    sent = [d for d in final.values() if d.outcome is Outcome.SENT]
    assert len({d.at for d in sent}) == len(sent)
    for one in final.values():
        assert one.outcome is not Outcome.HELD
        for other in one.linked:
            message = one if one.outcome is Outcome.SENT else final[other]
            if message.outcome is Outcome.SENT and one.outcome is not Outcome.SENT:
                assert one.signal_id in message.linked
