"""What carries a message to a channel: the one protocol of all adapters."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from touchline.schemas.outreach import Message
from touchline.schemas.vocabulary import Carried, Channel


class SendStatus(StrEnum):
    """How a try ended.

    SENT: the server took it. RETRY: it did not, and may later. FAILED: it will never. UNKNOWN: the line broke when the
    server may have taken it already. BUSY: nothing was tried, since no connection was free in time.
    """

    SENT = "sent"
    RETRY = "retry"
    FAILED = "failed"
    UNKNOWN = "unknown"
    BUSY = "busy"


class Bounce(StrEnum):
    """Whether it was the recipient that the server refused: HARD, for good (there is no such address), or SOFT."""

    NONE = "none"
    SOFT = "soft"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class SendResult:
    """How a try ended. `error` in words, never with an address or a secret. `retry_after`: the least wait in
    milliseconds that the server asked for. `bounce`: what was said of the recipient. `down`: it is the server that is
    in trouble, not this message, so that others would fare no better (an UNKNOWN end always says so)."""

    status: SendStatus
    error: str | None = None
    retry_after: int = 0
    bounce: Bounce = Bounce.NONE
    down: bool = False


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is to be carried. `parcel_id` is the delivery's id, by which a receiver may tell a repeat.

    `message`: as people read it; None for care, which machines alone hear of. `data`: as a machine reads it, in JSON
    types; None for a message to a customer, which is all there.
    """

    parcel_id: str
    channel: Channel
    message: Message | None
    what: Carried = Carried.MESSAGE
    data: Mapping[str, object] | None = None


class Adapter(Protocol):
    """Carries parcels. It is shared by all shards of a worker."""

    @property
    def name(self) -> str:
        """What deliveries call it."""

    @property
    def idempotent(self) -> bool:
        """Whether the receiver tells a repeat by the delivery id, so that an unknown end may be tried again."""

    async def send(self, parcel: Parcel) -> SendResult:
        """Tries once, bounded in time. Every failure is a result, not an exception."""

    async def close(self) -> None:
        """Frees connections; it may be used again afterwards."""
