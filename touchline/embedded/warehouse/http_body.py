"""The bodies of HTTP requests and responses: lengths, chunks, compression."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from email.message import Message
from io import BufferedIOBase
from typing import Protocol

from touchline.embedded.warehouse import frames
from touchline.embedded.warehouse.errors import BAD_ARGUMENTS, NOT_IMPLEMENTED, Disconnected, ServerError
from touchline.embedded.warehouse.wire import Reader

_PIECE_BYTES = 1 << 18
_INFLATE = {"gzip": 31, "deflate": 15}
_CANNOT_INFLATE = 354


def request_body(stream: BufferedIOBase, headers: Message, *, framed: bool) -> Iterator[bytes]:
    """The body of a request in pieces, unpacked; ``framed`` for ClickHouse's own compression."""
    pieces = _chunks(stream) if headers.get("Transfer-Encoding", "").lower() == "chunked" else _counted(stream, headers)
    encoding = headers.get("Content-Encoding", "identity").lower()
    if encoding != "identity":
        pieces = _inflated(pieces, encoding)
    return _unframed(pieces) if framed else pieces


def _counted(stream: BufferedIOBase, headers: Message) -> Iterator[bytes]:
    text = headers.get("Content-Length", "0")
    if not text.isdigit():
        raise ServerError(BAD_ARGUMENTS, f"Content-Length {text!r} is no number")
    left = int(text)
    while left > 0:
        piece = stream.read(min(left, _PIECE_BYTES))
        if not piece:
            raise Disconnected
        left -= len(piece)
        yield piece


def _chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    while True:
        line = stream.readline(64)
        try:
            left = int(line.split(b";")[0], 16)
        except ValueError:
            if not line:
                raise Disconnected from None
            raise ServerError(BAD_ARGUMENTS, "a chunk of the body has no size") from None
        if left == 0:
            while stream.readline(8192).strip():
                pass
            return
        while left > 0:
            piece = stream.read(min(left, _PIECE_BYTES))
            if not piece:
                raise Disconnected
            left -= len(piece)
            yield piece
        stream.readline(8)


def _inflated(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    if encoding not in _INFLATE:
        raise ServerError(NOT_IMPLEMENTED, f"Content-Encoding {encoding}: gzip and deflate are supported")
    inflater = zlib.decompressobj(_INFLATE[encoding])
    try:
        for piece in pieces:
            data = inflater.decompress(piece, _PIECE_BYTES)
            while data:
                yield data
                data = inflater.decompress(inflater.unconsumed_tail, _PIECE_BYTES)
        yield inflater.flush()
    except zlib.error as error:
        raise ServerError(_CANNOT_INFLATE, f"the body can't be unpacked as {encoding}: {error}") from None


def _unframed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    reader = Reader(lambda: next(pieces, b""))
    while True:
        reader.mark()
        try:
            reader.need(1)
        except Disconnected:
            return
        yield frames.read_frame(reader)


class Packer(Protocol):
    """How a response's body is packed, piece by piece."""

    def pack(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class Plain:
    def pack(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class Framed(Plain):
    """ClickHouse's own compressed frames (``compress=1``)."""

    def pack(self, data: bytes) -> bytes:
        return frames.pack(data)


class Gzip:
    def __init__(self) -> None:
        self._deflater = zlib.compressobj(level=1, wbits=31)

    def pack(self, data: bytes) -> bytes:
        return self._deflater.compress(data)

    def finish(self) -> bytes:
        return self._deflater.flush()
