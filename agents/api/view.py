"""What the API knows: the newest context of each customer and the last messages to them, in memory.

Everything is kept as bytes, contexts compressed with what they have in common as dictionary, so a million customers
fit. Whoever asks gets bytes again: nothing is decoded and encoded on the way but the few fields of messages.
"""

import zlib
from typing import Final

import msgspec

from touchline.pipeline.engine.clock import from_ms, to_ms
from touchline.schemas.answer import MAX_MESSAGES
from touchline.schemas.codec import DecodeError, encode
from touchline.schemas.context import NEUTRAL
from touchline.schemas.types import Time
from touchline.schemas.vocabulary import DeliveryStatus, Outcome, Route
from touchline.schemas.wire import CONTEXT, CUSTOMERS, DECISIONS, DELIVERIES

TOPICS: Final = (CUSTOMERS, CONTEXT, DECISIONS, DELIVERIES)
"""What a view is made of; of profiles only whether the customer is erased."""

_RAW_DEFLATE: Final = -15
_LEVEL: Final = 1
_MESSAGE: Final = "message"
_ERASED: Final = b'"erased":true'


class _Decided(msgspec.Struct):
    """What is read of a decision."""

    decision_id: str
    rule: str
    outcome: Outcome
    observed: bool
    purpose: str
    channel: str | None
    at: Time
    route: Route = Route.CUSTOMER


class _Delivered(msgspec.Struct):
    """What is read of a delivery. `what`: what is carried, for owners get notices in the same way."""

    decision_id: str
    revision: int
    rule: str
    channel: str
    status: DeliveryStatus
    at: Time
    what: str = _MESSAGE


class _Context(msgspec.Struct):
    at: Time


class _Profile(msgspec.Struct):
    updated_at: Time
    erased: bool = False


class _Kept(msgspec.Struct, array_like=True):
    """A message. `at`: when it was decided, as long as that is not known when it was `delivered`. `revision`: of its
    delivery; `status` empty when nothing is known of that yet."""

    at: int
    decision_id: str
    rule: str
    channel: str
    purpose: str = ""
    status: str = ""
    revision: int = -1
    delivered: int = -1


_decode_context: Final = msgspec.json.Decoder(_Context).decode
_decode_decided: Final = msgspec.json.Decoder(_Decided).decode
_decode_delivered: Final = msgspec.json.Decoder(_Delivered).decode
_decode_profile: Final = msgspec.json.Decoder(_Profile).decode
_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(list[_Kept]).decode
_NONE: Final = _pack([])
_NOTHING: Final = b"[]"


