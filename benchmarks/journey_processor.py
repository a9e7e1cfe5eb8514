"""The journey job as a processor of ours: channel counters and contacts per customer, a signal at the third contact
within 24 hours."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.records import Batch, Outbox
from touchline.pipeline.engine.store import KeyedStore
from touchline.schemas.wire import SIGNALS, TOUCHPOINTS

DAY_MS = 86_400_000


class Channel(StrEnum):
    """As generated."""

    WEB = "web"
    MOBILE_APP = "mobile_app"
    VOICE = "voice"
    CHAT = "chat"
    EMAIL = "email"
    SMS = "sms"
    IVR = "ivr"
    BRANCH = "branch"


class Kind(StrEnum):
    """As generated."""

    PAGE_VIEW = "page_view"
    CLICK = "click"
    SEARCH = "search"
    PURCHASE = "purchase"
    LOGIN = "login"
    FORM_SUBMIT = "form_submit"
    AD_IMPRESSION = "ad_impression"
    CALL = "call"
    CHAT_MESSAGE = "chat_message"
    EMAIL_INBOUND = "email_inbound"


CONTACTS = frozenset({Kind.CALL, Kind.CHAT_MESSAGE, Kind.EMAIL_INBOUND})


class Touch(msgspec.Struct):
    """A touchpoint of this job; every field is read and checked."""

    event_id: UUID
    occurred_at: datetime
    customer_id: str
    channel: Channel
    kind: Kind
    stage: str
    subject: str
    attributes: dict[str, Any]
    source: str


class Customer(msgspec.Struct, array_like=True):
    """Contacts of the last day (milliseconds) and touchpoints by channel."""

    contacts: list[int]
    channels: dict[str, int]


def _store() -> KeyedStore[Customer]:
    return KeyedStore(msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Customer).decode)


@dataclass
class JourneyState:
    """All customers of a shard."""

    customers: KeyedStore[Customer] = field(default_factory=_store)

    @property
    def pieces(self) -> dict[str, Piece]:
        """The parts."""
        return {"customers": self.customers}


class JourneyJob:
    """The processor."""

    inputs: Sequence[str] = (TOUCHPOINTS,)

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(Touch).decode
        self._encode = msgspec.json.Encoder().encode

    def new_state(self) -> JourneyState:
        """Nobody known."""
        return JourneyState()

    def process(self, batch: Batch, state: JourneyState, out: Outbox) -> None:
        """One pass over the batch."""
        customers, decode = state.customers, self._decode
        for record in batch.records:
            touch = decode(record.value or b"")
            key = touch.customer_id
            customer = customers.get(key, 0)
            if customer is None:
                customer = Customer([], {})
            customer.channels[touch.channel] = customer.channels.get(touch.channel, 0) + 1
            if touch.kind in CONTACTS:
                time = to_ms(touch.occurred_at)
                contacts = customer.contacts
                if contacts and contacts[0] <= time - DAY_MS:
                    contacts = customer.contacts = [t for t in contacts if t > time - DAY_MS]
                contacts.append(time)
                if len(contacts) == 3:
                    signal = {"customer_id": key, "rule": "contacts_24h", "time": time}
                    out.send(SIGNALS, record.key, self._encode(signal), partition=batch.partition)
            customers.put(key, customer)
