"""Somebody's files to touchpoints, by a map: `run_import`. The map's format is in `touchline.schemas.mapfile`."""

from touchline.importer.report import FileCount, ImportFailed, ImportReport, Progress, RowProblem
from touchline.importer.run import ImportOptions, check, preview, run_import

__all__ = [
    "FileCount",
    "ImportFailed",
    "ImportOptions",
    "ImportReport",
    "Progress",
    "RowProblem",
    "check",
    "preview",
    "run_import",
]
