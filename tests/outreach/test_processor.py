"""The outreach agent's processor: one decision for each signal, whatever becomes of batches, inputs and workers."""

from tests.outreach.cases import NOON, advance, book, decisions, feed, profile, record, signal
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND, from_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import PlainRecord
from touchline.pipeline.outreach.messages import built_in_messages
from touchline.pipeline.outreach.plan import Plan, PolicyBook
from touchline.pipeline.outreach.processor import OutreachProcessor
from touchline.pipeline.outreach.state import REMEMBERED
from touchline.schemas.control import Tick
from touchline.schemas.outreach import Decision
from touchline.schemas.vocabulary import Channel, Outcome, Polarity, Reason, SignalStatus
from touchline.schemas.wire import CUSTOMERS, DECISIONS, SIGNALS

LIVE = book()
NIGHT = NOON + 10 * HOUR
MORNING = NOON + 20 * HOUR


def shard_of(policy: PolicyBook = LIVE) -> LocalShard:
    return LocalShard(OutreachProcessor(policy, built_in_messages()), partition=2, partitions=4)


def reasons(found: list[Decision]) -> list[tuple[str, int, Reason]]:
    return [(d.signal_id, d.revision, d.reason) for d in found]


def test_an_opened_signal_becomes_a_message() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    outputs = shard.process(SIGNALS, [record(signal(group="order:12"))], now=0)
    assert [(o.topic, o.key, o.partition) for o in outputs] == [(DECISIONS, b"c-1", 2)]
    (decision,) = decisions(outputs)
    assert (decision.outcome, decision.reason, decision.observed) == (Outcome.SENT, Reason.SENT, False)
    assert decision.channel is Channel.EMAIL
    assert decision.message is not None
    assert decision.message.to == "c-1@example.com"
    assert "your order 12" in decision.message.text
    assert (decision.at, decision.signal_at, decision.profile_revision) == (from_ms(NOON), from_ms(NOON), 1)
    assert shard.counts == {"decisions.sent": 1}


def test_observe_mode_decides_and_records_the_same() -> None:
    found = []
    for policy in (LIVE, book(observe=True)):
        shard = shard_of(policy)
        feed(shard, CUSTOMERS, profile())
        found.append(feed(shard, SIGNALS, signal(), signal("s-2", NOON + HOUR)))
    live, observed = found
    assert [d.observed for d in observed] == [True, True]
    assert {d.observed_by for d in observed} == {"mode"}
    for decision in observed:
        decision.observed, decision.observed_by = False, ""
    assert observed == live


def test_a_repeat_adds_nothing() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    opened, updated = signal(), signal(revision=1, status=SignalStatus.UPDATED)
    assert len(feed(shard, SIGNALS, opened)) == 1
    assert feed(shard, SIGNALS, opened, updated, updated, opened) == []
    assert feed(shard, CUSTOMERS, profile()) == []
    assert shard.counts["duplicates"] == 4


def test_a_signal_that_is_over_when_first_seen_has_one_decision_too() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    over = signal(revision=1, status=SignalStatus.RESOLVED)
    assert reasons(feed(shard, SIGNALS, over, over)) == [("s-1", 0, Reason.RESOLVED)]


def test_quiet_hours_hold_it_until_the_morning() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    (held,) = feed(shard, SIGNALS, signal(at=NIGHT))
    assert (held.outcome, held.release_at, held.message) == (Outcome.HELD, from_ms(MORNING), None)
    assert advance(shard, MORNING - SECOND) == []
    (sent,) = advance(shard, MORNING + 5 * SECOND)
    assert (sent.decision_id, sent.revision, sent.outcome) == (held.decision_id, 1, Outcome.SENT)
    assert sent.at == from_ms(MORNING)
    assert advance(shard, MORNING + DAY) == []


def test_a_signal_ahead_of_the_slowest_source_moves_nobody_elses_time() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    feed(shard, SIGNALS, signal(at=NIGHT))
    other = signal("s-2", MORNING + HOUR, customer="c-2", group="c-2", profile_revision=0)
    assert reasons(feed(shard, SIGNALS, other)) == [("s-2", 0, Reason.NO_CHANNEL)]
    behind = signal("s-3", NIGHT, customer="c-3", group="c-3", profile_revision=0)
    [decided] = feed(shard, SIGNALS, behind)
    assert decided.at == behind.raised_at


