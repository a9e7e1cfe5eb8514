"""Rows out of CSV, TSV and NDJSON files, gzip or not."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, Self

import msgspec

from touchline.importer.report import ImportFailed, RowFault

Format = Literal["csv", "tsv", "ndjson"]
Row = dict[str, Any]
"""A row by column. CSV: every column, as text. NDJSON: what stands there, nested objects as `a.b`, the entries of a
list as `a.0`, `a.1` …, and the list itself as `a`."""

MAX_LIST = 64
"""So many entries of a list in NDJSON are columns of their own."""

NOT_UTF8 = "is not UTF-8: convert the file (iconv -f latin1 -t utf-8, if it is of that sort)"

MAX_FIELD = 1 << 20
"""The longest field of a CSV file, in characters."""

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson"
}  # fmt: skip
_GZIP = b"\x1f\x8b"
_BROKEN = (EOFError, gzip.BadGzipFile, zlib.error)


class Line(NamedTuple):
    """A row and where it begins; `row` is a RowFault when the line could not be read as a row."""

    line: int
    row: Row | RowFault


class RowFile:
    """A file of rows. `columns`: the names in the header; None for NDJSON, where each row has its own. `separator`:
    what stands between the columns of a CSV file that has no commas.

    Raises: ImportFailed when it can't be opened or has no header."""

    def __init__(self, path: Path, form: Format | None = None, separator: str | None = None) -> None:
        self.path = path
        self.name = path.name
        self.form = form or format_of(path)
        try:
            self.size = path.stat().st_size
            self._raw: BinaryIO = path.open("rb")
        except OSError as error:
            raise ImportFailed(f"{path}: can't be read: {error.strerror}") from None
        self._text = io.TextIOWrapper(_plain(self._raw), encoding="utf-8-sig", errors="surrogateescape", newline="")
        between = separator or ("\t" if self.form == "tsv" else ",")
        self._reader = csv.reader(self._text, delimiter=between, strict=True)
        try:
            self.columns = None if self.form == "ndjson" else self._header()
        except ImportFailed:
            self.close()
            raise

    @property
    def bytes_read(self) -> int:
        """How far into the file, in its own bytes."""
        return self._raw.tell()

    def __iter__(self) -> Iterator[Line]:
        """The rows.

        Raises: ImportFailed when the file breaks off."""
        try:
            yield from self._json_lines() if self.columns is None else self._csv_lines(self.columns)
        except _BROKEN as error:
            raise ImportFailed(f"{self.path}: is broken gzip: {error}") from None
        except OSError as error:
            raise ImportFailed(f"{self.path}: can't be read: {error.strerror}") from None

    def _header(self) -> list[str]:
        csv.field_size_limit(MAX_FIELD)
        try:
            header = next(self._reader, None)
        except _BROKEN as error:
            raise ImportFailed(f"{self.path}: is broken gzip: {error}") from None
        except csv.Error as error:
            raise ImportFailed(f"{self.path}:1: the header can't be read: {error}") from None
        if not header:
            raise ImportFailed(f"{self.path}: is empty: the first line names the columns")
        names = [name.strip() for name in header]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ImportFailed(f"{self.path}:1: the header names a column twice: {', '.join(sorted(twice))}")
        return names

    def _csv_lines(self, columns: list[str]) -> Iterator[Line]:
        reader, width = self._reader, len(columns)
        while True:
            line = reader.line_num + 1
            try:
                values = next(reader, None)
            except csv.Error as error:
                yield Line(line, RowFault(f"is no {self.form.upper()}: {error}"))
                continue
            if values is None:
                return
            if len(values) == width:
                yield Line(line, dict(zip(columns, values, strict=True)))
            elif values:
                yield Line(line, RowFault(f"has {len(values)} fields, the header has {width}"))

    def _json_lines(self) -> Iterator[Line]:
        for number, text in enumerate(self._text, 1):
            if text.strip():
                yield Line(number, _json_row(text))

    def close(self) -> None:
        """Closes the file."""
        self._text.close()
        self._raw.close()

    def __enter__(self) -> Self:
        """The file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes."""
        self.close()


def format_of(path: Path) -> Format:
    """By the name, with or without .gz.

    Raises: ImportFailed."""
    name = path.name.lower().removesuffix(".gz")
    for suffix, form in _SUFFIXES.items():
        if name.endswith(suffix):
            return form
    raise ImportFailed(
        f"{path}: of what format is it? Name it .csv, .tsv or .ndjson (.gz may follow), or say `format:` in the map"
    )


def _plain(raw: BinaryIO) -> BinaryIO:
    """Unpacks gzip, whatever the name says."""
    packed = raw.read(2) == _GZIP
    raw.seek(0)
    return gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[return-value]  # a binary file all the same


def _json_row(text: str) -> Row | RowFault:
    try:
        value = msgspec.json.decode(text.encode("utf-8"))
    except UnicodeEncodeError:
        return RowFault(NOT_UTF8)
    except msgspec.DecodeError as error:
        return RowFault(f"is no JSON: {error}")
    except RecursionError:
        return RowFault("is nested too deep")
    if not isinstance(value, dict):
        return RowFault("is no JSON object")
    return _flat(value)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Row:
    row: Row = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            row.update(_flat(value, f"{prefix}{name}."))
        elif isinstance(value, list):
            row[prefix + name] = value or None
            entries = {str(number): entry for number, entry in enumerate(value[:MAX_LIST])}
            row.update(_flat(entries, f"{prefix}{name}."))
        else:
            row[prefix + name] = value
    return row
