"""What the API answers about a customer."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.context import CustomerContext
from touchline.schemas.types import ID, Name, Time
from touchline.schemas.vocabulary import Channel, DeliveryStatus, Purpose

MAX_MESSAGES = 3

_CONFIG = ConfigDict(extra="forbid")


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class SentMessage:
    """A message that was decided to be sent to the customer. `at` is when it was decided. `status` is what became of it
    last, None while nothing is known; `purpose` None when only its delivery is known so far."""

    decision_id: ID
    rule: Name
    channel: Channel
    purpose: Purpose | None
    at: Time
    status: DeliveryStatus | None


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class CustomerAnswer(CustomerContext):
    """A customer's context and the last messages to them, the newest first.

    `known` false: there is nothing to tell, which is so for most customers: no friction, health 100, no care. Whether
    such a customer exists is not known here; `at` is None and `revision` 0 then. `as_of`: what had been published by
    that time is in the answer.
    """

    at: Time | None  # type: ignore[assignment]
    known: bool
    as_of: Time
    messages: Annotated[tuple[SentMessage, ...], Field(max_length=MAX_MESSAGES)] = ()
