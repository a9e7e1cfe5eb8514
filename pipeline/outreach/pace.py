"""So many messages an hour: turns that all shards share without knowing of each other.

The turns of a plan are numbered from 1970 on, `pace` of them to an hour, evenly spread. Each shard has every so manieth
of them, so all together never have more than `pace` within any hour, and none needs to ask another.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from touchline.pipeline.engine.clock import DAY, HOUR

MAX_RANGES: Final = 512
"""How many separate ranges of taken turns are known; beyond it the earliest gaps are given up, which makes a plan
slower, never faster."""

_TRIES: Final = 64

Taken = list[tuple[int, int]]
"""Turns that are taken, by their number within the shard: disjoint closed ranges in order."""


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of one plan in one shard. Times in milliseconds since 1970 UTC."""

    pace: int
    partition: int
    partitions: int

    def at(self, number: int) -> int:
        """When the shard's turn of that number is."""
        return -(-(number * self.partitions + self.partition) * HOUR // self.pace)

    def first(self, since: int) -> int:
        """The number of the first turn at or after a time."""
        number = (since * self.pace // HOUR - self.partition) // self.partitions
        while self.at(number) < since:
            number += 1
        return number

    def free(self, taken: Taken, since: int, asleep: Callable[[int], int | None]) -> int:
        """When the first free turn at or after a time is at which the recipient may be written to. `asleep`: until when
        they may not, None when they may."""
        for _ in range(_TRIES):
            at = self.at(_skip(taken, self.first(since)))
            until = asleep(at)
            if until is None:
                return at
            since = until
        return at

    def take(self, taken: Taken, at: int, before: int) -> Taken:
        """The turns with the one at a time taken as well; those before a time are forgotten."""
        number, oldest = self.first(at), self.first(before)
        kept = taken[bisect_left(taken, oldest, key=_last) :]
        place = bisect_right(kept, number, key=_first)
        begin = end = number
        if place < len(kept) and kept[place][0] == number + 1:
            end = kept.pop(place)[1]
        if place > 0 and kept[place - 1][1] >= number - 1:
            place -= 1
            begin, last = kept.pop(place)
            end = max(end, last)
        kept.insert(place, (begin, end))
        if len(kept) > MAX_RANGES:
            kept[:2] = [(kept[0][0], kept[1][1])]
        return kept


def _skip(taken: Taken, number: int) -> int:
    """The first number from there on that is not taken."""
    place = bisect_right(taken, number, key=_first) - 1
    if place >= 0 and taken[place][1] >= number:
        return taken[place][1] + 1
    return number


def _first(one: tuple[int, int]) -> int:
    return one[0]


def _last(one: tuple[int, int]) -> int:
    return one[1]


def share_of(day: int, whole: int, partition: int, partitions: int) -> int:
    """A shard's part of so many a day; what is left over goes round the shards from day to day."""
    return whole // partitions + ((partition + day) % partitions < whole % partitions)


def day_of(now: int, since: int) -> int:
    """The number of a day counted from a time on."""
    return (now - since) // DAY
