"""What answers to our messages do to a profile, and where matters were resolved."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.friction.support import START, Run, touchpoint
from touchline.pipeline.engine.clock import SECOND, to_ms
from touchline.schemas.codec import decode_profile
from touchline.schemas.customer import Profile
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Channel, Stage
from touchline.schemas.wire import CUSTOMERS

RULES = """
schema: friction/1
rules:
- {id: r, owner: care, stage: use, detect: {match: {event: call.completed}}, evidence: "x", action: act}
"""
"""It waits for a kind that says something of the profile only where a matter was resolved, while none waits for the
others of this sort."""

MAIL = {"email": "a@example.com"}
HARD = {"hard": True}


def at(number: int, kind: str, channel: Channel = Channel.EMAIL, **more: Any) -> EnrichedTouchpoint:
    return touchpoint(str(number), kind, START + number * SECOND, raw_offset=number, channel=channel, **more)


def profiles(*events: EnrichedTouchpoint) -> list[Profile]:
    """Every record on the topic, after a restart as well."""
    run = Run(RULES)
    for event in events:
        run.feed(event)
        run.shard.restart()
    return [decode_profile(o.value or b"") for o in run.outputs if o.topic == CUSTOMERS and not o.headers]


def known(**identifiers: str) -> EnrichedTouchpoint:
    return at(1, "profile.updated", Channel.WEB, identifiers=identifiers)


def bounced(number: int, address: Any) -> EnrichedTouchpoint:
    return at(number, "message.bounced", attributes={**HARD, "email": address})


def test_a_hard_bounce_switches_one_channel_off_until_another_address_is_given() -> None:
    events = [
        known(email="a@example.com", phone="+4930123"),
        at(2, "message.bounced", identifiers={"email": "A@example.com"}, attributes=HARD),
        at(3, "profile.updated", identifiers=MAIL),
        at(4, "profile.updated", identifiers={"email": "b@example.com"}),
    ]
    found = [sorted(profile.addresses.items()) for profile in profiles(*events)]
    phone = [("sms", "+4930123"), ("voice", "+4930123")]
    assert found == [[("email", "a@example.com"), *phone], phone, [("email", "b@example.com"), *phone]]


def test_where_nobody_reads_profiles_none_is_made_and_they_are_known_all_the_same() -> None:
    """A back-test that asks nothing of outreach."""
    said, silent = Run(RULES), Run(RULES)
    silent.shard.unread = frozenset({CUSTOMERS})
    events = [known(**MAIL), at(2, "call.completed", Channel.VOICE), bounced(3, None)]
    for run in (said, silent):
        run.feed(*events)
    assert any(output.topic == CUSTOMERS for output in said.outputs)
    assert not any(output.topic == CUSTOMERS for output in silent.outputs)
    assert silent.shard.changelog == said.shard.changelog


def test_a_bounce_that_does_not_say_which_address_it_was_means_the_one_of_its_time() -> None:
    bounce = at(3, "message.bounced", Channel.SMS, attributes=HARD)
    before, off, anew = profiles(known(phone="+4930123"), bounce, at(4, "profile.updated", identifiers={"phone": "+4"}))
    assert (before.addresses["sms"], "sms" in off.addresses, off.addresses["voice"]) == ("+4930123", False, "+4930123")
    assert anew.addresses["sms"] == "+4"
    late = at(2, "profile.updated", identifiers={"phone": "+4"})
    assert profiles(known(phone="+4930123"), bounce, late)[-1].addresses == {"voice": "+4"}


@pytest.mark.parametrize("address", [3, "", "a" * 300])
def test_an_address_that_can_be_none_says_nothing_of_which_it_was(address: Any) -> None:
    assert profiles(known(**MAIL), bounced(2, address))[-1].addresses == {}
    assert profiles(known(**MAIL), bounced(0, address))[-1].addresses == MAIL


def test_a_channel_without_addresses_is_not_switched_off_by_what_comes_back() -> None:
    assert len(profiles(known(**MAIL), at(2, "message.bounced", Channel.CHAT, attributes=HARD))) == 1


def test_an_older_address_that_bounces_later_does_not_revive_the_one_that_bounced_before() -> None:
    newer = at(2, "profile.updated", identifiers={"email": "b@example.com"})
    unknown = at(5, "message.bounced", attributes=HARD)
    found = profiles(known(**MAIL), newer, bounced(3, "b@example.com"), bounced(4, "a@example.com"), unknown)
    assert [profile.addresses for profile in found] == [MAIL, {"email": "b@example.com"}, {}]


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(2, 8)), st.integers(2, 7))
def test_so_many_addresses_stay_off_whatever_order_they_bounce_in(order: list[int], given: int) -> None:
    """The newest three, and one that bounced again by its newest time."""
    names = {n: f"{n}@example.com" for n in range(2, 7)} | {7: "2@example.com"}
    found = profiles(
        at(1, "profile.updated", attributes={"locale": "de"}),
        *[bounced(n, names[n]) for n in order],
        at(8, "profile.updated", identifiers={"email": names[given]}),
    )
    assert found[-1].addresses == ({"email": names[given]} if given in {3, 4} else {})


def test_no_address_is_kept_of_what_bounces_after_an_erasure() -> None:
    run = Run(RULES).feed(known(**MAIL), at(3, "customer.erased"), bounced(4, "a@example.com"))
    assert "example" not in repr(run.shard.state.customers.get("c-1", 0).profile)
    late = Run(RULES).feed(bounced(4, "a@example.com"), known(**MAIL), at(3, "customer.erased"))
    assert "example" not in repr(late.shard.state.customers.get("c-1", 0).profile)


@pytest.mark.parametrize("attributes", [{}, {"hard": False}, {"hard": "yes"}])
def test_what_is_no_hard_bounce_changes_nothing(attributes: dict[str, Any]) -> None:
    assert len(profiles(known(**MAIL), at(2, "message.bounced", attributes=attributes))) == 1


def test_a_complaint_withdraws_marketing_on_its_channel_until_it_is_granted_again() -> None:
    granted = at(1, "consent.granted", attributes={"purpose": "marketing"})
    again = at(3, "consent.granted", attributes={"purpose": "marketing", "channel": "email"})
    found = [profile.consent for profile in profiles(granted, at(2, "message.complained"), again)]
    assert found == [
        {"marketing": True},
        {"marketing": True, "marketing/email": False},
        {"marketing": True, "marketing/email": True},
    ]


def test_replies_and_clicks_tell_where_a_customer_answers_and_only_a_change_is_published() -> None:
    found = profiles(
        at(1, "message.clicked"),
        at(2, "message.clicked"),
        at(3, "message.opened", Channel.PUSH),
        at(4, "message.replied", Channel.SMS),
        at(5, "message.replied", Channel.SMS),
    )
    assert [(profile.revision, profile.responded) for profile in found] == [(1, Channel.EMAIL), (2, Channel.SMS)]


def test_what_was_resolved_tells_the_channel_by_stage() -> None:
    found = profiles(
        at(1, "contact.resolved", Channel.VOICE, stage=Stage.DELIVERY),
        at(2, "ticket.resolved", Channel.EMAIL, stage=Stage.SUPPORT),
        at(3, "call.completed", Channel.VOICE, stage=Stage.SUPPORT, attributes={"outcome": "called back later"}),
        at(4, "chat.ended", Channel.CHAT, stage=Stage.SUPPORT, attributes={"outcome": "resolved"}),
        at(5, "self_service.solved", Channel.SELF_SERVICE, stage=Stage.RETURNS),
        at(6, "bot.ended", Channel.CHATBOT, stage=Stage.RETURNS, attributes={"outcome": "handed over"}),
    )
    assert [profile.worked for profile in found] == [
        {"delivery": "voice"},
        {"delivery": "voice", "support": "email"},
        {"delivery": "voice", "support": "chat"},
        {"delivery": "voice", "support": "chat", "returns": "self_service"},
    ]


def test_what_was_on_its_way_does_not_bring_an_erased_customer_back() -> None:
    found = profiles(
        known(**MAIL),
        at(2, "customer.erased"),
        at(3, "message.bounced", attributes=HARD),
        at(4, "message.clicked"),
        at(5, "consent.withdrawn", attributes={"purpose": "marketing"}),
        at(6, "ticket.resolved", stage=Stage.SUPPORT),
        at(7, "profile.updated", attributes={"locale": "de"}),
    )
    assert [profile.erased for profile in found] == [False, True, True, True, True, False]
    assert (found[2].responded, found[4].worked) == (Channel.EMAIL, {"support": Channel.EMAIL})
    # Readers forget what is older than an erasure: its time is not that of what followed.
    assert [(to_ms(profile.updated_at) - START) // SECOND for profile in found] == [1, 2, 2, 2, 2, 7]
    assert (found[-1].addresses, found[-1].locale) == ({}, "de")


EVENTS = [
    known(**MAIL),
    at(2, "message.bounced", identifiers=MAIL, attributes=HARD),
    at(3, "profile.updated", identifiers=MAIL),
    at(4, "message.clicked", Channel.EMAIL),
    at(5, "message.replied", Channel.SMS),
    at(6, "consent.granted", attributes={"purpose": "marketing", "channel": "push"}),
    at(7, "message.complained", Channel.PUSH),
    at(8, "ticket.resolved", Channel.EMAIL, stage=Stage.SUPPORT),
    at(9, "bot.ended", Channel.CHATBOT, stage=Stage.SUPPORT, attributes={"outcome": "resolved"}),
    bounced(10, "old@example.com"),
]


@settings(max_examples=60, deadline=None)
@given(st.permutations(EVENTS))
def test_the_order_of_arrival_changes_nothing(order: list[EnrichedTouchpoint]) -> None:
    found = profiles(*order)
    last = found[-1]
    assert (last.addresses, last.consent) == ({}, {"marketing/push": False})
    assert (last.responded, last.worked) == (Channel.SMS, {"support": Channel.CHATBOT})
    assert [profile.revision for profile in found] == list(range(1, len(found) + 1))
