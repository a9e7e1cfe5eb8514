"""Errors between the gateway and its clients.

ServerError              an error with one of ClickHouse's codes: the client gets it, the connection goes on
ProtocolError            the client sent what the protocol does not allow: it gets the reason, then the end
Disconnected             the client is gone
"""

from __future__ import annotations

import re

from touchline.pipeline.warehouse.limits import ADVICE

UNKNOWN_PACKET = 99
UNEXPECTED_PACKET = 101
READONLY = 164
NOT_IMPLEMENTED = 48
SYNTAX_ERROR = 62
NO_SUCH_COLUMN = 16
BAD_ARGUMENTS = 36
NO_DATA_TO_INSERT = 108
TOO_LARGE = 128
AUTHENTICATION_FAILED = 516
QUERY_WAS_CANCELLED = 394
UNKNOWN_EXCEPTION = 1002

_CODE = re.compile(r"Code: (\d+)\. (?:DB::Exception: )?(?P<message>.*)", re.DOTALL)
_VERSION = re.compile(r" ?\(version [\d.]+\)\.?(?= ?\([A-Z_]+\)|$)")


class ServerError(Exception):
    """An error that a client is told: ClickHouse's code and its message, without the code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ProtocolError(ServerError):
    """After this error the place in the client's stream is not known any more: close the connection."""


class Disconnected(Exception):
    """The client closed the connection, or was too slow within a packet."""


def from_engine(text: str) -> ServerError:
    """The engine's message as an error: ``… Code: 60. DB::Exception: … (UNKNOWN_TABLE)``."""
    found = _CODE.search(text)
    if found is None:
        return ServerError(UNKNOWN_EXCEPTION, text)
    code = int(found.group(1))
    message = found.group("message")
    inner = _CODE.match(message)
    while inner is not None:  # some errors are wrapped in themselves
        message = inner.group("message")
        inner = _CODE.match(message)
    return ServerError(code, _VERSION.sub("", message).strip())


def with_advice(error: ServerError) -> ServerError:
    """The error of a query that met a limit, with what to do; any other as it is."""
    advice = ADVICE.get(error.code)
    return error if advice is None else ServerError(error.code, f"{error.message.rstrip('.')}. {advice}")