def _dictionary() -> bytes:
    """What contexts have in common: words that they are made of, the most usual ones at the end."""
    signal = {
        "signal_id": "", "rule": "", "severity": "high", "polarity": "friction", "owner": "customer_service",
        "party": "own", "group": "order:", "since": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    usual = {
        "customer": "c-", "revision": 1, "at": "2026-01-01T00:00:00Z", "health": 80, "care": True,
        "care_since": "2026-01-01T00:00:00Z",
        "causes": [{"rule": "", "points": 20.0, "words": "open since 2026-01-01 00:00 UTC"}],
        "open_count": 1, "open_signals": [signal, {**signal, "severity": "medium", "party": "carrier"}],
        "contacts": [{"kind": "call.started", "channel": "voice", "at": "2026-01-01T00:00:00Z"}],
        "promises": [{"subject": "order:", "promised_at": "2026-01-01T00:00:00Z"}],
    }  # fmt: skip
    return encode(usual)


_DICTIONARY: Final = _dictionary()


def _packed(value: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW_DEFLATE, zdict=_DICTIONARY)
    return packer.compress(value) + packer.flush()


def _unpacked(value: bytes) -> bytes:
    return zlib.decompressobj(_RAW_DEFLATE, zdict=_DICTIONARY).decompress(value)


class View:
    """Everything that was read so far. Not for several threads.

    Args:
        messages_within: how far back messages are told, in milliseconds.

    Messages are kept in two generations: when the younger one has become as old as they are told, the older is dropped
    as a whole. So what nobody asks for goes by itself, and at no cost.
    """

    def __init__(self, messages_within: int) -> None:
        self._within = messages_within
        self._contexts: dict[bytes, bytes] = {}
        self._erased: dict[bytes, int] = {}
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}
        self._turned: int | None = None
        self.undecodable = 0
        """Records that could not be read: of another release, or not ours."""

    def __len__(self) -> int:
        """How many customers have a context."""
        return len(self._contexts)

    def take(self, topic: str, key: bytes | None, value: bytes | None, now: int) -> None:
        """A record of one of `TOPICS` (logical names). `now`: milliseconds since 1970 UTC."""
        if key is None:
            return  # a tick
        try:
            self._take(topic, key, value, now)
        except DecodeError:
            self.undecodable += 1

    def _take(self, topic: str, key: bytes, value: bytes | None, now: int) -> None:
        if topic == CONTEXT:
            self._context(key, value)
        elif value is None:
            return
        elif topic == DECISIONS:
            self._decided(key, _decode_decided(value), now)
        elif topic == DELIVERIES:
            self._delivered(key, _decode_delivered(value), now)
        elif _ERASED in value and (profile := _decode_profile(value)).erased:
            self._erase(key, to_ms(profile.updated_at))

    def _context(self, key: bytes, value: bytes | None) -> None:
        if value is None or (key in self._erased and to_ms(_decode_context(value).at) <= self._erased[key]):
            self._contexts.pop(key, None)
        else:
            self._contexts[key] = _packed(value)

    def _erase(self, key: bytes, at: int) -> None:
        """Topics are read side by side: what is older may still come, and what is newer may be here already. A profile
        stays erased through several records."""
        if at <= self._erased.get(key, -1):
            return
        self._erased[key] = at
        for messages in (self._young, self._old):
            left = [one for one in _unpack(messages.pop(key, _NONE)) if _outlives(one, at)]
            if left:
                messages[key] = _pack(left)
        context = self._contexts.pop(key, None)
        if context is not None:
            self._context(key, _unpacked(context))

    def _decided(self, key: bytes, it: _Decided, now: int) -> None:
        if it.outcome is Outcome.SENT and not it.observed and it.channel and it.route is Route.CUSTOMER:
            self._message(key, _Kept(to_ms(it.at), it.decision_id, it.rule, it.channel, it.purpose), now)

    def _delivered(self, key: bytes, it: _Delivered, now: int) -> None:
        if it.what == _MESSAGE and it.status is not DeliveryStatus.OBSERVED:
            status = it.status.value
            at = to_ms(it.at)
            kept = _Kept(at, it.decision_id, it.rule, it.channel, "", status, it.revision, at)
            self._message(key, kept, now)

    def _message(self, key: bytes, news: _Kept, now: int) -> None:
        if news.at <= self._erased.get(key, -1) or news.at < now - self._within:
            return
        kept = self._messages(key)
        known = next((one for one in kept if one.decision_id == news.decision_id), None)
        if known is None:
            kept.append(news)
        else:
            _join(known, news)
        kept.sort(key=lambda one: (one.at, one.decision_id), reverse=True)
        if self._turned is None or now - self._turned > self._within:
            self._turned, self._old, self._young = now, self._young, {}
        self._young[key] = _pack(kept[:MAX_MESSAGES])

    def _messages(self, key: bytes) -> list[_Kept]:
        packed = self._young.get(key) or self._old.get(key)
        return [] if packed is None else _unpack(packed)

    def find(self, customer: str, now: int) -> tuple[bytes | None, bytes]:
        """The context of a customer as JSON, None when there is nothing to tell, and their messages as a JSON list."""
        key = customer.encode()
        packed = self._contexts.get(key)
        messages = [_shown(one) for one in self._messages(key) if one.at >= now - self._within]
        return None if packed is None else _unpacked(packed), encode(messages) if messages else _NOTHING


def _join(known: _Kept, news: _Kept) -> None:
    """Puts together what a decision and its delivery say of a message, whichever came first."""
    if news.purpose:
        known.at, known.purpose, known.channel = news.at, news.purpose, news.channel
    if news.revision > known.revision:
        known.status, known.revision, known.delivered = news.status, news.revision, news.delivered
        if not known.purpose:
            known.at = news.at


def _outlives(message: _Kept, erased: int) -> bool:
    """Whether an erasure leaves something of a message: what was said of it since, as if no more had ever been read."""
    if message.delivered <= erased:
        message.status, message.revision = "", -1
    if message.at <= erased:
        message.at, message.purpose = message.delivered, ""
    return message.at > erased


def _shown(message: _Kept) -> dict[str, object]:
    """A `SentMessage`."""
    return {
        "decision_id": message.decision_id,
        "rule": message.rule,
        "channel": message.channel,
        "purpose": message.purpose or None,
        "at": from_ms(message.at),
        "status": message.status or None,
    }


def neutral(customer: str) -> bytes:
    """What holds for whom nothing is told."""
    nothing = {"revision": 0, "at": None, "health": NEUTRAL, "care": False, "care_since": None, "open_count": 0}
    empty: dict[str, object] = dict.fromkeys(("causes", "open_signals", "contacts", "promises"), ())
    return encode({"customer": customer, **nothing, **empty})
