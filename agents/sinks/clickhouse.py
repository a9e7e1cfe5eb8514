"""A connection to ClickHouse by its native protocol, and what its errors mean to us.

    Problem (touchline.pipeline.engine.processor)
      Retry
        Unreachable     refused, cut, too slow: the address is in the message
        NotNow          the server says that it can't at the moment: read-only, disk full, out of memory, too many parts
      Fatal
        WrongSchema     a table or column is not there, or is of another type: `touchline warehouse migrate`
        NotAllowed      wrong user or password, or a right is missing
        BadQuery        the server refuses the statement itself
        TooMuch         a reader's query met a limit: the message says what to do

Only this module knows clickhouse-driver, which blocks and is not thread safe: one thread at a time has a connection.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from clickhouse_driver import Client, errors
from clickhouse_driver.errors import ErrorCodes

from touchline.agents.settings import WarehouseSettings
from touchline.pipeline.engine.processor import Fatal, Problem, Retry
from touchline.pipeline.warehouse.limits import ADVICE

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_CONNECT_SECONDS: Final = 10.0

# async_insert: an answer must mean that the rows are stored. Partitions: one batch of a history may span many months.
_SETTINGS: Final = {"async_insert": 0, "max_partitions_per_insert_block": 0}

_SCHEMA: Final = frozenset(
    {
        ErrorCodes.UNKNOWN_TABLE,
        ErrorCodes.UNKNOWN_DATABASE,
        ErrorCodes.NO_SUCH_COLUMN_IN_TABLE,
        ErrorCodes.UNKNOWN_IDENTIFIER,
        ErrorCodes.TYPE_MISMATCH,
        ErrorCodes.NUMBER_OF_COLUMNS_DOESNT_MATCH,
        ErrorCodes.THERE_IS_NO_COLUMN,
    }
)
_ACCESS: Final = frozenset(
    {
        ErrorCodes.UNKNOWN_USER,
        ErrorCodes.WRONG_PASSWORD,
        ErrorCodes.REQUIRED_PASSWORD,
        ErrorCodes.IP_ADDRESS_NOT_ALLOWED,
        ErrorCodes.DATABASE_ACCESS_DENIED,
        ErrorCodes.READONLY,
        497,  # ACCESS_DENIED
        516,  # AUTHENTICATION_FAILED
    }
)
_STATEMENT: Final = frozenset(
    {
        ErrorCodes.SYNTAX_ERROR,
        ErrorCodes.UNKNOWN_FUNCTION,
        ErrorCodes.UNKNOWN_TYPE,
        ErrorCodes.NUMBER_OF_ARGUMENTS_DOESNT_MATCH,
        ErrorCodes.ILLEGAL_TYPE_OF_ARGUMENT,
        ErrorCodes.BAD_ARGUMENTS,
        ErrorCodes.NOT_IMPLEMENTED,
        ErrorCodes.UNKNOWN_SETTING,
        ErrorCodes.NOT_AN_AGGREGATE,
        ErrorCodes.ILLEGAL_AGGREGATION,
        ErrorCodes.FUNCTION_THROW_IF_VALUE_IS_NON_ZERO,  # a view says what it can't be asked for
    }
)
_FIRST_LINE: Final = re.compile(
    r"(?:DB::Exception: )*(?P<text>.*?)(?:\. Stack trace:|\. Expected one of: |\n|\Z)", re.DOTALL
)


class Unreachable(Retry):
    """No connection, or it was cut, or there was no answer in time."""


class NotNow(Retry):
    """The server answered that it can't at the moment."""


class WrongSchema(Fatal):
    """The tables are not those that this release writes."""


class NotAllowed(Fatal):
    """The user is unknown, the password wrong, or a right is missing."""


class BadQuery(Fatal):
    """The statement itself is refused."""


class TooMuch(Fatal):
    """A query met a limit on time, memory or rows: it would meet it again."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a query gave: names and types of the columns, and the rows."""

    columns: tuple[tuple[str, str], ...]
    rows: Sequence[Sequence[Any]]


