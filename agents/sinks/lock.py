"""One migrator at a time: a table that only one can make.

ClickHouse has no locks to ask for, but of two who create the same table one is told that it is there. Who holds it, and
since when, stands in the table's comment; whoever dies leaves the table behind, and after a while without a sign of
life another takes it over. That is safe even if the first one still lives: every statement of a migration may be run
again.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from touchline.agents.sinks.clickhouse import Connection
from touchline.pipeline.engine.processor import Fatal, Problem
from touchline.pipeline.warehouse.sqlfiles import statement

TABLE: Final = "migration_lock"
STALE: Final = timedelta(minutes=15)
"""So long after its last sign of life a holder is taken for dead."""

_EXISTS: Final = "(code 57)"
_LOOK_AGAIN: Final = 0.2


class Locked(Fatal):
    """Somebody else migrates, and did not end in time."""


@contextmanager
def only_one(connection: Connection, wait: float) -> Iterator[Callable[[], None]]:
    """Holds the lock. Gives a function that tells that the holder is still alive, to be called between statements.

    Args:
        connection: to the database.
        wait: so many seconds at the most for another to end.

    Raises: Locked, Fatal, Retry."""
    _take(connection, wait)
    try:
        yield lambda: _sign_of_life(connection)
    finally:
        with suppress(Problem):
            connection.query(f"DROP TABLE IF EXISTS {TABLE} SYNC")


def _take(connection: Connection, wait: float) -> None:
    deadline = time.monotonic() + wait
    while not _create(connection):
        holder = _holder(connection)
        if holder is None:
            continue
        who, age = holder
        if age > STALE:
            # Renamed and not dropped: of two who find it dead, one renames it.
            with suppress(Problem):
                connection.query(f"RENAME TABLE {TABLE} TO {TABLE}_{uuid4().hex}")
                continue
        if time.monotonic() > deadline:
            raise Locked(
                f"another one migrates this warehouse: {who}. Wait for it; if it is surely dead, it is taken over "
                f"{STALE // timedelta(minutes=1)} minutes after its last sign of life, or at once after "
                f"`touchline warehouse query --write 'DROP TABLE {TABLE}'`"
            )
        time.sleep(_LOOK_AGAIN)
    for (left,) in connection.query(f"SHOW TABLES LIKE '{TABLE}\\_%'").rows:
        connection.query(f"DROP TABLE IF EXISTS {left} SYNC")


def _create(connection: Connection) -> bool:
    try:
        connection.query(f"CREATE TABLE {TABLE} (nothing UInt8) ENGINE = Memory COMMENT '{_signature()}'")
    except Problem as error:
        if _EXISTS in str(error):
            return False
        raise
    return True


def _holder(connection: Connection) -> tuple[str, timedelta] | None:
    """Who holds the lock, and how long ago they gave a sign of life; None when nobody does any more."""
    rows = connection.query(statement("lock_holder")).rows
    return (str(rows[0][0]), timedelta(seconds=int(rows[0][1]))) if rows else None


def _sign_of_life(connection: Connection) -> None:
    connection.query(f"ALTER TABLE {TABLE} MODIFY COMMENT '{_signature()}'")


def _signature() -> str:
    host = "".join(letter for letter in socket.gethostname() if letter.isalnum() or letter in ".-_")
    return f"{host}, process {os.getpid()}, at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
