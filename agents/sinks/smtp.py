"""E-mail, by a relay.

What can go wrong, and what it means:

    before the text was handed over   refused for good (5xx): FAILED; anything else: RETRY, nothing was sent
    the server's answer to the text   2xx: SENT; 4xx: RETRY; 5xx: FAILED
    no answer to the text             UNKNOWN: the server may have taken it

A refusal of the recipient is a bounce: a hard one when it says that there is no such mailbox.
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
from touchline.agents.sinks.turns import BUSY, has_turn
from touchline.pipeline.outreach.adapter import Bounce, Parcel, SendResult, SendStatus
from touchline.schemas.outreach import Message

_ADDRESS: Final = re.compile(r"[^\s\x00-\x20\x7f<>()\[\]\\,;:\"@]{1,64}@[^\s\x00-\x20\x7f<>()\[\]\\,;:\"@]{1,253}")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
_POLICY: Final = policy.SMTP.clone(cte_type="7bit")
_NO_MAILBOX: Final = re.compile(r"5\.(1\.(1|2|3|6|10)|2\.1)")
"""RFC 3463 and 7505: no such mailbox or domain, no valid address, moved away, takes no mail; switched off."""

_NO_MAILBOX_PLAINLY: Final = frozenset({550, 551, 553})
_ONE_CLICK: Final = re.compile(r"https?://[!-;=?-~]{1,960}")
"""A URL that fits a line of a header: ASCII, without brackets."""

_GOODBYE: Final = 1.0
_IDLE: Final = 5.0
"""Seconds for which a connection is kept that nobody uses. Servers wait longer (RFC 5321 asks for 5 minutes)."""

_MESSAGES: Final = 100
"""After so many a connection is not used again: servers have limits."""

_TLS_PORT: Final = 465


class _Unusable(Exception):
    """The message can't be sent to that address."""


@dataclass(frozen=True, slots=True)
class Relay:
    """How the relay is reached. `starttls`: the line must become encrypted, or nothing is sent; on port 465 it is from
    the start. `timeout`: of a whole try, in seconds, and of the wait for a free connection before it.
    `connections`: how many at once. `context`: None trusts the system's authorities."""

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
    """Hands messages to a relay. E-mail has no key that tells a repeat.

    A connection on which a message went well is kept for the next one: greeting, encryption and login take most of the
    time of a short message.
    """

    idempotent: Final = False

    def __init__(self, relay: Relay, now: Now = system_now, *, name: str = "smtp") -> None:
        self.name = name
        self._relay = relay
        self._now = now
        self._free = asyncio.Semaphore(relay.connections)
        self._kept: list[_Kept] = []
        self._host = socket.gethostname() or "localhost"
        self._at_once = relay.port == _TLS_PORT
        # Reading the authorities takes a tenth of a second: once, not for each message.
        encrypted = self._at_once or relay.starttls
        self._context = (relay.context or ssl.create_default_context()) if encrypted else None

    async def send(self, parcel: Parcel) -> SendResult:
        """Tries once."""
        message = parcel.message
        if message is None:
            return SendResult(SendStatus.FAILED, "there is no text to send")
        try:
            recipient = _recipient(message.to)
        except _Unusable as problem:
            return SendResult(SendStatus.FAILED, str(problem), bounce=Bounce.HARD)
        mail = self._compose(parcel.parcel_id, recipient, message)
        if not await has_turn(self._free, self._relay.timeout):
            return BUSY
        talk: _Talk | None = None
        try:
            async with asyncio.timeout(self._relay.timeout):
                talk = await self._talk()
                return await talk.hand_over(recipient, mail)
        except TimeoutError:
            return BUSY if talk is None else talk.broke(_TOO_LATE)
        finally:
            self._free.release()
            if talk is not None:
                await self._done(talk)

    async def close(self) -> None:
        """Says goodbye on the connections that are kept."""
        kept, self._kept = self._kept, []
        await asyncio.gather(*(one.talk.end() for one in kept))

    async def _talk(self) -> "_Talk":
        """A connection that is kept and still stands, or a new one."""
        now = asyncio.get_running_loop().time()
        while self._kept:
            one = self._kept.pop()
            if now - one.since <= _IDLE and await one.talk.still_there():
                return one.talk
            await one.talk.end()
        return _Talk(self._client(), self._relay, encrypt=self._relay.starttls and not self._at_once)

    async def _done(self, talk: "_Talk") -> None:
        if talk.reusable:
            self._kept.append(_Kept(talk, asyncio.get_running_loop().time()))
        else:
            await talk.end()

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
        if message.html is not None:
            mail.add_alternative(message.html.replace("\x00", ""), subtype="html")
        return _unsubscribe(message.unsubscribe) + mail.as_bytes()


