"""The journey of a customer: profiles, timers, what a signal says, and that everything is bounded."""

import itertools
import random
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tests.friction.support import LATENESS, START, Run, tick, touchpoint
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND, to_ms
from touchline.pipeline.engine.records import PlainRecord
from touchline.pipeline.engine.ticks import tick_of
from touchline.pipeline.friction.customer import follows
from touchline.pipeline.friction.folding import MAX_GROUPS
from touchline.pipeline.friction.journey import JourneyOptions
from touchline.pipeline.friction.positive import MAX_CROSSINGS, MAX_WINDOW
from touchline.pipeline.friction.timeline import MAX_RECENT, SPILL
from touchline.schemas.codec import decode_profile, encode
from touchline.schemas.control import Tick
from touchline.schemas.customer import Profile
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.types import ID
from touchline.schemas.vocabulary import Channel, Control
from touchline.schemas.wire import CONTEXT, CUSTOMERS, SIGNALS, TOUCHPOINTS


def rule(detect: str, more: str = "", evidence: str = "{count}") -> str:
    return f"""
schema: friction/1
rules:
- id: r
  owner: care
  control: outside
  stage: support
  detect: {detect}
  evidence: "{evidence}"
  action: act
{more}
"""


MATCH = rule("{match: {event: a.one}}")
COUNT = rule("{count: {event: a.one, at_least: 3, within: 24h}}")
ABSENCE = rule("{absence: {after: {as: s, event: a.one}, expect: {event: b.two}, deadline: 1h, grace: 5m}}")


def profiles(run: Run) -> list[Profile]:
    assert all(o.partition == 0 for o in run.outputs)
    return [decode_profile(o.value or b"") for o in run.outputs if o.topic == CUSTOMERS and not o.headers]


def test_profile_and_consent_events_make_a_profile_with_rising_revisions() -> None:
    run = Run(MATCH).feed(
        touchpoint(
            "1", "profile.updated", START, identifiers={"email": "c-1@example.com"},
            attributes={"locale": "pt-BR", "zone": "America/Sao_Paulo", "country": "BR", "value": 120,
                        "phone": "+5511999990000", "preferred_channel": "email", "shoe": 42},
        ),
        touchpoint("2", "consent.granted", START + 1, attributes={"purpose": "marketing", "channel": "email"}),
        touchpoint("3", "consent.granted", START + 2, attributes={"purpose": "marketing", "channel": "email"}),
        touchpoint("4", "a.one", START + 3),
        touchpoint("5", "consent.withdrawn", START + 4, attributes={"purpose": "marketing"}),
        touchpoint("6", "a.one", START + 5),
    )  # fmt: skip
    first, second, third = profiles(run)
    assert (first.revision, second.revision, third.revision) == (1, 2, 3)
    assert first.addresses == {"email": "c-1@example.com", "sms": "+5511999990000", "voice": "+5511999990000"}
    assert (first.locale, first.zone, first.country, first.value) == ("pt-BR", "America/Sao_Paulo", "BR", 120.0)
    assert first.preferred is Channel.EMAIL
    assert third.consent == {"marketing/email": True, "marketing": False}
    assert [s.profile_revision for s in run.signals()] == [2, 3]


def test_what_a_profile_cannot_use_is_left_out_and_counted() -> None:
    run = Run(MATCH).feed(
        touchpoint("1", "profile.updated", START, attributes={"locale": 3, "zone": "x" * 300, "value": True}),
        touchpoint("2", "profile.updated", START, attributes={"preferred_channel": "pigeon", "country": "DE"}),
        touchpoint("3", "consent.granted", START, attributes={"purpose": 7}),
        touchpoint("4", "consent.granted", START, attributes={"purpose": "marketing", "channel": "pigeon"}),
    )
    assert [(p.country, p.locale, p.zone, p.value, p.preferred, p.consent) for p in profiles(run)] == [
        ("DE", None, None, None, None, {})
    ]
    assert {name for name in run.counts if name.startswith("profile")} == {
        f"profile.unusable.{name}" for name in ("locale", "zone", "value", "preferred_channel", "purpose", "channel")
    }


