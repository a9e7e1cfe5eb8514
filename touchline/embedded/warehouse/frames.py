"""ClickHouse's compressed frames: a checksum, a method, two sizes, the data.

A frame is CityHash128 (16 bytes) of all that follows, the method (1 byte), the size of method, sizes and
data (4), the size of the data when unpacked (4), and the packed data.
"""

from __future__ import annotations

import struct

import lz4.block

from touchline.embedded.warehouse.errors import NOT_IMPLEMENTED, TOO_LARGE, ProtocolError, ServerError
from touchline.embedded.warehouse.wire import MAX_BUFFERED, Reader

FRAME_BYTES = 1 << 20
_CHECKSUM_DOESNT_MATCH = 40
_CANNOT_DECOMPRESS = 271
_LZ4, _NONE = 0x82, 0x02
_HEAD = struct.Struct("<BII")
_HASH = struct.Struct("<QQ")


def _checksum(data: bytes) -> bytes:
    """CityHash128 in the variant that ClickHouse froze (not the later, incompatible one)."""
    try:
        from clickhouse_cityhash.cityhash import CityHash128  # noqa: PLC0415 -- for clients that compress only
    except ImportError:
        raise ServerError(
            NOT_IMPLEMENTED,
            "compression needs the package clickhouse-cityhash: install it, or connect without compression",
        ) from None
    number: int = CityHash128(data)
    return _HASH.pack(number >> 64, number & 0xFFFFFFFFFFFFFFFF)


def pack(data: bytes) -> bytes:
    """``data`` as frames of at most 1 MiB of unpacked data each."""
    out = bytearray()
    for start in range(0, len(data), FRAME_BYTES):
        piece = data[start : start + FRAME_BYTES]
        packed = lz4.block.compress(piece, store_size=False)
        body = _HEAD.pack(_LZ4, _HEAD.size + len(packed), len(piece)) + packed
        out += _checksum(body) + body
    return bytes(out)


def read_frame(reader: Reader) -> bytes:
    """The unpacked data of the next frame."""
    expected = reader.take(16)
    head = reader.take(_HEAD.size)
    method, size, unpacked_size = _HEAD.unpack(head)
    if size < _HEAD.size or max(size, unpacked_size) > MAX_BUFFERED:
        raise ProtocolError(TOO_LARGE, f"a compressed frame of {size} bytes, {unpacked_size} unpacked")
    body = reader.take(size - _HEAD.size)
    if _checksum(head + body) != expected:
        raise ProtocolError(_CHECKSUM_DOESNT_MATCH, "Checksum doesn't match: corrupted data")
    if method == _NONE:
        return body
    if method != _LZ4:
        raise ProtocolError(NOT_IMPLEMENTED, f"compression method {method:#x}: LZ4 and none are supported")
    try:
        data: bytes = lz4.block.decompress(body, uncompressed_size=unpacked_size)
    except lz4.block.LZ4BlockError as error:
        raise ProtocolError(_CANNOT_DECOMPRESS, f"Cannot decompress: {error}") from None
    return data
