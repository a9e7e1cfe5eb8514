"""How far event time is, for each raw partition and for all of them together.

A raw partition's *high* is the greatest event time that it has carried. Whether one event is late is a matter of its
own raw partition (`EnrichedTouchpoint.late_seconds`); timers wait for the slowest. Both follow from the log alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from touchline.pipeline.engine.clock import MINUTE
from touchline.schemas.control import Tick

STALLED_AFTER: Final = 15 * MINUTE


@dataclass(slots=True)
class _Marks:
    partitions: int = 0
    highs: dict[int, int] = field(default_factory=dict)
    walls: dict[int, int] = field(default_factory=dict)


class Watermarks:
    """A `Piece`: the highs of all raw partitions as one shard has heard of them. Times in milliseconds since 1970 UTC.

    On the live clock a raw partition whose ticks stopped for 15 minutes, while others went on, is left out of the
    minimum until it ticks again: `stalled` names it, and what fires meanwhile is provisional.
    """

    def __init__(self) -> None:
        self._marks = _Marks()
        self._dirty = False
        self._low: int | None = None
        self._stalled: tuple[int, ...] = ()

    def tick(self, tick: Tick) -> bool:
        """Takes in a tick. True when the minimum rose."""
        marks = self._marks
        marks.partitions = max(marks.partitions, tick.partitions)
        if tick.high > marks.highs.get(tick.partition, tick.high - 1):
            marks.highs[tick.partition] = tick.high
        if tick.wall is None:
            marks.walls.pop(tick.partition, None)
        else:
            marks.walls[tick.partition] = max(tick.wall, marks.walls.get(tick.partition, 0))
        self._dirty = True
        before = self._low
        self._compute()
        return self._low is not None and (before is None or self._low > before)

    def _compute(self) -> None:
        marks = self._marks
        newest = max(marks.walls.values(), default=0)
        self._stalled = tuple(sorted(p for p, wall in marks.walls.items() if newest - wall > STALLED_AFTER))
        if marks.partitions and len(marks.highs) >= marks.partitions:
            low = min(high for p, high in marks.highs.items() if p not in self._stalled)
            self._low = low if self._low is None else max(low, self._low)

    @property
    def low(self) -> int | None:
        """The least high of all raw partitions, None until each was heard of. It never falls."""
        return self._low

    @property
    def stalled(self) -> tuple[int, ...]:
        """The raw partitions that stand still and are left out."""
        return self._stalled

    def high(self, partition: int) -> int | None:
        """How far one raw partition is, None before its first tick."""
        return self._marks.highs.get(partition)

    def is_history(self, partition: int) -> bool:
        """Whether a raw partition's time is moved by its records alone: it ticks, and without a wall clock."""
        return partition in self._marks.highs and partition not in self._marks.walls

    @property
    def top(self) -> int | None:
        """The greatest high of all."""
        return max(self._marks.highs.values(), default=None)

    def load(self, key: bytes, value: bytes | None) -> None:
        """Takes in one entry of the changelog."""
        if value is not None:
            self._low, self._marks = msgspec.msgpack.decode(value, type=tuple[int | None, _Marks])
            self._compute()

    def changes(self) -> Iterable[tuple[bytes, bytes | None]]:
        """The marks, encoded, when they changed."""
        if not self._dirty:
            return ()
        self._dirty = False
        return ((b"", msgspec.msgpack.encode((self._low, self._marks))),)
