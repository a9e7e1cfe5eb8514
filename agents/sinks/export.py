"""A query's result as a file: ClickHouse writes the format, it comes over HTTP, and the file is whole or not there.

Nothing is held in memory here. The server is asked to answer only when it has the whole result, so that an error has a
status; the embedded one sends what it has, and breaks off the answer in an error.
"""

import os
import re
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlencode

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks.clickhouse import Unreachable, refused
from touchline.pipeline.engine.processor import Fatal, Problem

FORMATS: Final = {".parquet": "Parquet", ".csv": "CSVWithNames", ".ndjson": "JSONEachRow"}
"""The ending of a file's name, and the format that ClickHouse writes for it."""

_CONNECT_SECONDS: Final = 10.0
_SILENCE: Final = 900.0
"""So many seconds may pass until the first byte and between two: a long query is silent until it is done."""

_PIECE: Final = 1 << 20
_TAIL: Final = 1 << 14
_REFUSED: Final = re.compile(rb"Code: (\d+)\. DB::Exception: (.*)", re.DOTALL)
_VERSION: Final = re.compile(r" \(version [^)]*\)\s*\Z")


class CannotWrite(Fatal):
    """The file can't be written."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: how many bytes."""

    file: Path
    bytes: int


def export(settings: WarehouseSettings, sql: str, file: Path, data_format: str) -> Exported:
    """Runs a query and writes its result. An older file of that name is replaced when the new one is whole.

    Args:
        settings: of the warehouse; its HTTP port is asked.
        sql: one query without FORMAT.
        file: where to.
        data_format: a name of ClickHouse's, see `FORMATS`.

    Raises: CannotWrite, Fatal, Retry."""
    with _connection(settings) as connection, _in_place_of(file) as out:
        try:
            _take(settings, _ask(connection, settings, sql, data_format), file, out)
        except (HTTPException, OSError) as error:
            raise Unreachable(_away(settings, error)) from None
        written = out.tell()
    return Exported(file, written)


@contextmanager
def _connection(settings: WarehouseSettings) -> Iterator[HTTPConnection]:
    connect = min(settings.timeout / 1_000, _CONNECT_SECONDS)
    address = (settings.host, settings.http_port)
    made = (
        HTTPSConnection(*address, timeout=connect, context=ssl.create_default_context())
        if settings.secure
        else HTTPConnection(*address, timeout=connect)
    )
    with closing(made) as connection:
        try:
            connection.connect()
        except OSError as error:
            raise Unreachable(_away(settings, error)) from None
        connection.sock.settimeout(_SILENCE)
        yield connection


def _ask(connection: HTTPConnection, settings: WarehouseSettings, sql: str, data_format: str) -> HTTPResponse:
    asked = {"database": settings.database, "default_format": data_format, "wait_end_of_query": "1"}
    headers = {
        "X-ClickHouse-User": settings.user,
        "X-ClickHouse-Key": settings.password.get_secret_value(),
        "User-Agent": "touchline",
    }
    connection.request("POST", f"/?{urlencode(asked)}", sql.encode(), headers)
    return connection.getresponse()


def _take(settings: WarehouseSettings, answer: HTTPResponse, file: Path, out: IO[bytes]) -> None:
    """Copies the answer. Raises: Problem for an error that the server tells, HTTPException, OSError from the line."""
    if answer.status != 200:
        raise _refusal(settings, answer.read(_PIECE)) or Unreachable(
            f"{settings.host}:{settings.http_port} answered with HTTP status {answer.status}: is warehouse.http_port "
            "ClickHouse's HTTP port?"
        )
    tail = b""
    try:
        while piece := answer.read(_PIECE):
            tail = (tail + piece)[-_TAIL:]
            with _told(file):
                out.write(piece)
        if answer.length or (answer.length is None and not answer.chunked):
            raise IncompleteRead(b"", answer.length)  # read() with a size says nothing of a line that was cut
    except HTTPException as error:
        tail += getattr(error, "partial", b"")
        raise _refusal(settings, tail) or error from None


def _refusal(settings: WarehouseSettings, body: bytes) -> Problem | None:
    """The error that a body ends with."""
    found = _REFUSED.search(body)
    if found is None:
        return None
    message = _VERSION.sub("", found[2].decode("utf-8", "replace"))
    return refused(
        f"{settings.host}:{settings.http_port}", settings.database, int(found[1]), message, for_a_reader=True
    )


def _away(settings: WarehouseSettings, error: Exception) -> str:
    address = f"ClickHouse at {settings.host}:{settings.http_port} (HTTP)"
    if isinstance(error, TimeoutError):
        return f"{address} did not answer in time"
    if isinstance(error, HTTPException | ConnectionResetError | BrokenPipeError):
        return f"the connection to {address} was cut, or what listens there is not ClickHouse's HTTP port"
    return f"{address} can't be reached: {error}. Is it running, and is warehouse.http_port right?"


@contextmanager
def _in_place_of(file: Path) -> Iterator[IO[bytes]]:
    """A file beside `file` that takes its place at the end, or is gone after an error."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    if file.is_dir():
        raise CannotWrite(f"{file} is a folder: name a file")
    try:
        out = part.open("wb")
    except OSError as error:
        raise CannotWrite(f"{file} can't be written: {error.strerror}") from None
    try:
        with out:
            yield out
            with _told(file):
                out.flush()
                os.fsync(out.fileno())
        with _told(file):
            part.replace(file)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """An error of the disk as one of the file, not of the line."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(f"{file} can't be written: {error.strerror}") from None
