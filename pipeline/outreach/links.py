"""Signed links: what a customer follows from a message tells who followed which, and can't be made up or altered.

A link is `<base>/l/<token>`. The token is one line of base64url without padding: a byte for the version, a byte for
what it is, the fields as msgpack, and the first 16 bytes of their HMAC-SHA256. It holds the customer's key, the
decision and the channel, for a click the target, for an unsubscription the purpose; no address and no name. It doesn't
expire by itself (an unsubscription must work for as long as the message is kept), but with the key that signed it.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final, Literal
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from touchline.schemas.vocabulary import Channel, Purpose

PATH: Final = "/l/"
"""Where the server of links answers: the token follows it."""

MIN_SECRET: Final = 32
"""The shortest secret, in bytes."""

MAX_URL: Final = 1_024
"""The longest target of a click, in bytes."""

_VERSION: Final = 1
_MAC: Final = 16
_MAX_TOKEN: Final = 4_096
"""Longer than any token: ids of 128 characters and the longest target together need fewer than 3,000."""

_DOMAIN: Final = b"touchline link\0"
"""So that what another part signs with the same secret is no link."""

What = Literal["click", "open", "unsubscribe"]
_WHATS: Final[dict[What, int]] = {"click": 1, "open": 2, "unsubscribe": 3}
_BY_CODE: Final = {code: what for what, code in _WHATS.items()}


class LinkError(ValueError):
    """A token is not one of ours. The message never repeats it."""


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """What a link stands for. `purpose` is set for `unsubscribe` alone, `url` for `click` alone."""

    what: What
    customer: str
    decision_id: str
    channel: Channel
    purpose: Purpose | None = None
    url: str | None = None


class _Fields(msgspec.Struct, array_like=True, frozen=True):
    """What is signed. The decision is `uuid`, 16 bytes, or where it is none `name`; `more`: the target, the purpose."""

    customer: str
    uuid: bytes
    name: str
    channel: Channel
    more: str = ""


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(_Fields).decode


class Links:
    """Makes signed links and reads their tokens.

    Args:
        base: the public address of the server of links, `https://links.example.com`.
        secret: signs; at least 32 bytes.
        older: secrets that signed before; what they signed is still read.

    Raises: ValueError when `base` is no http(s) address or a secret is too short.
    """

    def __init__(self, base: str, secret: bytes, older: Sequence[bytes] = ()) -> None:
        if not is_target(base) or urlsplit(base).query or urlsplit(base).fragment:
            raise ValueError("the base of links is an address such as https://links.example.com")
        if min(map(len, (secret, *older))) < MIN_SECRET:
            raise ValueError(f"a secret of links has at least {MIN_SECRET} bytes")
        self._base = base.rstrip("/") + PATH
        self._secrets = (secret, *older)

    def click(self, customer: str, decision_id: str, channel: Channel, url: str) -> str:
        """A link that leads on to a URL.

        Raises: ValueError when the URL is none that a link may lead to (`is_target`)."""
        if not is_target(url):
            raise ValueError(f"a link leads to an http or https address of at most {MAX_URL} bytes without blanks")
        return self._link("click", customer, decision_id, channel, url)

    def open(self, customer: str, decision_id: str, channel: Channel) -> str:
        """The address of a picture, which a mail client that shows the message asks for."""
        return self._link("open", customer, decision_id, channel, "")

    def unsubscribe(self, customer: str, decision_id: str, channel: Channel, purpose: Purpose) -> str:
        """Where one click ends messages of a purpose on a channel (RFC 8058)."""
        return self._link("unsubscribe", customer, decision_id, channel, purpose.value)

    def read(self, token: str) -> Followed:
        """What a token stands for: the part of a link behind `PATH`.

        Raises: LinkError when it was not signed by one of the secrets, or is not exactly as it was made."""
        body = self._signed(token)
        if body[0] != _VERSION:
            raise LinkError("the link is of a version that is not known here")
        what = _BY_CODE[body[1]]
        try:
            fields = _DECODE(body[2:])
            decision = fields.name or str(UUID(bytes=fields.uuid))
            purpose = Purpose(fields.more) if what == "unsubscribe" else None
        except (msgspec.DecodeError, ValueError):  # signed, but by a newer version that knows more channels or purposes
            raise LinkError("the link holds what is not known here") from None
        return Followed(
            what=what,
            customer=fields.customer,
            decision_id=decision,
            channel=fields.channel,
            purpose=purpose,
            url=fields.more if what == "click" else None,
        )

    def _link(self, what: What, customer: str, decision_id: str, channel: Channel, more: str) -> str:
        uuid = _packed(decision_id)
        fields = _Fields(customer, uuid, "" if uuid else decision_id, channel, more)
        body = bytes((_VERSION, _WHATS[what])) + _ENCODE(fields)
        return self._base + _text(body + _mac(self._secrets[0], body))

    def _signed(self, token: str) -> bytes:
        """The bytes that were signed.

        base64 leaves a last letter several spellings and its reader skips what is no letter of it: only the one
        spelling that is made here is taken."""
        refusal = LinkError("the link was not made here, or was altered")
        if len(token) > _MAX_TOKEN or not token.isascii():
            raise refusal
        try:
            whole = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise refusal from None
        body, mac = whole[:-_MAC], whole[-_MAC:]
        known = [hmac.compare_digest(_mac(secret, body), mac) for secret in self._secrets]
        if not any(known) or len(body) < 2 or _text(whole) != token or body[1] not in _BY_CODE:
            raise refusal
        return body


def is_target(url: str) -> bool:
    """Whether a link may lead to it: an absolute http(s) address with a host, without blanks, user or password, short
    enough. Such as `javascript:` is none, and none can be read in two ways."""
    if len(url.encode("utf-8", "replace")) > MAX_URL or not url.isprintable() or set(url) & set(' \\"<>^`{|}'):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def _packed(decision_id: str) -> bytes:
    """The bytes of a UUID in its usual spelling; nothing for another id."""
    try:
        uuid = UUID(decision_id)
    except ValueError:
        return b""
    return uuid.bytes if str(uuid) == decision_id else b""


def _mac(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, _DOMAIN + body, "sha256")[:_MAC]


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
