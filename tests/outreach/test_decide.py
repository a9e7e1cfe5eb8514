"""Each reason, their order, and what a message may never do."""

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.outreach.cases import NOON, book, profile, signal
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND, from_ms
from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.friction.incidents import Known
from touchline.pipeline.outreach.case import Circumstances, Rival, target_of
from touchline.pipeline.outreach.checks import span
from touchline.pipeline.outreach.contact import Contact, rank_of
from touchline.pipeline.outreach.decide import decide
from touchline.pipeline.outreach.pace import Turns
from touchline.pipeline.outreach.plan import Cap, Plan, PolicyBook
from touchline.pipeline.outreach.quiet import QuietHours
from touchline.pipeline.outreach.recipient import choose_channel, consents, held_out, zone_of
from touchline.schemas.customer import Profile
from touchline.schemas.vocabulary import (
    Arm,
    Channel,
    Control,
    Outcome,
    Polarity,
    Purpose,
    Reason,
    Route,
    Severity,
    SignalStatus,
    Stage,
)

LIVE = book()


def test_sent() -> None:
    verdict = decide(signal(), profile(), [], LIVE, NOON)
    assert (verdict.outcome, verdict.reason, verdict.channel) == (Outcome.SENT, Reason.SENT, Channel.EMAIL)
    assert verdict.explanation == "Sent by email: friction long_wait (high), service message."
    assert verdict.send_before == NOON + 9 * HOUR  # until the quiet hours


@pytest.mark.parametrize("status", [SignalStatus.RESOLVED, SignalStatus.RETRACTED, SignalStatus.EXPIRED])
def test_resolved(status: SignalStatus) -> None:
    verdict = decide(signal(status=status), profile(), [], LIVE, NOON)
    assert (verdict.outcome, verdict.reason) == (Outcome.SUPPRESSED, Reason.RESOLVED)
    assert status in verdict.explanation


def test_erased() -> None:
    assert decide(signal(), profile(erased=True), [], LIVE, NOON).reason is Reason.ERASED


def test_too_old() -> None:
    policy = book(max_age=DAY)
    assert decide(signal(), profile(), [], policy, NOON + DAY).reason is Reason.SENT
    late = decide(signal(), profile(), [], policy, NOON + DAY + SECOND)
    assert late.reason is Reason.TOO_OLD
    assert late.explanation == "Not sent: the signal is 1 d old; older than 1 d is too old."


@pytest.mark.parametrize(
    ("consent", "polarity", "sent"),
    [
        ({}, Polarity.FRICTION, True),
        ({}, Polarity.NEED, True),
        ({}, Polarity.DELIGHT, False),
        ({"marketing": True}, Polarity.DELIGHT, True),
        ({"marketing/email": True}, Polarity.DELIGHT, True),
        ({"marketing": True, "marketing/email": False}, Polarity.DELIGHT, False),
        ({"marketing": False}, Polarity.FRICTION, True),
        ({"service": False}, Polarity.FRICTION, False),
        ({"service": False, "service/email": True}, Polarity.FRICTION, True),
    ],
)
def test_consent_for_purpose_and_channel(consent: dict[str, bool], polarity: Polarity, sent: bool) -> None:
    policy = book(channels=(Channel.EMAIL,))
    verdict = decide(signal(polarity=polarity), profile(consent=consent), [], policy, NOON)
    assert verdict.reason is (Reason.SENT if sent else Reason.NO_CONSENT)
    assert verdict.purpose is (Purpose.MARKETING if polarity is Polarity.DELIGHT else Purpose.SERVICE)


def test_without_a_profile_there_is_no_marketing_and_no_address() -> None:
    assert decide(signal(polarity=Polarity.DELIGHT), None, [], LIVE, NOON).reason is Reason.NO_CONSENT
    assert decide(signal(), None, [], LIVE, NOON).reason is Reason.NO_CHANNEL


def test_consent_for_a_channel_without_an_address_reaches_nobody() -> None:
    someone = profile(consent={"marketing/sms": True})
    assert decide(signal(polarity=Polarity.DELIGHT), someone, [], LIVE, NOON).reason is Reason.NO_CHANNEL


def test_hold_out_but_never_for_critical() -> None:
    policy = book(hold_out=0.999999)
    assert decide(signal(), profile(), [], policy, NOON).reason is Reason.HOLD_OUT
    assert decide(signal(severity=Severity.CRITICAL), profile(), [], policy, NOON).reason is Reason.SENT
    assert decide(signal(), profile(), [], LIVE, NOON).reason is Reason.SENT


