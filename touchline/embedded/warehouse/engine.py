"""chDB, the ClickHouse engine in this process: one folder, and a session for each client.

The only module that imports chdb. Its connections run side by side; a connection itself is used by one
thread at a time, except for `Session.kill`, which goes through a connection of its own.
"""

from __future__ import annotations

import itertools
import json
import re
import tempfile
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from touchline.embedded.errors import NotInstalledError
from touchline.embedded.warehouse.errors import (
    BAD_ARGUMENTS,
    QUERY_WAS_CANCELLED,
    READONLY,
    ServerError,
    from_engine,
    with_advice,
)
from touchline.embedded.warehouse.folder import empty_folder, lock_folder
from touchline.embedded.warehouse.settings import ServerSettings, User
from touchline.embedded.warehouse.statement import Insert, Statement, called

_SPOOL_NAME = "touchline-inserts"  # data on its way, see Session.insert
_PIECE_BYTES = 1 << 20
_SETTING_NAME = re.compile(r"[A-Za-z_][\w.]*\Z")
_UNKNOWN_SETTING = 115
_KILL_AGAIN_SECONDS = 0.01
# What a server does, and chDB as a library does not; and what the sink must be able to rely on: an
# acknowledged insert is in the table.
_BASE_SETTINGS = {"implicit_select": "0", "async_insert": "0"}
# These read what is not in the warehouse and are not stopped by the engine's own read-only mode.
_NEVER_READ_ONLY = frozenset({"file", "python"})


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True, slots=True)
class Result:
    """A whole result in memory, in the format asked for."""

    data: bytes
    rows: int
    written_rows: int
    read_rows: int
    read_bytes: int


@contextmanager
def _engine_errors(*, limited: bool = False) -> Iterator[None]:
    """chDB raises RuntimeError (ChdbError) for all that the engine refuses. ``limited``: say what to do at a limit."""
    try:
        yield
    except RuntimeError as error:
        found = from_engine(str(error))
        raise (with_advice(found) if limited else found) from None


