"""Columns of another file's rows with the same key, held in memory."""

import math
from collections.abc import Callable, Iterable
from typing import Any

from touchline.importer.files import Row, RowFile
from touchline.importer.report import ImportFailed, RowFault
from touchline.importer.values import as_text
from touchline.schemas.mapfile import Join, Take

Key = tuple[str, ...]
Taker = Callable[[list[Any]], Any]


class JoinTable:
    """What a join takes, by key. Built by reading the whole file once.

    Raises: ImportFailed when the file can't be used."""

    def __init__(self, join: Join, file: RowFile) -> None:
        self._ours = tuple(join.on)
        self._required = join.required
        self._name = file.name
        self._nothing: Row = dict.fromkeys(join.take)
        theirs = tuple(join.on.values())
        columns = [take.column for take in join.take.values()]
        gathered: dict[Key, list[list[Any]]] = {}
        for line, row in file:
            if isinstance(row, RowFault):
                raise ImportFailed(f"{file.name}:{line}: {row}")
            key = _key(row, theirs)
            if key is not None:
                lists = gathered.setdefault(key, [[] for _ in columns])
                for values, column in zip(lists, columns, strict=True):
                    values.append(row.get(column) if column else 1)
        takers = [(name, _taker(take, f"{file.name}: column {take.column}")) for name, take in join.take.items()]
        self._rows = {
            key: {name: take(values) for (name, take), values in zip(takers, lists, strict=True)}
            for key, lists in gathered.items()
        }

    def add_to(self, row: Row) -> None:
        """Adds the columns to a row; empty ones where the other file has no such key.

        Raises: RowFault when the join is required."""
        key = _key(row, self._ours)
        found = self._rows.get(key) if key is not None else None
        if found is None and self._required:
            raise RowFault(f"{self._name} has no row with the same {', '.join(self._ours)}")
        row.update(found if found is not None else self._nothing)


def _key(row: Row, columns: Iterable[str]) -> Key | None:
    values = [row.get(column) for column in columns]
    return None if None in values or "" in values else tuple(as_text(value) for value in values)


def _taker(take: Take, where: str) -> Taker:
    if take.count:
        return len
    if take.sum is not None:
        return lambda values: _sum(values, where)
    if take.only is not None:
        return lambda values: values[0] if len(set(map(str, values))) == 1 else take.several
    return (lambda values: values[-1]) if take.last is not None else (lambda values: values[0])


def _sum(values: list[Any], where: str) -> float | None:
    """The sum without the noise of binary fractions; None when all are empty."""
    try:
        numbers = [float(value) for value in values if value not in (None, "")]
    except (ValueError, TypeError):
        raise ImportFailed(f"{where}: holds something that is no number, and the map sums it") from None
    return round(math.fsum(numbers), 9) if numbers else None