def test_the_hold_out_is_sticky_has_its_share_and_only_grows() -> None:
    customers = [f"c-{n}" for n in range(20_000)]
    tenth = {c for c in customers if held_out(c, "winter", 0.1)}
    assert tenth == {c for c in customers if held_out(c, "winter", 0.1)}
    assert tenth < {c for c in customers if held_out(c, "winter", 0.2)}
    assert 0.09 < len(tenth) / len(customers) < 0.11
    other = {c for c in customers if held_out(c, "summer", 0.1)}
    assert 0.005 < len(tenth & other) / len(customers) < 0.015  # independent


def test_cooldown_of_the_same_rule_only() -> None:
    history = [Contact(NOON - 3 * DAY + HOUR, "long_wait"), Contact(NOON - HOUR, "other_rule")]
    verdict = decide(signal(), profile(), history, LIVE, NOON)
    assert verdict.reason is Reason.COOLDOWN
    assert verdict.explanation.endswith("about long_wait went out 2 d 23 h before; the cooldown is 3 d.")
    assert decide(signal(at=NOON + HOUR), profile(), history, LIVE, NOON + HOUR).reason is Reason.SENT


def test_frequency_cap_over_a_sliding_window() -> None:
    history = [Contact(NOON - n * DAY, f"rule_{n}") for n in (1, 4, 6)]
    assert decide(signal(), profile(), history, LIVE, NOON).reason is Reason.FREQUENCY_CAP
    assert decide(signal(at=NOON + DAY), profile(), history, LIVE, NOON + DAY).reason is Reason.SENT
    assert decide(signal(), profile(), [], book(cap=0), NOON).reason is Reason.FREQUENCY_CAP
    edge = NOON - LIVE.cap.within
    for at, reason in ((edge, Reason.SENT), (edge + 1, Reason.FREQUENCY_CAP)):
        assert decide(signal(), profile(), [Contact(at, "a")], book(cap=1), NOON).reason is reason


def test_what_was_only_observed_never_reached_them() -> None:
    history = [Contact(NOON - HOUR, "long_wait", observed=True)]
    assert decide(signal(), profile(), history, LIVE, NOON).reason is Reason.SENT
    assert decide(signal(), profile(), history, book(observe=True), NOON).reason is Reason.COOLDOWN


def test_quiet_hours_by_their_own_clock() -> None:
    tokyo = profile(zone="Asia/Tokyo")  # 21:00 there
    verdict = decide(signal(), tokyo, [], LIVE, NOON)
    assert (verdict.outcome, verdict.reason) == (Outcome.HELD, Reason.QUIET_HOURS)
    assert verdict.release_at == NOON + 11 * HOUR
    assert verdict.explanation == "Held until 2026-06-11 08:00: quiet hours are 21:00 to 08:00 (Asia/Tokyo)."
    assert decide(signal(), tokyo, [], book(quiet=None), NOON).reason is Reason.SENT


@pytest.mark.parametrize(
    ("zone", "phone", "country", "expected"),
    [
        ("Asia/Tokyo", "+49 30 123456", "DE", "Asia/Tokyo"),
        (None, "+81 90 1234 5678", "DE", "Asia/Tokyo"),
        (None, "+1 212 555 0100", "JP", "Asia/Tokyo"),
        (None, "030 123456", "JP", "Asia/Tokyo"),
        (None, None, "JP", "Asia/Tokyo"),
        ("No/Where", None, "JP", "Asia/Tokyo"),
        (None, None, "US", "Europe/Lisbon"),
        (None, "+1 212 555 0100", "US", "Europe/Lisbon"),
        (None, None, None, "Europe/Lisbon"),
    ],
)
def test_where_the_recipient_is(zone: str | None, phone: str | None, country: str | None, expected: str) -> None:
    lisbon = ZoneInfo("Europe/Lisbon")
    addresses = {"sms": phone} if phone else {}
    assert str(zone_of(profile(zone=zone, country=country, addresses=addresses), lisbon)) == expected
    assert str(zone_of(None, lisbon)) == "Europe/Lisbon"


