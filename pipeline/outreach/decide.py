"""What becomes of a signal: one verdict with one reason.

The reasons are checked in the order of `Reason`, and the first that applies is the reason. Observe mode is no reason:
it stands beside the verdict. A message to the customer is checked for all of them; a request to one of us (a task, a
notice) for those that are not about the customer's consent and peace.
"""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from functools import lru_cache

from touchline.pipeline.engine.clock import from_ms, to_ms
from touchline.pipeline.outreach.case import (
    PLAIN,
    Case,
    Circumstances,
    Verdict,
    observed_by,
    plan_of,
    purpose_of,
    target_of,
)
from touchline.pipeline.outreach.checks import CHECKS, lower_priority, span
from touchline.pipeline.outreach.contact import Contact
from touchline.pipeline.outreach.plan import Plan, PolicyBook
from touchline.pipeline.outreach.quiet import QuietHours
from touchline.pipeline.outreach.recipient import allowed, choose_channel, zone_of
from touchline.schemas.customer import Profile
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Channel, Outcome, Reason, Route

_Hold = tuple[Reason, int, str]
"""Why it waits, until when, and the same in words."""


def decide(
    signal: Signal,
    profile: Profile | None,
    history: Sequence[Contact],
    book: PolicyBook,
    now: int,
    more: Circumstances = PLAIN,
) -> Verdict:
    """The verdict on one signal.

    Args:
        signal: in its latest state; one that is no longer open is resolved.
        profile: what is known of the customer, None when nothing is.
        history: what went to the customer, and who was asked about them, in order; at least what is within
            `book.memory`.
        book: what is to be done, and what may be sent.
        now: milliseconds since 1970 UTC, in event time.
        more: what else bears on it.
    """
    case = _case(signal, profile, history, book, now, more)
    for reason, check in CHECKS:
        words = check(case)
        if words is not None:
            return _verdict(case, Outcome.SUPPRESSED, reason, words)
    zone = zone_of(profile, book.zone) if case.to_customer else UTC
    hold = _hold(case, zone)
    words = lower_priority(case, held=hold is not None)
    if words is not None:
        return _verdict(case, Outcome.SUPPRESSED, Reason.LOWER_PRIORITY, words)
    if hold is not None:
        why, until, words = hold
        return _verdict(case, Outcome.HELD, why, words, release_at=until)
    return _send(case, zone) if case.to_customer else _ask(case)


def _case(
    signal: Signal,
    profile: Profile | None,
    history: Sequence[Contact],
    book: PolicyBook,
    now: int,
    more: Circumstances,
) -> Case:
    plan, telling = plan_of(book, signal, more.incident)
    about = more.incident.rule if telling and more.incident is not None else signal.rule
    purpose = purpose_of(signal.polarity, plan)
    why = observed_by(book, signal, plan, about, ramp_left=more.ramp_left)
    # What was only observed never reached the customer, so it doesn't count once messages are really sent.
    counting = history if why else [contact for contact in history if not contact.observed]
    usable = allowed(profile, purpose, plan.channels)
    return Case(signal, profile, counting, book, now, more, plan, telling, about, purpose, usable, why)


def _verdict(
    case: Case,
    outcome: Outcome,
    reason: Reason,
    words: str,
    *,
    channel: Channel | None = None,
    release_at: int | None = None,
    send_before: int | None = None,
) -> Verdict:
    return Verdict(
        outcome=outcome,
        reason=reason,
        explanation=words,
        plan=case.plan,
        about=case.about,
        purpose=case.purpose,
        channel=channel,
        release_at=release_at,
        send_before=send_before,
        observed_by=case.observed_by,
        experiment=case.experiment,
        arm=case.arm,
        telling=case.telling,
    )


def _hold(case: Case, zone: tzinfo) -> _Hold | None:
    """What holds it now, in the order of the reasons."""
    plan, now, since = case.plan, case.now, case.more.since
    if plan.delay:
        until = (now if since is None else since) + plan.delay
        if now < until:
            return Reason.DELAYED, until, _delayed(until, plan)
    quiet = plan.quiet if case.to_customer else None
    turns = case.more.turns
    if turns is not None and case.more.turn != now:
        until = turns.free(case.more.taken, max(now, case.more.turns_from), lambda at: _asleep(quiet, zone, at))
        if until > now:
            return Reason.PACED, until, _paced(until, plan)
    if quiet is not None and quiet.are_at(now, zone):
        until = quiet.ends_after(now, zone)
        return Reason.QUIET_HOURS, until, _held(until, quiet, zone)
    return None


def _asleep(quiet: QuietHours | None, zone: tzinfo, at: int) -> int | None:
    return quiet.ends_after(at, zone) if quiet is not None and quiet.are_at(at, zone) else None


def _send(case: Case, zone: tzinfo) -> Verdict:
    signal, usable = case.signal, case.usable
    tested = case.book.switches.test_recipient
    if tested and not case.observed_by:  # a channel without one would reach the customer
        usable = tuple([channel for channel in usable if channel in tested])
    channel = choose_channel(case.profile, usable, signal.stage)
    if channel is None:
        return _verdict(case, Outcome.SUPPRESSED, Reason.NO_CHANNEL, _unreachable(case, usable))
    words = f"Sent by {channel}: {signal.polarity} {signal.rule} ({signal.severity}), {case.purpose} message."
    if case.telling and case.more.incident is not None:
        known = case.more.incident
        words = f"Sent by {channel}: tells of {known.rule} ({known.incident}), which explains {signal.rule}."
    before = to_ms(signal.at) + case.plan.max_age
    quiet = case.plan.quiet.starts_after(case.now, zone) if case.plan.quiet is not None else None
    if quiet is not None and quiet < before:
        before = quiet
    return _verdict(case, Outcome.SENT, Reason.SENT, words, channel=channel, send_before=before)


def _unreachable(case: Case, usable: Sequence[Channel]) -> str:
    if case.profile is None:
        return "Not sent: nothing is known of the customer, so no address either."
    if not usable:
        return f"Not sent: there is no test recipient for {', '.join(case.usable)}."
    return f"Not sent: the customer has no address for {', '.join(usable)}."


def _ask(case: Case) -> Verdict:
    signal = case.signal
    person = case.plan.route is Route.PERSON
    channel = choose_channel(case.profile, case.usable, signal.stage) if person else None
    verb = "Asked of" if person else "Told to"
    words = f"{verb} {target_of(signal, case.plan)}: {signal.polarity} {signal.rule} ({signal.severity})."
    return _verdict(case, Outcome.SENT, Reason.SENT, words, channel=channel)


@lru_cache(maxsize=1_024)
def _held(until: int, quiet: QuietHours, zone: tzinfo) -> str:
    local = from_ms(until).astimezone(zone).isoformat(" ", "minutes")[:16]
    return f"Held until {local}: quiet hours are {quiet} ({zone})."


def _delayed(until: int, plan: Plan) -> str:
    return f"Held until {_second(until)}: the policy {plan.id} waits {span(plan.delay)} before it looks again."


def _paced(until: int, plan: Plan) -> str:
    return f"Held until {_second(until)}: the policy {plan.id} sends at most {plan.pace:,} messages an hour."


def _second(at: int) -> str:
    return f"{from_ms(at).isoformat(' ', 'seconds')[:19]} UTC"
