"""State per key: kept encoded, decoded while in use, with a timer and an end of life for each key."""

import itertools
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Generic, TypeVar

from touchline.pipeline.engine.timers import Timers

V = TypeVar("V")

NEVER: Final = 2**62
"""A time that does not come, in milliseconds."""

_HEAD: Final = struct.Struct("<qq")
_SWEEP: Final = 256
_CACHED_BYTES: Final = 16 << 20
"""The most encoded bytes of which the values stay decoded, which takes about ten times as much memory."""

_SELDOM: Final = 10
"""Where few of the values that are asked for are still decoded, only a part of so many is kept."""


class _Entry(Generic[V]):
    __slots__ = ("due", "expires", "value")

    def __init__(self, value: V, due: int, expires: int) -> None:
        self.value = value
        self.due = due
        self.expires = expires


class KeyedStore(Generic[V]):
    """A `Piece` that holds a value for each key. Times in milliseconds since 1970 UTC.

    A value may be changed in place, followed by `put`: encoding happens once a batch, in `changes`. An expired key
    reads as absent at once, whenever the sweep frees it, so when a sweep runs changes no result. At most `cached`
    values stay decoded, fewer where values are large, and few where keys seldom come again soon.
    """

    def __init__(self, encode: Callable[[V], bytes], decode: Callable[[bytes], V], *, cached: int = 20_000) -> None:
        self._encode = encode
        self._decode = decode
        self._cached = cached
        self._unlogged = False
        self._packed: dict[str, bytes] = {}
        self._cache: dict[str, _Entry[V]] = {}
        self._missed = 0
        self._dirty: dict[str, None] = {}
        self._gone: dict[str, None] = {}
        self._timers = Timers(self._due_of)
        self._timers_stale = False
        self._sweeping: Iterator[str] = iter(())

    def __len__(self) -> int:
        """How many keys there are; a key first put since the last `changes` is counted after it."""
        return len(self._packed) + (sum(key not in self._packed for key in self._cache) if self._unlogged else 0)

    def keys(self) -> Iterator[str]:
        """All keys as of the last `changes`."""
        fresh = [key for key in self._cache if key not in self._packed] if self._unlogged else []
        return iter([*self._packed, *fresh])

    def keep_no_log(self, cached: int) -> None:
        """For a run that nobody continues: `changes` tells nothing, and only encodes what has to make room once there
        are more than `cached` values, in about ten times the memory that they take encoded."""
        self._unlogged, self._cached = True, cached

    def get(self, key: str, now: int) -> V | None:
        """The value, None when there is none or when its life ended at or before `now`."""
        entry = self._cache.get(key)
        if entry is None:
            packed = self._packed.get(key)
            if packed is None:
                return None
            self._missed += 1
            due, expires = _HEAD.unpack_from(packed)
            entry = self._cache[key] = _Entry(self._decode(packed[_HEAD.size :]), due, expires)
        if entry.expires <= now:
            self.drop(key)
            return None
        return entry.value

    def put(self, key: str, value: V, *, due: int = NEVER, expires: int = NEVER) -> None:
        """Sets the value, the time at which `due` is to name the key, and the end of its life."""
        entry = self._cache.get(key)
        if entry is None:
            entry = self._cache[key] = _Entry(value, NEVER, expires)
            self._missed += 1
            packed = self._packed.get(key)
            if packed is not None:
                entry.due = _HEAD.unpack_from(packed)[0]
        if due != NEVER and due != entry.due:  # noqa: PLR1714 -- hot: a tuple for each put costs
            self._timers.add(due, key)
        entry.value, entry.due, entry.expires = value, due, expires
        self._dirty[key] = None

    def drop(self, key: str) -> None:
        """Forgets the key."""
        self._cache.pop(key, None)
        self._dirty.pop(key, None)
        if self._packed.pop(key, None) is not None:
            self._gone[key] = None

    def due(self, until: int) -> Iterator[tuple[int, str, V]]:
        """Keys whose timer is at or before `until`, in order of time and key, with the value.

        A timer names its key once; the caller puts the key again with its next one (which may be due as well)."""
        if self._timers_stale:
            self._rebuild()
        while (timer := self._timers.pop(until)) is not None:
            time, key = timer
            value = self.get(key, time)
            if value is not None:
                self._cache[key].due = NEVER
                self._dirty[key] = None
                yield time, key, value

    def first_due(self, until: int) -> int | None:
        """The earliest time at or before `until` of which `due` would name a key."""
        if self._timers_stale:
            self._rebuild()
        timer = self._timers.pop(until)
        if timer is None:
            return None
        self._timers.add(*timer)
        return timer[0]

    def _due_of(self, key: str) -> int:
        entry = self._cache.get(key)
        if entry is not None:
            return entry.due
        packed = self._packed.get(key)
        return NEVER if packed is None else int(_HEAD.unpack_from(packed)[0])

    def _rebuild(self) -> None:
        self._timers = Timers(self._due_of)
        self._timers_stale = False
        for key in itertools.chain(self._packed, [key for key in self._cache if key not in self._packed]):
            due = self._due_of(key)
            if due != NEVER:
                self._timers.add(due, key)

    def sweep(self, now: int) -> int:
        """Frees some of the keys whose life ended; to be called once a batch. Returns how many."""
        freed = 0
        for _ in range(_SWEEP):
            key = next(self._sweeping, None)
            if key is None:
                self._sweeping = iter(list(self._packed))
                break
            packed = self._packed.get(key)
            if packed is not None and key not in self._cache and _HEAD.unpack_from(packed)[1] <= now:
                self.drop(key)
                freed += 1
        return freed

    def load(self, key: bytes, value: bytes | None) -> None:
        """Takes in one entry of the changelog."""
        if value is None:
            self._packed.pop(key.decode(), None)
        else:
            self._packed[key.decode()] = value
        self._timers_stale = True

    def changes(self) -> Iterable[tuple[bytes, bytes | None]]:
        """The changed keys, encoded; clears them."""
        if self._unlogged:
            self._make_room()
            return ()
        changed: list[tuple[bytes, bytes | None]] = []
        changed.extend([(key.encode(), None) for key in self._gone if key not in self._dirty])
        self._gone.clear()
        cache, packed, pack, encode = self._cache, self._packed, _HEAD.pack, self._encode
        size = 0
        for key in self._dirty:
            entry = cache[key]
            packed[key] = value = pack(entry.due, entry.expires) + encode(entry.value)
            size += len(value)
            changed.append((key.encode(), value))
        if self._dirty:
            most = min(self._cached, _CACHED_BYTES * len(self._dirty) // size)
            seldom = len(packed) > self._cached and 2 * self._missed > len(self._dirty)
            self._trim(max(most // _SELDOM, 2) if seldom else most)
        self._dirty.clear()
        self._missed = 0
        return changed

    def _make_room(self) -> None:
        """Encodes and forgets the older half of the values once there are too many."""
        self._gone.clear()
        if len(self._cache) <= self._cached:
            return
        for key in list(itertools.islice(self._cache, len(self._cache) - self._cached // 2)):
            entry = self._cache.pop(key)
            if key in self._dirty:
                del self._dirty[key]
                self._packed[key] = _HEAD.pack(entry.due, entry.expires) + self._encode(entry.value)

    def _trim(self, most: int) -> None:
        """Forgets the decoded form of half of what may be kept, the oldest first, once there is more."""
        if len(self._cache) > most:
            for key in list(itertools.islice(self._cache, len(self._cache) - most // 2)):
                del self._cache[key]


class Cell(Generic[V]):
    """A `Piece` with one value: what a shard knows besides its keys. Change it in place and call `touch`."""

    def __init__(self, value: V, encode: Callable[[V], bytes], decode: Callable[[bytes], V]) -> None:
        self.value = value
        self._encode = encode
        self._decode = decode
        self._dirty = False

    def touch(self) -> None:
        """Says that the value changed."""
        self._dirty = True

    def load(self, key: bytes, value: bytes | None) -> None:
        """Takes in one entry of the changelog."""
        if key == b"" and value is not None:
            self.value = self._decode(value)

    def changes(self) -> Iterable[tuple[bytes, bytes | None]]:
        """The value, encoded, when it changed."""
        if not self._dirty:
            return ()
        self._dirty = False
        return ((b"", self._encode(self.value)),)
