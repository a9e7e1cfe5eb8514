"""Where history comes from: files of touchpoints, any files by a map, the warehouse.

HistoryError     a file can't be read, or a line of it is no JSON; the message says where
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, Protocol

import msgspec

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks.upkeep import connected
from touchline.importer.gather import gather
from touchline.importer.mapper import Made
from touchline.importer.report import ImportReport
from touchline.importer.sorting import TimeOrder
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.warehouse.history import pieces, touchpoint_of
from touchline.pipeline.warehouse.sqlfiles import statement
from touchline.schemas.codec import DecodeError, decode_touchpoint
from touchline.schemas.mapfile import load_map
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.types import parse_moment

_GZIP: Final = b"\x1f\x8b"
_EVERY: Final = 5_000
_ENRICHED: Final = b"enriched"
_BROKEN: Final = (EOFError, gzip.BadGzipFile, zlib.error)

OnProgress = Callable[[str, int, int], None]
"""Told what is being done, and how much of how much."""

Entry = bytes | EnrichedTouchpoint
"""A touchpoint as it was published, or one that `enrich` has worked off already."""


class _Line(NamedTuple):
    """A line and what it is. `where`: its file and number."""

    text: bytes
    enriched: bool
    where: str


class _Timed(msgspec.Struct):
    """What sorting needs to know."""

    occurred_at: datetime


_decode_timed: Final = msgspec.json.Decoder(_Timed).decode


class HistoryError(Exception):
    """History can't be read."""


class Source(Protocol):
    """A history. May be read once; `left_out` is known after that: how much of it can't be used, by reason."""

    @property
    def name(self) -> str:
        """What it is, in a few words."""

    @property
    def left_out(self) -> Mapping[str, int]:
        """See above."""

    def entries(self, on_progress: OnProgress) -> Iterator[Entry]:
        """The touchpoints in the order in which they are to be worked off.

        Raises: HistoryError, ImportFailed, FileError, Retry, Fatal."""


@dataclass(slots=True)
class Lines:
    """Files of NDJSON: touchpoints as they are published, or enriched ones as they are on the topic `touchpoints`
    (each file has one of the two). Files and lines stand in the order of arrival; `in_time` sorts them by time."""

    files: Sequence[Path]
    in_time: bool = False
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The files."""
        return ", ".join(path.name for path in self.files)

    def entries(self, on_progress: OnProgress) -> Iterator[Entry]:
        """See `Source`."""
        if not self.in_time:
            yield from (_entry(line) for line in self._lines(on_progress))
            return
        with TimeOrder() as ordered:
            for line in self._lines(on_progress):
                ordered.add(Made(_time_of(line.text), _ENRICHED if line.enriched else b"", line.text))
            for number, made in enumerate(ordered):
                if number % _EVERY == 0:
                    on_progress("rules", number, len(ordered))
                yield _entry(_Line(made.value, bool(made.key), self.name))
            on_progress("rules", len(ordered), len(ordered))

    def _lines(self, on_progress: OnProgress) -> Iterator["_Line"]:
        done = total = 0
        path = self.files[0] if self.files else Path()
        try:
            total = sum(path.stat().st_size for path in self.files)
            for path in self.files:
                with path.open("rb") as raw:
                    enriched: bool | None = None
                    for number, line in enumerate(_plain(raw), 1):
                        if number % _EVERY == 0:
                            on_progress("read", done + raw.tell(), total)
                        text = line.strip()
                        if text:
                            where = f"{path}:{number}"
                            enriched = "late_seconds" in _object(text, where) if enriched is None else enriched
                            yield _Line(text, enriched, where)
                    done += raw.tell()
        except _BROKEN as error:
            raise HistoryError(f"{path} is broken gzip: {error}") from None
        except OSError as error:
            raise HistoryError(f"{error.filename or path} can't be read: {error.strerror or error}") from None
        on_progress("read", total, total)


@dataclass(slots=True)
class Mapped:
    """Any files, read by a map, in the order of time. Rows that fail are left out."""

    files: Sequence[Path]
    map: Path
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The files and the map."""
        return f"{', '.join(path.name for path in self.files)} by {self.map.name}"

    def entries(self, on_progress: OnProgress) -> Iterator[Entry]:
        """See `Source`."""
        loaded = load_map(self.map)
        report = ImportReport(loaded.map.name)
        with TimeOrder() as ordered:
            for made in gather(self.files, loaded, report, lambda p: on_progress(p.stage, p.done, p.total)):
                ordered.add(made)
            if report.failed:
                self.left_out[f"rows that failed, such as {report.problems[0]}"] = report.failed
            for number, made in enumerate(ordered):
                if number % _EVERY == 0:
                    on_progress("rules", number, len(ordered))
                yield made.value
            on_progress("rules", len(ordered), len(ordered))


@dataclass(slots=True)
class Facts:
    """The warehouse's touchpoints from one moment up to and without another, as the read-only user sees them."""

    settings: WarehouseSettings
    since: datetime
    until: datetime
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The warehouse and the time."""
        return f"warehouse {self.settings.host}:{self.settings.port}, {self.since:%Y-%m-%d} to {self.until:%Y-%m-%d}"

    def entries(self, on_progress: OnProgress) -> Iterator[Entry]:
        """See `Source`."""
        span = {"first": int(self.since.timestamp()), "last": int(self.until.timestamp())}
        with connected(self.settings, plain=True) as connection:
            hours = connection.query(statement("history_hours"), span).rows
            total, done = sum(row[1] for row in hours), 0
            for first, last in pieces((row[0], row[1]) for row in hours):
                asked = {"first": max(first, span["first"]), "last": min(last, span["last"])}
                rows = connection.query(statement("history_touchpoints"), asked).rows
                for row in rows:
                    yield touchpoint_of(row)
                done += len(rows)
                on_progress("rules", done, total)


def _entry(line: _Line) -> Entry:
    if not line.enriched:
        return line.text
    try:
        return decode_touchpoint(line.text)
    except DecodeError as error:
        raise HistoryError(f"{line.where} is no enriched touchpoint, as the first line is: {error}") from None


def _time_of(text: bytes) -> int:
    """The time of a touchpoint; what has none goes first, and is rejected when its turn comes."""
    try:
        moment = _decode_timed(text).occurred_at
    except msgspec.DecodeError:
        return 0
    return to_ms(moment) if moment.tzinfo else 0


def read_span(text: str) -> tuple[datetime, datetime]:
    """`FROM..TO`, each a date (in UTC) or a time in ISO 8601 with its offset; a date as TO is part of it.

    Raises: ValueError."""
    first, dots, last = text.partition("..")
    if not dots:
        raise ValueError(f'"{text}" is no range: write 2026-01-01..2026-03-31')
    since, until = (parse_moment(end.strip()).astimezone(UTC) for end in (first, last))
    if len(last.strip()) == len("2026-03-31"):
        until += timedelta(days=1)
    if since >= until:
        raise ValueError(f'"{text}" ends before it begins')
    return since, until


def _plain(raw: BinaryIO) -> BinaryIO:
    """Unpacks gzip, whatever the name says."""
    packed = raw.read(2) == _GZIP
    raw.seek(0)
    return gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[return-value]  # a binary file all the same


def _object(text: bytes, where: str) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise HistoryError(
            f"{where} is no JSON: {error}. Files that are no touchpoints, a line of JSON each, need a map (--map)"
        ) from None
    if not isinstance(found, dict):
        raise HistoryError(f"{where} is no JSON object: a touchpoint is one, a line each")
    return found
