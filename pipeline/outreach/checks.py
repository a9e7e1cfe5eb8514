"""The reasons against a message or a request, each a check that says in words why not, or nothing."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND, from_ms, to_ms
from touchline.pipeline.outreach.case import Case
from touchline.pipeline.outreach.contact import Contact, rank_of
from touchline.pipeline.outreach.plan import Cap
from touchline.pipeline.outreach.recipient import held_out
from touchline.schemas.vocabulary import Arm, Channel, Purpose, Reason, Route, Severity

Check = Callable[[Case], str | None]

_UNITS: Final = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))


def _resolved(case: Case) -> str | None:
    return None if case.signal.is_open else f"Not sent: the signal was {case.signal.status} meanwhile."


def _erased(case: Case) -> str | None:
    return "Not sent: the customer was erased." if case.profile is not None and case.profile.erased else None


def _too_old(case: Case) -> str | None:
    age = case.now - to_ms(case.signal.at)
    if age <= case.plan.max_age:
        return None
    return f"Not sent: the signal is {span(age)} old; older than {span(case.plan.max_age)} is too old."


def _incident(case: Case) -> str | None:
    known, told_by = case.more.incident, case.more.told_by
    if known is None or (case.telling and not told_by):
        return None
    words = f"{known.rule} explains it, an incident of {known.group} since {_minute(known.opened)} ({known.incident})"
    return f"Not sent: {words}" + (f"; the customer is told of it by the message about {told_by}." if told_by else ".")


def _no_consent(case: Case) -> str | None:
    if case.usable or not case.to_customer:
        return None
    if case.purpose is Purpose.SERVICE:
        return "Not sent: the customer withdrew consent to service messages on every channel."
    return "Not sent: the customer has not consented to marketing on any channel."


def _cooldown(case: Case) -> str | None:
    rule, route, cooldown = case.about, case.plan.route, case.plan.cooldown
    times = [contact.at for contact in case.history if contact.rule == rule and contact.route is route]
    if not times or case.now - (last := max(times)) >= cooldown:
        return None
    what = "message" if case.to_customer else "request"
    since = span(max(case.now - last, 0))
    return f"Not sent: a {what} about {rule} went out {since} before; the cooldown is {span(cooldown)}."


def _frequency_cap(case: Case) -> str | None:
    if not case.to_customer:
        return None
    book, group = case.book, case.plan.cap_group
    messages = [contact for contact in case.history if contact.route is Route.CUSTOMER]
    since = case.now - book.cap.within
    recent = len([contact for contact in messages if contact.at > since])
    if recent >= book.cap.messages:
        return f"Not sent: {_reached(recent, '', book.cap)}."
    cap = book.group_caps.get(group) if group else None
    if cap is not None:
        since = case.now - cap.within
        recent = len([contact for contact in messages if contact.group == group and contact.at > since])
        if recent >= cap.messages:
            return f"Not sent: {_reached(recent, f' of {group}', cap)}."
    return _channels_full(case, messages) if book.channel_caps else None


def _channels_full(case: Case, messages: Sequence[Contact]) -> str | None:
    """Leaves the channels whose cap is not reached; in words when those that reach the customer are all full."""
    full: dict[Channel, str] = {}
    caps, now = case.book.channel_caps, case.now
    for channel in case.usable:
        cap = caps.get(channel)
        if cap is not None:
            since = now - cap.within
            recent = len([contact for contact in messages if contact.channel is channel and contact.at > since])
            if recent >= cap.messages:
                full[channel] = _reached(recent, f" by {channel}", cap)
    if not full:
        return None
    addresses = case.profile.addresses if case.profile is not None else {}
    reachable = [channel for channel in case.usable if addresses.get(channel)]
    if reachable and all(channel in full for channel in reachable):
        return f"Not sent: {'; '.join(full[channel] for channel in reachable)}."
    case.usable = tuple([channel for channel in case.usable if channel not in full])
    return None


def _reached(recent: int, what: str, cap: Cap) -> str:
    return f"{recent} message{'s' * (recent != 1)}{what} went out within {span(cap.within)}; the cap is {cap.messages}"


def _hold_out(case: Case) -> str | None:
    """Puts the customer on one side of the plan's experiment; in words when that is the one without outreach. What is
    critical takes no part, nor does what only an owner learns of: that is no outreach to the customer."""
    plan, signal = case.plan, case.signal
    if plan.hold_out <= 0 or signal.severity is Severity.CRITICAL or plan.route is Route.OWNER:
        return None
    case.experiment = plan.experiment
    if not held_out(signal.customer, plan.experiment, plan.hold_out):
        case.arm = Arm.TREATED
        return None
    case.arm = Arm.HELD_OUT
    return f"Not sent: the customer is in the hold-out of {plan.experiment} ({plan.hold_out:.0%})."


CHECKS: Final[tuple[tuple[Reason, Check], ...]] = (
    (Reason.RESOLVED, _resolved),
    (Reason.ERASED, _erased),
    (Reason.TOO_OLD, _too_old),
    (Reason.INCIDENT, _incident),
    (Reason.NO_CONSENT, _no_consent),
    (Reason.HOLD_OUT, _hold_out),
    (Reason.COOLDOWN, _cooldown),
    (Reason.FREQUENCY_CAP, _frequency_cap),
)
"""In the order of the reasons. What comes before the hold-out both of its arms have in common."""


def lower_priority(case: Case, *, held: bool) -> str | None:
    """Whether another signal's message comes before: one that stands for this as well, or, unless this is held itself
    and so weighed later, one of this very moment or one that waits."""
    if not case.to_customer:
        return None
    winner, rival = case.more.winner, case.more.waiting
    if winner is not None:
        return f"Not sent: the message about {winner.rule} ({winner.signal_id}) stands for it as well."
    if held:
        return None
    rank = rank_of(case.plan.priority, case.signal.severity)
    for contact in reversed(case.history):
        if contact.at == case.now and contact.route == Route.CUSTOMER and contact.rank >= rank:
            return f"Not sent: a message about {contact.rule} went out at the same moment."
    if rival is None:
        return None
    return (
        f"Not sent: {rival.rule} ({rival.signal_id}) goes first and waits to be sent; its priority is {rival.priority}."
    )


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


@lru_cache(maxsize=256)
def _minute(at: int) -> str:
    return f"{from_ms(at).isoformat(' ', 'minutes')[:16]} UTC"
