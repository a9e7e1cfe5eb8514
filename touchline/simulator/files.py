"""The stream and the truth as files: a line of JSON each."""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec

from touchline.simulator.friction import Truth
from touchline.simulator.story import Event

_encode: Final = msgspec.json.Encoder().encode


@contextmanager
def lines_to(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file to write lines to; gzip when its name ends so. Folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        # No name and no time inside, so that the same plan gives the same file.
        with path.open("wb") as raw, gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as file:
            yield file  # type: ignore[misc]  # it writes bytes, which is all that is asked
    else:
        with path.open("wb") as file:
            yield file


def write_events(events: Iterable[Event], file: IO[bytes]) -> Iterator[Event]:
    """Writes each event as it passes by."""
    write = file.write
    for event in events:
        write(event.value)
        write(b"\n")
        yield event


def write_truth(truth: Truth, file: IO[bytes]) -> None:
    """Writes a line of the side file."""
    file.write(_encode(truth) + b"\n")
