"""What another system may want to know of a customer now: how the relationship stands, and what is open."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.types import ID, Kind, Name, Number, Time
from touchline.schemas.vocabulary import Channel, Polarity, Severity

MAX_OPEN = 16
"""How many open signals a context lists at the most, the worst first; `open_count` has the whole number."""

MAX_CAUSES = 3
MAX_CONTACTS = 3
MAX_PROMISES = 3
NEUTRAL = 100
"""The health of a customer without friction, and so of one who is not on the topic."""

_CONFIG = ConfigDict(extra="forbid")


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class OpenSignal:
    """A signal that stands. `group`: the customer, or a subject such as `order:123`. `since`: when it became true."""

    signal_id: ID
    rule: Name
    severity: Severity
    polarity: Polarity
    owner: Name
    party: Name
    group: str
    since: Time


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class Cause:
    """What one rule takes from the health at the time of the context. `words`: since when, or when it ended."""

    rule: Name
    points: Annotated[Number, Field(ge=0)]
    words: str


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class Contact:
    """A touchpoint where the customer came to us or we to them."""

    kind: Kind
    channel: Channel
    at: Time


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class Promise:
    """A time that the customer was told for an order or something else of theirs. It is not kept yet, as far as is
    known: `promised_at` may have passed."""

    subject: str
    promised_at: Time


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class CustomerContext:
    """The state of a relationship, on the compacted topic `customers.context`, written by `journey` alone.

    `at` is when it was so, in event time. `revision` rises by one with each record of the customer, and begins anew
    after a tombstone, which says that there is nothing to tell any more: health 100, no care, nothing open.
    `health` lies between 0 and 100. `care`: hold promotions, for friction is open; `care_since`: since when, and where
    `care` is false when it ended, None when that is not known (any more). `causes`: what costs most, the worst first.
    `contacts`: the newest first, of those since the first signal. `promises`: what was promised and is not kept yet,
    the newest promise first, of those since the first signal and those that the open signals are about.
    """

    customer: ID
    revision: int
    at: Time
    health: Annotated[int, Field(ge=0, le=100)]
    care: bool
    care_since: Time | None = None
    causes: Annotated[tuple[Cause, ...], Field(max_length=MAX_CAUSES)] = ()
    open_count: Annotated[int, Field(ge=0)] = 0
    open_signals: Annotated[tuple[OpenSignal, ...], Field(max_length=MAX_OPEN)] = ()
    contacts: Annotated[tuple[Contact, ...], Field(max_length=MAX_CONTACTS)] = ()
    promises: Annotated[tuple[Promise, ...], Field(max_length=MAX_PROMISES)] = ()