def test_a_tick_takes_no_customers_place_on_the_compacted_topic() -> None:
    run = Run(MATCH).feed(touchpoint("1", "a.one", START), tick(START))
    keys = [o.key or b"" for o in run.outputs if o.topic == CUSTOMERS and o.headers]
    assert keys
    for key in keys:
        with pytest.raises(ValidationError):
            TypeAdapter(ID).validate_python(key.decode())


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(7)))
def test_a_profile_does_not_depend_on_the_order_of_its_events(order: list[int]) -> None:
    events = [
        ("profile.updated", {"locale": "de", "email": "a@example.com"}),
        ("profile.updated", {"locale": "en"}),
        ("consent.granted", {"purpose": "marketing"}),
        ("customer.erased", {}),
        ("consent.withdrawn", {"purpose": "research", "channel": "sms"}),
        ("profile.updated", {"email": None, "country": "AT"}),
        ("profile.updated", {"country": "CH"}),
    ]
    run = Run(MATCH)
    for n in order:
        kind, attributes = events[n]
        run.feed(touchpoint(str(n), kind, START + n * SECOND, raw_offset=n, attributes=attributes))
    last = profiles(run)[-1]
    assert (last.locale, last.country, last.consent, last.addresses) == (None, "CH", {"research/sms": False}, {})
    assert not last.erased
    assert [p.revision for p in profiles(run)] == list(range(1, len(profiles(run)) + 1))


def test_erasure_ends_what_is_open_and_forgets_what_was_known() -> None:
    run = Run(COUNT).feed(touchpoint("0", "profile.updated", START, attributes={"locale": "de"}))
    run.feed(*[touchpoint(str(n), "a.one", START + n, raw_offset=n) for n in range(1, 4)])
    run.feed(touchpoint("9", "customer.erased", START + 10, raw_offset=9))
    assert run.told() == [("r", 1, "opened"), ("r", 2, "expired")]
    assert (profiles(run)[-1].erased, profiles(run)[-1].locale) == (True, None)
    run.feed(touchpoint("4", "a.one", START + 5, raw_offset=4))  # from before the erasure: nothing is kept of it
    customer = run.shard.state.customers.get("c-1", 0)
    assert customer.groups == {}
    run.feed(*[touchpoint(f"n{n}", "a.one", START + HOUR + n, raw_offset=20 + n) for n in range(3)])
    assert run.told()[2:] == [("r", 1, "opened")]


def test_an_absence_fires_once_deadline_and_grace_have_passed_for_the_watermark() -> None:
    run = Run(ABSENCE).feed(touchpoint("1", "a.one", START), tick(START))
    due = START + HOUR + 5 * MINUTE + LATENESS
    assert run.advance(due).signals() == []
    (signal,) = run.advance(due + 1).signals()
    assert to_ms(signal.at) == START + HOUR
    assert to_ms(signal.raised_at) == due + 1
    assert signal.events == ("1",)
    assert not signal.provisional
    assert run.feed(touchpoint("2", "b.two", START + 2 * HOUR)).told() == [("r", 1, "opened"), ("r", 2, "resolved")]


def test_timers_survive_a_restart() -> None:
    run = Run(ABSENCE)
    for n in range(50):
        run.feed(touchpoint(f"{n}", "a.one", START + n * MINUTE, customer=f"c-{n}", raw_offset=n))
    run.shard.restart()
    run.advance(START + DAY)
    assert [s.customer for s in run.signals()] == [f"c-{n}" for n in range(50)]


def test_an_absence_that_fires_while_a_source_stands_still_is_provisional_and_may_be_retracted() -> None:
    run = Run(ABSENCE).feed(
        tick(START, 0, 2, wall=START), tick(START, 1, 2, wall=START), touchpoint("1", "a.one", START)
    )
    later = START + 3 * HOUR
    run.feed(tick(later, 0, 2, wall=later))  # partition 1 has said nothing for three hours
    assert [(s.provisional, s.status.value) for s in run.signals()] == [(True, "opened")]
    run.feed(touchpoint("2", "b.two", START + MINUTE, raw_partition=1), tick(START + MINUTE, 1, 2, wall=later))
    assert run.told() == [("r", 1, "opened"), ("r", 2, "retracted")]


def test_the_low_is_forwarded_to_the_signals_after_what_it_caused() -> None:
    run = Run(ABSENCE).feed(touchpoint("1", "a.one", START), tick(START, wall=START))
    run.feed(tick(START + 999, wall=START), tick(START + 3 * HOUR, wall=START + 7))
    ticks = [tick_of(PlainRecord(0, 0, o.key, o.value, o.headers)) for o in run.outputs if o.topic == SIGNALS]
    assert [t and (t.partition, t.partitions, t.high, t.wall) for t in ticks] == [
        (0, 1, START, START), None, (0, 1, START + 3 * HOUR, START + 7),
    ]  # fmt: skip


def test_the_party_of_the_evidence_says_whose_hands_it_is_in() -> None:
    def control(party: str) -> Control:
        return Run(MATCH).feed(touchpoint("1", "a.one", START, party=party)).signals()[0].control

    assert control("own") is Control.OWN
    assert control("care") is Control.OWN  # a department that owns a rule
    assert control("carrier") is Control.PARTNER
    assert control("unknown") is Control.OUTSIDE  # the rule's


