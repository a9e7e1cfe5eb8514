"""ClickHouse's native protocol, server side, over chDB.

Revision 54429 of the protocol is spoken: the last without per-column serialization kinds, so that blocks
are the engine's Native format as it is, in both directions. Newer clients come down to it by themselves.
The order of the fields of each packet follows ClickHouse's ``TCPHandler``.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator

from touchline.embedded.warehouse import blocks, errors, frames, packets, statement
from touchline.embedded.warehouse.blocks import Block
from touchline.embedded.warehouse.engine import Session
from touchline.embedded.warehouse.errors import Disconnected, ProtocolError, ServerError
from touchline.embedded.warehouse.hub import Hub
from touchline.embedded.warehouse.packets import CANCEL, DATA, HELLO, PING, QUERY
from touchline.embedded.warehouse.wire import Reader, Writer

REVISION = 54429
_NAME = "ClickHouse"
_RECEIVE_BYTES = 1 << 18
_SEND_SECONDS = 300.0
_JOIN_BYTES = 1 << 16
_LET_GO_SECONDS = 2.0
_NOT_HTTP = b"HTTP/1.0 400 Bad Request\r\n\r\nThis port is for the native protocol; HTTP has another one.\r\n"


_log = logging.getLogger(__name__)


class NativeClient:
    """One connection: says hello, then serves packets until the client goes."""

    def __init__(self, connection: socket.socket, hub: Hub) -> None:
        self._socket = connection
        self._hub = hub
        self._reader = Reader(self._receive)
        self._revision = REVISION
        self._compressed = False
        self._skipping = False  # data that still comes for an insert that has failed

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_RECEIVE_BYTES)
        except TimeoutError:
            raise Disconnected from None
        except OSError:
            return b""

    def _send(self, data: bytes | bytearray) -> None:
        self._socket.settimeout(_SEND_SECONDS)
        try:
            self._socket.sendall(data)
        except OSError:
            raise Disconnected from None
        finally:
            self._socket.settimeout(self._hub.settings.packet_seconds)

    def serve(self) -> None:
        """Serve until the client is gone or breaks the protocol."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(self._hub.settings.packet_seconds)
        with contextlib.suppress(Disconnected):
            try:
                self._serve(self._hello())
            except ServerError as error:
                self._send_exception(error)
                self._let_go()

    def _let_go(self) -> None:
        """Close so that the client can still read the reason: unread input would reset the connection."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(_LET_GO_SECONDS)
            while self._socket.recv(_RECEIVE_BYTES):
                pass

    def _hello(self) -> Session:
        packet = self._reader.varint()
        if packet in b"GPHO":  # GET, POST, HEAD, OPTIONS
            self._send(_NOT_HTTP)
            raise Disconnected
        if packet != HELLO:
            raise ProtocolError(errors.UNEXPECTED_PACKET, "this port speaks ClickHouse's native protocol")
        self._reader.text()  # the client's name, then its version
        self._reader.varint()
        self._reader.varint()
        self._revision = min(REVISION, self._reader.varint())
        database, name, password = (self._reader.text() for _ in range(3))
        user = self._hub.authenticate(name or "default", password)
        session = self._hub.engine.session(user, database)
        major, minor, patch = self._hub.version
        hello = Writer().varint(packets.S_HELLO).text(_NAME).varint(major).varint(minor).varint(REVISION)
        hello.text(self._hub.engine.timezone).text("touchline-embedded").varint(patch)
        self._send(hello.data)
        return session

    def _serve(self, session: Session) -> None:
        try:
            while True:
                packet = self._next_packet()
                if packet == PING:
                    self._send(Writer().varint(packets.S_PONG).data)
                elif packet == QUERY:
                    self._query(session)
                elif packet == DATA and self._skipping:
                    self._skipping = bool(self._read_data().columns)
                elif packet != CANCEL:  # a cancel that came after the end of its query
                    raise ProtocolError(errors.UNKNOWN_PACKET, f"Unknown packet {packet} from client")
        finally:
            session.close()

    def _next_packet(self) -> int:
        """The next packet's number; an idle client may take as long as it likes."""
        self._reader.mark()
        if not self._reader.buffered:
            self._socket.settimeout(None)
            self._reader.need(1)
            self._socket.settimeout(self._hub.settings.packet_seconds)
        return self._reader.varint()

    # Queries

    def _query(self, session: Session) -> None:
        query = packets.read_query(self._reader, self._revision)
        self._compressed = query.compressed
        self._skipping = False
        has_tables = False
        while self._expect_data().columns:
            has_tables = True
        try:
            self._run(session, query, has_tables=has_tables)
            self._send(Writer().varint(packets.S_END).data)
        except ProtocolError:
            raise
        except ServerError as error:
            if session.killed and error.code == errors.QUERY_WAS_CANCELLED:
                self._send(Writer().varint(packets.S_END).data)  # what ClickHouse answers to Cancel
            else:
                self._send_exception(error)

    def _run(self, session: Session, query: packets.Query, *, has_tables: bool) -> None:
        if has_tables:
            raise ServerError(errors.NOT_IMPLEMENTED, "external tables are not supported")
        parsed = statement.parse(query.text)
        if parsed.insert is not None and not parsed.insert.data.strip():
            session.prepare(query.settings)
            session.check(parsed)
            self._insert(session, parsed.insert)
            return
        text = statement.without_format(parsed)
        session.prepare(query.settings)
        session.check(parsed)
        if self._reader.next_is(CANCEL):  # came with the query: the watcher would not see it
            session.kill()
        with self._hub.watcher.watching(self._socket, session.kill):
            if parsed.streamed:
                self._select(session, parsed, text)
            else:
                self._command(session, parsed, text)

    def _select(self, session: Session, parsed: statement.Statement, text: str) -> None:
        rows = pieces = size = 0
        header = self._select_header(session, text)
        try:
            with contextlib.closing(session.stream(text, "Native")) as stream:
                for data, count in stream:
                    if header and not pieces:
                        self._send_block(header)
                    self._send_result(data, count)
                    rows, pieces, size = rows + count, pieces + 1, size + len(data)
        except ServerError as error:
            if pieces or not error.message.startswith("Streaming query is not supported"):
                raise
            self._command(session, parsed, text)  # WITH … INSERT, for example
            return
        if not pieces:
            self._send_block(header or self._select_header(session, text))
        self._send_totals(rows, pieces, size)

    def _select_header(self, session: Session, text: str) -> bytes:
        """The names and types of the result, which clients take from a first block without rows. Empty where the engine
        can't tell them without running the query, whose own error the client then gets."""
        try:
            described = session.table(f"DESCRIBE TABLE ({text}\n)")
        except ServerError:
            return b""
        return blocks.header([(row[0], row[1]) for row in described])

    def _command(self, session: Session, parsed: statement.Statement, text: str) -> None:
        result = session.query(text, "Native")
        if result.data:
            self._send_result(result.data, result.rows)
            self._send_totals(result.rows, 1, len(result.data))
        elif parsed.has_result and not parsed.streamed:
            self._send_block(blocks.header(session.columns(text)))

    def _send_result(self, data: bytes, rows: int) -> None:
        """Send the engine's output: almost always one block, whose rows are then all its rows."""
        if blocks.row_count(data) == rows:
            self._send_block(data)
            return
        for block in blocks.split_blocks(data):
            self._send_block(block.data)

    # Inserts

    def _insert(self, session: Session, insert: statement.Insert) -> None:
        columns = self._insert_columns(session, insert)
        for _, type_name in columns:
            blocks.layout(type_name)  # refuse now what could not be read later
        self._send_block(blocks.header(columns))
        self._skipping = True
        session.insert(insert, "Native", self._insert_blocks())

    def _insert_blocks(self) -> Iterator[bytes]:
        while (block := self._expect_data()).columns:
            if block.rows:
                yield block.data
        self._skipping = False

    def _insert_columns(self, session: Session, insert: statement.Insert) -> list[tuple[str, str]]:
        """The columns that the client has to send: those named, or all that can be inserted."""
        described = session.table(f"DESCRIBE TABLE {insert.target}")
        types = {row[0]: row[1] for row in described if row[2] != "ALIAS"}
        if insert.columns is None:
            return [(row[0], row[1]) for row in described if row[2] in {"", "DEFAULT"}]
        names = statement.names(insert.columns)
        if names is None:
            # The client's own words, in its own session: nothing is gained over sending them itself.
            return session.columns(f"SELECT {insert.columns} FROM {insert.target} LIMIT 0")  # noqa: S608
        for name in names:
            if name not in types:
                raise ServerError(
                    errors.NO_SUCH_COLUMN,
                    f"No such column {name} in table {insert.target} (NO_SUCH_COLUMN_IN_TABLE)",
                )
        return [(name, types[name]) for name in names]

    # Packets with blocks

    def _expect_data(self) -> Block:
        packet = self._reader.varint()
        if packet == CANCEL:
            raise ServerError(errors.QUERY_WAS_CANCELLED, "Query was cancelled. (QUERY_WAS_CANCELLED)")
        if packet != DATA:
            raise ProtocolError(errors.UNEXPECTED_PACKET, f"Unexpected packet {packet}: Data was expected")
        return self._read_data()

    def _read_data(self) -> Block:
        self._reader.text()  # an external table's name
        self._reader.mark()
        if not self._compressed:
            blocks.skip_block_info(self._reader)
            return blocks.read_block(self._reader)
        unpacked = Reader(lambda: frames.read_frame(self._reader))
        blocks.skip_block_info(unpacked)
        return blocks.read_block(unpacked)

    def _send_block(self, data: bytes) -> None:
        packet = Writer().varint(packets.S_DATA).text("")
        if self._compressed:
            self._send(packet.raw(frames.pack(blocks.BLOCK_INFO + data)).data)
        elif len(data) < _JOIN_BYTES:
            self._send(packet.raw(blocks.BLOCK_INFO).raw(data).data)
        else:  # no copy of what is large
            self._send(packet.raw(blocks.BLOCK_INFO).data)
            self._send(data)

    def _send_totals(self, rows: int, pieces: int, size: int) -> None:
        self._send(packets.totals(rows, pieces, size, self._revision))

    def _send_exception(self, error: ServerError) -> None:
        self._send(packets.exception(error))
