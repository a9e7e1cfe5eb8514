"""The packets of the native protocol that hold no data: a query, an exception, the totals of a result."""

from __future__ import annotations

from dataclasses import dataclass

from touchline.embedded.warehouse.errors import NOT_IMPLEMENTED, ProtocolError, ServerError
from touchline.embedded.warehouse.wire import Reader, Writer

# Client packets.
HELLO, QUERY, DATA, CANCEL, PING = range(5)
# Server packets.
S_HELLO, S_DATA, S_EXCEPTION, S_PROGRESS, S_PONG, S_END, S_PROFILE = range(7)

_MIN_STRING_SETTINGS = 54429  # protocol revisions, as in ClickHouse's ProtocolDefines.h
_MIN_WRITE_INFO = 54420
_MIN_VERSION_PATCH = 54401


@dataclass(frozen=True, slots=True)
class Query:
    """A Query packet."""

    text: str
    compressed: bool
    settings: dict[str, str]


def read_query(reader: Reader, revision: int) -> Query:
    """Read a Query packet after its number. Raises ProtocolError for settings of very old clients."""
    reader.text()  # the query's id
    if reader.uint8():  # the kind; 0 means that no client info follows
        _skip_client_info(reader, revision)
    settings: dict[str, str] = {}
    while name := reader.text():
        if revision < _MIN_STRING_SETTINGS:
            raise ProtocolError(NOT_IMPLEMENTED, "settings of clients older than ClickHouse 19.17 can't be read")
        reader.uint8()  # flags
        settings[name] = reader.text()
    reader.varint()  # the stage: always complete
    compressed = reader.varint() == 1
    return Query(reader.text(), compressed, settings)


def _skip_client_info(reader: Reader, revision: int) -> None:
    for _ in range(3):  # initial user, query id, address
        reader.text()
    reader.uint8()  # interface: TCP
    for _ in range(3):  # operating system's user, host, client's name
        reader.text()
    for _ in range(3):  # version and revision
        reader.varint()
    reader.text()  # quota key
    if revision >= _MIN_VERSION_PATCH:
        reader.varint()


def totals(rows: int, blocks: int, size: int, revision: int) -> bytearray:
    """ProfileInfo and Progress at the end of a result."""
    writer = Writer().varint(S_PROFILE).varint(rows).varint(blocks).varint(size)
    writer.uint8(0).varint(0).uint8(0)  # no LIMIT was applied that we know of
    writer.varint(S_PROGRESS).varint(rows).varint(size).varint(0)
    if revision >= _MIN_WRITE_INFO:
        writer.varint(0).varint(0)
    return writer.data


def exception(error: ServerError) -> bytearray:
    """An Exception packet, without a stack trace and without a cause."""
    writer = Writer().varint(S_EXCEPTION).int32(error.code).text("DB::Exception")
    return writer.text(f"DB::Exception: {error.message}").text("").uint8(0).data
