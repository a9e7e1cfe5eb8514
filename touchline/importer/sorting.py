"""Puts touchpoints into the order of time, with a bound on memory: sorted runs on disk, merged as they are read."""

import heapq
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from touchline.importer.mapper import Made

Entry = tuple[int, int, bytes, bytes]
"""Time, sequence number, key, value. The sequence number makes the order total: equal times keep their order."""

_HEAD = struct.Struct("<qqII")
_OVERHEAD = 250
"""What an entry takes in memory beside its key and value, in bytes, measured on CPython 3.11."""


class TimeOrder:
    """Takes touchpoints in any order and gives them back in the order of time.

    `memory`: bytes until a run is written to a temporary folder, which only this user can read and which is removed.
    """

    def __init__(self, memory: int = 256 << 20) -> None:
        self._memory = memory
        self._entries: list[Entry] = []
        self._size = 0
        self._count = 0
        self.span: tuple[int | None, int | None] = (None, None)
        """The least and the greatest time."""
        self._runs: list[Path] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __len__(self) -> int:
        """How many were taken."""
        return self._count

    @property
    def folder(self) -> Path | None:
        """Where the runs are; None while memory was enough."""
        return Path(self._folder.name) if self._folder is not None else None

    def add(self, made: Made) -> None:
        """Takes one."""
        self._entries.append((made.at, self._count, made.key, made.value))
        self._count += 1
        least, greatest = self.span
        if least is None or greatest is None:
            self.span = (made.at, made.at)
        elif not least <= made.at <= greatest:
            self.span = (min(least, made.at), max(greatest, made.at))
        self._size += len(made.key) + len(made.value) + _OVERHEAD
        if self._size >= self._memory:
            self._spill()

    def __iter__(self) -> Iterator[Made]:
        """All that was taken, in order; may be read more than once."""
        self._entries.sort()
        runs = [_read(path) for path in self._runs]
        merged: Iterator[Entry] = heapq.merge(*runs, self._entries) if runs else iter(self._entries)
        for at, _, key, value in merged:
            yield Made(at, key, value)

    def _spill(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="touchline-import-")
        path = Path(self._folder.name) / f"{len(self._runs)}.run"
        self._entries.sort()
        with path.open("wb") as run:
            for at, number, key, value in self._entries:
                run.write(_HEAD.pack(at, number, len(key), len(value)) + key + value)
        self._runs.append(path)
        self._entries = []
        self._size = 0

    def __enter__(self) -> Self:
        """The order itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes what was written."""
        if self._folder is not None:
            self._folder.cleanup()


def _read(path: Path) -> Iterator[Entry]:
    with path.open("rb") as run:
        while head := run.read(_HEAD.size):
            at, number, key, value = _HEAD.unpack(head)
            yield at, number, run.read(key), run.read(value)
