"""Profiles: what profile and consent events say of a customer, whatever order they come in.

Each field keeps the time of the event that set it and the newest wins, so the order of arrival changes nothing.
"""

from typing import Final

import msgspec

from touchline.pipeline.engine.clock import from_ms
from touchline.pipeline.friction.fields import Value
from touchline.schemas.customer import Profile
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Channel

UPDATED: Final = "profile.updated"
GRANTED: Final = "consent.granted"
WITHDRAWN: Final = "consent.withdrawn"
ERASED: Final = "customer.erased"
KINDS: Final = frozenset({UPDATED, GRANTED, WITHDRAWN, ERASED})
"""The kinds that change a profile."""

MAX_CONSENTS: Final = 32
_LONGEST: Final = 256
_TEXTS: Final = {"locale": "locale", "zone": "zone", "country": "country"}
_ADDRESSES: Final = {"email": ("email",), "phone": ("sms", "voice"), "push_token": ("push",)}
"""Which channels an identifier or attribute reaches."""

Stamp = tuple[int, int, int]
"""Time of the event, raw partition and raw offset: the greatest wins."""


class Fact(msgspec.Struct, array_like=True, gc=False):
    """One field and the event that set it."""

    stamp: Stamp
    value: Value


class ProfileState(msgspec.Struct, array_like=True, gc=False):
    """Fields by name: `locale` …, `address/email`, `consent/marketing`. `erased`: the newest erasure, before which
    nothing counts."""

    fields: dict[str, Fact] = {}
    erased: Stamp | None = None
    revision: int = 0


def apply(state: ProfileState, event: EnrichedTouchpoint, at: int) -> list[str]:
    """Takes in an event of one of `KINDS`. Returns the attributes that could not be used."""
    stamp = (at, event.raw_partition, event.raw_offset)
    if event.kind == ERASED:
        if state.erased is None or stamp > state.erased:
            state.erased = stamp
            state.fields = {name: fact for name, fact in state.fields.items() if fact.stamp > stamp}
        return []
    if state.erased is not None and stamp <= state.erased:
        return []
    values, bad = _consents(event) if event.kind in {GRANTED, WITHDRAWN} else _values(event)
    for name, value in values.items():
        known = state.fields.get(name)
        if known is None and len(state.fields) >= MAX_CONSENTS + 16:
            bad.append(name)
        elif known is None or stamp > known.stamp:
            state.fields[name] = Fact(stamp, value)
    return bad


def _consents(event: EnrichedTouchpoint) -> tuple[dict[str, Value], list[str]]:
    purpose, channel = event.attributes.get("purpose", "marketing"), event.attributes.get("channel")
    if not isinstance(purpose, str) or not 0 < len(purpose) <= 64 or "/" in purpose:
        return {}, ["purpose"]
    if channel is not None and channel not in set(Channel):
        return {}, ["channel"]
    name = f"consent/{purpose}/{channel}" if channel else f"consent/{purpose}"
    return {name: event.kind == GRANTED}, []


def _values(event: EnrichedTouchpoint) -> tuple[dict[str, Value], list[str]]:
    values: dict[str, Value] = {}
    bad: list[str] = []
    for name, value in {**event.identifiers, **event.attributes}.items():
        usable = isinstance(value, str) and 0 < len(value) <= _LONGEST
        if name in _ADDRESSES or name in _TEXTS:
            fields = [f"address/{channel}" for channel in _ADDRESSES[name]] if name in _ADDRESSES else [name]
            # None takes an address or a setting back.
            values.update(dict.fromkeys(fields, value) if usable or value is None else {})
        elif name == "value":
            usable = isinstance(value, int | float) and not isinstance(value, bool)
            values.update({"value": float(value)} if isinstance(value, int | float) and usable else {})
        elif name == "preferred_channel":
            usable = value in set(Channel)
            values.update({"preferred": value} if usable or value is None else {})
        else:
            continue
        if not usable and value is not None:
            bad.append(name)
    return values, bad


def profile_of(customer: str, state: ProfileState) -> Profile:
    """The profile as it is published."""
    texts: dict[str, Value] = {name: fact.value for name, fact in state.fields.items()}
    stamps = [fact.stamp for fact in state.fields.values()] + ([state.erased] if state.erased else [])
    value, preferred = texts.get("value"), texts.get("preferred")
    return Profile(
        customer=customer,
        revision=state.revision,
        updated_at=from_ms(max(stamps)[0]),
        consent={n.removeprefix("consent/"): v is True for n, v in sorted(texts.items()) if n.startswith("consent/")},
        addresses={
            n.removeprefix("address/"): str(v)
            for n, v in sorted(texts.items())
            if n.startswith("address/") and v is not None
        },
        preferred=Channel(str(preferred)) if preferred is not None else None,
        locale=_text(texts.get("locale")),
        zone=_text(texts.get("zone")),
        country=_text(texts.get("country")),
        value=float(value) if isinstance(value, int | float) else None,
        erased=state.erased is not None and not state.fields,
    )


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


NAMES: Final = frozenset({*_TEXTS, *_ADDRESSES, "value", "preferred_channel", "purpose", "channel"})
"""The attributes that a profile is made of."""


def visible(state: ProfileState) -> tuple[dict[str, Value], bool]:
    """What a reader of the profile sees; when it is the same, nothing has changed."""
    return {name: fact.value for name, fact in state.fields.items()}, state.erased is not None and not state.fields
