"""ClickHouse's HTTP interface over chDB: GET and POST of statements, ``/ping``, settings in the URL.

See ``docs/embedded.md`` for what of it is there.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import uuid
from collections.abc import Generator, Iterator
from http.server import BaseHTTPRequestHandler
from typing import cast
from urllib.parse import urlsplit

from touchline.embedded.process import LOOPBACK
from touchline.embedded.warehouse.engine import Result, Session
from touchline.embedded.warehouse.errors import NOT_IMPLEMENTED, Disconnected, ServerError
from touchline.embedded.warehouse.http_body import Framed, Gzip, Packer, Plain, request_body
from touchline.embedded.warehouse.http_request import Request
from touchline.embedded.warehouse.hub import Hub
from touchline.embedded.warehouse.statement import Statement, without_format

# The status for an error's code, as ClickHouse's exceptionCodeToHTTPStatus; any other is 500.
_STATUS = {
    194: 401, 192: 403, 193: 403, 516: 403,
    6: 400, 26: 400, 27: 400, 33: 400, 36: 400, 38: 400, 41: 400, 43: 400, 53: 400, 62: 400, 69: 400,
    70: 400, 72: 400, 117: 400, 130: 400, 131: 400, 354: 400, 456: 400,
    46: 404, 47: 404, 50: 404, 56: 404, 60: 404, 63: 404, 73: 404, 81: 404, 115: 404,
    48: 501, 159: 408,
}  # fmt: skip
# Formats whose pieces, one after the other, are the whole: the rest is made in memory first.
_STREAMED = frozenset(
    {
        "tabseparated", "tsv", "tabseparatedraw", "tsvraw", "csv", "jsoneachrow", "ndjson", "jsonlines",
        "jsoncompacteachrow", "jsonstringseachrow", "rowbinary", "native", "lineasstring",
    }
)  # fmt: skip
# Formats that are one whole and may be large: the engine writes them into a file first.
_FILED = {name.lower(): name for name in ("Parquet", "ORC", "Arrow", "ArrowStream", "Avro")}
_TYPES = (
    ("parquet", "application/vnd.apache.parquet"),
    ("jsoneachrow", "application/x-ndjson; charset=UTF-8"),
    ("ndjson", "application/x-ndjson; charset=UTF-8"),
    ("json", "application/json; charset=UTF-8"),
    ("csv", "text/csv; charset=UTF-8"),
    ("tabseparated", "text/tab-separated-values; charset=UTF-8"),
    ("tsv", "text/tab-separated-values; charset=UTF-8"),
    ("xml", "application/xml; charset=UTF-8"),
    *((name, "text/plain; charset=UTF-8") for name in ("pretty", "vertical", "values", "markdown")),
)
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1", None})
_DRAIN_BYTES = 1 << 22


def _content_type(data_format: str) -> str:
    lower = data_format.lower()
    return next((found for start, found in _TYPES if lower.startswith(start)), "application/octet-stream")


class HttpClient:
    """One connection of an HTTP client, with as many requests as it likes."""

    def __init__(self, connection: socket.socket, hub: Hub) -> None:
        self._connection = connection
        self._hub = hub

    def serve(self) -> None:
        with contextlib.suppress(Disconnected, ConnectionError, TimeoutError):
            _Handler(self._connection, self._hub)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "ClickHouse"
    sys_version = ""

    def __init__(self, connection: socket.socket, hub: Hub) -> None:
        self._hub = hub
        self._body: Iterator[bytes] = iter(())
        connection.settimeout(hub.settings.packet_seconds)
        super().__init__(connection, (LOOPBACK, 0), cast("socketserver.BaseServer", None))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Say nothing: URLs hold statements and may hold passwords."""

    def do_HEAD(self) -> None:
        self._answer(200, b"")

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        url = urlsplit(self.path)
        if not self._from_loopback():
            self._answer(403, b"Host and Origin must be this machine's: this port is for local programs\n")
        elif url.path in {"/ping", "/replicas_status"} or (
            url.path == "/" and self.command == "GET" and "query" not in url.query
        ):
            self._answer(200, b"Ok.\n")
        elif url.path not in {"/", "/query"}:
            self._answer(404, f"There is no handle {url.path}\n".encode())
        else:
            self._query(Request.of(self.command, url.query, self.headers))

    def _from_loopback(self) -> bool:
        """Whether a web page of elsewhere can't be behind this: it could send statements through a browser."""
        for name in ("Host", "Origin"):
            value = self.headers.get(name)
            if value is None:
                continue
            host = urlsplit(value if name == "Origin" else f"//{value}").hostname
            if host not in _LOOPBACK_NAMES or (host is None and name == "Origin"):
                return False
        return True

    # A statement

    def _query(self, request: Request) -> None:
        query_id = request.parameters.get("query_id") or str(uuid.uuid4())
        try:
            user = self._hub.authenticate(*request.credentials())
            self._body = request_body(self.rfile, self.headers, framed=request.flag("decompress"))
            parsed, data = request.statement(self._body)
            session = self._hub.engine.session(user, request.database)
            try:
                self._run(session, request, parsed, data, query_id)
            finally:
                session.close()
        except ServerError as error:
            self._error(error, query_id)

    def _run(self, session: Session, request: Request, parsed: Statement, data: Iterator[bytes], query_id: str) -> None:
        session.prepare(request.settings)
        session.check(parsed)
        if parsed.insert is not None:
            written = session.insert(parsed.insert, parsed.insert.format, data)
            self._start(query_id, "TabSeparated", Result(b"", 0, written, 0, 0), Plain())
            return
        if parsed.outfile:
            raise ServerError(NOT_IMPLEMENTED, "INTO OUTFILE is the client's business: the server writes no files")
        output = parsed.format or request.default_format
        packer = self._packer(request)
        with self._hub.watcher.watching(self.connection, session.kill):
            pieces = self._pieces(session, request, parsed, output)
            if pieces is not None:
                with contextlib.closing(pieces):
                    if self._stream(pieces, output, packer, query_id):
                        return
            result = session.query(parsed.text, output, request.query_parameters)
        self._start(query_id, output, result, packer)

    def _pieces(
        self, session: Session, request: Request, parsed: Statement, output: str
    ) -> Generator[tuple[bytes, int], None, None] | None:
        """The result piece by piece, where it can be had so."""
        filed = _FILED.get(output.lower())
        if not parsed.streamed or "output_format_json_array_of_rows" in request.settings:
            return None
        if filed is not None:
            return session.filed(without_format(parsed), filed, request.query_parameters)
        if output.lower() in _STREAMED:
            return session.stream(parsed.text, output, request.query_parameters)
        return None

    def _packer(self, request: Request) -> Packer:
        if request.flag("compress"):
            return Framed()
        wanted = self.headers.get("Accept-Encoding", "")
        return Gzip() if request.flag("enable_http_compression") and "gzip" in wanted else Plain()

    def _stream(self, pieces: Iterator[tuple[bytes, int]], output: str, packer: Packer, query_id: str) -> bool:
        """Send a result piece by piece; False when the engine can't make this one in pieces."""
        try:
            first = next(pieces, None)
        except ServerError as error:
            if error.message.startswith("Streaming query is not supported"):
                return False
            raise
        self._head(query_id, output, packer, None)
        try:
            piece = first
            while piece is not None:
                self._chunk(packer.pack(piece[0]))
                piece = next(pieces, None)
        except ServerError as error:
            # The status is gone: say it in the body, and end without the last chunk, so that the client
            # sees that the result is not whole.
            self._chunk(packer.pack(self._message(error)) + packer.finish())
            self.close_connection = True
            return True
        self._chunk(packer.finish())
        self.wfile.write(b"0\r\n\r\n")
        return True

    def _chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _start(self, query_id: str, output: str, result: Result, packer: Packer) -> None:
        """Send a result that is whole already."""
        body = packer.pack(result.data) + packer.finish()
        self._head(query_id, output, packer, (len(body), result))
        self.wfile.write(body)

    def _head(self, query_id: str, output: str, packer: Packer, whole: tuple[int, Result] | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", _content_type(output))
        self.send_header("X-ClickHouse-Server-Display-Name", "touchline-embedded")
        self.send_header("X-ClickHouse-Query-Id", query_id)
        self.send_header("X-ClickHouse-Format", output)
        self.send_header("X-ClickHouse-Timezone", self._hub.engine.timezone)
        if isinstance(packer, Gzip):
            self.send_header("Content-Encoding", "gzip")
        if whole is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            length, result = whole
            self.send_header("Content-Length", str(length))
            summary = {
                "read_rows": str(result.read_rows),
                "read_bytes": str(result.read_bytes),
                "written_rows": str(result.written_rows),
                "result_rows": str(result.rows),
            }
            self.send_header("X-ClickHouse-Summary", json.dumps(summary))
        self.end_headers()

    # Errors and plain answers

    def _message(self, error: ServerError) -> bytes:
        text = f"Code: {error.code}. DB::Exception: {error.message} (version {self._hub.engine.version})\n"
        return text.encode("utf-8", "surrogateescape")

    def _error(self, error: ServerError, query_id: str) -> None:
        self._drain()
        headers = {"X-ClickHouse-Exception-Code": str(error.code), "X-ClickHouse-Query-Id": query_id}
        status = _STATUS.get(error.code, 500)
        self._answer(status, self._message(error), headers)

    def _drain(self) -> None:
        """Read what is left of the body, so that the client can read the answer; a long one ends the connection."""
        left = _DRAIN_BYTES
        try:
            for piece in self._body:
                left -= len(piece)
                if left < 0:
                    self.close_connection = True
                    return
        except ServerError:
            self.close_connection = True

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
