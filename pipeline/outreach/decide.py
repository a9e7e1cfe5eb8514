"""What becomes of a signal: one verdict with one reason.

The reasons are checked in the order of `Reason`, and the first that applies is the reason. Observe mode is no reason:
it stands beside the verdict. Purpose: a message about friction or a need serves the customer's own order or case
(SERVICE, sent unless they withdrew that); one about delight asks them a favour (MARKETING, sent only with consent).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND, from_ms, to_ms
from touchline.pipeline.friction.incidents import Known
from touchline.pipeline.outreach.policy import Contact, Policy
from touchline.pipeline.outreach.quiet import QuietHours
from touchline.schemas.customer import Profile
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Channel, Outcome, Polarity, Purpose, Reason, Scope, Severity

_NARROW: Final = {purpose: {channel: f"{purpose}/{channel}" for channel in Channel} for purpose in Purpose}
"""How consent for a purpose on one channel is called."""

_NOBODYS: Final = "Not sent: an incident is no single customer's, so there is nobody to write to."

_UNITS: Final = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a signal now, and why, in words. Times in milliseconds since 1970 UTC.

    `channel` is set when the message is sent. `release_at`: when a held one is decided again. `send_before`: from when
    on a message that is sent now, but has not left yet, must stay.
    """

    outcome: Outcome
    reason: Reason
    explanation: str
    purpose: Purpose
    channel: Channel | None = None
    release_at: int | None = None
    send_before: int | None = None


@dataclass(slots=True)
class _Case:
    signal: Signal
    profile: Profile | None
    history: Sequence[Contact]  # those that count
    policy: Policy
    now: int
    purpose: Purpose
    channels: tuple[Channel, ...]
    incident: Known | None


def decide(
    signal: Signal,
    profile: Profile | None,
    history: Sequence[Contact],
    policy: Policy,
    now: int,
    incident: Known | None = None,
) -> Verdict:
    """The verdict on one signal.

    Args:
        signal: in its latest state; one that is no longer open is resolved.
        profile: what is known of the customer, None when nothing is.
        history: the messages that went to the customer, in any order; at least those within `policy.memory`.
        policy: what may be sent.
        now: milliseconds since 1970 UTC, in event time.
        incident: the one that stands now and explains the signal.
    """
    if signal.scope is Scope.INCIDENT:
        return Verdict(Outcome.SUPPRESSED, Reason.NO_CHANNEL, _NOBODYS, Purpose.SERVICE)
    purpose = Purpose.MARKETING if signal.polarity is Polarity.DELIGHT else Purpose.SERVICE
    # What was only observed never reached the customer, so it doesn't count once messages are really sent.
    counting = history if policy.observe else [contact for contact in history if not contact.observed]
    case = _Case(signal, profile, counting, policy, now, purpose, _allowed(profile, purpose, policy), incident)
    for reason, check in _CHECKS:
        words = check(case)
        if words is not None:
            return Verdict(Outcome.SUPPRESSED, reason, words, purpose)
    zone = policy.zone_of(profile)
    if policy.quiet is not None and policy.quiet.are_at(now, zone):
        end = policy.quiet.ends_after(now, zone)
        return Verdict(Outcome.HELD, Reason.QUIET_HOURS, _held(end, policy.quiet, zone), purpose, release_at=end)
    channel = choose_channel(profile, case.channels)
    if channel is None:
        return Verdict(Outcome.SUPPRESSED, Reason.NO_CHANNEL, _unreachable(case), purpose)
    words = f"Sent by {channel}: {signal.polarity} {signal.rule} ({signal.severity}), {purpose} message."
    return Verdict(Outcome.SENT, Reason.SENT, words, purpose, channel, send_before=_send_before(case, zone))


def _allowed(profile: Profile | None, purpose: Purpose, policy: Policy) -> tuple[Channel, ...]:
    if profile is None or not profile.consent:
        return policy.channels if purpose is Purpose.SERVICE else ()
    consent, names = profile.consent, _NARROW[purpose]
    otherwise = consent.get(purpose, purpose is Purpose.SERVICE)
    return tuple([channel for channel in policy.channels if consent.get(names[channel], otherwise)])


def consents(profile: Profile | None, purpose: Purpose, channel: Channel) -> bool:
    """Whether a message of that purpose may go by that channel. The narrower statement decides; where the customer
    said nothing, service messages may and marketing may not."""
    consent = profile.consent if profile is not None else {}
    return consent.get(_NARROW[purpose][channel], consent.get(purpose, purpose is Purpose.SERVICE))


