"""What goes into a processor and what comes out of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

Headers = Sequence[tuple[str, bytes | None]]


class Record(Protocol):
    """One record of a topic, as a Kafka client hands it over. `timestamp` in milliseconds since 1970 UTC."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


class PlainRecord(NamedTuple):
    """A record made by hand: tests, the back-test, `touchline try`."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(slots=True)
class Batch:
    """Records of one partition in offset order, handed to a processor in one piece.

    `topic` is the logical name (`touchpoints.raw`), without the prefix of an environment. `partitions` is how many the
    topic has. `now` is the wall clock in milliseconds; an empty batch on the processor's main input only says that
    time has passed. `broker_time`: whether the record's timestamp is the broker's; if not, `now` is the arrival time.
    """

    topic: str
    partition: int
    partitions: int
    now: int
    records: Sequence[Record] = ()
    broker_time: bool = True

    def arrived(self, record: Record) -> int:
        """When the record reached us, in milliseconds."""
        return record.timestamp if self.broker_time else self.now


class Output(NamedTuple):
    """A record to be written. `partition` None: by the key, as Kafka's default partitioner does it."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Headers = ()


@dataclass(slots=True)
class Outbox:
    """Collects what a processor sends; the runtime writes it in the transaction of the batch. `unread`: the topics that
    nobody will read, so that what is dear to make need not be made for them."""

    records: list[Output] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Headers = (),
    ) -> None:
        """Adds a record to a logical topic."""
        self.records.append(Output(topic, key, value, partition, headers))

    def count(self, what: str, n: int = 1) -> None:
        """Adds to a counter by name; the runtime publishes it once the batch is committed, so a replay counts once."""
        self.counts[what] = self.counts.get(what, 0) + n


def header(record: Record, name: str) -> bytes | None:
    """The last header of that name, None when there is none."""
    for key, value in reversed(record.headers):
        if key == name:
            return value
    return None
