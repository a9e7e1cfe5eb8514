"""Which event ids a raw partition has carried lately.

An id is remembered as 64 bit of BLAKE2b over source and event id, in a ring of arrival order with an open-addressed
index beside it: 24 bytes an id at half load. Two different ids share a hash with a chance of one in 10^13 for each
event at a million remembered ids.
"""

import struct
from array import array
from collections.abc import Iterable
from hashlib import blake2b
from itertools import islice
from typing import Final

from touchline.pipeline.engine.clock import DAY

_FIRST_CAPACITY: Final = 1 << 12
_GROWTH: Final = 4
_LARGEST_RUN: Final = 4_096
_MERGED: Final = 16
_SMALL: Final = (range(1, 16), range(16, 256))
_POSITION: Final = struct.Struct(">Q")
_ID_BYTES: Final = 16


def event_hash(source: str, event_id: str) -> int:
    """64 bit of an event's identity. Neither part can hold the separator, which is a control character."""
    return int.from_bytes(blake2b(f"{source}\x00{event_id}".encode(), digest_size=8).digest(), "little")


class SeenIds:
    """A `Piece`: the last `limit` new ids, none older than `age` (milliseconds of broker time).

    What counts as seen follows from the sequence of ids and times alone: neither how it came in batches nor a restart
    changes it. In the changelog an entry is a run of ids; small runs are merged, so that an idle partition's state
    does not become a million entries, each id being written three times at the most.
    """

    def __init__(self, limit: int = 1_000_000, age: int = DAY) -> None:
        self._limit = limit
        self._age = age
        self._head = 0  # position of the oldest remembered id; positions count up for ever
        self._tail = 0  # position of the next one
        self._saved = 0  # where the unsaved ids begin
        self._runs: dict[int, int] = {}  # first position to number of ids, of each changelog entry in order
        self._loaded: dict[bytes, bytes] = {}
        self._hashes: array[int] = array("Q")
        self._times: array[int] = array("q")
        self._index: array[int] = array("I")
        self._ring_mask = self._index_mask = 0
        self._resize(_FIRST_CAPACITY)

    def __len__(self) -> int:
        """How many ids are remembered."""
        self._settle()
        return self._tail - self._head

    def add(self, identity: int, now: int) -> bool:
        """Remembers an id by its hash; False when it was remembered already.

        `now` is the broker's time in milliseconds and must never fall from call to call."""
        if self._loaded:
            self._settle()
        hashes, ring = self._hashes, self._ring_mask
        oldest = now - self._age
        while self._head < self._tail and self._times[self._head & ring] <= oldest:
            self._forget()
        index, mask = self._index, self._index_mask
        slot = identity & mask
        while entry := index[slot]:
            if hashes[entry - 1] == identity:
                return False
            slot = (slot + 1) & mask
        if self._limit:
            self._append(identity, now, slot)
        return True

    def _append(self, identity: int, now: int, slot: int) -> None:
        count = self._tail - self._head
        if count >= self._limit:
            self._forget()
            slot = self._free_slot(identity)
        elif count > self._ring_mask:
            self._resize(min((self._ring_mask + 1) * _GROWTH, 1 << self._limit.bit_length()))
            slot = self._free_slot(identity)
        place = self._tail & self._ring_mask
        self._hashes[place] = identity
        self._times[place] = now
        self._index[slot] = place + 1
        self._tail += 1

    def _free_slot(self, identity: int) -> int:
        index, mask = self._index, self._index_mask
        slot = identity & mask
        while index[slot]:
            slot = (slot + 1) & mask
        return slot

    def _forget(self) -> None:
        """Forgets the oldest id. Later entries of its cluster move up (Knuth, TAOCP 3, algorithm 6.4 R)."""
        index, hashes, mask = self._index, self._hashes, self._index_mask
        place = self._head & self._ring_mask
        slot = hashes[place] & mask
        while index[slot] != place + 1:
            slot = (slot + 1) & mask
        free = slot
        while entry := index[slot := (slot + 1) & mask]:
            home = hashes[entry - 1] & mask
            if (slot - home) & mask >= (slot - free) & mask:
                index[free] = entry
                free = slot
        index[free] = 0
        self._head += 1

    def _resize(self, capacity: int) -> None:
        old = [(self._hashes[p & self._ring_mask], self._times[p & self._ring_mask]) for p in self._positions()]
        self._hashes = array("Q", bytes(8 * capacity))
        self._times = array("q", bytes(8 * capacity))
        self._index = array("I", bytes(4 * 2 * capacity))
        self._ring_mask = capacity - 1
        self._index_mask = 2 * capacity - 1
        for position, (identity, time) in zip(self._positions(), old, strict=True):
            place = position & self._ring_mask
            self._hashes[place] = identity
            self._times[place] = time
            self._index[self._free_slot(identity)] = place + 1

    def _positions(self) -> range:
        return range(self._head, self._tail)

    def load(self, key: bytes, value: bytes | None) -> None:
        """Takes in one entry of the changelog."""
        if value is None:
            self._loaded.pop(key, None)
        else:
            self._loaded[key] = value

    def _settle(self) -> None:
        """Builds the memory from what was loaded, once the changelog is at its end."""
        loaded, self._loaded = sorted(self._loaded.items()), {}
        for key, value in loaded:
            first, count = _POSITION.unpack(key)[0], len(value) // _ID_BYTES
            if self._tail == self._head:
                self._head = self._tail = first
            self._runs[first] = count
            hashes, times = array("Q", value[: 8 * count]), array("q", value[8 * count :])
            for identity, time in zip(hashes, times, strict=True):
                self._append(identity, time, self._free_slot(identity))
        self._saved = self._tail

    def changes(self) -> Iterable[tuple[bytes, bytes | None]]:
        """The new ids as runs, small runs merged, and the ends of runs that are forgotten."""
        if self._loaded:
            self._settle()
        gone = self._ended_runs()
        fresh = self._new_runs()
        new = set(fresh)
        for sizes in _SMALL:
            while merged := self._mergeable(sizes):
                first = merged[0]
                count = sum(self._runs.pop(run) for run in merged)
                self._runs[first] = count
                gone.update(set(merged[1:]) - fresh)
                new.difference_update(merged)
                new.add(first)
        written = [(_POSITION.pack(first), self._encoded(first, self._runs[first])) for first in sorted(new)]
        return [*written, *((_POSITION.pack(first), None) for first in sorted(gone))]

    def _ended_runs(self) -> set[int]:
        ended = set()
        for first, count in self._runs.items():
            if first + count > self._head:
                break
            ended.add(first)
        for first in ended:
            del self._runs[first]
        return ended

    def _new_runs(self) -> set[int]:
        new = set()
        self._saved = max(self._saved, self._head)
        while self._saved < self._tail:
            count = min(_LARGEST_RUN, self._tail - self._saved)
            self._runs[self._saved] = count
            new.add(self._saved)
            self._saved += count
        return new

    def _mergeable(self, sizes: range) -> list[int]:
        """The last runs, oldest first, when they are enough, all of that size, and whole."""
        last = list(islice(reversed(self._runs), _MERGED))[::-1]
        if len(last) == _MERGED and last[0] >= self._head and all(self._runs[first] in sizes for first in last):
            return last
        return []

    def _encoded(self, first: int, count: int) -> bytes:
        """Hashes, then times; both little-endian, as all machines that we run on are."""
        begin, ring = first & self._ring_mask, self._ring_mask + 1
        parts = (slice(begin, begin + count), slice(0, max(0, begin + count - ring)))
        return b"".join(values[part].tobytes() for values in (self._hashes, self._times) for part in parts)
