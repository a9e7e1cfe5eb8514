"""What the tables should look like, and what is not so: somebody altered a table by hand, or a migration is missing.

The expected shape is a file that the migrations give (`python -m tests.warehouse.shape` writes it anew), so that a
server can be checked with nothing but the right to read it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

FILE: Final = "shape.json"
_OWN: Final = frozenset({"schema_migrations", "migration_lock"})
"""Tables that are not made by a migration."""

_HOMES: Final = ("Replicated", "Shared")
"""How engines begin that keep the same table on several servers."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view. `columns`: name to type, with the kind of its default where it has one (`UInt8 MATERIALIZED`),
    in their order."""

    engine: str
    sorted_by: str = ""
    columns: dict[str, str] = field(default_factory=dict)


Shape = Mapping[str, Table]
"""By the name of the table."""


@cache
def expected() -> Shape:
    """The shape that the migrations of this release give."""
    text = files(__package__).joinpath(FILE).read_bytes()
    return msgspec.json.decode(text, type=dict[str, Table])


def written(shape: Shape) -> bytes:
    """A shape as a file."""
    return msgspec.json.format(msgspec.json.encode(dict(sorted(shape.items()))), indent=1) + b"\n"


def shape_of(tables: Iterable[Sequence[Any]], columns: Iterable[Sequence[Any]]) -> Shape:
    """From the rows of `sql/shape_tables.sql` (name, engine, sorting key) and `sql/shape_columns.sql` (table, name,
    type, kind of default)."""
    found = {name: Table(_engine(engine), key) for name, engine, key in tables if name not in _OWN}
    for table, name, kind, default in columns:
        if table in found:
            found[table].columns[name] = f"{kind} {default}" if default else kind
    return found


def differences(wanted: Shape, found: Shape) -> list[str]:
    """What is not as it should be, in words; tables that nobody asked for are somebody's own."""
    return [line for name in sorted(wanted) for line in _table(name, wanted[name], found.get(name))]


def _table(name: str, wanted: Table, found: Table | None) -> Iterable[str]:
    if found is None:
        yield f"{name} is missing"
        return
    if found.engine != wanted.engine:
        yield f"{name} is a {found.engine}, not a {wanted.engine}"
    if found.sorted_by != wanted.sorted_by:
        yield f"{name} is sorted by ({found.sorted_by}), not by ({wanted.sorted_by})"
    for column, kind in wanted.columns.items():
        have = found.columns.get(column)
        if have is None:
            yield f"{name} has no column {column} ({kind})"
        elif have != kind:
            yield f"{name}.{column} is {have}, not {kind}"
    for column in found.columns.keys() - wanted.columns.keys():
        yield f"{name} has a column {column} that is not ours"


def _engine(engine: str) -> str:
    for home in _HOMES:
        engine = engine.removeprefix(home)
    return engine
