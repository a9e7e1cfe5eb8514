"""One request to a server that is not ours, bounded in every way: what all adapters that speak HTTP have in common.

What can go wrong, and what it means, unless the adapter says otherwise:

    no connection, no name, TLS failed          RETRY, and the server is down: nothing was sent
    2xx                                         SENT
    408, 5xx                                    RETRY, and the server is down; not before `Retry-After`
    425, 429                                    RETRY, not before `Retry-After`
    other 4xx; 3xx (redirects aren't followed)  FAILED
    a private address                           FAILED, unless it is allowed
    no answer, or a broken one                  UNKNOWN
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
from yarl import URL

from touchline.agents.sinks.clock import Now, system_now
from touchline.agents.sinks.guard import GuardedResolver, PrivateAddress, is_public_host
from touchline.agents.sinks.turns import BUSY, has_turn
from touchline.pipeline.outreach.adapter import SendResult, SendStatus

BODY_BYTES: Final = 16_384
"""So much of an answer's body is looked at, where it is looked at."""

_LATER: Final = frozenset({408, 425, 429})
_TIMED_OUT: Final = 408
_LONGEST_WAIT: Final = 86_400.0
_IDLE: Final = 15.0
_IDLE_BRIEFLY: Final = 2.0
"""A kept connection that the server closes while a request is on its way breaks without an answer. Where that can't be
repeated, a connection is used again only within a time in which no server closes one."""

_PRIVATE: Final = SendResult(SendStatus.FAILED, "the URL leads to a private address, which the settings do not allow")


@dataclass(frozen=True, slots=True)
class Line:
    """How a server is reached. `timeout`: of a whole try, in seconds, and of the wait for a free
    connection before it. `connections`: how many at once. `allow_private`: it stands in our own network."""

    timeout: float = 10.0
    connections: int = 64
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. `retry_after` in milliseconds. `body`: its beginning, where it was asked for."""

    status: int
    retry_after: int = 0
    body: bytes = b""


Judge = Callable[[Answer], SendResult]


class Poster:
    """Asks one URL. `repeatable`: whether the server tells repeats.

    Raises: ValueError when the URL is none."""

    def __init__(self, url: str, line: Line, *, repeatable: bool, now: Now = system_now) -> None:
        self._url = web_address(url)
        self._line = line
        self._repeatable = repeatable
        self._now = now
        self._free = asyncio.Semaphore(line.connections)
        self._client: aiohttp.ClientSession | None = None
        self._allowed = line.allow_private or is_public_host(self._url.host or "")

    async def ask(
        self,
        body: bytes,
        headers: Mapping[str, str],
        judge: Judge,
        *,
        method: str = "POST",
        reads: Callable[[int], bool] | None = None,
    ) -> SendResult:
        """Tries once. `reads`: of which status the body is looked at; None: of none."""
        if not self._allowed:
            return _PRIVATE
        if not await has_turn(self._free, self._line.timeout):
            return BUSY
        try:
            async with asyncio.timeout(self._line.timeout):
                return judge(await self._ask(method, body, headers, reads))
        except (_NotConnected, aiohttp.ClientError, OSError) as error:
            return _broken(error)
        finally:
            self._free.release()

    async def close(self) -> None:
        """Closes the connections that are kept."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _ask(
        self, method: str, body: bytes, headers: Mapping[str, str], reads: Callable[[int], bool] | None
    ) -> Answer:
        """Raises: TimeoutError, ClientError, OSError, _NotConnected."""
        try:
            async with self._session().request(
                method, self._url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                wait = round(_retry_after(answer.headers.get("retry-after", ""), self._now()) * 1_000)
                wanted = reads is not None and reads(answer.status)
                text = await _beginning(answer, self._line.timeout / 4) if wanted else b""
                return Answer(answer.status, wait, text)
        except aiohttp.ConnectionTimeoutError as error:
            raise _NotConnected from error

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None or self._client.closed:
            resolver = None if self._line.allow_private else GuardedResolver()
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._line.connections,
                    resolver=resolver,
                    keepalive_timeout=_IDLE if self._repeatable else _IDLE_BRIEFLY,
                ),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._line.timeout / 2),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"user-agent": "touchline"},
                auto_decompress=False,
            )
        return self._client


class _NotConnected(Exception):
    """The connection took too long: nothing was sent."""


def _broken(error: Exception) -> SendResult:
    """There is no answer: what that means."""
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, PrivateAddress):
            return _PRIVATE
        return SendResult(SendStatus.RETRY, "no connection to the server", down=True)
    if isinstance(error, _NotConnected):
        return SendResult(SendStatus.RETRY, "no connection to the server in time", down=True)
    if isinstance(error, TimeoutError):
        return SendResult(SendStatus.UNKNOWN, "the server did not answer in time", down=True)
    return SendResult(SendStatus.UNKNOWN, "the connection broke before a whole answer came", down=True)


async def _beginning(answer: aiohttp.ClientResponse, patience: float) -> bytes:
    """At most `BODY_BYTES` of the body. The status is known by now: a body that breaks off or drips changes nothing."""
    found = b""
    with suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(patience):
            while len(found) < BODY_BYTES and (more := await answer.content.read(BODY_BYTES - len(found))):
                found += more
    return found


def usual(answer: Answer) -> SendResult:
    """What an answer means where the server has no habits of its own."""
    status = answer.status
    words = f"the server answered {status}"
    if 200 <= status < 300:
        return SendResult(SendStatus.SENT)
    if status in _LATER or status >= 500:
        down = status >= 500 or status == _TIMED_OUT
        return SendResult(SendStatus.RETRY, words, answer.retry_after, down=down)
    if 300 <= status < 400:
        return SendResult(SendStatus.FAILED, f"{words}: redirects are not followed")
    return SendResult(SendStatus.FAILED, words)


def web_address(text: str) -> URL:
    """A URL that can be posted to.

    Raises: ValueError, which does not repeat it: it may hold a key."""
    try:
        url = URL(text)
    except ValueError:
        raise ValueError("this is no URL") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("a URL to post to begins with https:// (or http://) and a host")
    return url


def _retry_after(value: str, now: datetime) -> float:
    """Seconds that `Retry-After` asks for (RFC 9110, 10.2.3: a number, or a date), at most a day; 0 without one."""
    try:
        seconds = float(value) if value.isascii() and value.isdigit() else (_date(value) - now).total_seconds()
    except (ValueError, OverflowError):  # none at all, or one in a year or a zone that no date can have
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def _date(value: str) -> datetime:
    date = parsedate_to_datetime(value)
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
