"""Posts to a URL of our own kind, signed as Standard Webhooks says: messages, notices, and word of care.

What an answer means is in `touchline.agents.sinks.http`. The receiver knows a repeat by its `webhook-id`, so a try
without an answer is made again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from touchline.agents.sinks.clock import Now, system_now
from touchline.agents.sinks.http import Line, Poster, usual
from touchline.agents.sinks.signing import sign, signing_key
from touchline.pipeline.outreach.adapter import Parcel, SendResult
from touchline.schemas.vocabulary import Carried

_TYPES: Final = {
    Carried.MESSAGE: "outreach.message",
    Carried.NOTICE: "outreach.notice",
    Carried.CARE: "customer.care",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where messages are posted. `secret`: `whsec_…`. `timeout`, `connections`: see `Line`. `allow_private`: the
    receiver stands in our own network."""

    url: str
    secret: str
    timeout: float = 10.0
    connections: int = 64
    allow_private: bool = False


class WebhookAdapter:
    """Posts parcels. The delivery id is the `webhook-id`, by which the receiver tells a repeat.

    Raises: ValueError when the secret or the URL is no such thing.
    """

    idempotent: Final = True

    def __init__(self, endpoint: Endpoint, now: Now = system_now, *, name: str = "webhook") -> None:
        self.name = name
        self._key = signing_key(endpoint.secret)
        self._now = now
        line = Line(endpoint.timeout, endpoint.connections, endpoint.allow_private)
        self._poster = Poster(endpoint.url, line, repeatable=True, now=now)

    async def send(self, parcel: Parcel) -> SendResult:
        """Tries once."""
        now = self._now()
        seconds, body = int(now.timestamp()), _body(parcel, now)
        headers = {
            "content-type": "application/json",
            "webhook-id": parcel.parcel_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": sign(self._key, parcel.parcel_id, seconds, body),
        }
        return await self._poster.ask(body, headers, usual)

    async def close(self) -> None:
        """Closes the connections that are kept."""
        await self._poster.close()


def _body(parcel: Parcel, now: datetime) -> bytes:
    data: dict[str, object] = {"delivery_id": parcel.parcel_id}
    if parcel.what is Carried.MESSAGE:
        data["channel"] = parcel.channel.value
        if parcel.message is not None:
            data["to"] = parcel.message.to
    if parcel.message is not None:
        data |= {"subject": parcel.message.subject, "text": parcel.message.text}
    data |= parcel.data or {}
    return msgspec.json.encode({"type": _TYPES[parcel.what], "timestamp": now, "data": data})
