"""What is asked of one of us: the request that goes with a decision, and its end."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from touchline.pipeline.engine.clock import from_ms, to_ms
from touchline.pipeline.outreach.case import Verdict
from touchline.pipeline.outreach.contact import Contact
from touchline.pipeline.outreach.ids import request_id
from touchline.schemas.customer import Profile
from touchline.schemas.outreach import Decision
from touchline.schemas.request import MAX_JOURNEY, Request
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Route

_LANGUAGE: Final = re.compile(r"([A-Za-z]{2,3})(?:[-_].*)?")
_CONTACTS: Final = 5

_CALLED: Final = {Route.CUSTOMER: "message", Route.PERSON: "task", Route.OWNER: "notice"}


def request_of(
    decision: Decision, signal: Signal, verdict: Verdict, profile: Profile | None, *, at: int, suggestion: str,
    journey: tuple[str, ...],
) -> Request:  # fmt: skip
    """The request of a decision, in its first revision."""
    plan = verdict.plan
    return Request(
        request_id=request_id(decision.decision_id),
        revision=0,
        target=decision.target,
        decision=decision,
        signal=signal,
        polarity=signal.polarity,
        priority=plan.priority,
        at=from_ms(at),
        due_at=None if plan.answer_within is None else from_ms(at + plan.answer_within),
        skill=plan.skill,
        language=language_of(profile),
        channel=verdict.channel,
        suggestion=suggestion,
        journey=journey,
        escalate_after=None if plan.escalation is None else plan.escalation.after,
        escalate_to="" if plan.escalation is None else plan.escalation.target,
    )


def cancelled(request: Request, signal: Signal, at: int) -> Request:
    """The request's last revision: its signal has ended."""
    return replace(request, revision=request.revision + 1, signal=signal, at=from_ms(at), cancelled=True)


def kept(request: Request) -> Request:
    """What must be known of a request to end it: without what its first revision has told."""
    return replace(request, suggestion="", journey=())


def language_of(profile: Profile | None) -> str | None:
    """The language of a locale, such as `de` of `de-AT`."""
    found = _LANGUAGE.fullmatch(profile.locale) if profile is not None and profile.locale else None
    return None if found is None else found[1].lower()


def journey_of(signal: Signal, contacts: Iterable[Contact], others: Iterable[Signal]) -> tuple[str, ...]:
    """What outreach knows of the customer, in lines, the newest last: the last contacts, what else is open, and the
    signal itself."""
    lines = [(contact.at, _contact(contact)) for contact in list(contacts)[-_CONTACTS:]]
    lines += [(to_ms(other.at), f"open as well: {other.rule} ({other.severity}): {other.evidence}") for other in others]
    lines.sort(key=lambda line: line[0])
    lines = [*lines[-(MAX_JOURNEY - 1) :], (to_ms(signal.at), f"{signal.rule} ({signal.severity}): {signal.evidence}")]
    return tuple(f"{from_ms(at).isoformat(' ', 'minutes')[:16]} UTC: {what}" for at, what in lines)


def _contact(contact: Contact) -> str:
    by = f" by {contact.channel}" if contact.route == Route.CUSTOMER else ""
    return f"{_CALLED[contact.route]} about {contact.rule}{by}" + (" (only observed)" if contact.observed else "")
