"""Dead letters on the wire: the original record, with the reason in headers as Kafka Connect names them."""

import hashlib
from typing import Final, NamedTuple

from touchline.pipeline.engine.clock import from_ms
from touchline.pipeline.engine.records import Headers, Outbox, Record, header
from touchline.schemas import wire
from touchline.schemas.rejection import RejectCode, Rejection

MAX_REJECTED_BYTES: Final = (1 << 20) + (64 << 10)
"""What `touchpoints.rejected` takes: 64 KiB more than Kafka's default for `touchpoints.raw`."""

_BATCH_OVERHEAD: Final = 128
_HEADER_OVERHEAD: Final = 10
_KEPT_PREFIX: Final = 64 << 10
_KEPT_KEY: Final = 4 << 10
_MAX_TEXT: Final = 1_024
_OURS: Final = frozenset(
    {
        wire.ERROR_TOPIC,
        wire.ERROR_PARTITION,
        wire.ERROR_OFFSET,
        wire.ERROR_CLASS,
        wire.ERROR_MESSAGE,
        wire.ERROR_FIELD,
        wire.ERROR_TIME,
        wire.ERROR_TRUNCATED,
    }
)


class Refusal(NamedTuple):
    """Why a record is refused. `field` is a path such as `attributes.color`, or empty; `message` says what was expected
    and holds no value of the record."""

    code: RejectCode
    field: str
    message: str


def reject(
    out: Outbox,
    topic: str,
    partition: int,
    record: Record,
    why: Refusal,
    now: int,
    *,
    max_bytes: int = MAX_REJECTED_BYTES,
) -> None:
    """Sends a record of a logical topic to the dead letters, bytes and headers as they came. `now` in milliseconds.

    Headers of an earlier rejection are replaced. A record that would be larger than
    `max_bytes` keeps the first 64 KiB of its value (its headers and a key above 4 KiB go); a header then tells hash
    and length of what it was.
    """
    reason = (
        (wire.ERROR_TOPIC, topic.encode()),
        (wire.ERROR_PARTITION, b"%d" % partition),
        (wire.ERROR_OFFSET, b"%d" % record.offset),
        (wire.ERROR_CLASS, why.code.value.encode()),
        (wire.ERROR_MESSAGE, why.message[:_MAX_TEXT].encode("utf-8", "replace")),
        (wire.ERROR_FIELD, why.field[:_MAX_TEXT].encode("utf-8", "replace")),
        (wire.ERROR_TIME, b"%d" % now),
    )
    headers = [pair for pair in record.headers if pair[0] not in _OURS]
    if _BATCH_OVERHEAD + _size(record.key, record.value, headers) + _size(None, None, reason) <= max_bytes:
        out.send(wire.REJECTED, record.key, record.value, headers=(*headers, *reason))
        return
    value = record.value or b""
    digest = hashlib.sha256(value).hexdigest()
    cut = (wire.ERROR_TRUNCATED, f"sha256={digest};length={len(value)}".encode())
    room = max_bytes - _BATCH_OVERHEAD - _size(None, None, (*reason, cut)) - _KEPT_KEY
    key = record.key if record.key is not None and len(record.key) <= _KEPT_KEY else None
    out.send(wire.REJECTED, key, value[: max(0, min(room, _KEPT_PREFIX))], headers=(*reason, cut))


def rejection_of(record: Record) -> Rejection | None:
    """Why a dead letter was refused, as its headers say; None when they don't (no dead letter of ours)."""
    found = {name: (header(record, name) or b"").decode("utf-8", "replace") for name in _OURS}
    try:
        return Rejection(
            code=RejectCode(found[wire.ERROR_CLASS]),
            field=found[wire.ERROR_FIELD],
            message=found[wire.ERROR_MESSAGE],
            topic=found[wire.ERROR_TOPIC],
            partition=int(found[wire.ERROR_PARTITION]),
            offset=int(found[wire.ERROR_OFFSET]),
            at=from_ms(int(found[wire.ERROR_TIME])),
        )
    except (ValueError, OverflowError):
        return None


def _size(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """Bytes of a record at the most (its numbers have variable length on the wire)."""
    total = len(key or b"") + len(value or b"")
    for name, content in headers:
        # A name's length in UTF-8; what came from a broker was decoded from it, so it encodes again.
        total += len(name.encode("utf-8", "surrogatepass")) + len(content or b"") + _HEADER_OVERHEAD
    return total
