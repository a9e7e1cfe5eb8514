"""The primitives of ClickHouse's native protocol: integers little-endian, sizes as varints.

Everything is read from a buffer that grows as the client sends; `mark` and `since` give the very bytes of
what was read, so that a block of data can be handed to the engine as it came.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from touchline.embedded.warehouse.errors import TOO_LARGE, Disconnected, ProtocolError

MAX_BUFFERED = 1 << 30  # bytes of one block; a size field that asks for more is wrong
MAX_TEXT = 1 << 28
_INT32 = struct.Struct("<i")
_UINT64 = struct.Struct("<Q")


class Reader:
    """Reads from ``fill``, which returns some more bytes, or none when the client is gone."""

    def __init__(self, fill: Callable[[], bytes]) -> None:
        self._fill = fill
        self._data = bytearray()
        self._place = 0

    @property
    def buffered(self) -> int:
        """Bytes received and not read yet."""
        return len(self._data) - self._place

    def next_is(self, byte: int) -> bool:
        """Whether ``byte`` was received and is what comes next; waits for nothing."""
        return self.buffered > 0 and self._data[self._place] == byte

    def need(self, size: int) -> None:
        """Wait until ``size`` bytes are in the buffer."""
        if size > MAX_BUFFERED:
            raise ProtocolError(TOO_LARGE, f"a size of {size} bytes in a packet: at most {MAX_BUFFERED} are taken")
        while len(self._data) - self._place < size:
            more = self._fill()
            if not more:
                raise Disconnected
            self._data += more

    def mark(self) -> None:
        """Forget what was read before this point; `since_mark` counts from here."""
        del self._data[: self._place]
        self._place = 0

    def since_mark(self) -> bytes:
        return bytes(memoryview(self._data)[: self._place])

    def skip(self, size: int) -> None:
        self.need(size)
        self._place += size
        if self._place > MAX_BUFFERED:
            raise ProtocolError(TOO_LARGE, f"a block of more than {MAX_BUFFERED} bytes: send smaller blocks")

    def take(self, size: int) -> bytes:
        start = self._place
        self.skip(size)
        return bytes(memoryview(self._data)[start : self._place])

    def uint8(self) -> int:
        self.need(1)
        self._place += 1
        return self._data[self._place - 1]

    def uint64(self) -> int:
        return int(_UINT64.unpack(self.take(8))[0])

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.uint8()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise ProtocolError(TOO_LARGE, "a number of more than ten bytes in a packet")

    def text(self) -> str:
        size = self.varint()
        if size > MAX_TEXT:
            raise ProtocolError(TOO_LARGE, f"a text of {size} bytes in a packet: at most {MAX_TEXT} are taken")
        return self.take(size).decode("utf-8", "surrogateescape")

    def skip_strings(self, count: int) -> None:
        """Skip ``count`` strings, each with its size in front: the one loop over values that there is."""
        data, place, end = self._data, self._place, len(self._data)
        for _ in range(count):
            if place >= end:
                self._place = place
                self.need(1)
                end = len(data)
            size = data[place]
            if size < 0x80:
                place += size + 1
                continue
            self._place = place
            size = self.varint()
            self.need(size)
            place, end = self._place + size, len(data)
        self._place = place
        self.skip(0)


class Writer:
    """Collects one or more packets; ``data`` is what to send."""

    def __init__(self) -> None:
        self.data = bytearray()

    def varint(self, value: int) -> Writer:
        while value >= 0x80:
            self.data.append(value & 0x7F | 0x80)
            value >>= 7
        self.data.append(value)
        return self

    def text(self, value: str) -> Writer:
        encoded = value.encode("utf-8", "surrogateescape")
        self.varint(len(encoded))
        self.data += encoded
        return self

    def uint8(self, value: int) -> Writer:
        self.data.append(value)
        return self

    def int32(self, value: int) -> Writer:
        self.data += _INT32.pack(value)
        return self

    def raw(self, value: bytes) -> Writer:
        self.data += value
        return self
