"""E-mail, by a relay.

What can go wrong, and what it means:

    before the text was handed over   refused for good (5xx): FAILED; anything else: RETRY, nothing was sent
    the server's answer to the text   2xx: SENT; 4xx: RETRY; 5xx: FAILED
    no answer to the text             UNKNOWN: the server may have taken it
"""

import asyncio
import re
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Final

import aiosmtplib

from touchline.agents.sinks.clock import Now, system_now
from touchline.pipeline.outreach.adapter import SendResult, SendStatus
from touchline.schemas.outreach import Message
from touchline.schemas.vocabulary import Channel

_ADDRESS: Final = re.compile(r"[^\s\x00-\x20\x7f<>()\[\]\\,;:\"@]{1,64}@[^\s\x00-\x20\x7f<>()\[\]\\,;:\"@]{1,253}")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
_POLICY: Final = policy.SMTP.clone(cte_type="7bit")
_GOODBYE: Final = 1.0
_TLS_PORT: Final = 465


class _Unusable(Exception):
    """The message can't be sent to that address."""


@dataclass(frozen=True, slots=True)
class Relay:
    """How the relay is reached. `starttls`: the line must become encrypted, or nothing is sent; on port 465 it is from
    the start. `timeout`: of a whole try, in seconds. `connections`: how many at once. `context`: None trusts the
    system's authorities."""

    host: str
    port: int
    sender: str
    starttls: bool = True
    username: str | None = None
    password: str | None = None
    timeout: float = 10.0
    connections: int = 8
    context: ssl.SSLContext | None = None


class SmtpAdapter:
    """Hands messages to a relay, each over a connection of its own. E-mail has no key that tells a repeat."""

    name: Final = "smtp"
    idempotent: Final = False

    def __init__(self, relay: Relay, now: Now = system_now) -> None:
        self._relay = relay
        self._now = now
        self._free = asyncio.Semaphore(relay.connections)
        self._host = socket.gethostname() or "localhost"
        self._at_once = relay.port == _TLS_PORT
        # Reading the authorities takes a tenth of a second: once, not for each message.
        encrypted = self._at_once or relay.starttls
        self._context = (relay.context or ssl.create_default_context()) if encrypted else None

    async def send(self, delivery_id: str, channel: Channel, message: Message) -> SendResult:
        """Tries once."""
        try:
            recipient = _recipient(message.to)
        except _Unusable as problem:
            return SendResult(SendStatus.FAILED, str(problem))
        mail = self._compose(delivery_id, recipient, message)
        talk = _Talk(self._client(), self._relay, encrypt=self._relay.starttls and not self._at_once)
        try:
            async with asyncio.timeout(self._relay.timeout), self._free:
                return await talk.hand_over(recipient, mail)
        except TimeoutError:
            return talk.broke("the server did not answer in time")
        finally:
            await talk.end()

    async def close(self) -> None:
        """No connection is kept."""

    def _client(self) -> aiosmtplib.SMTP:
        relay = self._relay
        return aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            local_hostname=self._host,
            timeout=relay.timeout,
            use_tls=self._at_once,
            start_tls=False,  # asked for by hand, so that what is missing can be told
            tls_context=self._context,
        )

    def _compose(self, delivery_id: str, recipient: str, message: Message) -> bytes:
        sender = self._relay.sender
        mail = EmailMessage(policy=_POLICY)
        mail["From"] = sender
        mail["To"] = recipient
        mail["Subject"] = _CONTROLS.sub(" ", message.subject)
        mail["Date"] = format_datetime(self._now())
        mail["Message-ID"] = f"<{delivery_id}@{_bare(sender).rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        mail.set_content(message.text.replace("\x00", ""))
        return mail.as_bytes()


class _Talk:
    """One conversation with the server, and how far it has come."""

    def __init__(self, client: aiosmtplib.SMTP, relay: Relay, *, encrypt: bool) -> None:
        self._client = client
        self._relay = relay
        self._encrypt = encrypt
        self._began = False
        self._handing_over = False

    async def hand_over(self, recipient: str, mail: bytes) -> SendResult:
        """The whole conversation. Raises: TimeoutError."""
        self._began = True
        try:
            problem = await self._greet()
            if problem is not None:
                return SendResult(SendStatus.RETRY, problem)
        except aiosmtplib.SMTPResponseException as refusal:
            return SendResult(SendStatus.RETRY, f"the server refused the connection: {_code(refusal)}")
        except (aiosmtplib.SMTPException, OSError, ValueError):
            return SendResult(SendStatus.RETRY, "no connection to the server")
        try:
            await self._client.mail(_bare(self._relay.sender))
            await self._client.rcpt(recipient)
            self._handing_over = True
            await self._client.data(mail)
        except aiosmtplib.SMTPResponseException as refusal:
            return self._refused(refusal)
        except (aiosmtplib.SMTPException, OSError):
            return self.broke("the connection broke")
        return SendResult(SendStatus.SENT)

    async def _greet(self) -> str | None:
        """Connects, encrypts and logs in; what is missing at the server, in words."""
        relay = self._relay
        await self._client.connect()
        await self._client.ehlo()
        if self._encrypt:
            if not self._client.supports_extension("starttls"):
                return "the server offers no STARTTLS"
            await self._client.starttls()
            await self._client.ehlo()
        if relay.username is not None:
            if not self._client.supports_extension("auth"):
                return "the server offers no login"
            await self._client.login(relay.username, relay.password or "")
        return None

    def broke(self, error: str) -> SendResult:
        """There is no answer: what that means at this point."""
        if self._handing_over:
            return SendResult(SendStatus.UNKNOWN, f"{error} after the text was sent")
        return SendResult(SendStatus.RETRY, error) if self._began else SendResult(SendStatus.BUSY, "no connection free")

    def _refused(self, refusal: aiosmtplib.SMTPResponseException) -> SendResult:
        words = f"the server answered {_code(refusal)}"
        if 500 <= refusal.code < 600:
            return SendResult(SendStatus.FAILED, words)
        if 400 <= refusal.code < 500:
            return SendResult(SendStatus.RETRY, words)
        return self.broke("the server's answer made no sense")

    async def end(self) -> None:
        """Says goodbye, or hangs up."""
        if self._client.is_connected:
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await asyncio.wait_for(self._client.quit(), _GOODBYE)
        self._client.close()


def _recipient(address: str) -> str:
    """The address as SMTP takes it: one mailbox, its domain in ASCII."""
    if not _ADDRESS.fullmatch(address):
        raise _Unusable("the customer's e-mail address is not usable")
    local, _, domain = address.rpartition("@")
    try:
        local.encode("ascii")
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        raise _Unusable("the customer's e-mail address has characters that the mail server may not take") from None


def _bare(sender: str) -> str:
    return parseaddr(sender)[1]


def _code(refusal: aiosmtplib.SMTPResponseException) -> str:
    """The codes of an answer; its text may hold the address."""
    enhanced = _ENHANCED.match(refusal.message)
    return f"{refusal.code} {enhanced[0]}" if enhanced else str(refusal.code)