def test_a_held_one_is_cancelled_when_its_signal_ends() -> None:
    for status in (SignalStatus.RESOLVED, SignalStatus.RETRACTED, SignalStatus.EXPIRED):
        shard = shard_of()
        feed(shard, CUSTOMERS, profile())
        feed(shard, SIGNALS, signal(at=NIGHT))
        ended = signal(at=NIGHT, revision=2, status=status, raised_at=from_ms(NIGHT + HOUR))
        (cancelled,) = feed(shard, SIGNALS, ended)
        assert (cancelled.revision, cancelled.reason, cancelled.signal_revision) == (1, Reason.RESOLVED, 2)
        assert cancelled.message is None
        assert advance(shard, MORNING + HOUR) == []
        assert "false_alarms" not in shard.counts


def test_an_update_leaves_a_held_one_held() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    feed(shard, SIGNALS, signal(at=NIGHT))
    assert feed(shard, SIGNALS, signal(at=NIGHT, revision=1, status=SignalStatus.UPDATED)) == []
    assert reasons(advance(shard, MORNING)) == [("s-1", 1, Reason.SENT)]


def test_at_release_it_is_decided_again() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    feed(shard, SIGNALS, signal(at=NIGHT), signal("s-2", at=NIGHT + HOUR))
    feed(shard, CUSTOMERS, profile(2, NIGHT + HOUR, zone="Asia/Tokyo"))  # 17:00 there when it is morning in UTC
    assert reasons(advance(shard, MORNING)) == [("s-1", 1, Reason.SENT), ("s-2", 1, Reason.COOLDOWN)]


def test_someone_who_moved_meanwhile_is_held_again() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    feed(shard, SIGNALS, signal(at=NIGHT))
    feed(shard, CUSTOMERS, profile(2, NIGHT + HOUR, zone="America/New_York"))
    (held,) = advance(shard, MORNING)
    assert (held.revision, held.outcome, held.release_at) == (1, Outcome.HELD, from_ms(MORNING + 4 * HOUR))
    assert reasons(advance(shard, MORNING + 4 * HOUR)) == [("s-1", 2, Reason.SENT)]


def test_a_retraction_after_the_message_is_a_false_alarm() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    advance(shard, NOON - HOUR, live=False)
    retracted = signal(revision=1, status=SignalStatus.RETRACTED)
    assert reasons(feed(shard, SIGNALS, signal(), retracted)) == [("s-1", 0, Reason.SENT)]
    assert shard.counts["false_alarms"] == 1


def test_it_waits_for_the_profile_under_which_it_was_raised() -> None:
    """Consent was withdrawn before the signal; the profile input is held back."""
    shard = shard_of()
    asked = signal(polarity=Polarity.DELIGHT, profile_revision=2)
    feed(shard, CUSTOMERS, profile(1, consent={"marketing": True}))
    assert feed(shard, SIGNALS, asked, signal("s-2", NOON + SECOND, profile_revision=2)) == []
    assert advance(shard, NOON + HOUR) == []
    assert shard.counts == {"signals.waiting": 2}
    found = feed(shard, CUSTOMERS, profile(2, consent={"marketing": False}))
    assert reasons(found) == [("s-1", 0, Reason.NO_CONSENT), ("s-2", 0, Reason.SENT)]
    assert [d.at for d in found] == [from_ms(NOON), from_ms(NOON + SECOND)]  # as of their own time
    assert shard.counts["signals.resumed"] == 2


def test_it_ends_while_it_waits() -> None:
    shard = shard_of()
    feed(shard, SIGNALS, signal(), signal(revision=1, status=SignalStatus.RESOLVED))
    assert reasons(feed(shard, CUSTOMERS, profile())) == [("s-1", 0, Reason.RESOLVED)]


def test_it_waited_through_the_quiet_hours() -> None:
    shard = shard_of()
    feed(shard, SIGNALS, signal(at=NIGHT))
    advance(shard, MORNING + DAY)
    found = feed(shard, CUSTOMERS, profile())
    assert [(d.revision, d.outcome, d.at) for d in found] == [
        (0, Outcome.HELD, from_ms(NIGHT)),
        (1, Outcome.SENT, from_ms(MORNING)),
    ]


def test_what_waited_is_taken_in_the_order_of_its_time() -> None:
    """The night's signal is released in the morning, before what was raised after it, although both waited."""
    shard = shard_of()
    feed(shard, SIGNALS, signal(at=NIGHT), signal("s-2", MORNING + HOUR))
    advance(shard, MORNING + DAY)
    found = feed(shard, CUSTOMERS, profile())
    assert reasons(found) == [("s-1", 0, Reason.QUIET_HOURS), ("s-1", 1, Reason.SENT), ("s-2", 0, Reason.COOLDOWN)]


