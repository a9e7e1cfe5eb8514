"""Reads all files of a map and makes touchpoints of their rows."""

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from touchline.importer.columns import check_columns, used_before
from touchline.importer.conditions import FIRST, PREVIOUS
from touchline.importer.files import Format, Row, RowFile
from touchline.importer.joins import JoinTable
from touchline.importer.mapper import Made, TouchpointMaker
from touchline.importer.report import FileCount, ImportFailed, ImportReport, Progress, RowFault, RowProblem
from touchline.importer.times import TimeReader
from touchline.importer.values import as_text, compile_pick, compile_template
from touchline.pipeline.engine.clock import to_ms
from touchline.schemas.mapfile import Input, LoadedMap, MapFile, Previous

OnProgress = Callable[[Progress], None]
_EVERY = 2_000


def no_progress(_: Progress) -> None:
    """Tells nobody."""


def gather(
    files: Sequence[Path], loaded: LoadedMap, report: ImportReport, on_progress: OnProgress = no_progress
) -> Iterator[Made]:
    """The touchpoints of all rows, in the order of files and rows; what is read and what fails goes to the report.

    Raises: FileError when the map names a column that a file does not have; ImportFailed."""
    whole = loaded.map
    files = _unfold(files, whole)
    plan = _assign(files, whole)
    total = sum(path.stat().st_size for _, paths in plan for path in paths)
    ids = SeenIds()
    before = 0
    for index, paths in plan:
        source = whole.inputs[index]
        for path in paths:
            with RowFile(path, source.format, source.separator) as file:
                check_columns(loaded, index, file.columns, file.name)
                joins = _load_joins(files, loaded, index)
                rows = _InputRows(file, source, whole, joins, ids)
                report.files.append(rows.count)
                for number, made in enumerate(rows.touchpoints(report)):
                    if number % _EVERY == 0:
                        on_progress(Progress("read", before + file.bytes_read, total))
                    yield made
            before += path.stat().st_size
            on_progress(Progress("read", before, total))


def check_files(files: Sequence[Path], loaded: LoadedMap) -> None:
    """Whether a map fits the files, by their names and columns; no row is read.

    Raises: FileError, ImportFailed."""
    whole = loaded.map
    files = _unfold(files, whole)
    for index, paths in _assign(files, whole):
        source = whole.inputs[index]
        for path in paths:
            with RowFile(path, source.format, source.separator) as file:
                check_columns(loaded, index, file.columns, file.name)
        for place, join in enumerate(source.join if paths else ()):
            with RowFile(_one_file(files, join.files, whole.name), join.format, join.separator) as file:
                check_columns(loaded, index, file.columns, file.name, join=place)


class _InputRows:
    """The rows of one file."""

    def __init__(self, file: RowFile, source: Input, whole: MapFile, joins: list[JoinTable], ids: "SeenIds") -> None:
        self._file = file
        self._joins = joins
        self._makers = [TouchpointMaker(entry, whole, place) for place, entry in enumerate(source.touchpoints)]
        self._ids = ids
        self._memory = _PreviousRows(source.previous, whole, used_before(source)) if source.previous else None
        # The id of a row must not change when a file is packed.
        self._id_name = file.name.removesuffix(".gz")
        self.count = FileCount(file.name)

    def touchpoints(self, report: ImportReport) -> Iterator[Made]:
        count, makers, ids = self.count, self._makers, self._ids
        for number, (line, row) in enumerate(self._file, 1):
            count.rows += 1
            count.possible += len(makers)
            try:
                whole_row = self._complete(row)
            except RowFault as fault:
                count.failed += len(makers)
                report.fault(RowProblem(count.file, line, number, "", str(fault)))
                continue
            for maker in makers:
                try:
                    made = maker.make(whole_row, self._id_name, number)
                except RowFault as fault:
                    count.failed += 1
                    report.fault(RowProblem(count.file, line, number, maker.kind, str(fault)))
                    continue
                if made is None:
                    count.skipped += 1
                    continue
                count.touchpoints += 1
                if maker.names_ids and ids.again(made.identity):
                    report.repeat(f"{count.file}:{line} (row {number})", made.identity[1])
                yield made.touchpoint

    def _complete(self, row: Row | RowFault) -> Row:
        """The row with what joins and the previous row of its key add."""
        if isinstance(row, RowFault):
            raise row
        for join in self._joins:
            join.add_to(row)
        if self._memory is not None:
            self._memory.add_to(row)
        return row


