"""Real servers on loopback ports that behave as told."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from enum import StrEnum
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from touchline.agents.sinks.http import Line
from touchline.agents.sinks.provider import Provider, ProviderAdapter
from touchline.agents.sinks.smtp import Relay, SmtpAdapter
from touchline.agents.sinks.webhook import Endpoint, WebhookAdapter
from touchline.pipeline.outreach.adapter import Adapter

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOCAL = "127.0.0.1"
SMS = {"to": "{to}", "body": "{text}", "reference": "{id}"}


class Mood(StrEnum):
    """How a server behaves."""

    FINE = "fine"
    LATER = "later"  # refuses for now
    NEVER = "never"  # refuses for good
    CUT = "cut"  # takes the message and hangs up without a word
    SILENT = "silent"  # takes the message and never answers


@dataclass
class Receiver:
    """What a server got: the ids of the messages it took, in order, and the messages."""

    mood: Mood = Mood.FINE
    port: int = 0
    ids: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    unknown: set[str] = field(default_factory=set)
    hang_up: Callable[[], None] = lambda: None
    delay: Callable[[], float] = lambda: 0.0
    """Seconds between taking a message and saying so."""

    def take(self, message_id: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.ids.append(message_id)
        self.bodies.append(body)
        self.headers.append(headers or {})


class _Mailbox:
    """The handler of aiosmtpd. Its answers quote the address, as those of real servers do."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._receiver.mood is Mood.NEVER or address in self._receiver.unknown:
            return f"550 5.1.1 <{address}> is unknown here"
        if self._receiver.mood is Mood.LATER:
            return f"450 4.2.1 <{address}> gets too much mail"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = bytes(envelope.original_content or b"")
        found = re.match(r"<([^@]+)@", str(message_from_bytes(content)["Message-ID"]))
        assert found is not None
        self._receiver.take(found[1], content, {"from": str(envelope.mail_from), "to": str(envelope.rcpt_tos)})
        await asyncio.sleep(self._receiver.delay())
        if self._receiver.mood is Mood.CUT:
            assert server.transport is not None
            server.transport.abort()
        elif self._receiver.mood is Mood.SILENT:
            await asyncio.Event().wait()
        return "250 OK"


@asynccontextmanager
async def mail_server(receiver: Receiver, **options: Any) -> AsyncIterator[Receiver]:
    """An SMTP server in this event loop."""
    loop = asyncio.get_running_loop()
    protocols: list[SMTP] = []

    def connected() -> SMTP:
        receiver.connections += 1
        protocols.append(SMTP(_Mailbox(receiver), loop=loop, hostname="mx.example.com", **options))
        return protocols[-1]

    def hang_up() -> None:
        for protocol in protocols:
            if protocol.transport is not None:
                with suppress(AttributeError):  # Python 3.11.2: what is encrypted and closed has nothing left to abort
                    protocol.transport.abort()

    receiver.hang_up = hang_up
    server = await loop.create_server(connected, LOCAL, 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        hang_up()
        for protocol in protocols:
            if protocol._handler_coroutine is not None:
                protocol._handler_coroutine.cancel()
        await asyncio.sleep(0)


def _id_of(request: web.Request, body: bytes) -> str:
    """Where the id of a message stands: in a header that tells repeats, or only in the body."""
    for name in ("webhook-id", "idempotency-key"):
        if name in request.headers:
            return request.headers[name]
    return str(json.loads(body).get("reference", ""))


@asynccontextmanager
async def web_server(receiver: Receiver, answer: Any = None) -> AsyncIterator[Receiver]:
    """An HTTP server in this event loop; `answer` may say something of its own."""

    async def post(request: web.Request) -> web.StreamResponse:
        receiver.connections += 1
        if receiver.mood is Mood.NEVER:
            return web.Response(status=400, text="no such address")
        if receiver.mood is Mood.LATER:
            return web.Response(status=503, headers={"Retry-After": "7"})
        body = await request.read()
        receiver.take(_id_of(request, body), body, dict(request.headers))
        await asyncio.sleep(receiver.delay())
        if receiver.mood is Mood.CUT:
            assert request.transport is not None
            request.transport.abort()
        elif receiver.mood is Mood.SILENT:
            await asyncio.Event().wait()
        elif answer is not None:
            response: web.StreamResponse = await answer(request)
            return response
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/{tail:.*}", post)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, LOCAL, 0)
    await site.start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def smtp(receiver: Receiver, *, limit: float = 5.0, connections: int = 8) -> AsyncIterator[Adapter]:
    """A mail server, and the adapter to it."""
    async with mail_server(receiver):
        relay = Relay(LOCAL, receiver.port, "Care <care@example.com>", False, timeout=limit, connections=connections)
        adapter = SmtpAdapter(relay)
        try:
            yield adapter
        finally:
            await adapter.close()


@asynccontextmanager
async def webhook(receiver: Receiver, *, limit: float = 5.0, connections: int = 8) -> AsyncIterator[Adapter]:
    """A web server, and the adapter to it."""
    async with web_server(receiver):
        url = f"http://{LOCAL}:{receiver.port}/hook"
        adapter = WebhookAdapter(Endpoint(url, SECRET, limit, connections, allow_private=True))
        try:
            yield adapter
        finally:
            await adapter.close()


@asynccontextmanager
async def provider(
    receiver: Receiver, *, limit: float = 5.0, connections: int = 8, **options: Any
) -> AsyncIterator[Adapter]:
    """A web server that does not tell repeats, and the adapter to it."""
    async with web_server(receiver):
        url = f"http://{LOCAL}:{receiver.port}/messages"
        adapter = ProviderAdapter(
            Provider(url, **{"json": SMS, **options}), Line(limit, connections, allow_private=True)
        )
        try:
            yield adapter
        finally:
            await adapter.close()


@asynccontextmanager
async def keyed(receiver: Receiver, **options: Any) -> AsyncIterator[Adapter]:
    """The same with a provider that takes a key by which it tells repeats."""
    async with provider(receiver, idempotency_header="Idempotency-Key", **options) as adapter:
        yield adapter


ADAPTERS = [smtp, webhook, provider, keyed]
"""Every adapter with its server: all of them keep the same contract."""