def test_a_signal_keeps_its_id_when_its_anchors_move() -> None:
    run = Run(COUNT).feed(*[touchpoint(str(n), "a.one", START + n * MINUTE, raw_offset=n) for n in (2, 3, 4)])
    run.feed(touchpoint("1", "a.one", START + MINUTE, raw_offset=1, late_seconds=180.0))
    first, second = run.signals()
    assert first.signal_id == second.signal_id
    assert first.events == ("2", "3", "4")
    assert second.events == ("1", "2", "3", "4")
    assert to_ms(second.at) == START + 3 * MINUTE


def test_the_same_log_gives_the_same_ids() -> None:
    log = [touchpoint(str(n), "a.one", START + n, raw_offset=n) for n in range(3)]
    assert Run(COUNT).feed(*log).outputs == Run(COUNT).feed(*log).outputs
    other = Run(COUNT.replace("id: r", "id: r\n  version: 2")).feed(*log).signals()[0]
    assert other.signal_id != Run(COUNT).feed(*log).signals()[0].signal_id


def test_the_id_of_a_signal_is_the_uuid_of_its_rule_group_and_anchors() -> None:
    log = [touchpoint(str(n), "a.one", START + n, raw_offset=n) for n in range(3)]
    namespace = UUID("6d0c7c36-2f0e-5b8e-9a5e-0f6d3f1f8c11")
    assert Run(COUNT).feed(*log).signals()[0].signal_id == str(uuid5(namespace, "r\n1\nc-1\n0\n1\n2"))


def test_evidence_is_in_words_and_holds_no_control_characters() -> None:
    text = rule("{match: {as: m, event: a.one}}", evidence="{m.code} / {m.gone} / {m.at} / {party} {{x}}")
    signal = Run(text).feed(touchpoint("1", "a.one", START, attributes={"code": "a\nb" + "x" * 2_000})).signals()[0]
    assert signal.evidence.startswith("a b" + "x" * 125 + " / unknown / unknown / own {x}")
    assert len(signal.evidence) <= 512
    assert signal.subjects == ()


def test_the_group_is_a_subject_or_an_attribute_and_an_event_may_belong_to_several() -> None:
    log = [
        touchpoint("1", "a.one", START, subjects=("order:7", "order:8", "ticket:1")),
        touchpoint("2", "a.one", START + 1, attributes={"order": 9}),
        touchpoint("3", "a.one", START + 2),
    ]
    run = Run(MATCH.replace("  stage", "  per: order\n  stage")).feed(*log)
    assert [s.group for s in run.signals()] == ["order:7", "order:8", "order:9"]
    assert run.counts["unknown.r.order"] == 1
    assert run.signals()[0].subjects == ("order:7",)


def test_everything_that_is_kept_is_bounded_and_what_is_given_up_is_counted() -> None:
    rng = random.Random(3)
    text = rule("{count: {event: a.one, at_least: 3, within: 30d}}", "  per: order")
    log: list[EnrichedTouchpoint | Tick] = []
    for n in range(3_000):
        at = START + n * 100
        about = (f"order:{rng.randrange(100)}",)
        log += [touchpoint(f"{n}", "a.one", at, raw_offset=n, subjects=about), tick(at)]
    log += [
        touchpoint(f"x{n}", "a.one", START + DAY + n, raw_offset=9_000 + n, subjects=("order:x",)) for n in range(500)
    ]
    run = Run(text).feed(*log)
    customer = run.shard.state.customers.get("c-1", 0)
    (groups,) = customer.groups.values()
    assert len([name for name, group in groups.items() if not follows(group)]) <= MAX_GROUPS
    assert len(customer.recent) <= MAX_RECENT
    for group in groups.values():
        assert len(group.base.window) <= MAX_WINDOW
        assert len(group.late) <= 8
    for name in ("evicted", "evicted.groups", "evicted.recent"):
        assert run.counts[name] > 0


def test_what_says_nothing_yet_is_kept_until_nothing_can_come_before_it_and_is_bounded() -> None:
    run = Run(ABSENCE).feed(tick(START))
    run.feed(*[touchpoint(str(n), "b.two", START + n, raw_offset=n) for n in (1, 2, 1)])
    customer = run.shard.state.customers.get("c-1", 0)
    assert (len(customer.recent), customer.groups, run.counts["duplicates"]) == (2, {}, 1)
    run.shard.restart()
    run.feed(touchpoint("0", "a.one", START, raw_offset=3, late_seconds=1.0))  # what it waits for is there already
    run.advance(START + DAY)
    assert run.signals() == []
    later = [touchpoint(f"x{n}", "b.two", START + DAY + n, raw_offset=9 + n, customer="c-2") for n in range(200)]
    run.feed(*later)
    kept = len(run.shard.state.customers.get("c-2", 0).recent)
    assert MAX_RECENT - SPILL < kept <= MAX_RECENT
    assert run.counts["evicted.recent"] == 200 - kept
    run.advance(START + 2 * DAY)
    run.feed(touchpoint("y", "b.two", START + 2 * DAY, raw_offset=900, customer="c-2"))
    assert len(run.shard.state.customers.get("c-2", 0).recent) == 1


