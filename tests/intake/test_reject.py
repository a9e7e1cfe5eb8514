"""Dead letters: the original whole, the reason in headers, and what does not fit."""

import hashlib
from datetime import UTC, datetime

import pytest

from touchline.pipeline.engine.records import Headers, Outbox, Output, PlainRecord, header
from touchline.pipeline.engine.reject import MAX_REJECTED_BYTES, Refusal, reject, rejection_of
from touchline.schemas import wire
from touchline.schemas.rejection import RejectCode, Rejection

NOW = 1_772_000_000_123


def rejected(record: PlainRecord, max_bytes: int = MAX_REJECTED_BYTES) -> PlainRecord:
    out = Outbox()
    reject(
        out,
        "touchpoints.raw",
        3,
        record,
        Refusal(RejectCode.BAD_TIME, "occurred_at", "has no offset …"),
        NOW,
        max_bytes=max_bytes,
    )
    (sent,) = out.records
    assert sent.topic == wire.REJECTED
    assert _bytes(sent) < max_bytes
    return PlainRecord(0, 0, sent.key, sent.value, sent.headers)


def _bytes(sent: Output) -> int:
    return len(sent.key or b"") + len(sent.value or b"") + sum(len(k) + len(v or b"") for k, v in sent.headers)


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (b"k", b"\x00\xff", (("a", b"1"), ("a", None), ("ce_id", b"\xff"))),
        (None, None, ()),
        (b"", b"", ()),
        (b"k", b"x" * (1 << 20), (("h", b"y" * 1_000),)),
    ],
)
def test_the_original_is_kept_and_the_reason_can_be_read(
    key: bytes | None, value: bytes | None, headers: Headers
) -> None:
    letter = rejected(PlainRecord(77, 5, key, value, headers))
    assert (letter.key, letter.value) == (key, value)
    assert tuple(letter.headers[: len(headers)]) == tuple(headers)
    assert rejection_of(letter) == Rejection(
        code=RejectCode.BAD_TIME,
        field="occurred_at",
        message="has no offset …",
        topic="touchpoints.raw",
        partition=3,
        offset=77,
        at=datetime.fromtimestamp(NOW / 1_000, UTC),
    )


@pytest.mark.parametrize(
    "record",
    [
        PlainRecord(1, 0, b"k", b"x" * (10 << 20)),
        PlainRecord(1, 0, b"k", b"x" * 100, (("big", b"y" * (2 << 20)),)),
        PlainRecord(1, 0, b"k" * (2 << 20), b"x" * 100),
    ],
)
def test_what_does_not_fit_is_kept_as_hash_length_and_beginning(record: PlainRecord) -> None:
    letter = rejected(record)
    value = record.value or b""
    cut = f"sha256={hashlib.sha256(value).hexdigest()};length={len(value)}".encode()
    assert header(letter, wire.ERROR_TRUNCATED) == cut
    assert letter.value == value[: 64 << 10]
    assert rejection_of(letter) is not None


def test_a_small_bound_is_kept_too() -> None:
    letter = rejected(PlainRecord(1, 0, b"k", b"x" * 20_000), max_bytes=10_000)
    assert 0 < len(letter.value or b"") < 10_000


def test_a_second_rejection_replaces_the_first() -> None:
    once = rejected(PlainRecord(1, 0, b"k", b"v", (("a", b"1"),)))
    twice = rejected(once)
    assert sorted(name for name, _ in twice.headers) == sorted(name for name, _ in once.headers)


def test_other_records_are_no_dead_letters() -> None:
    assert rejection_of(PlainRecord(0, 0, None, b"x")) is None
    letter = rejected(PlainRecord(1, 0, None, b"x"))
    broken = tuple((name, b"?" if name == wire.ERROR_OFFSET else value) for name, value in letter.headers)
    assert rejection_of(PlainRecord(0, 0, None, b"x", broken)) is None
