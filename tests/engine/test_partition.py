"""Keys land where every other Kafka client puts them."""

from aiokafka.partitioner import murmur2 as theirs
from hypothesis import given
from hypothesis import strategies as st

from touchline.pipeline.engine.partition import murmur2, partition_of


@given(st.binary(max_size=64))
def test_the_hash_is_kafkas(key: bytes) -> None:
    assert murmur2(key) == theirs(key)


def test_known_values() -> None:
    """From the tests of Kafka's own `Utils.murmur2`, as unsigned numbers."""
    assert murmur2(b"21") == -973932308 & 0xFFFFFFFF
    assert murmur2(b"foobar") == -790332482 & 0xFFFFFFFF
    assert murmur2(b"a-little-bit-long-string") == -985981536 & 0xFFFFFFFF


@given(st.binary(max_size=16), st.integers(1, 1_024))
def test_a_partition_is_one_of_those_there_are(key: bytes, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions
