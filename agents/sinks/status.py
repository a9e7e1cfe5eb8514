"""How a warehouse is: what `touchline warehouse status` tells."""

from dataclasses import dataclass
from datetime import datetime

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks.clickhouse import Connection
from touchline.agents.sinks.upkeep import connected, still_to_apply
from touchline.pipeline.warehouse.shape import differences, expected, shape_of
from touchline.pipeline.warehouse.sqlfiles import migrations, statement
from touchline.pipeline.warehouse.tables import COUNTED, FactTable


@dataclass(frozen=True, slots=True)
class TableSize:
    """How large a table is: rows as they are stored (those that will be merged away included), bytes on disk."""

    table: str
    rows: int
    bytes: int
    parts: int


@dataclass(frozen=True, slots=True)
class Disk:
    """Room on a disk of the server, in bytes."""

    name: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Mutation:
    """A change of a table's rows that the server still works on. `failed`: why it failed; empty while it did not."""

    table: str
    command: str
    failed: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.table} {self.command}" + (f": {self.failed}" if self.failed else "")


@dataclass(frozen=True, slots=True)
class Status:
    """How a warehouse is. `outstanding`: migrations to apply; `altered`: what is not as the migrations left it;
    `stale`: how many minutes have facts that are newer than their figures; `newest`: of the touchpoints' times."""

    version: str
    outstanding: list[str]
    altered: list[str]
    stale: int
    newest: datetime | None
    tables: list[TableSize]
    disks: list[Disk]
    mutations: list[Mutation]

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to mend. Minutes that are still to be counted are nothing to mend."""
        return not (self.outstanding or self.altered or any(mutation.failed for mutation in self.mutations))


def status(settings: WarehouseSettings) -> Status:
    """How the warehouse is.

    Raises: BadMigration where it was set up by another release, Fatal, Retry."""
    with connected(settings) as connection:
        version = str(connection.query("SELECT version()").rows[0][0])
        there = {row[0] for row in connection.query("SHOW TABLES").rows}
        if "schema_migrations" not in there:
            return Status(version, [migration.name for migration in migrations()], [], 0, None, [], [], [])
        waiting = [migration.name for migration in still_to_apply(connection, migrations())]
        tables, columns = (connection.query(statement(f"shape_{name}")).rows for name in ("tables", "columns"))
        altered = [] if waiting else differences(expected(), shape_of(tables, columns))
        stale = 0 if waiting or altered else sum(_stale(connection, facts) for facts in COUNTED)
        newest = connection.query(statement("newest_touchpoints")).rows if "fact_touchpoints" in there else ()
        return Status(
            version, waiting, altered, stale,
            newest[0][0] if newest and newest[0][0].year > 1970 else None,
            [TableSize(*row) for row in connection.query(statement("table_sizes")).rows],
            [Disk(*row) for row in connection.query(statement("disks")).rows],
            [Mutation(*row) for row in connection.query(statement("mutations")).rows],
        )  # fmt: skip


def _stale(connection: Connection, facts: FactTable) -> int:
    """Without a grace: most minutes are counted within seconds of their inserts, so with one nearly all would wait."""
    question = statement("stale_minute", facts=facts.name)
    count: int = connection.query(statement("count", question=question), {"grace": 0, "settled": 0}).rows[0][0]
    return count