def test_no_channel() -> None:
    verdict = decide(signal(), profile(addresses={"voice": "+491"}), [], LIVE, NOON)
    assert (verdict.outcome, verdict.reason) == (Outcome.SUPPRESSED, Reason.NO_CHANNEL)
    assert verdict.explanation == "Not sent: the customer has no address for email, sms, push."


def test_the_preferred_channel_where_it_reaches_them() -> None:
    both = {"email": "c-1@example.com", "sms": "+4930123"}
    allowed = (Channel.EMAIL, Channel.SMS)
    assert choose_channel(profile(addresses=both), allowed) is Channel.EMAIL
    assert choose_channel(profile(addresses=both, preferred=Channel.SMS), allowed) is Channel.SMS
    assert choose_channel(profile(addresses=both, preferred=Channel.SMS), (Channel.EMAIL,)) is Channel.EMAIL
    assert choose_channel(profile(preferred=Channel.SMS), allowed) is Channel.EMAIL


def test_then_where_such_matters_were_resolved_then_where_they_last_answered() -> None:
    channels = (Channel.EMAIL, Channel.SMS, Channel.PUSH)
    someone = profile(
        addresses={"email": "c-1@example.com", "sms": "+4930123", "push": "device-1"},
        preferred=Channel.PUSH,
        worked={"support": Channel.SMS},
        responded=Channel.PUSH,
    )
    found = []
    for change in ({}, {"preferred": None}, {"worked": {"delivery": Channel.SMS}}, {"responded": None}):
        someone = replace(someone, **change)
        found.append(choose_channel(someone, channels, Stage.SUPPORT))
    assert found == [Channel.PUSH, Channel.SMS, Channel.PUSH, Channel.EMAIL]


def test_cooldown_of_requests_and_of_messages_apart() -> None:
    ask = book(("long_wait", Plan(route=Route.PERSON)))
    for route, reasons in (
        (Route.CUSTOMER, (Reason.COOLDOWN, Reason.SENT)),
        (Route.PERSON, (Reason.SENT, Reason.COOLDOWN)),
    ):
        history = [Contact(NOON - HOUR, "long_wait", route=route)]
        assert tuple(decide(signal(), profile(), history, b, NOON).reason for b in (LIVE, ask)) == reasons


def test_a_request_to_one_of_us_asks_neither_for_consent_nor_for_the_hour() -> None:
    someone = profile(consent={"service": False}, addresses={}, zone="Asia/Tokyo")
    history = [Contact(NOON - HOUR, rule) for rule in "abc"]
    for plan, target, words in (
        (Plan(route=Route.PERSON, target="queue:service"), "queue:service", "Asked of queue:service: "),
        (Plan(route=Route.OWNER), "owner:care", "Told to owner:care: "),
    ):
        verdict = decide(signal(), someone, history, book(("long_wait", plan)), NOON)
        assert (verdict.outcome, verdict.reason, verdict.channel) == (Outcome.SENT, Reason.SENT, None)
        assert target_of(signal(), plan) == target
        assert verdict.explanation.startswith(words)
    late = signal(control=Control.PARTNER, party="dhl")
    assert target_of(late, Plan(route=Route.OWNER)) == "party:dhl"
    assert target_of(late, Plan(route=Route.PERSON)) == "queue:care"


def test_the_hold_out_counts_for_tasks_but_not_for_what_an_owner_learns() -> None:
    for route, reason in ((Route.PERSON, Reason.HOLD_OUT), (Route.OWNER, Reason.SENT)):
        policy = book(("long_wait", Plan(route=route, hold_out=0.999999)))
        assert decide(signal(), profile(), [], policy, NOON).reason is reason


def test_experiments_side_by_side_each_decision_names_its_own() -> None:
    plans = {"a": Plan(experiment="calls", hold_out=0.5), "b": Plan(experiment="mails", hold_out=0.5), "c": Plan()}
    policy = book(*plans.items())
    arms = set()
    for number in range(60):
        sides = []
        for rule in "abc":
            one = signal(rule=rule, customer=f"c-{number}")
            verdict = decide(one, profile(), [Contact(NOON - HOUR, rule)], policy, NOON)
            assert verdict.experiment == (plans[rule].experiment if rule != "c" else "")
            assert (verdict.reason is Reason.HOLD_OUT) == (verdict.arm is Arm.HELD_OUT)
            sides.append(verdict.arm)
        assert sides[2] is Arm.NONE
        arms.add(tuple(sides[:2]))
    assert len(arms) == 4
    critical = decide(signal(rule="a", severity=Severity.CRITICAL), profile(), [], policy, NOON)
    assert (critical.arm, critical.experiment) == (Arm.NONE, "")
    early = decide(signal(rule="a"), profile(erased=True), [], policy, NOON)
    assert (early.arm, early.experiment) == (Arm.NONE, "")


