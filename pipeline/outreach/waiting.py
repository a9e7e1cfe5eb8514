"""What a decision waits for: the profile under which its signal was raised, and word of the incidents of its time."""

from typing import Final

from touchline.pipeline.engine.clock import DAY, MINUTE
from touchline.pipeline.friction.incidents import Known
from touchline.pipeline.outreach.state import CustomerState, OutreachState, Step
from touchline.schemas.signal import Signal

MAX_WAIT: Final = 2 * MINUTE
"""How long a signal that an incident may explain waits for word of incidents, on the live clock: an agent `incident`
that stands still delays what is said, and does not prevent it."""

KEPT: Final = 30 * DAY
"""How long an incident that is over is known, for what is decided as of an earlier time."""


def must_wait(state: OutreachState, customer: CustomerState, item: tuple[int, str, Step]) -> bool:
    """Whether a step can't be taken yet."""
    at, signal_id, step = item
    if step is Step.DECIDE:
        known = state.signals.get(signal_id, at)
        if known is not None and known.signal is not None and known.signal.profile_revision > customer.seen:
            return True
    return waits_for_incidents(state, customer, item)


def waits_for_incidents(state: OutreachState, customer: CustomerState, item: tuple[int, str, Step]) -> bool:
    """Whether an incident may explain what is decided by a step, also what is released on the way to it, and those of
    that time are not known yet."""
    at, signal_id, step = item
    if step is not Step.END and _may_be_explained(state, signal_id, at):
        return True
    if state.clock.value.live:
        return False
    return any(then <= at and _may_be_explained(state, held, then) for then, held in customer.held)


def _may_be_explained(state: OutreachState, signal_id: str, at: int) -> bool:
    clock = state.clock.value
    if at <= (state.told.low or 0) or (clock.live and clock.at >= at + MAX_WAIT):
        return False
    known = state.signals.get(signal_id, at)
    return known is not None and known.signal is not None and bool(known.signal.causes)


def mind(state: OutreachState, key: str, customer: CustomerState) -> None:
    """Sees to it that a customer comes up again when more is known of incidents."""
    if customer.queue and waits_for_incidents(state, customer, customer.queue[0]):
        state.waiting.put(key, b"", due=customer.queue[0][0])
    elif state.waiting.get(key, 0) is not None:
        state.waiting.drop(key)


def explaining(state: OutreachState, signal: Signal, at: int) -> Known | None:
    """The incident that stood then and explains a signal."""
    for cause in signal.causes:
        known = state.incidents.at(cause, at)
        if known is not None:
            return known
    return None
