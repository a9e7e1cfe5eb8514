"""What a customer was promised and waits for: read from touchpoints that tell a time, and from what open signals rest
on."""

from collections.abc import Iterable
from typing import Final

from touchline.pipeline.engine.clock import DAY, from_ms
from touchline.pipeline.friction.deadline import read_time
from touchline.pipeline.friction.relation import Relation
from touchline.pipeline.friction.telling import Said
from touchline.schemas.context import MAX_PROMISES
from touchline.schemas.touchpoint import EnrichedTouchpoint

PROMISED: Final = "promised_at"
"""The attribute with the promised time."""

_ENDS: Final = frozenset({"order.cancelled", "pickup.collected"})
_SCANNED: Final = "delivery.scanned"
_DELIVERED: Final = "delivered"
_PAST: Final = 14 * DAY
"""A promise that has not been kept for so long is not told any more: something was not recorded."""

Promises = list[tuple[str, int]]
"""Subject and promised time in milliseconds."""


def note(relation: Relation, event: EnrichedTouchpoint, at: int) -> bool:
    """Takes in a promise that a touchpoint makes about its first subject, or that it keeps. Returns whether it did."""
    subjects, attributes = event.subjects, event.attributes
    if not subjects:
        return False
    if event.kind in _ENDS or (event.kind == _SCANNED and attributes.get("status") == _DELIVERED):
        changed = [relation.promise((at, subject, 0)) for subject in subjects]
        return any(changed)
    if PROMISED in attributes:
        until = read_time(attributes[PROMISED])
        if until is not None and until > 0:
            return relation.promise((at, subjects[0], until))
    return False


def waited_for(relation: Relation, standing: Iterable[Said], now: int) -> Promises:
    """What is promised at a time, the newest first. What a signal rests on was promised before the first signal, so
    what was said since about the same subject goes before it."""
    found = {subject: (told, until) for told, subject, until in relation.promises}
    for _, name, said in standing:
        if ":" in name and name not in found:
            for facts in said.crossing.facts.values():
                until = read_time(facts.get(PROMISED)) if PROMISED in facts else None
                if until is not None and until > 0:
                    found[name] = (said.crossing.first, until)
    if not found:
        return []
    newest = sorted(((told, subject, until) for subject, (told, until) in found.items()), reverse=True)
    return [(subject, until) for _, subject, until in newest if until and until > now - _PAST][:MAX_PROMISES]


def shown(promises: Promises) -> list[dict[str, object]]:
    """As `Promise`s."""
    return [{"subject": subject, PROMISED: from_ms(until)} for subject, until in promises]
