"""Which signals were handled, so that their repeats are not handled again."""

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from touchline.client.errors import BadMemory

_FORM: Final = 1
_APPLICATION: Final = 0x746C_736D
"""Marks a file as a memory of signals, so that no other database is written to."""

_WAIT_SECONDS: Final = 10.0
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS handled (
    number    INTEGER PRIMARY KEY,
    reader    TEXT NOT NULL,
    signal_id TEXT NOT NULL,
    revision  INTEGER NOT NULL,
    UNIQUE (reader, signal_id)
)
"""
_KNOWN: Final = "SELECT revision FROM handled WHERE reader = ? AND signal_id = ?"
_KEEP: Final = """
INSERT INTO handled (number, reader, signal_id, revision)
VALUES ((SELECT coalesce(max(number), 0) + 1 FROM handled), ?, ?, ?)
ON CONFLICT (reader, signal_id) DO UPDATE SET number = excluded.number, revision = max(revision, excluded.revision)
"""
"""The greatest stays: a process that lost its partitions may be late with what it handled before."""

_FORGET: Final = """
DELETE FROM handled WHERE number IN (
    SELECT number FROM handled ORDER BY number LIMIT max(0, (SELECT count(*) FROM handled) - ?)
)
"""
_SIXTEENTH: Final = 16
"""Counting all rows takes time, so the oldest are forgotten once there may be a sixteenth more than allowed."""


class Memory(Protocol):
    """What a program remembers of signals. Of each the greatest revision is enough: they come in order."""

    def has(self, signal_id: str, revision: int) -> bool:
        """Whether this revision was handled, or a later one."""

    def add(self, signal_id: str, revision: int) -> None:
        """It was handled: stored when this returns. Called after the callback and before the commit."""


class ShortMemory:
    """The last so many revisions, in this process. Each revision by itself: another process may have handled others."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pairs: OrderedDict[tuple[str, int], None] = OrderedDict()

    def has(self, signal_id: str, revision: int) -> bool:
        """Whether it was handled here."""
        return (signal_id, revision) in self._pairs

    def add(self, signal_id: str, revision: int) -> None:
        """Remembers it; the oldest is forgotten."""
        self._pairs[signal_id, revision] = None
        if len(self._pairs) > self._limit:
            self._pairs.popitem(last=False)


class FileMemory:
    """The greatest revisions of the last so many signals, in an SQLite file that outlives the process.

    The file holds up to a sixteenth more than `limit`. What was added is there after the process was killed; after the
    machine lost its power the last moment may be gone, and these signals come again. Several processes of a group may
    use one file; other groups, which have a `reader` of their own, share its size with them and nothing else.

    Raises: BadMemory when the file can't be used.
    """

    def __init__(self, path: Path, reader: str, limit: int) -> None:
        self._path = path
        self._reader = reader
        self._limit = limit
        self._adds = 0
        with self._told():
            self._file = sqlite3.connect(
                path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=8
            )
        try:
            with self._told():
                self._set_up()
        except BadMemory:
            self._file.close()
            raise

    def _set_up(self) -> None:
        (mark,) = self._file.execute("PRAGMA application_id").fetchone()
        (form,) = self._file.execute("PRAGMA user_version").fetchone()
        (tables,) = self._file.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if (mark, form) != (_APPLICATION, _FORM) and (mark or form or tables):
            raise BadMemory(self._path, "it is another database: name another file")
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")
        self._file.execute(_TABLE)
        self._file.execute(f"PRAGMA application_id = {_APPLICATION}")
        self._file.execute(f"PRAGMA user_version = {_FORM}")
        self._file.execute(_FORGET, (self._limit,))

    def has(self, signal_id: str, revision: int) -> bool:
        """Whether this revision was handled, or a later one."""
        with self._told():
            row = self._file.execute(_KNOWN, (self._reader, signal_id)).fetchone()
        return row is not None and row[0] >= revision

    def add(self, signal_id: str, revision: int) -> None:
        """Writes it down; the oldest signals are forgotten."""
        with self._told():
            self._file.execute(_KEEP, (self._reader, signal_id, revision))
            self._adds += 1
            if self._adds % max(1, self._limit // _SIXTEENTH) == 0:
                self._file.execute(_FORGET, (self._limit,))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise BadMemory(self._path, str(error)) from None
