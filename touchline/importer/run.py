"""An import: files to `touchpoints.raw`, in the order of time, on the log clock."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from touchline.client.publisher import Publisher
from touchline.client.receipt import Receipt
from touchline.importer.gather import OnProgress, check_files, gather, no_progress
from touchline.importer.mapper import Made
from touchline.importer.pace import Pace
from touchline.importer.report import ImportReport, Progress
from touchline.importer.sorting import TimeOrder
from touchline.schemas.codec import encode
from touchline.schemas.control import ClockMode, Control
from touchline.schemas.mapfile import LoadedMap, load_map
from touchline.schemas.wire import CONTROL_HEADER

_CONTROL: Final = ((CONTROL_HEADER, b"1"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """`speed`: how many seconds of history pass in a second; None: as fast as it goes. `limit`: only the first so many
    touchpoints. `skip_bad`: publish although rows fail. `then_live`: hand over to the live clock at the end. `memory`:
    bytes for sorting before files on disk are used."""

    speed: float | None = None
    limit: int | None = None
    skip_bad: bool = False
    then_live: bool = False
    memory: int = 256 << 20


def run_import(
    files: Sequence[Path],
    map_path: Path,
    publisher: Publisher,
    options: ImportOptions = ImportOptions(),
    on_progress: OnProgress = no_progress,
) -> ImportReport:
    """Reads everything, and publishes it unless a row failed (`skip_bad` publishes the rest all the same).

    Raises: FileError (a mistake in the map), ImportFailed (a file), NotDelivered."""
    loaded = load_map(map_path)
    report = ImportReport(loaded.map.name)
    started = time.monotonic()
    with TimeOrder(options.memory) as ordered:
        for made in gather(files, loaded, report, on_progress):
            ordered.add(made)
        if not report.failed or options.skip_bad:
            total = len(ordered) if options.limit is None else min(options.limit, len(ordered))
            first = _first(ordered, total)
            began = time.monotonic()
            publish_in_order(first, total, publisher, options=options, report=report, on_progress=on_progress)
            report.publish_seconds = time.monotonic() - began
    report.seconds = time.monotonic() - started
    return report


def check(files: Sequence[Path], map_path: Path) -> None:
    """Whether there is no mistake in the map and it fits the files, before the first row is read.

    Raises: FileError, ImportFailed."""
    check_files(files, load_map(map_path))


def preview(
    files: Sequence[Path], map_path: Path, show: int, on_progress: OnProgress = no_progress
) -> tuple[ImportReport, list[Made]]:
    """What an import would do: its report, and the first touchpoints in the order of time.

    Raises: FileError, ImportFailed."""
    loaded: LoadedMap = load_map(map_path)
    report = ImportReport(loaded.map.name)
    with TimeOrder() as ordered:
        for made in gather(files, loaded, report, on_progress):
            ordered.add(made)
        first = list(_first(ordered, show))
        report.first_at, report.last_at = ordered.span
    return report, first


def publish_in_order(
    ordered: Iterable[Made],
    total: int,
    publisher: Publisher,
    *,
    options: ImportOptions,
    report: ImportReport,
    on_progress: OnProgress = no_progress,
) -> None:
    """Publishes touchpoints that are in the order of time, with what is said about time in between.

    Raises: NotDelivered."""
    partitions = publisher.partitions
    pace = Pace(options.speed)
    _say(publisher, partitions, Control(clock=ClockMode.LOG))
    for made in ordered:
        if pace.due(made.at, report.published):
            _say(publisher, partitions, Control(high=report.last_at))
            on_progress(Progress("publish", report.published, total))
        publisher.send(made.value, key=made.key)
        report.published += 1
        report.first_at = made.at if report.first_at is None else report.first_at
        report.last_at = made.at
    receipts = _say(publisher, partitions, Control(high=report.last_at))
    if options.then_live:
        receipts = _say(publisher, partitions, Control(clock=ClockMode.LIVE))
    publisher.flush()
    if options.then_live:
        report.handover = {delivered.partition: delivered.offset for delivered in (r.result(0) for r in receipts)}
    on_progress(Progress("publish", report.published, total))


def _say(publisher: Publisher, partitions: int, control: Control) -> list[Receipt]:
    value = encode(control)
    return [publisher.send(value, partition=partition, headers=_CONTROL) for partition in range(partitions)]


def _first(ordered: Iterable[Made], count: int) -> Iterable[Made]:
    for number, made in enumerate(ordered):
        if number >= count:
            return
        yield made
