"""The recipient of a message: what they agreed to, how they are reached, what time it is where they are."""

from collections.abc import Sequence
from datetime import tzinfo
from hashlib import blake2b
from typing import Final

from touchline.pipeline.outreach.dialling import country_of_number
from touchline.pipeline.outreach.quiet import zone_named, zone_of_country
from touchline.schemas.customer import Profile
from touchline.schemas.vocabulary import Channel, Purpose, Stage

_NARROW: Final = {purpose: {channel: f"{purpose}/{channel}" for channel in Channel} for purpose in Purpose}
"""How consent for a purpose on one channel is called."""

_PHONES: Final = (Channel.SMS.value, Channel.VOICE.value)
"""Channels whose addresses are phone numbers."""


def consents(profile: Profile | None, purpose: Purpose, channel: Channel) -> bool:
    """Whether a message of that purpose may go by that channel. The narrower statement decides; where the customer
    said nothing, service messages may and marketing may not."""
    consent = profile.consent if profile is not None else {}
    return consent.get(_NARROW[purpose][channel], consent.get(purpose, purpose is Purpose.SERVICE))


def allowed(profile: Profile | None, purpose: Purpose, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """Those of the channels for which `consents` holds, in their order."""
    if profile is None or not profile.consent:
        return channels if purpose is Purpose.SERVICE else ()
    consent, names = profile.consent, _NARROW[purpose]
    otherwise = consent.get(purpose, purpose is Purpose.SERVICE)
    return tuple([channel for channel in channels if consent.get(names[channel], otherwise)])


def choose_channel(profile: Profile | None, usable: Sequence[Channel], stage: Stage | None = None) -> Channel | None:
    """The channel of a message about a stage, of those that may be used, best first, and reach the customer; None when
    none does: the one they asked for, the one where a matter of that stage was resolved for them before, the one
    where they last answered, else the first."""
    if profile is None:
        return None
    reachable = [channel for channel in usable if profile.addresses.get(channel)]
    worked = profile.worked.get(stage) if stage is not None and profile.worked else None
    for wanted in (profile.preferred, worked, profile.responded):
        if wanted is not None and wanted in reachable:
            return Channel(wanted)
    return reachable[0] if reachable else None


def zone_of(profile: Profile | None, default: tzinfo) -> tzinfo:
    """Where the recipient is: their own zone, else that of their phone number's country, else of their country, each
    where all its clocks agree, else the default."""
    if profile is None:
        return default
    zone = zone_named(profile.zone) if profile.zone else None
    if zone is None:
        for channel in _PHONES:
            number = profile.addresses.get(channel)
            country = country_of_number(number) if number else None
            zone = zone_of_country(country) if country else None
            if zone is not None:
                return zone
    if zone is None and profile.country:
        zone = zone_of_country(profile.country)
    return default if zone is None else zone


def held_out(customer: str, experiment: str, share: float) -> bool:
    """Whether a customer belongs to the hold-out of an experiment: always the same answer, and a larger share only
    adds customers."""
    if share <= 0:
        return False
    digest = blake2b(f"{experiment}\0{customer}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64
