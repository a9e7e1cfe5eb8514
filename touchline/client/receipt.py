"""What becomes of a published record."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kafka import errors as kafka_errors

from touchline.client.connection import reason
from touchline.client.errors import NotDelivered


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where a record stands now. It is on the broker, on as many replicas as the topic asks for."""

    topic: str
    partition: int
    offset: int


Report = Delivered | NotDelivered


class Receipt:
    """A delivery report to come."""

    __slots__ = ("_future", "_topic")

    def __init__(self, future: Any, topic: str) -> None:
        self._future = future
        self._topic = topic

    @property
    def done(self) -> bool:
        """Whether the report is there."""
        return bool(self._future.is_done)

    def result(self, timeout: float | None = None) -> Delivered:
        """Waits for the report, `timeout` seconds at the most (None: as long as the publisher tries).

        Raises: NotDelivered, also when the time is over: the record may still arrive then."""
        try:
            return _delivered(self._future.get(timeout))
        except kafka_errors.KafkaError as error:
            raise not_delivered(self._topic, error) from None

    def on_done(self, callback: Callable[[Report], None]) -> None:
        """Calls back with the report, from the publisher's own thread: be quick, and don't publish from there."""
        self._future.add_callback(lambda metadata: callback(_delivered(metadata)))
        self._future.add_errback(lambda error: callback(not_delivered(self._topic, error)))


def not_delivered(topic: str, error: BaseException) -> NotDelivered:
    """kafka-python's error as ours."""
    return NotDelivered(topic, reason(error), retry=bool(getattr(error, "retriable", False)))


def _delivered(metadata: Any) -> Delivered:
    return Delivered(metadata.topic, metadata.partition, metadata.offset)
