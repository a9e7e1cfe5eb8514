"""When the care for a customer begins and when it ends, from the contexts of `customers.context`."""

from dataclasses import dataclass
from datetime import datetime

from touchline.pipeline.engine.clock import from_ms, to_ms
from touchline.pipeline.engine.store import KeyedStore
from touchline.pipeline.outreach.ids import care_end_id, care_id
from touchline.schemas.context import NEUTRAL, Cause, CustomerContext


@dataclass(frozen=True, slots=True)
class CareChange:
    """Care began (`care`) or ended. `care_id` is the same for the same change. `since`: since when it is so, None where
    that is not known. `health` and `causes` as the context has them at `at`. `signal_id`: the worst that is open, ""
    when nothing is."""

    care_id: str
    signal_id: str
    customer: str
    care: bool
    since: datetime | None
    health: int
    causes: tuple[Cause, ...]
    at: datetime


def care_change(customer: str, context: CustomerContext | None, at: int, cared: KeyedStore[bytes]) -> CareChange | None:
    """What a record of a customer's context changes, None when nothing does.

    Args:
        customer: whose.
        context: None for a tombstone: there is nothing to tell any more, and so no care.
        at: when the record was written, in milliseconds; counts for a tombstone, which has no time of its own.
        cared: whom care stands for, with the id of its begin; brought up to date here.
    """
    begin = cared.get(customer, 0)
    if context is None:
        if begin is None:
            return None
        cared.drop(customer)
        return CareChange(care_end_id(begin.decode()), "", customer, False, None, NEUTRAL, (), from_ms(at))
    if context.care == (begin is not None):
        return None
    name = care_id(customer, context.revision, to_ms(context.at))
    if context.care:
        cared.put(customer, name.encode())
    else:
        cared.drop(customer)
    signal = context.open_signals[0].signal_id if context.open_signals else ""
    since, health = context.care_since, context.health
    return CareChange(name, signal, customer, context.care, since, health, context.causes, context.at)
