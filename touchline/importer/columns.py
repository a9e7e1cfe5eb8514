"""Checks that a file has the columns that the map names; a mistake is told where it stands in the map."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any, Final

from touchline.importer.conditions import PREVIOUS
from touchline.schemas.mapfile import Input, LoadedMap, When
from touchline.schemas.mapvalues import Hole, Pick, split_template
from touchline.schemas.yamlfile import FileError, Mistake, did_you_mean

_SAY: Final = 'say `separator: "{}"` in the map'
_MARKS: Final = {"\t": "say `format: tsv` in the map"}
_LISTED: Final = 12
"""So many columns are named when one is not there."""

Path = tuple[str | int, ...]
Use = tuple[Path, str]
"""Where in the map, and which column."""


def check_columns(
    loaded: LoadedMap, index: int, columns: Sequence[str] | None, file: str, *, join: int | None = None
) -> None:
    """Of one input, or of one of its joins. `columns` None: the file's rows have each their own, nothing to check.

    Raises: FileError."""
    source = loaded.map.inputs[index]
    base: Path = ("inputs", index)
    if join is not None:
        uses, known = list(_of_their_side(source, join, (*base, "join", join))), set(columns or ())
    else:
        uses, known = list(_of_touchpoints(source, base)), set(columns or ()) | _joined(source)
        wrong = list(_misplaced(loaded, source, base, uses))
        if wrong:
            raise FileError(loaded.file.name, wrong)
    if columns is None:
        return
    mistakes = [
        _mistake(loaded, path, column, f"{file} has no column {column}{_instead(column, known, columns)}")
        for path, column in uses
        if column.removeprefix(PREVIOUS) not in known and column not in known
    ]
    if mistakes:
        raise FileError(loaded.file.name, mistakes)


def _instead(column: str, known: Iterable[str], columns: Sequence[str]) -> str:
    """What the column may be called, or what the file has instead."""
    near = did_you_mean(column, known)
    if near:
        return near
    if len(columns) == 1:
        between = next((mark for mark in ";|\t " if mark in columns[0]), None)
        if between is not None:
            return f': its only column is "{columns[0][:60]}"; {_MARKS.get(between) or _SAY.format(between)}'
    return f", only {', '.join(columns[:_LISTED])}{' …' if len(columns) > _LISTED else ''}"


def _mistake(loaded: LoadedMap, path: Path, column: str, message: str) -> Mistake:
    """Where the column's name stands: as a key, as in conditions, or in a value."""
    place = loaded.file.key_place(path) if path[-1] == column else loaded.file.place(path)
    return Mistake(*place, ".".join(map(str, path)), message)


def used_before(source: Input) -> list[str]:
    """Which columns of the previous row the map looks at."""
    found = [column.removeprefix(PREVIOUS) for _, column in _of_touchpoints(source, ()) if column.startswith(PREVIOUS)]
    for entry in source.touchpoints:
        if entry.when is not None:
            found += [column for part in _parts(entry.when) for column in part.changed or ()]
    return sorted(set(found))


def _misplaced(loaded: LoadedMap, source: Input, base: Path, uses: Iterable[Use]) -> Iterator[Mistake]:
    """What looks back without `previous`."""
    if source.previous is not None:
        return
    for path, column in uses:
        if column.startswith(PREVIOUS):
            yield loaded.file.mistake(path, "looks back: say `previous: {by: …, at: …}` in this input")
    for number, entry in enumerate(source.touchpoints):
        looks_back = entry.when is not None and any(
            part.first is not None or part.changed is not None for part in _parts(entry.when)
        )
        if looks_back:
            message = "first and changed look back: say `previous: {by: …, at: …}` in this input"
            yield loaded.file.mistake((*base, "touchpoints", number, "when"), message)


def _joined(source: Input) -> set[str]:
    return {name for join in source.join for name in join.take}


def _of_their_side(source: Input, number: int, base: Path) -> Iterator[Use]:
    join = source.join[number]
    for ours, theirs in join.on.items():
        yield (*base, "on", ours), theirs
    for name, take in join.take.items():
        if take.column is not None:
            yield (*base, "take", name), take.column


def _of_touchpoints(source: Input, base: Path) -> Iterator[Use]:
    for number, join in enumerate(source.join):
        for ours in join.on:
            yield (*base, "join", number, "on", ours), ours
    if source.previous is not None:
        for name in ("by", "at"):
            yield from _of_template(getattr(source.previous, name), (*base, "previous", name))
    for number, entry in enumerate(source.touchpoints):
        yield from _of_value(entry, (*base, "touchpoints", number))


def _of_value(value: Any, path: Path) -> Iterator[Use]:
    """The columns in whatever stands there."""
    if isinstance(value, Pick):
        yield from _of_template(value.template, path)
    elif isinstance(value, When):
        yield from _of_condition(value, path)
    elif isinstance(value, str):
        yield from _of_template(value, path)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _of_value(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _of_value(item, (*path, number))
    elif hasattr(value, "__dataclass_fields__"):
        for field in fields(value):
            if field.name != "times":
                yield from _of_value(getattr(value, field.name), (*path, field.name))


def _of_condition(when: When, path: Path) -> Iterator[Use]:
    for column in when.columns:
        yield (*path, column), column
    for number, column in enumerate(when.changed or ()):
        yield (*path, "changed", number), column
    for number, part in enumerate(when.all):
        yield from _of_condition(part, (*path, "all", number))
    for number, part in enumerate(when.any or ()):
        yield from _of_condition(part, (*path, "any", number))
    if when.negated is not None:
        yield from _of_condition(when.negated, (*path, "not"))


def _of_template(template: str, path: Path) -> Iterator[Use]:
    for part in split_template(template):
        if isinstance(part, Hole):
            yield path, part.column


def _parts(when: When) -> Iterator[When]:
    yield when
    for part in (*when.all, *(when.any or ()), *([when.negated] if when.negated else [])):
        yield from _parts(part)