def test_what_is_released_at_the_same_time_has_the_same_order_late_and_in_time() -> None:
    waited, in_time = shard_of(), shard_of()
    feed(in_time, CUSTOMERS, profile())
    for shard in (waited, in_time):
        feed(shard, SIGNALS, signal(at=NIGHT), signal("s-2", NIGHT + HOUR))
    expected = [("s-1", 1, Reason.SENT), ("s-2", 1, Reason.COOLDOWN)]
    assert reasons(advance(in_time, MORNING)) == expected
    advance(waited, MORNING)
    assert reasons(feed(waited, CUSTOMERS, profile()))[-2:] == expected


def test_its_end_waits_behind_its_first_decision() -> None:
    shard = shard_of()
    advance(shard, NOON, live=False)
    over = signal(at=NIGHT, revision=1, status=SignalStatus.RESOLVED, raised_at=from_ms(NIGHT + HOUR))
    feed(shard, SIGNALS, signal(at=NIGHT), over)
    found = feed(shard, CUSTOMERS, profile())
    assert reasons(found) == [("s-1", 0, Reason.QUIET_HOURS), ("s-1", 1, Reason.RESOLVED)]


def test_an_end_that_waited_counts_as_it_was_then() -> None:
    shard = shard_of()
    advance(shard, NOON, live=False)
    resolved = signal(at=NIGHT, revision=1, status=SignalStatus.RESOLVED, raised_at=from_ms(NIGHT + HOUR))
    retracted = signal(at=NIGHT, revision=2, status=SignalStatus.RETRACTED, raised_at=from_ms(NIGHT + 2 * HOUR))
    feed(shard, SIGNALS, signal(at=NIGHT), resolved, retracted)
    _, decision = feed(shard, CUSTOMERS, profile())
    assert (decision.reason, decision.signal_revision, decision.at) == (Reason.RESOLVED, 1, from_ms(NIGHT + HOUR))
    assert "resolved" in decision.explanation


def test_a_false_alarm_is_one_also_when_its_ends_had_to_wait() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    advance(shard, NOON, live=False)
    resolved = signal(at=NIGHT, revision=1, status=SignalStatus.RESOLVED, raised_at=from_ms(MORNING + HOUR))
    retracted = signal(at=NIGHT, revision=2, status=SignalStatus.RETRACTED, raised_at=from_ms(MORNING + 2 * HOUR))
    feed(shard, SIGNALS, signal(at=NIGHT), resolved, retracted)
    assert reasons(advance(shard, MORNING + DAY, live=False)) == [("s-1", 1, Reason.SENT)]
    assert shard.counts["signals.waiting"] == shard.counts["signals.resumed"]
    assert shard.counts["false_alarms"] == 1


def test_in_history_what_ended_is_cancelled_under_the_profile_it_was_raised_under() -> None:
    """How far profiles have been read is chance, and an end does not wait for them."""
    for ahead in (False, True):
        shard = shard_of()
        feed(shard, CUSTOMERS, profile())
        advance(shard, NOON, live=False)
        if ahead:
            feed(shard, CUSTOMERS, profile(2, NIGHT + MINUTE))
        over = signal(at=NIGHT, revision=1, status=SignalStatus.RESOLVED, raised_at=from_ms(NIGHT + HOUR))
        found = feed(shard, SIGNALS, signal(at=NIGHT), over)
        assert [(d.reason, d.profile_revision) for d in found] == [(Reason.QUIET_HOURS, 1), (Reason.RESOLVED, 1)]


def test_in_history_a_release_waits_for_word_of_profiles_until_then() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    advance(shard, NOON, live=False)
    feed(shard, SIGNALS, signal(at=NIGHT))
    assert feed(shard, SIGNALS, Tick(partition=0, partitions=1, high=MORNING)) == []
    feed(shard, CUSTOMERS, profile(2, NIGHT + HOUR, consent={"service": False}))
    found = feed(shard, CUSTOMERS, Tick(partition=0, partitions=1, high=MORNING))
    assert reasons(found) == [("s-1", 1, Reason.NO_CONSENT)]


