"""Several signals of a customer at once: one message goes out, the others' decisions name it.

What can be known: those that are held wait for each other, so at a release the one of the highest rank is taken first,
and goes before what is decided on the spot. Of two that are decided on the spot nobody knows, at the first, that the
second will come: it goes, and the second only if it ranks higher. A plan with a `delay` waits, and is weighed.
"""

from collections.abc import Iterator

from touchline.pipeline.outreach.case import Rival, Verdict
from touchline.pipeline.outreach.plan import PolicyBook
from touchline.pipeline.outreach.state import CustomerState, Held, OutreachState, SignalState, Stage, keep
from touchline.schemas.vocabulary import Route

MAX_LINKED = 20
"""How many other signals a decision names at the most."""

_FOR_ONE = frozenset({"stop", "ramp"})
"""Why one message is only observed while another one of the same customer may really go out."""


def ahead(state: OutreachState, book: PolicyBook, customer: CustomerState, mine: Held) -> Rival | None:
    """The held signal of the highest rank that goes before mine."""
    for other, known in _rivals(state, customer, mine):
        if other[1:4] > mine[1:4] or known.signal is None:
            return None
        if not book.switches.stops(known.signal.rule):
            return Rival(other.signal_id, known.signal.rule, book.plan(known.signal).priority)
    return None


def behind(state: OutreachState, customer: CustomerState, mine: Held, verdict: Verdict) -> Iterator[str]:
    """The held signals for which my message stands from now on; they remember it."""
    if verdict.observed_by in _FOR_ONE:
        return
    for other, known in _rivals(state, customer, mine):
        known.winner = Rival(mine.signal_id, verdict.about, verdict.plan.priority)
        keep(state, other.signal_id, known, mine.at)
        yield other.signal_id


def link(state: OutreachState, teller: str, signal_id: str, at: int) -> None:
    """The message of a signal that is still held stands for another one as well."""
    known = state.signals.get(teller, at)
    if known is not None and known.stage is Stage.HELD and len(known.linked) < MAX_LINKED:
        known.linked.append(signal_id)
        keep(state, teller, known, at)


def _rivals(state: OutreachState, customer: CustomerState, mine: Held) -> Iterator[tuple[Held, SignalState]]:
    """The other messages that wait, the highest rank first."""
    for other in customer.waiting():
        if other.signal_id == mine.signal_id or other.route is not Route.CUSTOMER:
            continue
        known = state.signals.get(other.signal_id, mine.at)
        if known is not None and known.stage is Stage.HELD and known.signal is not None and known.winner is None:
            yield other, known
