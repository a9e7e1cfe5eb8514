"""What a decision waits for: the profile under which its signal was raised, and word of the incidents of its time.

One that was held takes the profile as of its release. So in history it waits for word of profiles up to then: how far
one topic is read before another must not matter.
"""

from typing import Final

from touchline.pipeline.engine.clock import DAY, MINUTE
from touchline.pipeline.friction.incidents import Known
from touchline.pipeline.outreach.state import CustomerState, Held, OutreachState, Step, Todo
from touchline.schemas.signal import Signal

MAX_WAIT: Final = 2 * MINUTE
"""How long a signal that an incident may explain waits for word of incidents, on the live clock: an agent `incident`
that stands still delays what is said, and does not prevent it."""

KEPT: Final = 30 * DAY
"""How long an incident that is over is known, for what is decided as of an earlier time."""


def first_held(state: OutreachState, customer: CustomerState, at: int) -> Held | None:
    """What a customer has held and is released before a step as of `at`.

    In history a customer's signals may be days ahead of the ticks, which are as far as the slowest raw partition: that
    would put the release behind them. On the live clock they are together."""
    if state.clock.value.live or not customer.held or customer.held[0].at > at:
        return None
    return customer.held[0]


def must_wait(state: OutreachState, customer: CustomerState, item: Todo) -> bool:
    """Whether a step, or what is released before it, can't be taken yet."""
    held = first_held(state, customer, item.at)
    if held is None and item.step is Step.DECIDE:
        known = state.signals.get(item.signal_id, item.at)
        if known is not None and known.signal is not None and known.signal.profile_revision > customer.seen:
            return True
    return awaited(state, customer, item) is not None


def awaited(state: OutreachState, customer: CustomerState, item: Todo) -> int | None:
    """Up to when incidents and, in history, profiles must be told before a step, or before what is released first:
    they may explain what it decides, or change what is released by it. None when it need not wait for them."""
    held = first_held(state, customer, item.at)
    at, signal_id, step = item[:3] if held is None else held.todo()[:3]
    if step is not Step.END and _may_be_explained(state, signal_id, at):
        return at
    unheard = step is Step.RELEASE and not state.clock.value.live and at > state.profiled.value
    return at if unheard else None


def _may_be_explained(state: OutreachState, signal_id: str, at: int) -> bool:
    clock = state.clock.value
    if at <= (state.told.low or 0) or (clock.live and clock.at >= at + MAX_WAIT):
        return False
    known = state.signals.get(signal_id, at)
    return known is not None and known.signal is not None and bool(known.signal.causes)


def mind(state: OutreachState, key: str, customer: CustomerState) -> None:
    """Sees to it that a customer comes up again when more is known of incidents or profiles."""
    until = awaited(state, customer, customer.queue[0]) if customer.queue else None
    if until is not None:
        state.waiting.put(key, b"", due=until)
    elif state.waiting.get(key, 0) is not None:
        state.waiting.drop(key)


def explaining(state: OutreachState, signal: Signal, at: int) -> Known | None:
    """The incident that stood then and explains a signal."""
    for cause in signal.causes:
        known = state.incidents.at(cause, at)
        if known is not None:
            return known
    return None