class Connection:
    """One connection, opened when it is first needed and again after it broke.

    Args:
        settings: address, user, database, time-out.
        database: another one than that of the settings.
        plain: without settings of the session, which a read-only user may not change.
    """

    def __init__(self, settings: WarehouseSettings, *, database: str | None = None, plain: bool = False) -> None:
        self.address = f"{settings.host}:{settings.port}"
        self._database = settings.database if database is None else database
        self._for_a_reader = plain
        seconds = settings.timeout / 1_000
        self._client = Client(
            settings.host,
            port=settings.port,
            database=self._database,
            user=settings.user,
            password=settings.password.get_secret_value(),
            secure=settings.secure,
            connect_timeout=min(seconds, _CONNECT_SECONDS),
            send_receive_timeout=seconds,
            sync_request_timeout=min(seconds, _CONNECT_SECONDS),
            compression="lz4" if settings.host not in _LOOPBACK else False,
            client_name="touchline",
            settings={} if plain else dict(_SETTINGS),
        )

    def insert(self, statement: str, columns: Sequence[list[Any]]) -> None:
        """Inserts rows that are given as columns. Raises: Retry, Fatal."""
        self._execute(statement, columns, columnar=True)

    def insert_rows(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Inserts a few rows. Raises: Retry, Fatal."""
        self._execute(statement, list(rows))

    def query(self, statement: str, parameters: Mapping[str, object] | None = None) -> Result:
        """Runs a statement; `%(name)s` in it stands for a parameter. Raises: Retry, Fatal."""
        answer = self._execute(statement, dict(parameters) if parameters else None, with_column_types=True)
        rows, columns = answer if isinstance(answer, tuple) else ([], ())
        return Result(tuple((name, kind) for name, kind in columns), rows)

    def close(self) -> None:
        """Closes the connection; the next call opens it again."""
        self._client.disconnect()

    def _execute(self, statement: str, data: Any, **options: Any) -> Any:
        try:
            return self._client.execute(statement, data, **options)
        except errors.ServerException as error:
            self._raise(error)
        except (EOFError, OSError, errors.NetworkError, errors.SocketTimeoutError) as error:
            self._client.disconnect()
            raise Unreachable(_unreachable(self.address, error)) from None
        except errors.Error as error:
            # What came was no answer to what was asked: the place in the stream is lost.
            self._client.disconnect()
            raise Unreachable(f"ClickHouse at {self.address} sent what can't be read: {_text(str(error))}") from None

    def _raise(self, error: errors.ServerException) -> NoReturn:
        raise refused(
            self.address, self._database, error.code, error.message, for_a_reader=self._for_a_reader
        ) from None


def refused(address: str, database: str, code: int, message: str | None, *, for_a_reader: bool = False) -> Problem:
    """What an error of the server means, with what to do. `for_a_reader`: at a limit nothing is tried again."""
    text = f"ClickHouse at {address} (database {database}): {_text(message)} (code {code})"
    if code in _SCHEMA:
        return WrongSchema(f"{text}. Tables that are missing or old are set up by `touchline warehouse migrate`")
    if code in _ACCESS:
        return NotAllowed(
            f"{text}. Check warehouse.user and warehouse.password in touchline.yaml, and what that user may do"
        )
    if code in _STATEMENT:
        return BadQuery(text)
    if for_a_reader and code in ADVICE:
        return TooMuch(text if ADVICE[code] in text else f"{text}. {ADVICE[code]}")
    return NotNow(text)


def _text(message: str | None) -> str:
    """The server's message without its stack trace and without the list of everything that could stand there."""
    found = _FIRST_LINE.match(message or "")
    return found["text"].strip().rstrip(".") if found else ""


def _unreachable(address: str, error: BaseException) -> str:
    if isinstance(error, errors.SocketTimeoutError | TimeoutError):
        return f"ClickHouse at {address} did not answer in time"
    if isinstance(error, EOFError | ConnectionResetError | BrokenPipeError):
        return f"the connection to ClickHouse at {address} was cut"
    detail = error.message if isinstance(error, errors.Error) else str(error)
    return f"ClickHouse at {address} can't be reached: {_text(detail)}. Is it running, and is the address right?"
