"""Messages posted to a URL, signed as Standard Webhooks says.

What can go wrong, and what it means:

    no connection, no name, TLS failed          RETRY: nothing was sent
    2xx                                         SENT; the answer's body is not read
    408, 425, 429, 5xx                          RETRY, not before `Retry-After`
    other 4xx; 3xx (redirects aren't followed)  FAILED
    a private address                           FAILED, unless it is allowed
    no answer, or a broken one                  UNKNOWN; the receiver knows a repeat by its `webhook-id`
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
import msgspec
from yarl import URL

from touchline.agents.sinks.clock import Now, system_now
from touchline.agents.sinks.guard import GuardedResolver, PrivateAddress, is_public_host
from touchline.agents.sinks.signing import sign, signing_key
from touchline.pipeline.outreach.adapter import SendResult, SendStatus
from touchline.schemas.outreach import Message
from touchline.schemas.vocabulary import Channel

_LATER: Final = frozenset({408, 425, 429})
_LONGEST_WAIT: Final = 86_400.0
_PRIVATE: Final = SendResult(SendStatus.FAILED, "the URL leads to a private address, which the settings do not allow")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where messages are posted. `secret`: `whsec_…`. `timeout`: of a whole try, in seconds. `connections`: how many
    at once. `allow_private`: the receiver stands in our own network."""

    url: str
    secret: str
    timeout: float = 10.0
    connections: int = 64
    allow_private: bool = False


class WebhookAdapter:
    """Posts messages. The delivery id is the `webhook-id`, by which the receiver tells a repeat.

    Raises: ValueError when the secret or the URL is no such thing.
    """

    name: Final = "webhook"
    idempotent: Final = True

    def __init__(self, endpoint: Endpoint, now: Now = system_now) -> None:
        self._endpoint = endpoint
        self._url = web_address(endpoint.url)
        self._key = signing_key(endpoint.secret)
        self._now = now
        self._free = asyncio.Semaphore(endpoint.connections)
        self._client: aiohttp.ClientSession | None = None
        self._allowed = endpoint.allow_private or is_public_host(self._url.host or "")

    async def send(self, delivery_id: str, channel: Channel, message: Message) -> SendResult:
        """Tries once."""
        if not self._allowed:
            return _PRIVATE
        began = False
        try:
            async with asyncio.timeout(self._endpoint.timeout), self._free:
                began = True
                return await self._post(delivery_id, channel, message)
        except TimeoutError:
            if began:
                return SendResult(SendStatus.UNKNOWN, "the server did not answer in time")
            return SendResult(SendStatus.BUSY, "no connection free")

    async def close(self) -> None:
        """Closes the connections that are kept."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _post(self, delivery_id: str, channel: Channel, message: Message) -> SendResult:
        now = self._now()
        body = self._body(delivery_id, channel, message, now)
        seconds = int(now.timestamp())
        headers = {
            "content-type": "application/json",
            "webhook-id": delivery_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": sign(self._key, delivery_id, seconds, body),
        }
        try:
            async with self._session().post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                return self._judge(answer.status, answer.headers, now)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, PrivateAddress):
                return _PRIVATE
            return SendResult(SendStatus.RETRY, "no connection to the server")
        except aiohttp.ConnectionTimeoutError:
            return SendResult(SendStatus.RETRY, "no connection to the server in time")
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            return SendResult(SendStatus.UNKNOWN, "the connection broke before a whole answer came")

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None or self._client.closed:
            resolver = None if self._endpoint.allow_private else GuardedResolver()
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._endpoint.connections, resolver=resolver),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._endpoint.timeout / 2),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"user-agent": "touchline"},
                auto_decompress=False,
            )
        return self._client

    def _body(self, delivery_id: str, channel: Channel, message: Message, now: datetime) -> bytes:
        data = {
            "delivery_id": delivery_id,
            "channel": channel.value,
            "to": message.to,
            "subject": message.subject,
            "text": message.text,
        }
        return msgspec.json.encode({"type": "outreach.message", "timestamp": now, "data": data})

    def _judge(self, status: int, headers: Mapping[str, str], now: datetime) -> SendResult:
        if 200 <= status < 300:
            return SendResult(SendStatus.SENT)
        if status in _LATER or status >= 500:
            wait = round(_retry_after(headers.get("retry-after", ""), now) * 1_000)
            return SendResult(SendStatus.RETRY, f"the server answered {status}", wait)
        if 300 <= status < 400:
            return SendResult(SendStatus.FAILED, f"the server answered {status}: redirects are not followed")
        return SendResult(SendStatus.FAILED, f"the server answered {status}")


def web_address(text: str) -> URL:
    """A URL that can be posted to.

    Raises: ValueError, which does not repeat it: it may hold a key."""
    try:
        url = URL(text)
    except ValueError:
        raise ValueError("this is no URL") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("a webhook's URL begins with https:// (or http://) and a host")
    return url


def _retry_after(value: str, now: datetime) -> float:
    """Seconds that `Retry-After` asks for (RFC 9110, 10.2.3: a number, or a date), at most a day; 0 without one."""
    try:
        seconds = float(value) if value.isascii() and value.isdigit() else (_date(value) - now).total_seconds()
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def _date(value: str) -> datetime:
    date = parsedate_to_datetime(value)
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
