"""What an import found and did.

ImportFailed     an import can't go on at all: a file is missing, broken, or given in vain
RowProblem       (a record, not an exception) one touchpoint of one row could not be made
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

MAX_PROBLEMS = 1_000
"""How many problems are kept with their text; all are counted."""


class ImportFailed(Exception):
    """The text says which file, what is wrong, and what to do."""


class RowFault(Exception):
    """Why a row gives no touchpoint; caught by the mapper, told as a RowProblem."""


class RowProblem(NamedTuple):
    """One failure. `line` is where the row begins in the file, `row` its number without the header; both from 1.
    `what`: the kind of touchpoint in the map, or "" for the whole row."""

    file: str
    line: int
    row: int
    what: str
    reason: str

    def __str__(self) -> str:
        """`file:line (row n): what: reason`."""
        return f"{self.file}:{self.line} (row {self.row}): " + (f"{self.what}: " if self.what else "") + self.reason


class Progress(NamedTuple):
    """How far. `stage` read: `done` and `total` are bytes of the files. publish: touchpoints."""

    stage: Literal["read", "publish"]
    done: int
    total: int


@dataclass(slots=True)
class FileCount:
    """One file's sum: `possible` = rows times entries of the map = touchpoints + skipped + failed."""

    file: str
    rows: int = 0
    possible: int = 0
    touchpoints: int = 0
    skipped: int = 0
    failed: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether every row and entry ended as exactly one of the three."""
        return self.possible == self.touchpoints + self.skipped + self.failed


@dataclass(slots=True)
class ImportReport:
    """The whole import; `seconds` of all, `publish_seconds` of what followed the reading.

    `first_at`, `last_at` in milliseconds since 1970 UTC. `handover`: when it switched to the live clock, the offset of
    the record that says so on each raw partition. `problems` holds the first of them, `failed` counts all. `repeated`:
    touchpoints with an id that another had before, which `enrich` drops; `first_repeat` says where and which.
    """

    map: str
    files: list[FileCount] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    published: int = 0
    first_at: int | None = None
    last_at: int | None = None
    seconds: float = 0.0
    publish_seconds: float = 0.0
    handover: dict[int, int] = field(default_factory=dict)
    repeated: int = 0
    first_repeat: str = ""

    @property
    def rows(self) -> int:
        """Rows read, over all files."""
        return sum(count.rows for count in self.files)

    @property
    def touchpoints(self) -> int:
        """Touchpoints made of them."""
        return sum(count.touchpoints for count in self.files)

    @property
    def skipped(self) -> int:
        """Entries of the map that a condition left out, over all rows."""
        return sum(count.skipped for count in self.files)

    @property
    def failed(self) -> int:
        """Entries of the map that a row failed."""
        return sum(count.failed for count in self.files)

    @property
    def adds_up(self) -> bool:
        """Whether nothing was lost between the rows and the figures."""
        return all(count.adds_up for count in self.files)

    def repeat(self, place: str, event_id: str) -> None:
        """Counts a touchpoint whose id stood before."""
        self.repeated += 1
        self.first_repeat = self.first_repeat or f"{event_id} at {place}"

    def fault(self, problem: RowProblem) -> None:
        """Keeps a problem while there is room."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)