_BOTH = {"email": "c-1@example.com", "sms": "+4930123456"}


def test_a_channel_whose_cap_is_reached_gives_way_to_the_next() -> None:
    caps = {Channel.EMAIL: Cap(1, DAY), Channel.SMS: Cap(1, 2 * DAY)}
    policy = book(channel_caps=caps, cap=9)
    mail, text = Contact(NOON - HOUR, "a"), Contact(NOON - HOUR, "b", channel=Channel.SMS)
    someone = profile(addresses=_BOTH)
    assert decide(signal(), someone, [mail], policy, NOON).channel is Channel.SMS
    assert decide(signal(), someone, [text], policy, NOON).channel is Channel.EMAIL
    full = decide(signal(), someone, [mail, text], policy, NOON)
    assert full.reason is Reason.FREQUENCY_CAP
    assert full.explanation == (
        "Not sent: 1 message by email went out within 1 d; the cap is 1; "
        "1 message by sms went out within 2 d; the cap is 1."
    )
    only_mail = decide(signal(), profile(), [mail], policy, NOON)
    assert only_mail.reason is Reason.FREQUENCY_CAP  # by push they are not reached
    assert decide(signal(), profile(addresses={}), [mail, text], policy, NOON).reason is Reason.NO_CHANNEL


def test_a_cap_of_a_group_of_policies() -> None:
    policy = book(("a", Plan(cap_group="surveys")), ("b", Plan()), group_caps={"surveys": Cap(1, 30 * DAY)})
    history = [Contact(NOON - 20 * DAY, "z", group="surveys")]
    assert decide(signal(rule="a"), profile(), history, policy, NOON).reason is Reason.FREQUENCY_CAP
    assert decide(signal(rule="b"), profile(), history, policy, NOON).reason is Reason.SENT


def test_requests_count_for_no_cap() -> None:
    history = [Contact(NOON - HOUR, rule, route=Route.PERSON) for rule in "abc"]
    assert decide(signal(), profile(), history, LIVE, NOON).reason is Reason.SENT


def test_the_purpose_of_the_plan_counts_before_the_polarity() -> None:
    policy = book(("long_wait", Plan(purpose=Purpose.MARKETING)))
    verdict = decide(signal(), profile(), [], policy, NOON)
    assert (verdict.reason, verdict.purpose) == (Reason.NO_CONSENT, Purpose.MARKETING)
    policy = book(("long_wait", Plan(purpose=Purpose.SERVICE)))
    assert decide(signal(polarity=Polarity.DELIGHT), profile(), [], policy, NOON).reason is Reason.SENT


def test_lower_priority() -> None:
    more = Circumstances(waiting=Rival("s-0", "parcel_lost", 80))
    verdict = decide(signal(), profile(), [], LIVE, NOON, more)
    assert (verdict.outcome, verdict.reason) == (Outcome.SUPPRESSED, Reason.LOWER_PRIORITY)
    assert verdict.explanation == "Not sent: parcel_lost (s-0) goes first and waits to be sent; its priority is 80."
    night = NOON + 10 * HOUR  # it waits itself: they are weighed when they are released
    assert decide(signal(at=night), profile(), [], LIVE, night, more).reason is Reason.QUIET_HOURS


def test_two_of_one_moment() -> None:
    rank = rank_of(50, Severity.HIGH)
    for other, reason in ((rank, Reason.LOWER_PRIORITY), (rank - 1, Reason.SENT)):
        assert decide(signal(), profile(), [Contact(NOON, "other", rank=other)], LIVE, NOON).reason is reason
    assert decide(signal(), profile(), [Contact(NOON - 1, "other", rank=rank)], LIVE, NOON).reason is Reason.SENT


