"""What one shard of `enrich` knows: time as its raw partition has carried it, ids seen, and the share refused."""

import zlib
from dataclasses import dataclass, field
from typing import Final

import msgspec

from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.store import Cell
from touchline.pipeline.enrichment.dedupe import SeenIds
from touchline.schemas.control import ClockMode

WINDOW: Final = 1_000
"""Over how many records of a partition the share of rejected ones is watched."""

_REARM: Final = 0.9


@dataclass(slots=True)
class Refused:
    """Which of the last 1,000 records were rejected: a ring of bytes, 1 for rejected."""

    ring: bytearray = field(default_factory=lambda: bytearray(WINDOW))
    place: int = 0
    count: int = 0
    alarmed: bool = False

    def record(self, rejected: bool, share: float) -> bool:
        """Takes in one record. True when more than `share` of the window (at share 1: all of it) came to be rejected;
        it is said again only after the count fell below nine tenths of that."""
        place = self.place
        self.count += rejected - self.ring[place]
        self.ring[place] = rejected
        self.place = (place + 1) % WINDOW
        if self.alarmed:
            self.alarmed = self.count >= _REARM * share * WINDOW
        elif self.count > share * WINDOW or self.count == WINDOW:
            self.alarmed = True
            return True
        return False


@dataclass(slots=True)
class Progress:
    """How far one raw partition is. All times in milliseconds since 1970 UTC.

    `high`: the greatest event time that records carried. `told`: the greatest high of any tick, which an idle
    partition's ticks move too. `ticked` and `since`: the high at the last tick that records caused, and how many
    records came after it. `arrived`: the greatest arrival time.
    """

    clock: ClockMode
    high: int | None = None
    told: int | None = None
    ticked: int | None = None
    since: int = 0
    arrived: int = 0
    refused: Refused = field(default_factory=Refused)


_DECODER: Final = msgspec.msgpack.Decoder(Progress)


def _encode(progress: Progress) -> bytes:
    # The window is nearly always a thousand zeros.
    return zlib.compress(msgspec.msgpack.encode(progress), 1)


def _decode(packed: bytes) -> Progress:
    return _DECODER.decode(zlib.decompress(packed))


class EnrichState:
    """All state of one shard.

    Args:
        clock: until a control record says otherwise.
        limit, age: see `SeenIds`.
    """

    def __init__(self, clock: ClockMode, limit: int, age: int) -> None:
        self.seen = SeenIds(limit, age)
        self.cell = Cell(Progress(clock), _encode, _decode)

    @property
    def progress(self) -> Progress:
        """Time and share; say `cell.touch()` after a change."""
        return self.cell.value

    @property
    def pieces(self) -> dict[str, Piece]:
        """The parts in the changelog."""
        return {"seen": self.seen, "progress": self.cell}