def test_in_history_what_is_held_again_waits_again_for_word_of_profiles() -> None:
    """Its delay ends in quiet hours, and before the morning the customer withdraws consent; a signal of the evening
    after comes first, and calls it up."""
    shard = shard_of(book(("long_wait", Plan(delay=10 * HOUR, max_age=5 * DAY)), cooldown=0))
    feed(shard, CUSTOMERS, profile(), Tick(partition=0, partitions=1, high=NIGHT + HOUR))
    advance(shard, NOON, live=False)
    found = feed(shard, SIGNALS, signal(), signal("s-2", MORNING + 10 * HOUR, rule="other"))
    assert reasons(found) == [("s-1", 0, Reason.DELAYED), ("s-1", 1, Reason.QUIET_HOURS)]
    feed(shard, CUSTOMERS, profile(2, MORNING - HOUR, consent={"service": False}))
    found = feed(shard, CUSTOMERS, Tick(partition=0, partitions=1, high=MORNING + DAY))
    assert reasons(found) == [("s-1", 2, Reason.NO_CONSENT), ("s-2", 0, Reason.SENT)]


def test_a_release_waits_behind_an_older_signal_of_the_same_customer() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    feed(shard, SIGNALS, signal(at=NIGHT), signal("s-2", NIGHT + HOUR, profile_revision=2))
    assert advance(shard, MORNING) == []
    assert advance(shard, MORNING + HOUR) == []
    found = feed(shard, CUSTOMERS, profile(2, NIGHT))
    assert sorted(reasons(found)) == [
        ("s-1", 1, Reason.SENT),
        ("s-2", 0, Reason.QUIET_HOURS),
        ("s-2", 1, Reason.COOLDOWN),
    ]


def test_live_a_consent_withdrawn_by_now_counts_although_the_signal_is_older() -> None:
    for live, reason in ((True, Reason.NO_CONSENT), (False, Reason.SENT)):
        shard = shard_of()
        advance(shard, NOON - HOUR, live=live)
        feed(shard, CUSTOMERS, profile(1), profile(2, NOON + HOUR, consent={"service": False}))
        assert reasons(feed(shard, SIGNALS, signal())) == [("s-1", 0, reason)]


def test_live_an_erasure_known_by_now_counts_for_a_customer_unknown_then() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile(1, NOON + HOUR, erased=True))
    assert reasons(feed(shard, SIGNALS, signal(profile_revision=0))) == [("s-1", 0, Reason.ERASED)]


def test_what_was_not_known_yet_is_not_used() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile(1, NOON - HOUR, addresses={}), profile(2, NOON + HOUR))
    assert reasons(feed(shard, SIGNALS, signal())) == [("s-1", 0, Reason.NO_CHANNEL)]
    later = signal("s-2", NOON + 2 * HOUR, profile_revision=2)
    assert reasons(feed(shard, SIGNALS, later)) == [("s-2", 0, Reason.SENT)]


def test_a_compacted_topic_has_only_the_newest_profile() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile(9, NOON + DAY))
    assert reasons(feed(shard, SIGNALS, signal(profile_revision=3))) == [("s-1", 0, Reason.SENT)]


def test_a_deleted_profile_holds_nothing_up() -> None:
    shard = shard_of()
    advance(shard, NOON - HOUR)
    feed(shard, CUSTOMERS, profile(4))
    shard.process(CUSTOMERS, [PlainRecord(1, 0, b"c-1", None)], now=0)
    assert reasons(feed(shard, SIGNALS, signal(profile_revision=4))) == [("s-1", 0, Reason.NO_CHANNEL)]


def test_the_end_of_a_signal_long_forgotten_is_no_new_signal() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    feed(shard, SIGNALS, signal())
    advance(shard, NOON + REMEMBERED + HOUR)
    late = signal(revision=1, status=SignalStatus.RESOLVED, raised_at=from_ms(NOON + REMEMBERED + HOUR))
    assert feed(shard, SIGNALS, late) == []
    assert shard.counts["signals.forgotten"] == 1


def test_the_memory_of_messages_outlives_a_restart() -> None:
    shard = shard_of(book(cap=1))
    feed(shard, CUSTOMERS, profile())
    assert reasons(feed(shard, SIGNALS, signal())) == [("s-1", 0, Reason.SENT)]
    shard.restart()
    assert reasons(feed(shard, SIGNALS, signal("s-2", NOON + HOUR, rule="other"))) == [("s-2", 0, Reason.FREQUENCY_CAP)]


def test_a_held_one_outlives_a_restart() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    feed(shard, SIGNALS, signal(at=NIGHT))
    shard.restart()
    assert reasons(advance(shard, MORNING)) == [("s-1", 1, Reason.SENT)]


def test_explanations_and_counters_hold_no_address() -> None:
    shard = shard_of()
    feed(shard, CUSTOMERS, profile())
    found = feed(shard, SIGNALS, signal(), signal("s-2", NOON + HOUR), signal("s-3", NIGHT, rule="other"))
    assert all("example.com" not in d.explanation for d in found)
    assert "example.com" not in str(shard.counts)
