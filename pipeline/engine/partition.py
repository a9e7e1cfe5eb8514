"""Which partition a key belongs to, as Kafka's default partitioner says it."""

from functools import lru_cache

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x5BD1E995


def murmur2(data: bytes) -> int:
    """Kafka's hash of a key: MurmurHash2 (A. Appleby, public domain), 32 bit, with Kafka's seed 0x9747b28c."""
    length = len(data)
    h = (0x9747B28C ^ length) & _MASK
    tail = length & ~3
    for i in range(0, tail, 4):
        k = int.from_bytes(data[i : i + 4], "little") * _MULTIPLIER & _MASK
        k = (k ^ k >> 24) * _MULTIPLIER & _MASK
        h = h * _MULTIPLIER & _MASK ^ k
    if tail < length:
        h = (h ^ int.from_bytes(data[tail:], "little")) * _MULTIPLIER & _MASK
    h = (h ^ h >> 13) * _MULTIPLIER & _MASK
    return h ^ h >> 15


@lru_cache(maxsize=200_000)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, the same one that Kafka's own clients choose."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
