"""Profiles: what profile and consent events say of a customer, and what their answers to our messages do, whatever
order they come in.

Each field keeps the time of the event that set it and the newest wins, so the order of arrival changes nothing.
"""

from hashlib import blake2b
from typing import Final

import msgspec

from touchline.pipeline.engine.clock import from_ms
from touchline.pipeline.friction.fields import Value
from touchline.schemas.codec import trusted
from touchline.schemas.customer import Profile
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Channel

UPDATED: Final = "profile.updated"
GRANTED: Final = "consent.granted"
WITHDRAWN: Final = "consent.withdrawn"
ERASED: Final = "customer.erased"
BOUNCED: Final = "message.bounced"
COMPLAINED: Final = "message.complained"
ANSWERS: Final = frozenset({"message.replied", "message.clicked"})
"""What tells the channel on which a customer answers."""

SOLVED: Final = frozenset({"contact.resolved", "ticket.resolved", "self_service.solved"})
_BY_OUTCOME: Final = frozenset({"bot.ended", "chat.ended", "call.completed"})
_RESOLVED: Final = "resolved"
KINDS: Final = frozenset(
    {UPDATED, GRANTED, WITHDRAWN, ERASED, BOUNCED, COMPLAINED, *ANSWERS, *SOLVED, *_BY_OUTCOME}
)  # fmt: skip
"""The kinds that may change a profile; see `concerns`."""

MAX_CONSENTS: Final = 32
_MAX_FIELDS: Final = MAX_CONSENTS + 48
_MAX_BOUNCES: Final = 3
"""So many addresses of a channel are remembered to have bounced."""

_LONGEST: Final = 256
_TEXTS: Final = ("locale", "zone", "country")
_ADDRESSES: Final = {"email": ("email",), "phone": ("sms", "voice"), "push_token": ("push",)}
"""Which channels an identifier or attribute reaches."""

REACHED_BY: Final = {channel: name for name, channels in _ADDRESSES.items() for channel in channels}
"""The identifier that is a channel's address."""

_PREFERRED: Final = "preferred_channel"
_ADDRESS: Final = "address/"
_CONSENT: Final = "consent/"
_BOUNCED: Final = "bounced/"
_WORKED: Final = "worked/"
_RESPONDED: Final = "responded"

_SET_BY: Final[dict[str, tuple[str, ...]]] = {
    **{name: (name,) for name in (*_TEXTS, "value")},
    **{name: tuple(_ADDRESS + channel for channel in channels) for name, channels in _ADDRESSES.items()},
    _PREFERRED: ("preferred",),
}
"""The fields that an identifier or attribute of `profile.updated` sets."""

_CHANNELS: Final[frozenset[Value]] = frozenset(Channel)

Stamp = tuple[int, int, int]
"""Time of the event, raw partition and raw offset: the greatest wins."""


class Fact(msgspec.Struct, array_like=True, gc=False):
    """One field and the event that set it."""

    stamp: Stamp
    value: Value


class ProfileState(msgspec.Struct, array_like=True, gc=False):
    """Fields by name: `locale` …, `address/email`, `consent/marketing`; `worked/delivery` and `responded` a channel.
    `bounced/email/` and a digest stand for an address that does not exist, `bounced/email` for the one that was known
    then: no address is kept but those in use. `erased`: the newest erasure, before which nothing counts."""

    fields: dict[str, Fact] = {}
    erased: Stamp | None = None
    revision: int = 0


def concerns(event: EnrichedTouchpoint) -> bool:
    """Whether an event of one of `KINDS` says something of the profile: how a contact ended is told by its outcome."""
    return event.kind not in _BY_OUTCOME or event.attributes.get("outcome") == _RESOLVED


def apply(state: ProfileState, event: EnrichedTouchpoint, at: int) -> list[str]:
    """Takes in an event that concerns the profile. Returns the attributes that could not be used."""
    stamp = (at, event.raw_partition, event.raw_offset)
    if event.kind == ERASED:
        if state.erased is None or stamp > state.erased:
            state.erased = stamp
            state.fields = {name: fact for name, fact in state.fields.items() if fact.stamp > stamp}
        return []
    if state.erased is not None and stamp <= state.erased:
        return []
    values, bad = _said(event)
    for name, value in values.items():
        known = state.fields.get(name)
        if known is None and len(state.fields) >= _MAX_FIELDS:
            bad.append(name)
        elif known is None or stamp > known.stamp:
            state.fields[name] = Fact(stamp, value)
            if event.kind == BOUNCED:
                _keep_newest(state.fields, f"{_BOUNCED}{event.channel.value}/")
    return bad


def _keep_newest(fields: dict[str, Fact], prefix: str) -> None:
    """Lets go of the oldest of what begins so, if there are too many: whatever order they come in, the newest stay."""
    names = [name for name in fields if name.startswith(prefix)]
    if len(names) > _MAX_BOUNCES:
        del fields[min(names, key=lambda name: fields[name].stamp)]


def _said(event: EnrichedTouchpoint) -> tuple[dict[str, Value], list[str]]:
    """What an event sets, and what of it is unusable."""
    kind, channel = event.kind, event.channel.value
    if kind == UPDATED:
        return _values(event)
    if kind in {GRANTED, WITHDRAWN}:
        return _consents(event)
    if kind == BOUNCED:
        return _bounce(event)
    if kind == COMPLAINED:
        return {f"{_CONSENT}marketing/{channel}": False}, []
    if kind in ANSWERS:
        return {_RESPONDED: channel}, []
    return {f"{_WORKED}{event.stage.value}": channel}, []