def test_an_event_that_resolves_need_not_have_what_the_rule_counts() -> None:
    distinct = rule("{distinct: {event: a.one, value: code, at_least: 2, within: 1h}}", "  resolve: {event: b.two}")
    log = [touchpoint(str(n), "a.one", START + n, raw_offset=n, attributes={"code": n}) for n in range(2)]
    run = Run(distinct).feed(*log, touchpoint("2", "b.two", START + 2, raw_offset=2))
    assert run.told() == [("r", 1, "opened"), ("r", 2, "resolved")]


def test_only_so_many_signals_of_a_group_are_open_at_once() -> None:
    run = Run(MATCH)
    for n in range(40):
        run.feed(touchpoint(str(n), "a.one", START + n * HOUR, raw_offset=n), tick(START + n * HOUR))
    status: dict[str, str] = {s.signal_id: s.status.value for s in run.signals()}
    assert list(status.values()).count("opened") == MAX_CROSSINGS
    assert list(status.values()).count("expired") == 40 - MAX_CROSSINGS


def test_a_signal_expires_and_a_customer_is_forgotten() -> None:
    run = Run(MATCH, JourneyOptions(lateness=LATENESS, customer_ttl=60 * DAY)).feed(touchpoint("1", "a.one", START))
    run.advance(START)
    run.advance(START + 30 * DAY + LATENESS)
    assert run.told() == [("r", 1, "opened")]
    run.advance(START + 30 * DAY + LATENESS + 1)
    assert run.told() == [("r", 1, "opened"), ("r", 2, "expired")]
    run.shard.restart()  # what is in use is not swept
    for n in range(4):
        run.advance(START + (70 + n) * DAY)
    assert len(run.shard.state.customers) == 0


def test_another_logic_starts_afresh_and_ends_what_was_open_while_other_words_keep_the_state() -> None:
    log = [touchpoint(str(n), "a.one", START + n, raw_offset=n) for n in range(3)]
    more: list[EnrichedTouchpoint | Tick] = [
        touchpoint("9", "a.one", START + HOUR, raw_offset=9),
        tick(START + 2 * HOUR),
    ]
    told = {}
    for name, text in (("words", COUNT.replace("action: act", "action: call")), ("logic", COUNT.replace("24h", "23h"))):
        run = Run(COUNT).feed(*log, tick(START + MINUTE))
        after = Run(text)
        after.shard.changelog = run.shard.changelog
        after.shard.restart()
        told[name] = after.feed(*more).told()
    assert told == {"words": [("r", 2, "updated")], "logic": [("r", 2, "expired")]}


@pytest.mark.parametrize("value", [b"", b"{}", b"\xff", b'{"kind": 3}', b"[1]"])
def test_bytes_that_are_no_touchpoint_are_counted_and_stop_nothing(value: bytes) -> None:
    run = Run(MATCH)
    good = touchpoint("1", "a.one", START)
    sent = run.shard.process(TOUCHPOINTS, [PlainRecord(0, 0, b"k", value), PlainRecord(1, 0, b"c-1", encode(good))], 0)
    assert [output.topic for output in sent] == [SIGNALS, CONTEXT]
    assert run.counts["undecodable"] == 1


NAMES = ("x", "due", "status", "zone", "purpose")
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.sampled_from(["2026-03-04", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00-14:00", "2026-W10-1", "E1"]),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, SCALARS)),
                max_size=12))  # fmt: skip
def test_no_attribute_makes_a_rule_raise(values: list[dict[str, Any]]) -> None:
    absence = "{absence: {after: {as: s, event: a.one}, expect: {event: b.two, where: x == s.x}, deadline: s.due + 1h}}"
    run = Run(rule(absence, evidence="{s.due} {s.x} {deadline}"))
    kinds = itertools.cycle(["a.one", "profile.updated", "b.two", "consent.granted", "customer.erased", "a.one"])
    for n, attributes in enumerate(values):
        event = touchpoint(str(n), next(kinds), START + n * MINUTE, raw_offset=n, attributes=attributes)
        run.feed(event, tick(START + n * MINUTE))
    run.shard.restart()
    run.advance(START + 900 * DAY)