def test_delayed_from_the_first_look_on() -> None:
    policy = book(delay=2 * HOUR)
    first = decide(signal(), profile(), [], policy, NOON)
    assert (first.outcome, first.reason, first.release_at) == (Outcome.HELD, Reason.DELAYED, NOON + 2 * HOUR)
    assert first.explanation == (
        "Held until 2026-06-10 14:00:00 UTC: the policy default waits 2 h before it looks again."
    )
    later = Circumstances(since=NOON)
    assert decide(signal(), profile(), [], policy, NOON + HOUR, later).release_at == NOON + 2 * HOUR
    assert decide(signal(), profile(), [], policy, NOON + 2 * HOUR, later).reason is Reason.SENT


def test_paced_until_its_turn_and_not_into_the_night() -> None:
    policy = book(pace=4)
    turns, mine = Turns(4, 1, 2), [(0, Turns(4, 1, 2).first(NOON + 8 * HOUR))]
    found = decide(signal(), profile(), [], policy, NOON, Circumstances(turns=turns))
    assert (found.reason, found.release_at) == (Reason.PACED, NOON + 15 * MINUTE)
    found = decide(signal(), profile(), [], policy, NOON, Circumstances(turns=turns, taken=mine))
    assert found.release_at == NOON + 8 * HOUR + 45 * MINUTE
    found = decide(signal(), profile(), [], policy, NOON + HOUR * 8 + 46 * MINUTE, Circumstances(turns=turns))
    assert found.release_at == NOON + 20 * HOUR + 15 * MINUTE
    assert found.explanation.startswith("Held until 2026-06-11 08:15:00 UTC: the policy default sends at most 4 ")


@pytest.mark.parametrize(
    ("switches", "why"),
    [
        ({"observe": True, "stopped": frozenset("*")}, "mode"),
        ({"stopped": frozenset("*")}, "stop"),
        ({"stopped": frozenset({"long_wait"})}, "stop"),
        ({"stopped": frozenset({"other"})}, ""),
        ({"allow": frozenset({"c-9"})}, "allow_list"),
        ({"allow": frozenset({"c-1"})}, ""),
        ({"ramp": (0,)}, "ramp"),
    ],
)
def test_what_keeps_a_message_from_being_delivered(switches: dict[str, Any], why: str) -> None:
    more = Circumstances(ramp_left="ramp" not in switches)
    verdict = decide(signal(), profile(), [], book(**switches), NOON, more)
    assert (verdict.reason, verdict.observed_by) == (Reason.SENT, why)


def test_with_test_recipients_no_channel_leads_to_the_customer() -> None:
    policy = book(test_recipient={Channel.SMS: "+4930999999"})
    assert decide(signal(), profile(addresses=_BOTH), [], policy, NOON).channel is Channel.SMS
    verdict = decide(
        signal(), profile(addresses=_BOTH), [], replace(policy, default=Plan(channels=(Channel.EMAIL,))), NOON
    )
    assert (verdict.reason, verdict.explanation) == (
        Reason.NO_CHANNEL,
        "Not sent: there is no test recipient for email.",
    )


_INCIDENT = Known("i-1", "carrier_late", "party:dhl", NOON, NOON, NEVER, "opened")


def test_incident_with_and_without_a_plan_of_its_own() -> None:
    more = Circumstances(incident=_INCIDENT)
    assert decide(signal(), profile(), [], LIVE, NOON, more).reason is Reason.INCIDENT
    asks = book(("carrier_late", Plan(route=Route.OWNER)))
    assert decide(signal(), profile(), [], asks, NOON, more).reason is Reason.INCIDENT
    tells = book(("carrier_late", Plan("carrier", cooldown=DAY)))
    verdict = decide(signal(), profile(), [], tells, NOON, more)
    assert (verdict.reason, verdict.about, verdict.plan.id, verdict.telling) == (
        Reason.SENT, "carrier_late", "carrier", True,
    )  # fmt: skip
    assert verdict.explanation == "Sent by email: tells of carrier_late (i-1), which explains long_wait."
    second = decide(signal("s-2"), profile(), [], tells, NOON, structs.replace(more, told_by="s-1"))
    assert second.reason is Reason.INCIDENT
    assert second.explanation.endswith("the customer is told of it by the message about s-1.")
    told = [Contact(NOON - HOUR, "carrier_late")]
    assert decide(signal(), profile(), told, tells, NOON, more).reason is Reason.COOLDOWN