class Engine:
    """The owner of one data folder. Raises FolderInUseError when another process has it."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._lock_file = lock_folder(settings.data)
        self.spool = empty_folder(settings.data / _SPOOL_NAME)
        try:
            import chdb  # noqa: PLC0415 -- optional, and it takes about a second
        except ImportError:
            raise NotInstalledError("chdb-core") from None
        self._chdb = chdb
        self._numbers = itertools.count(1)
        self._control_lock = threading.Lock()
        self._control = self.connect()
        version, timezone = self._control.query("SELECT version(), timezone()", "TSV").bytes().decode().split()
        self.version: str = version
        self.timezone: str = timezone

    def connect(self) -> Any:
        """A new connection to the folder (about 1 ms)."""
        with _engine_errors():
            return self._chdb.connect(f"{self._settings.data}?max_server_memory_usage={self._settings.max_memory}")

    def session(self, user: User, database: str = "") -> Session:
        """A session for a client. Raises ServerError when the database does not exist."""
        return Session(self, user, database, f"touchline-{next(self._numbers)}")

    def limits(self) -> dict[str, str]:
        return self._settings.limits.as_settings()

    def kill(self, comment: str) -> bool:
        """Cancel what the session with this log_comment runs now; False when nothing was found."""
        with self._control_lock, _engine_errors():
            found = self._control.query(
                "KILL QUERY WHERE Settings['log_comment'] = {comment:String} ASYNC",
                "TSV",
                params={"comment": comment},
            )
            return bool(found.bytes())

    def close(self) -> None:
        """Close the engine and give the folder back."""
        self._control.close()
        self._lock_file.close()


class Session:
    """A chDB connection with the settings of one user: what ClickHouse calls a session."""

    def __init__(self, engine: Engine, user: User, database: str, comment: str) -> None:
        self.user = user
        self._engine = engine
        self._comment = comment
        self._guard = threading.Lock()  # a kill must hit the query that runs now, never the next one
        self._running = False
        self._killed = False
        self._applied: dict[str, str] = {}
        self._connection = engine.connect()
        try:
            self._open(database)
        except ServerError:
            self._connection.close()
            raise

    def _open(self, database: str) -> None:
        self._applied = {}
        if database:
            self._run(f"USE `{database.replace('`', '``')}`")
        self.prepare({})

    def _run(self, sql: str) -> None:
        with _engine_errors():
            self._connection.query(sql, "Null")

    def prepare(self, wanted: Mapping[str, str]) -> None:
        """Make the settings those of the user plus ``wanted``, for the next query.

        Settings of an earlier query are taken back, and so is an earlier kill. Raises ServerError for an
        unknown setting.
        """
        self._killed = False
        settings = self._settings(wanted)
        if settings == self._applied:
            return
        if self._applied.get("readonly", "0") != "0":
            self._reopen()  # nothing can be changed any more in a read-only session, by design
        changed = [(name, _quoted(value)) for name, value in settings.items() if self._applied.get(name) != value]
        gone = [(name, "DEFAULT") for name in self._applied if name not in settings]
        changed.sort(key=lambda item: item[0] == "readonly")  # last: after it nothing can be set
        self._run("SET " + ", ".join(f"{name} = {value}" for name, value in gone + changed))
        self._applied = settings

    def _settings(self, wanted: Mapping[str, str]) -> dict[str, str]:
        for name in wanted:
            if not _SETTING_NAME.match(name):
                raise ServerError(_UNKNOWN_SETTING, f"Unknown setting {name!r}")
        settings = {**_BASE_SETTINGS, **wanted}
        if self.user.readonly:
            limits = self._engine.limits()
            settings |= {name: _lower(settings.get(name, "0"), limit) for name, limit in limits.items()}
            settings["readonly"] = "1"
        return {**settings, "log_comment": self._comment}

    def _reopen(self) -> None:
        with _engine_errors():
            database = self._connection.query("SELECT currentDatabase()", "TSVRaw").bytes().decode().strip()
        self._connection.close()
        self._connection = self._engine.connect()
        self._applied = {}
        self._run(f"USE `{database.replace('`', '``')}`")

    def check(self, statement: Statement) -> None:
        """Refuse text that is not UTF-8, and what a read-only user may not do. Raises ServerError.

        The engine's own read-only mode (set in `prepare`) refuses changes of data and settings; its parser
        tells statements that control the server; and functions that read files are refused by name.
        """
        insert = statement.insert
        try:
            (statement.text if insert is None else insert.head + insert.settings).encode()
        except UnicodeEncodeError:
            raise ServerError(BAD_ARGUMENTS, "the statement is not UTF-8 (the data of an INSERT need not be)") from None
        if not self.user.readonly or statement.verb == "USE":
            return
        refused = insert is not None
        if not refused:
            found = self._connection._conn.classify_query(statement.text)
            refused = found["statement_count"] > 1 or found["query_class"].name not in {"READ_ONLY", "UNKNOWN"}
        if refused:  # (what does not parse is unknown here, and refused by the engine)
            raise ServerError(READONLY, f"{self.user.name}: Cannot execute query in readonly mode. (READONLY)")
        forbidden = called(statement.text) & _NEVER_READ_ONLY
        if forbidden:
            raise ServerError(
                READONLY, f"{self.user.name}: a read-only user may not use {min(forbidden)}(). (READONLY)"
            )

    def query(self, sql: str, output: str, params: Mapping[str, str] | None = None) -> Result:
        """Run a statement and hold its whole result in memory."""
        with self._query(), _engine_errors(limited=self.user.readonly):
            found = self._connection.query(sql, output, params=dict(params or {}))
            return Result(
                found.bytes(),
                found.rows_read(),
                found.rows_written(),
                found.storage_rows_read(),
                found.storage_bytes_read(),
            )

    def stream(
        self, sql: str, output: str, params: Mapping[str, str] | None = None
    ) -> Generator[tuple[bytes, int], None, None]:
        """Run a query; yields the result in pieces of (data, rows), as the engine makes them."""
        with self._query(), _engine_errors(limited=self.user.readonly), self._send(sql, output, params) as found:
            for piece in found:
                yield piece.bytes(), piece.rows_read()

    def filed(
        self, sql: str, output: str, params: Mapping[str, str] | None = None
    ) -> Generator[tuple[bytes, int], None, None]:
        """Run a query whose format can't be made in pieces; yields (data, rows) of the whole.

        The engine writes it into a file first, so that a large one does not have to fit into memory; nothing is
        yielded before it is whole. ``output`` must be the name of a format.
        """
        with tempfile.NamedTemporaryFile(dir=self._engine.spool, suffix=".result") as spool:
            into = f"INTO OUTFILE {_quoted(spool.name)} TRUNCATE FORMAT {output}"
            rows = self.query(f"{sql}\n{into}", "Null", params).rows
            with open(spool.name, "rb") as written:  # noqa: PTH123 -- by name: the engine may have made it anew
                while piece := written.read(_PIECE_BYTES):
                    yield piece, rows
                    rows = 0

    def _send(self, sql: str, output: str, params: Mapping[str, str] | None) -> Any:
        return self._connection.send_query(sql, output, params=dict(params or {}))

    def insert(self, insert: Insert, data_format: str, pieces: Iterable[bytes]) -> int:
        """Insert data in a format; returns the rows written. Nothing is kept if ``pieces`` raises.

        The data is put into a file first, and inserted in one statement when it is whole. chDB's own
        streaming insert (``send_insert``, 26.9.0) reports success also when the insert fails in the engine:
        a constraint, a full disk, a memory limit. This way every failure is known to whoever inserts.
        """
        with tempfile.NamedTemporaryFile(dir=self._engine.spool, suffix=".insert") as spool:
            for piece in pieces:
                spool.write(piece)
            spool.flush()
            if not spool.tell():
                return 0
            source = f"FROM INFILE {_quoted(spool.name)} COMPRESSION 'none'"
            result = self.query(f"{insert.head} {source} {insert.settings} FORMAT {data_format}", "Null")
        return result.written_rows

    def columns(self, sql: str) -> list[tuple[str, str]]:
        """The names and types of a result, without its rows; ``sql`` must be harmless to run."""
        with self._query(), _engine_errors():
            found = json.loads(self._connection.query(sql, "JSONCompact").bytes())
        return [(column["name"], column["type"]) for column in found["meta"]]

    def table(self, sql: str) -> list[list[str]]:
        """A small result as rows of text."""
        with self._query(), _engine_errors():
            found = json.loads(self._connection.query(sql, "JSONCompactStrings").bytes())
        rows: list[list[str]] = found["data"]
        return rows

    @contextmanager
    def _query(self) -> Iterator[None]:
        with self._guard:
            if self._killed:
                raise ServerError(QUERY_WAS_CANCELLED, "Query was cancelled. (QUERY_WAS_CANCELLED)")
            self._running = True
        try:
            yield
        finally:
            with self._guard:
                self._running = False

    @property
    def killed(self) -> bool:
        """Whether the query was killed since `prepare`."""
        return self._killed

    def kill(self) -> None:
        """From another thread: cancel the query that was prepared, whether it runs already or not yet."""
        self._killed = True
        while True:
            with self._guard:
                if not self._running or self._engine.kill(self._comment):
                    return
            time.sleep(_KILL_AGAIN_SECONDS)  # it has begun, and the engine does not list it yet

    def close(self) -> None:
        self._connection.close()


def _lower(wanted: str, limit: str) -> str:
    """The smaller of two limits; 0 means none, which is more than any."""
    try:
        number = int(wanted)
    except ValueError:
        return limit
    return str(min(number, int(limit))) if number > 0 else limit