_TOO_LATE: Final = "the server did not answer in time"


@dataclass(frozen=True, slots=True)
class _Kept:
    """A connection that waits for the next message, since when by the loop's clock."""

    talk: "_Talk"
    since: float


class _Talk:
    """One conversation with the server, and how far it has come."""

    def __init__(self, client: aiosmtplib.SMTP, relay: Relay, *, encrypt: bool) -> None:
        self._client = client
        self._relay = relay
        self._encrypt = encrypt
        self._greeted = False
        self._handing_over = False
        self._messages = 0
        self.reusable = False

    async def still_there(self) -> bool:
        """Whether the server still answers on a connection that was kept. Asked before anything of the next message
        is said, so that a connection which the server gave up is no failed try."""
        self._handing_over = self.reusable = False
        try:
            await self._client.rset(timeout=min(_GOODBYE, self._relay.timeout / 4))
        except (aiosmtplib.SMTPException, OSError):
            return False
        return True

    async def hand_over(self, recipient: str, mail: bytes) -> SendResult:
        """The whole conversation, or on a connection that was kept the rest of it. Raises: TimeoutError."""
        try:
            problem = None if self._greeted else await self._greet()
            if problem is not None:
                return SendResult(SendStatus.RETRY, problem, down=True)
        except aiosmtplib.SMTPResponseException as refusal:
            return SendResult(SendStatus.RETRY, f"the server refused the connection: {_code(refusal)}", down=True)
        except (aiosmtplib.SMTPException, OSError, ValueError):
            return SendResult(SendStatus.RETRY, "no connection to the server", down=True)
        self._greeted = True
        try:
            await self._client.mail(_bare(self._relay.sender))
            await self._client.rcpt(recipient)
            self._handing_over = True
            await self._client.data(mail)
        except aiosmtplib.SMTPResponseException as refusal:
            return self._refused(refusal)
        except (aiosmtplib.SMTPException, OSError):
            return self.broke("the connection broke")
        self._messages += 1
        self.reusable = self._messages < _MESSAGES
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
            return SendResult(SendStatus.UNKNOWN, f"{error} after the text was sent", down=True)
        return SendResult(SendStatus.RETRY, error, down=True)

    def _refused(self, refusal: aiosmtplib.SMTPResponseException) -> SendResult:
        words = f"the server answered {_code(refusal)}"
        of_recipient = isinstance(refusal, aiosmtplib.SMTPRecipientRefused)
        if 500 <= refusal.code < 600:
            return SendResult(SendStatus.FAILED, words, bounce=_bounce(refusal, of_recipient=of_recipient))
        if 400 <= refusal.code < 500:
            return SendResult(SendStatus.RETRY, words, bounce=Bounce.SOFT if of_recipient else Bounce.NONE)
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


def _bounce(refusal: aiosmtplib.SMTPResponseException, *, of_recipient: bool) -> Bounce:
    """What a refusal for good says of the recipient. One for other reasons (a full mailbox, a blocked sender) may be
    another one tomorrow; without the recipient's name on it, it is one only if it says so."""
    enhanced = _ENHANCED.match(refusal.message)
    if enhanced is not None:
        if _NO_MAILBOX.fullmatch(enhanced[0]):
            return Bounce.HARD
    elif of_recipient and refusal.code in _NO_MAILBOX_PLAINLY:
        return Bounce.HARD
    return Bounce.SOFT if of_recipient else Bounce.NONE


def _unsubscribe(url: str | None) -> bytes:
    """The headers by which one click ends such messages (RFC 8058). Written by hand: the library would encode what is
    longer than a line."""
    if url is None or not _ONE_CLICK.fullmatch(url):
        return b""
    return f"List-Unsubscribe: <{url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n".encode()


def _bare(sender: str) -> str:
    return parseaddr(sender)[1]


def _code(refusal: aiosmtplib.SMTPResponseException) -> str:
    """The codes of an answer; its text may hold the address."""
    enhanced = _ENHANCED.match(refusal.message)
    return f"{refusal.code} {enhanced[0]}" if enhanced else str(refusal.code)
