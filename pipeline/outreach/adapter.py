"""What carries a message to a channel: the one protocol of all adapters."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from touchline.schemas.outreach import Message
from touchline.schemas.vocabulary import Channel


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


@dataclass(frozen=True, slots=True)
class SendResult:
    """How a try ended. `error` in words, never with an address or a secret. `retry_after`: the least wait in
    milliseconds that the server asked for."""

    status: SendStatus
    error: str | None = None
    retry_after: int = 0


class Adapter(Protocol):
    """Carries messages. It is shared by all shards of a worker."""

    @property
    def name(self) -> str:
        """What deliveries call it."""

    @property
    def idempotent(self) -> bool:
        """Whether the receiver tells a repeat by the delivery id, so that an unknown end may be tried again."""

    async def send(self, delivery_id: str, channel: Channel, message: Message) -> SendResult:
        """Tries once, bounded in time. Every failure is a result, not an exception."""

    async def close(self) -> None:
        """Frees connections; it may be used again afterwards."""
