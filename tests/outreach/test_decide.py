"""Each reason, their order, and what a message may never do."""

import re
from dataclasses import replace
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.outreach.cases import NOON, profile, signal
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND, from_ms
from touchline.pipeline.outreach.decide import choose_channel, consents, decide, held_out, span
from touchline.pipeline.outreach.policy import Contact, Policy
from touchline.pipeline.outreach.quiet import QuietHours
from touchline.schemas.customer import Profile
from touchline.schemas.vocabulary import Channel, Outcome, Polarity, Purpose, Reason, Severity, SignalStatus

LIVE = Policy(observe=False)


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
    policy = replace(LIVE, max_age=DAY)
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
    policy = replace(LIVE, channels=(Channel.EMAIL,))
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
    policy = replace(LIVE, hold_out=0.999999)
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
    assert decide(signal(), profile(), [], replace(LIVE, cap=0), NOON).reason is Reason.FREQUENCY_CAP
    edge = NOON - LIVE.cap_window
    for at, reason in ((edge, Reason.SENT), (edge + 1, Reason.FREQUENCY_CAP)):
        assert decide(signal(), profile(), [Contact(at, "a")], replace(LIVE, cap=1), NOON).reason is reason


def test_what_was_only_observed_never_reached_them() -> None:
    history = [Contact(NOON - HOUR, "long_wait", observed=True)]
    assert decide(signal(), profile(), history, LIVE, NOON).reason is Reason.SENT
    assert decide(signal(), profile(), history, Policy(), NOON).reason is Reason.COOLDOWN


def test_quiet_hours_by_their_own_clock() -> None:
    tokyo = profile(zone="Asia/Tokyo")  # 21:00 there
    verdict = decide(signal(), tokyo, [], LIVE, NOON)
    assert (verdict.outcome, verdict.reason) == (Outcome.HELD, Reason.QUIET_HOURS)
    assert verdict.release_at == NOON + 11 * HOUR
    assert verdict.explanation == "Held until 2026-06-11 08:00: quiet hours are 21:00 to 08:00 (Asia/Tokyo)."
    assert decide(signal(), tokyo, [], replace(LIVE, quiet=None), NOON).reason is Reason.SENT


@pytest.mark.parametrize(
    ("zone", "country", "expected"),
    [
        ("Asia/Tokyo", "DE", "Asia/Tokyo"),
        (None, "JP", "Asia/Tokyo"),
        ("No/Where", "JP", "Asia/Tokyo"),
        (None, "US", "Europe/Lisbon"),
        (None, None, "Europe/Lisbon"),
    ],
)
def test_where_the_recipient_is(zone: str | None, country: str | None, expected: str) -> None:
    policy = Policy(zone=ZoneInfo("Europe/Lisbon"))
    assert str(policy.zone_of(profile(zone=zone, country=country))) == expected
    assert str(policy.zone_of(None)) == "Europe/Lisbon"


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


def test_the_first_reason_that_applies_is_the_reason() -> None:
    """Everything is wrong at once; repaired one after the other, the reasons come in the order of the vocabulary."""
    night = NOON + 10 * HOUR
    case = signal(at=night - 3 * DAY, status=SignalStatus.RESOLVED)
    someone = profile(erased=True, consent={"service": False}, addresses={})
    policy = replace(LIVE, hold_out=0.999999)
    history = [Contact(night - HOUR, rule) for rule in ("long_wait", "b", "c")]
    found = [decide(case, someone, history, policy, night).reason]
    case.status = SignalStatus.OPENED
    found.append(decide(case, someone, history, policy, night).reason)
    someone.erased = False
    found.append(decide(case, someone, history, policy, night).reason)
    case.at = from_ms(night)
    found.append(decide(case, someone, history, policy, night).reason)
    someone.consent = {}
    found.append(decide(case, someone, history, policy, night).reason)
    found.append(decide(case, someone, history, LIVE, night).reason)
    history[0] = Contact(night - HOUR, "a")
    found.append(decide(case, someone, history, LIVE, night).reason)
    history.clear()
    found.append(decide(case, someone, history, LIVE, night).reason)
    found.append(decide(case, someone, history, LIVE, NOON).reason)
    found.append(decide(case, profile(), history, LIVE, NOON).reason)
    not_yet = {Reason.INCIDENT, Reason.LOWER_PRIORITY}
    assert found == [reason for reason in Reason if reason not in not_yet]


def test_observe_mode_is_no_reason() -> None:
    assert decide(signal(), profile(), [], Policy(observe=True), NOON).reason is Reason.SENT


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
    policy = Policy(observe=False, cap=cap, hold_out=share, cooldown=DAY, quiet=QuietHours.parse("20:00", "09:30"))
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
            assert not held_out("c-1", policy.experiment, share) or severity is Severity.CRITICAL
            assert policy.quiet is not None
            assert not policy.quiet.are_at(now, policy.zone_of(someone))
            history.append(Contact(now, rule))
    times = [contact.at for contact in history]
    assert all(sum(1 for t in times if first <= t < first + policy.cap_window) <= cap for first in times)
    for rule in "abc":
        same = [contact.at for contact in history if contact.rule == rule]
        assert all(later - earlier >= policy.cooldown for earlier, later in pairwise(same))


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