def held_out(customer: str, experiment: str, share: float) -> bool:
    """Whether a customer belongs to the hold-out of an experiment: always the same answer, and a larger share only
    adds customers."""
    if share <= 0:
        return False
    digest = blake2b(f"{experiment}\0{customer}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64


def choose_channel(profile: Profile | None, allowed: Sequence[Channel]) -> Channel | None:
    """The customer's preference where it is allowed and reaches them, else the first that does; None when none does."""
    if profile is None:
        return None
    reachable = [channel for channel in allowed if profile.addresses.get(channel)]
    if profile.preferred in reachable:
        return profile.preferred
    return reachable[0] if reachable else None


def _resolved(case: _Case) -> str | None:
    return None if case.signal.is_open else f"Not sent: the signal was {case.signal.status} meanwhile."


def _erased(case: _Case) -> str | None:
    return "Not sent: the customer was erased." if case.profile is not None and case.profile.erased else None


def _too_old(case: _Case) -> str | None:
    age = case.now - to_ms(case.signal.at)
    if age <= case.policy.max_age:
        return None
    return f"Not sent: the signal is {span(age)} old; older than {span(case.policy.max_age)} is too old."


def _incident(case: _Case) -> str | None:
    known = case.incident
    if known is None:
        return None
    since = from_ms(known.opened).isoformat(" ", "minutes")[:16]
    return f"Not sent: {known.rule} explains it, an incident of {known.group} since {since} UTC ({known.incident})."


def _no_consent(case: _Case) -> str | None:
    if case.channels:
        return None
    if case.purpose is Purpose.SERVICE:
        return "Not sent: the customer withdrew consent to service messages on every channel."
    return "Not sent: the customer has not consented to marketing on any channel."


def _hold_out(case: _Case) -> str | None:
    policy, signal = case.policy, case.signal
    if signal.severity is Severity.CRITICAL or not held_out(signal.customer, policy.experiment, policy.hold_out):
        return None
    return f"Not sent: the customer is in the hold-out of {policy.experiment} ({policy.hold_out:.0%})."


def _cooldown(case: _Case) -> str | None:
    rule, policy = case.signal.rule, case.policy
    times = [contact.at for contact in case.history if contact.rule == rule]
    last = max(times) if times else None
    if last is None or case.now - last >= policy.cooldown:
        return None
    since = span(case.now - last)
    return f"Not sent: a message about {rule} went out {since} before; the cooldown is {span(policy.cooldown)}."


def _frequency_cap(case: _Case) -> str | None:
    policy = case.policy
    since = case.now - policy.cap_window
    recent = len([contact for contact in case.history if contact.at > since])
    if recent < policy.cap:
        return None
    return f"Not sent: {recent} messages went out within {span(policy.cap_window)}; the cap is {policy.cap}."


# A check against other open signals (LOWER_PRIORITY) has its place here.
_CHECKS: Final[tuple[tuple[Reason, Callable[[_Case], str | None]], ...]] = (
    (Reason.RESOLVED, _resolved),
    (Reason.ERASED, _erased),
    (Reason.TOO_OLD, _too_old),
    (Reason.INCIDENT, _incident),
    (Reason.NO_CONSENT, _no_consent),
    (Reason.HOLD_OUT, _hold_out),
    (Reason.COOLDOWN, _cooldown),
    (Reason.FREQUENCY_CAP, _frequency_cap),
)


def _unreachable(case: _Case) -> str:
    if case.profile is None:
        return "Not sent: nothing is known of the customer, so no address either."
    return f"Not sent: the customer has no address for {', '.join(case.channels)}."


def _send_before(case: _Case, zone: tzinfo) -> int:
    end = to_ms(case.signal.at) + case.policy.max_age
    quiet = case.policy.quiet.starts_after(case.now, zone) if case.policy.quiet is not None else None
    return end if quiet is None else min(end, quiet)


@lru_cache(maxsize=1_024)
def _held(until: int, quiet: QuietHours, zone: tzinfo) -> str:
    local = from_ms(until).astimezone(zone).isoformat(" ", "minutes")[:16]
    return f"Held until {local}: quiet hours are {quiet} ({zone})."


def span(ms: int) -> str:
    """A length of time in words, rounded down to its two largest units: `2 d 3 h`."""
    parts: list[str] = []
    for unit, name in _UNITS:
        count, ms = divmod(ms, unit)
        if count:
            parts.append(f"{count} {name}")
        if len(parts) == 2 or (parts and not count):
            break
    return " ".join(parts) or "0 s"