def test_the_first_reason_that_applies_is_the_reason() -> None:
    """Everything is wrong at once; repaired one after the other, the reasons come in the order of the vocabulary."""
    night = NOON + 10 * HOUR
    case = signal(at=night - 3 * DAY, status=SignalStatus.RESOLVED)
    someone = profile(erased=True, consent={"service": False}, addresses={})
    history = [Contact(night - HOUR, rule) for rule in ("long_wait", "b", "c")]
    held = book(hold_out=0.999999, delay=HOUR, pace=60)
    incident = Known("i-1", "carrier_late", "party:dhl", NOON, NOON, NEVER, "opened")
    turns = Turns(60, 0, 1)
    more = Circumstances(incident=incident, turns=turns, winner=Rival("s-0", "other", 90))
    found = list[Reason]()

    def look(policy: PolicyBook = held, at: int = night) -> None:
        found.append(decide(case, someone, history, policy, at, more).reason)

    look()
    case.status = SignalStatus.OPENED
    look()
    someone.erased = False
    look()
    case.at = from_ms(night)
    look()
    more = structs.replace(more, incident=None)
    look()
    someone.consent = {}
    look()
    held = replace(held, default=replace(held.default, hold_out=0.0))
    look(held)
    history[0] = Contact(night - HOUR, "a")
    look(held)
    history.clear()
    look(held)
    more = structs.replace(more, winner=None)
    look(held)
    more = structs.replace(more, since=NOON - HOUR)
    look(held)
    more = structs.replace(more, turn=night)
    look(held)
    more = structs.replace(more, turn=NOON)
    look(held, NOON)
    someone.addresses = {"email": "c-1@example.com"}
    look(held, NOON)
    assert found == list(Reason)


def test_observe_mode_is_no_reason() -> None:
    assert decide(signal(), profile(), [], book(observe=True), NOON).reason is Reason.SENT


_ADDRESSES = {"email": "who@example.com", "sms": "+49301234567"}
_PROFILES = st.builds(
    lambda zone, consent, reach, erased: profile(
        zone=zone, consent=consent, addresses={c: _ADDRESSES[c] for c in reach}, erased=erased
    ),
    st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York", "Europe/Berlin", None]),
    st.dictionaries(st.sampled_from(["service", "marketing", "service/email", "marketing/sms"]), st.booleans()),
    st.sets(st.sampled_from(["email", "sms"])),
    st.booleans(),
)
_MOMENTS = st.lists(
    st.tuples(
        st.integers(0, 36 * HOUR),  # after the one before
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(list(Severity)),
        st.sampled_from(list(Polarity)),
    ),
    max_size=40,
)


@given(moments=_MOMENTS, someone=st.none() | _PROFILES, cap=st.integers(0, 4), share=st.sampled_from([0.0, 0.5]))
def test_no_history_leads_to_a_message_that_may_not_be_sent(
    moments: list[tuple[int, str, Severity, Polarity]], someone: Profile | None, cap: int, share: float
) -> None:
    policy = book(cap=cap, hold_out=share, cooldown=DAY, quiet=QuietHours.parse("20:00", "09:30"))
    history: list[Contact] = []
    now = NOON
    for step, rule, severity, polarity in moments:
        now += step
        verdict = decide(signal(at=now, rule=rule, severity=severity, polarity=polarity), someone, history, policy, now)
        assert not any(address in verdict.explanation for address in _ADDRESSES.values())
        if verdict.outcome is Outcome.SENT:
            assert someone is not None
            assert verdict.channel is not None
            assert not someone.erased
            assert consents(someone, verdict.purpose, verdict.channel)
            assert not held_out("c-1", policy.default.experiment, share) or severity is Severity.CRITICAL
            assert policy.default.quiet is not None
            assert not policy.default.quiet.are_at(now, zone_of(someone, policy.zone))
            history.append(Contact(now, rule))
    times = [contact.at for contact in history]
    assert all(sum(1 for t in times if first <= t < first + policy.cap.within) <= cap for first in times)
    for rule in "abc":
        same = [contact.at for contact in history if contact.rule == rule]
        assert all(later - earlier >= policy.default.cooldown for earlier, later in pairwise(same))


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 s"),
        (59 * SECOND, "59 s"),
        (2 * DAY + 3 * HOUR + 9, "2 d 3 h"),
        (DAY + MINUTE, "1 d"),
        (90 * MINUTE, "1 h 30 min"),
    ],
)
def test_a_length_of_time_in_words(ms: int, words: str) -> None:
    assert span(ms) == words
    assert re.fullmatch(r"(\d+ (d|h|min|s) ?){1,2}", words)
