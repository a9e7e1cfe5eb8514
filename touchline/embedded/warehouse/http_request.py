"""What an HTTP request asks for: who, on which database, with which settings, which statement and data.

Parameters and headers are those of ClickHouse's HTTP interface.
"""

from __future__ import annotations

import base64
import binascii
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import parse_qsl

from touchline.embedded.warehouse import statement
from touchline.embedded.warehouse.errors import NO_DATA_TO_INSERT, ServerError
from touchline.embedded.warehouse.statement import Statement

_HEAD_BYTES = 1 << 20  # an INSERT's statement, before its data, must fit
_NOT_SETTINGS = frozenset(
    {
        "query", "database", "user", "password", "default_format", "query_id", "session_id",
        "session_timeout", "session_check", "compress", "decompress", "buffer_size", "wait_end_of_query",
        "quota_key", "role", "stacktrace", "client_protocol_version", "close_session", "http_write_exception",
    }
)  # fmt: skip
_PARAMETER = "param_"


@dataclass(frozen=True, slots=True)
class Request:
    parameters: dict[str, str]
    headers: Message
    method: str = "GET"
    settings: dict[str, str] = field(default_factory=dict)
    query_parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, method: str, query_string: str, headers: Message) -> Request:
        """Sort the parameters of a URL into settings, the query's parameters and the rest."""
        parameters = dict(parse_qsl(query_string, keep_blank_values=True))
        settings = {
            name: value
            for name, value in parameters.items()
            if name not in _NOT_SETTINGS and not name.startswith(_PARAMETER)
        }
        if method != "POST" and settings.get("readonly", "0") == "0":
            settings["readonly"] = "2"  # a GET must not change anything; it may choose settings
        values = {
            name.removeprefix(_PARAMETER): value for name, value in parameters.items() if name.startswith(_PARAMETER)
        }
        return cls(parameters, headers, method, settings, values)

    @property
    def database(self) -> str:
        return self.parameters.get("database") or str(self.headers.get("X-ClickHouse-Database", ""))

    @property
    def default_format(self) -> str:
        return self.parameters.get("default_format") or str(self.headers.get("X-ClickHouse-Format", "TabSeparated"))

    def flag(self, name: str) -> bool:
        return self.parameters.get(name, "0") in {"1", "true"}

    def credentials(self) -> tuple[str, str]:
        """Name and password: from ClickHouse's headers, basic authentication or the parameters."""
        name = self.headers.get("X-ClickHouse-User")
        if name is not None:
            return name, self.headers.get("X-ClickHouse-Key", "")
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return "", ""
            return name or "default", password
        return self.parameters.get("user") or "default", self.parameters.get("password", "")

    def statement(self, body: Iterator[bytes]) -> tuple[Statement, Iterator[bytes]]:
        """The statement and, for an INSERT, its data; the text is in the URL, in the body, or in both."""
        text = self.parameters.get("query", "")
        if text:
            parsed = statement.parse(text)
            if parsed.insert is not None:
                return parsed, _insert_data(parsed.insert, body)
            rest = b"".join(body)
            return (statement.parse(f"{text}\n{_decoded(rest)}") if rest else parsed), iter(())
        head = bytearray()
        for piece in body:
            head += piece
            if len(head) > _HEAD_BYTES:
                break
        parsed = statement.parse(_decoded(head))
        if parsed.insert is None:
            head += b"".join(body)
            return statement.parse(_decoded(head)), iter(())
        return parsed, _insert_data(parsed.insert, body)


def _decoded(data: bytes | bytearray) -> str:
    return data.decode("utf-8", "surrogateescape")


def _insert_data(insert: statement.Insert, body: Iterator[bytes]) -> Iterator[bytes]:
    """The data in the statement's text, after the line break that ends it, and what follows in the body."""
    inline = insert.data.lstrip(" \t\r").removeprefix("\n").encode("utf-8", "surrogateescape")
    pieces = (piece for piece in itertools.chain([inline], body) if piece)
    first = next(pieces, b"")
    if not first:
        raise ServerError(NO_DATA_TO_INSERT, "No data to insert (NO_DATA_TO_INSERT)")
    return itertools.chain([first], pieces)