class SeenIds:
    """Whether an id came before: a repeat is dropped as a duplicate, which is seldom what a map means. The first
    million are remembered."""

    def __init__(self, most: int = 1_000_000) -> None:
        self._most = most
        self._seen: set[int] = set()

    def again(self, identity: tuple[str, str]) -> bool:
        """Notes source and id; whether both stood before."""
        name = hash(identity)
        if name in self._seen:
            return True
        if len(self._seen) < self._most:
            self._seen.add(name)
        return False


class _PreviousRows:
    """The last row of each key, as far as the map looks back."""

    def __init__(self, previous: Previous, whole: MapFile, columns: Sequence[str]) -> None:
        self._key = compile_template(previous.by)
        self._at = compile_template(previous.at)
        self._times = TimeReader(whole.times, compile_pick(whole.zone) if whole.zone else None)
        self._columns = [(name, PREVIOUS + name) for name in columns]
        self._last: dict[str, tuple[int, tuple[Any, ...]]] = {}

    def add_to(self, row: Row) -> None:
        """Adds the columns of the previous row.

        Raises: RowFault when the row has no key, or lies before the previous one."""
        key, at = self._key(row), self._at(row)
        if key is None or at is None:
            raise RowFault("previous: the key or the time is empty")
        key = as_text(key)
        try:
            time = to_ms(self._times.read(at, row))
        except RowFault as fault:
            raise RowFault(f"previous: {fault}") from None
        last = self._last.get(key)
        if last is not None and time < last[0]:
            raise RowFault("previous: lies before the row of the same key above it; sort the file by time")
        row[FIRST] = last is None
        for index, (_, name) in enumerate(self._columns):
            row[name] = last[1][index] if last is not None else None
        self._last[key] = (time, tuple(row.get(name) for name, _ in self._columns))


def _unfold(files: Sequence[Path], whole: MapFile) -> list[Path]:
    """Files as they are; of a folder, those that the map wants."""
    patterns = [source.files for source in whole.inputs] + [
        join.files for source in whole.inputs for join in source.join
    ]
    found: list[Path] = []
    for path in files:
        if not path.is_dir():
            found.append(path)
            continue
        found += [file for file in sorted(path.iterdir()) if any(fnmatchcase(file.name, name) for name in patterns)]
    return found


def _assign(files: Sequence[Path], whole: MapFile) -> list[tuple[int, list[Path]]]:
    """Which files belong to which input: the first whose pattern fits.

    Raises: ImportFailed for an input without a file, and for a file that nothing in the map wants."""
    plan: list[tuple[int, list[Path]]] = [(index, []) for index in range(len(whole.inputs))]
    joined = [join.files for source in whole.inputs for join in source.join]
    for path in files:
        fitting = [index for index, source in enumerate(whole.inputs) if fnmatchcase(path.name, source.files)]
        if fitting:
            plan[fitting[0]][1].append(path)
        elif not any(fnmatchcase(path.name, pattern) for pattern in joined):
            wanted = ", ".join(dict.fromkeys([source.files for source in whole.inputs] + joined))
            raise ImportFailed(f"{path}: the map {whole.name} has no use for it; it wants {wanted}")
    for index, paths in plan:
        if not paths and not whole.inputs[index].optional:
            raise ImportFailed(
                f"no file fits {whole.inputs[index].files}, which the map {whole.name} reads: give it, or its folder "
                "(`optional: true` in the map does without)"
            )
    return plan


def _load_joins(files: Sequence[Path], loaded: LoadedMap, index: int) -> list[JoinTable]:
    tables = []
    for place, join in enumerate(loaded.map.inputs[index].join):
        path = _one_file(files, join.files, loaded.map.name)
        form: Format | None = join.format
        with RowFile(path, form, join.separator) as file:
            check_columns(loaded, index, file.columns, file.name, join=place)
            tables.append(JoinTable(join, file))
    return tables


def _one_file(files: Sequence[Path], pattern: str, name: str) -> Path:
    fitting = [path for path in files if fnmatchcase(path.name, pattern)]
    if len(fitting) != 1:
        found = "no file fits" if not fitting else f"{len(fitting)} files fit"
        raise ImportFailed(
            f"{found} {pattern}, which the map {name} joins: it needs one among the files that are given, or in a "
            "folder that is"
        )
    return fitting[0]