def _bounce(event: EnrichedTouchpoint) -> tuple[dict[str, Value], list[str]]:
    """A hard bounce; what comes back for a while only changes nothing."""
    hard, channel = event.attributes.get("hard"), event.channel.value
    if hard is not True:
        return {}, [] if hard is None or hard is False else ["hard"]
    if channel not in REACHED_BY:
        return {}, []  # no address is known of it that could be switched off
    address = {**event.identifiers, **event.attributes}.get(REACHED_BY[channel])
    known = isinstance(address, str) and 0 < len(address) <= _LONGEST
    return {_bounced(channel, address) if known else f"{_BOUNCED}{channel}": None}, []


def _bounced(channel: str, address: Value) -> str:
    """The name of the field that says of an address that it does not exist."""
    return f"{_BOUNCED}{channel}/{blake2b(str(address).casefold().encode(), digest_size=8).hexdigest()}"


def _consents(event: EnrichedTouchpoint) -> tuple[dict[str, Value], list[str]]:
    purpose, channel = event.attributes.get("purpose", "marketing"), event.attributes.get("channel")
    if not isinstance(purpose, str) or not 0 < len(purpose) <= 64 or "/" in purpose:
        return {}, ["purpose"]
    if channel is not None and channel not in _CHANNELS:
        return {}, ["channel"]
    name = f"consent/{purpose}/{channel}" if channel else f"consent/{purpose}"
    return {name: event.kind == GRANTED}, []


def _values(event: EnrichedTouchpoint) -> tuple[dict[str, Value], list[str]]:
    values: dict[str, Value] = {}
    bad: list[str] = []
    for name, value in {**event.identifiers, **event.attributes}.items():
        fields = _SET_BY.get(name)
        if fields is None:
            continue
        if name == "value":
            usable = isinstance(value, int | float) and not isinstance(value, bool)
            values.update({"value": float(value)} if isinstance(value, int | float) and usable else {})
        else:
            usable = value in _CHANNELS if name == _PREFERRED else isinstance(value, str) and 0 < len(value) <= _LONGEST
            if usable or value is None:  # None takes an address or a setting back
                for field in fields:
                    values[field] = value
        if not usable and value is not None:
            bad.append(name)
    return values, bad


def profile_of(customer: str, state: ProfileState) -> Profile:
    """The profile as it is published."""
    known, erased = visible(state)
    # What was on its way to an erased customer does not move the time of the erasure, which readers forget by.
    stamps = [] if erased else [fact.stamp for fact in state.fields.values()]
    stamps += [state.erased] if state.erased else []
    below: dict[str, dict[str, Value]] = {_CONSENT: {}, _ADDRESS: {}, _WORKED: {}}
    for name in sorted(known):
        group, slash, rest = name.partition("/")
        if slash:
            below[group + slash][rest] = known[name]
    value, preferred, responded = known.get("value"), known.get("preferred"), known.get(_RESPONDED)
    return trusted(
        Profile,
        customer=customer,
        revision=state.revision,
        updated_at=from_ms(max(stamps)[0]),
        consent={name: given is True for name, given in below[_CONSENT].items()},
        addresses={channel: str(address) for channel, address in below[_ADDRESS].items() if address is not None},
        preferred=Channel(str(preferred)) if preferred is not None else None,
        locale=_text(known.get("locale")),
        zone=_text(known.get("zone")),
        country=_text(known.get("country")),
        value=float(value) if isinstance(value, int | float) else None,
        erased=erased,
        responded=Channel(str(responded)) if responded is not None else None,
        worked={stage: Channel(str(channel)) for stage, channel in below[_WORKED].items()},
    )


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


NAMES: Final = frozenset({*_SET_BY, "purpose", "channel", "hard"})
"""The attributes that a profile is made of."""


def visible(state: ProfileState) -> tuple[dict[str, Value], bool]:
    """What a reader of the profile sees, and whether the customer is erased."""
    fields = state.fields
    known = {name: fact.value for name, fact in fields.items() if not name.startswith(_BOUNCED)}
    if len(known) < len(fields):
        known = {name: value for name, value in known.items() if not _is_dead(name, fields)}
    return known, state.erased is not None and not any(map(_of_a_customer, known, known.values()))


def changed(before: ProfileState, now: ProfileState) -> bool:
    """Whether something is to be published: what a reader sees, or that who was erased is erased once more, with all
    that came since. `before`: a copy, see `copied`."""
    if now.erased != before.erased:
        return True
    if any(name.startswith(_BOUNCED) for name in now.fields):
        return visible(now) != visible(before)  # an address may count again because it is told again
    former = before.fields
    return any(name not in former or fact.value != former[name].value for name, fact in now.fields.items())


def copied(state: ProfileState) -> ProfileState:
    """As it is now, to compare with: a field's fact is replaced and never changed."""
    return ProfileState(dict(state.fields), state.erased, state.revision)


def _is_dead(name: str, fields: dict[str, Fact]) -> bool:
    """Whether messages to an address come back: it is one that bounced or, where a bounce does not say which it was, it
    was not told anew since."""
    if not name.startswith(_ADDRESS):
        return False
    channel, address = name.removeprefix(_ADDRESS), fields[name]
    some = fields.get(_BOUNCED + channel)
    return _bounced(channel, address.value) in fields or (some is not None and some.stamp >= address.stamp)


def _of_a_customer(name: str, value: Value) -> bool:
    """Whether a field says that an erased customer is one again. A message that was on its way when they were erased
    still bounces, and is still unsubscribed from."""
    return not (name == _RESPONDED or name.startswith(_WORKED) or (name.startswith(_CONSENT) and value is False))
