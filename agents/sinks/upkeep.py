"""Setting the warehouse up, proving its figures, and mending them: what `touchline warehouse …` does.

All functions connect, do their work and close; they block. They may run while workers run.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks.clickhouse import Connection, NotNow, Result
from touchline.agents.sinks.facts import recount
from touchline.agents.sinks.lock import only_one
from touchline.pipeline.engine.processor import Fatal
from touchline.pipeline.warehouse.periods import MINUTE, PERIODS, Period
from touchline.pipeline.warehouse.sqlfiles import ChangedMigration, Migration, migrations, outstanding, statement
from touchline.pipeline.warehouse.tables import COUNTED, TOUCHPOINTS, FactTable

_DATABASE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_STARTS_A_STEP: Final = 2_000
_ALL: Final = 1_000_000
_GRACE: Final = 600_000
"""So many milliseconds an insert or a recount may take: for as long, it may be unseen by a recount that began later."""

_OTHERS_TURN: Final = 60.0
"""So many seconds another one who migrates is waited for."""

Progress = Callable[[int, int], None]
"""Told how many minutes, hours and days are done, of how many; how many hours there are is known after the minutes."""


class BadMigration(Fatal):
    """The tables can't be brought to what this release needs."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Figures of one group in one minute, hour or day that are not what the facts say, or a month whose touchpoints by
    customer are not those of the facts. Figures as ClickHouse writes a tuple, in the order of `sql/verify_NAME.sql`;
    None: this side has no such group, or other figures (then the other side's stand in a difference of their own)."""

    name: str
    period: str
    start: datetime
    group: tuple[object, ...]
    facts: str | None
    aggregate: str | None

    def __str__(self) -> str:
        """One line: what the facts say and what the aggregate says."""
        which = ", ".join(map(str, self.group))
        side = f"facts have {self.facts}" if self.facts is not None else f"aggregate has {self.aggregate}"
        when = f"{self.period} {self.start:%Y-%m-%d %H:%M}"
        return f"{self.name}, {when} ({which}): {side}, the other side has not"


@contextmanager
def connected(settings: WarehouseSettings, *, database: str | None = None, plain: bool = False) -> Iterator[Connection]:
    """A connection for a while."""
    connection = Connection(settings, database=database, plain=plain)
    try:
        yield connection
    finally:
        connection.close()


def migrate(
    settings: WarehouseSettings, *, known: Iterable[Migration] | None = None, wait: float = _OTHERS_TURN
) -> list[str]:
    """Makes the database where it is missing and applies the migrations that are outstanding, in order.

    A migration that fails half way is not recorded, and its statements may all be run again. Only one may migrate at a
    time; another one is waited for, `wait` seconds at the most.

    Returns: the names of those that were applied.
    Raises: BadMigration, Locked, Fatal, Retry."""
    if not _DATABASE.fullmatch(settings.database):
        raise BadMigration(
            f'"{settings.database}" is no name for a database: letters, digits and _ (warehouse.database)'
        )
    with connected(settings, database="default") as connection:
        connection.query(statement("create_database").replace("{database}", settings.database))
    with connected(settings) as connection:
        connection.query(statement("create_schema_migrations"))
        ours = tuple(known) if known is not None else migrations()
        if not still_to_apply(connection, ours):
            return []
        with only_one(connection, wait) as alive:
            wanted = still_to_apply(connection, ours)  # the one who was waited for may have done it
            for migration in wanted:
                _apply(connection, migration, alive)
    return [migration.name for migration in wanted]


def still_to_apply(connection: Connection, ours: tuple[Migration, ...]) -> list[Migration]:
    """Those of our migrations that were not applied yet.

    Raises: BadMigration when the warehouse was set up by another release."""
    applied = {row[0]: (row[1], row[2]) for row in connection.query(statement("applied_migrations")).rows}
    try:
        return list(outstanding(ours, applied))
    except ChangedMigration as error:
        raise BadMigration(str(error)) from None


def _apply(connection: Connection, migration: Migration, alive: Callable[[], None]) -> None:
    for number, text in enumerate(migration.statements, 1):
        alive()
        try:
            connection.query(text)
        except (Fatal, NotNow) as error:
            raise BadMigration(
                f"{migration.name}, statement {number} of {len(migration.statements)}: {error}. It is not recorded as "
                "applied: mend the cause and run `touchline warehouse migrate` again"
            ) from None
    connection.insert_rows(statement("record_migration"), [(migration.number, migration.name, migration.checksum)])


def verify(settings: WarehouseSettings, *, limit: int = 1_000) -> list[Difference]:
    """Compares every aggregate with the facts. Empty: all is right.

    Workers that run may have facts whose minutes, hours and days they have not counted yet: those show as differences
    for as long (while many facts come, up to ten seconds, a minute and two minutes; else a second or so).

    Args:
        settings: of the warehouse.
        limit: so many differences are listed at most for each table.

    Raises: Fatal, Retry."""
    found: list[Difference] = []
    with connected(settings) as connection:
        for facts in COUNTED:
            for check in (facts.name, *(f"day_{name}" for name in facts.beside_days)):
                found.extend(_differences(connection, facts, f"verify_{check}", limit))
        found.extend(_by_customer(connection, limit))
    return found


def _differences(connection: Connection, facts: FactTable, check: str, limit: int) -> Iterator[Difference]:
    for first, last in connection.query(statement("months", facts=facts.name)).rows:
        if limit <= 0:
            return
        asked = {"first": first, "last": last, "limit": limit}
        for row in connection.query(statement(check), asked).rows:
            limit -= 1
            yield _difference(facts, row)


def _by_customer(connection: Connection, limit: int) -> Iterable[Difference]:
    """Of the touchpoints by customer, whose key is another than that of the facts: a touchpoint that is sent again with
    another customer or moment replaces its fact and leaves its row there."""
    return [
        _difference(TOUCHPOINTS, row) for row in connection.query(statement("verify_customers"), {"limit": limit}).rows
    ]


def _difference(facts: FactTable, row: Sequence[Any]) -> Difference:
    period, start, group, facts_have, aggregate_has = row
    when = datetime.fromtimestamp(start, UTC)
    return Difference(facts.name, period, when, tuple(group), facts_have, aggregate_has)


def rebuild(settings: WarehouseSettings, progress: Progress | None = None) -> int:
    """Counts every minute anew from the facts, then every hour and day, writes the index by which a signal's minutes
    are found anew, and mends the touchpoints by customer in the months in which they are not those of the facts.

    Returns: how many minutes.
    Raises: Fatal, Retry."""
    with connected(settings) as connection:
        for facts in COUNTED:
            if facts.moves:
                connection.query(statement(f"place_{facts.name}"))
    minutes = _recount(settings, "starts", progress)
    with connected(settings) as connection:
        # Only where it is wrong: deleting costs, and needs a right that a user who writes does not have.
        for month in sorted({difference.start for difference in _by_customer(connection, _ALL)}):
            for step in ("clear_customers", "place_customers"):
                connection.query(statement(step), {"first": int(month.timestamp())})
    return minutes


def refresh(settings: WarehouseSettings, progress: Progress | None = None) -> int:
    """Counts the minutes anew whose facts are newer than their figures, and the hours and days that are older than what
    they are merged from.

    For a start after which the workers do not know any more what they had still to count: the embedded broker forgets.
    Nothing that was begun before may be under way: what is there is then known to be counted, and the next refresh does
    not count it again.

    Returns: how many minutes.
    Raises: Fatal, Retry."""
    return _recount(settings, "stale", progress)


def _recount(settings: WarehouseSettings, which: str, progress: Progress | None) -> int:
    """Counts what `sql/WHICH_minute.sql` and `sql/WHICH_merged.sql` find, and what is merged from that. Returns how
    many minutes were found."""
    found, done = dict.fromkeys(PERIODS, 0), 0
    with connected(settings) as connection:
        counted: dict[FactTable, set[int]] = {facts: set() for facts in COUNTED}
        for period in PERIODS:
            now, settled = connection.query(statement("settled", period=period.name)).rows[0]
            for facts in COUNTED:
                counted[facts] = _wanted(connection, which, facts, period, settled) | period.starts_of(counted[facts])
                found[period] += len(counted[facts])
            for facts, wanted in counted.items():
                for step in _steps(wanted):
                    counted[facts] = counted[facts] | recount(connection, facts, period, step, emptied=True).starts
                    done += len(step)
                    if progress is not None:
                        progress(done, sum(found.values()))
            if which == "stale":
                connection.insert_rows(statement("insert_settled"), [(period.name, now)])
    return found[MINUTE]


def _steps(starts: set[int]) -> Iterator[Sequence[int]]:
    """In the order of time, so that a step reads parts of the tables that lie together."""
    ordered = sorted(starts)
    return (ordered[at : at + _STARTS_A_STEP] for at in range(0, len(ordered), _STARTS_A_STEP))


def _wanted(connection: Connection, which: str, facts: FactTable, period: Period, settled: int) -> set[int]:
    words = {"facts": facts.name, "period": period.name}
    if period.part is None:
        text = statement(f"{which}_minute", **words)
    else:
        text = statement(f"{which}_merged", part=period.part.name, **words)
    return {row[0] for row in connection.query(text, {"grace": _GRACE, "settled": settled}).rows}


def query(settings: WarehouseSettings, sql: str) -> Result:
    """What a statement gives. With a read-only user in the settings it can do no harm.

    Raises: Fatal (BadQuery: the statement is refused), Retry."""
    with connected(settings, plain=True) as connection:
        return connection.query(sql.strip().rstrip(";"))
