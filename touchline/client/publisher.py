"""Publishing touchpoints to Kafka."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from touchline.client.connection import Connection, Security
from touchline.client.contract import Fields, to_wire
from touchline.client.errors import ClientError, Closed, NotDelivered, NoTopic
from touchline.client.receipt import Receipt, not_delivered
from touchline.client.window import Window
from touchline.pipeline.engine.partition import partition_of
from touchline.pipeline.enrichment.identity import customer_key
from touchline.schemas.touchpoint import Touchpoint
from touchline.schemas.wire import RAW

_COUNT_EVERY: Final = 1_000
"""After so many records the topic's partitions are counted again: it may grow."""

Headers = Sequence[tuple[str, bytes]]


class Publisher:
    """Publishes touchpoints: each is checked before it is sent, and all of one customer go to one partition.

    ``with Publisher("broker:9092") as publisher: publisher.publish(touchpoint)``. Records are gathered for `linger`
    seconds and sent compressed; the broker is told of repeats (idempotence), so a retry adds none and keeps the order.
    When `max_pending` bytes wait for the broker, `publish` waits too, for `delivery_timeout` seconds at the most.
    Safe to use from several threads. `topic`: another one than that of touchpoints, for `send`.

    Raises: NoBroker, NoTopic.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        environment: str = "",
        topic: str = RAW,
        security: Security | None = None,
        timeout: float = 10.0,
        delivery_timeout: float = 120.0,
        linger: float = 0.005,
        max_pending: int = 32 << 20,
    ) -> None:
        self._connection = Connection(bootstrap, environment, security or Security(), timeout)
        self._topic = self._connection.topic(topic)
        self._delivery_timeout = delivery_timeout
        self._window = Window(max_pending)
        self._sent = 0
        self._partitions = 0
        self._closed = False
        with self._connection.reaching():
            self._producer: Any = KafkaProducer(
                **self._connection.options(),
                acks="all",
                compression_type="lz4",
                linger_ms=round(linger * 1_000),
                batch_size=256 << 10,
                max_block_ms=round(timeout * 1_000),
                delivery_timeout_ms=round(delivery_timeout * 1_000),
                request_timeout_ms=round(min(30.0, 0.9 * delivery_timeout - linger) * 1_000),
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        try:
            self._find_topic()
        except ClientError:
            self._producer.close(timeout=0)
            raise

    @property
    def partitions(self) -> int:
        """How many partitions the topic has."""
        return len(self._producer.partitions_for(self._topic))

    def publish(self, touchpoint: Touchpoint | Fields) -> Receipt:
        """Sends a touchpoint, or the fields of one by name. Does not wait for the broker.

        Raises: InvalidTouchpoint (nothing is sent), NotDelivered when the broker takes nothing for too long, Closed."""
        value, checked = to_wire(touchpoint)
        key = customer_key(checked.customer_id, checked.identifiers).encode()
        return self.send(value, key=key)

    def send(
        self, value: bytes, *, key: bytes | None = None, partition: int | None = None, headers: Headers = ()
    ) -> Receipt:
        """Sends bytes as they are; `publish` is what publishers want. With neither key nor partition: any partition.

        Raises: NotDelivered, Closed."""
        if self._closed:
            raise Closed("publisher")
        size = len(value)
        if not self._window.make_room(size, self._delivery_timeout):
            raise NotDelivered(self._topic, f"the broker took nothing for {self._delivery_timeout:g} s", retry=True)
        if self._sent % _COUNT_EVERY == 0:
            self._partitions = self.partitions
        self._sent += 1
        if partition is None and key is not None:
            partition = partition_of(key, self._partitions)
        try:
            future = self._producer.send(self._topic, value, key=key, partition=partition, headers=list(headers))
        except kafka_errors.KafkaError as error:
            raise not_delivered(self._topic, error) from None
        self._window.add(future, size)
        return Receipt(future, self._topic)

    def flush(self, timeout: float | None = None) -> None:
        """Waits until the broker has everything that was published, `timeout` seconds at the most.

        Raises: NotDelivered when it has not, or when any record since the last flush was refused."""
        try:
            self._producer.flush(self._delivery_timeout + 5 if timeout is None else timeout)
        except kafka_errors.KafkaTimeoutError:
            waiting, _, _ = self._window.settle()
            raise NotDelivered(self._topic, f"{waiting} records still wait for the broker", retry=True) from None
        _, failures, first = self._window.settle()
        if first is not None:
            error = not_delivered(self._topic, first)
            raise NotDelivered(self._topic, f"{failures} records were refused, the first: {error}", retry=error.retry)

    def close(self, timeout: float | None = None) -> None:
        """Flushes and disconnects.

        Raises: as `flush`."""
        if self._closed:
            return
        self._closed = True
        try:
            self.flush(timeout)
        finally:
            self._producer.close(timeout=1)

    def _find_topic(self) -> None:
        with self._connection.reaching():
            try:
                found = self._producer.partitions_for(self._topic)
            except (kafka_errors.KafkaTimeoutError, kafka_errors.UnknownTopicOrPartitionError):
                found = None
        if not found:
            raise NoTopic(self._topic, self._connection.bootstrap)

    def __enter__(self) -> Self:
        """The publisher itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes; an exception on its way out is not hidden by one of ours."""
        try:
            self.close()
        except NotDelivered:
            if kind is None:
                raise
