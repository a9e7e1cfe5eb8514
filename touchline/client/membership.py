"""Staying in a consumer group."""

from typing import Any

from kafka.structs import MemberState


def polled(kafka: Any, milliseconds: int) -> dict[Any, Any]:
    """What came within a time, by partition. In it the group is joined, and joined anew where it is given out anew.

    kafka-python 3.0 drops the answer of a group that comes after the poll has ended. Having lost what it joined for a
    change of the topic's metadata, it does not ask again by itself: it would read on without a sign of life, and
    whatever it commits would be refused for ever. So it is told to ask; where the answer is still to come, or comes
    with the next poll, that changes nothing.

    Raises: KafkaError.
    """
    found: dict[Any, Any] = kafka.poll(timeout_ms=milliseconds)
    if kafka.group_metadata().state is MemberState.REBALANCING:
        kafka._coordinator.request_rejoin()
    return found
