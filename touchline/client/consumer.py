"""Friction signals for programs that react to them."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

from kafka import OffsetAndMetadata, TopicPartition
from kafka import errors as kafka_errors

from touchline.client.connection import Connection, Security, reason
from touchline.client.errors import BadRecord, Closed, NoTopic
from touchline.client.reader import committed_consumer, is_tick
from touchline.schemas.codec import DecodeError, decode_signal
from touchline.schemas.signal import Signal
from touchline.schemas.wire import SIGNALS

_LOG = logging.getLogger("touchline.client")
_COMMIT_EVERY = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`remember`: how many handled pairs are known, so that their repeats are skipped.

    Seconds: `idle` without a signal, then the loop ends (None: never); `session_timeout` without a sign of life, then
    another consumer of the group takes over; `timeout` without an answer, then the broker is taken as not there.
    """

    remember: int = 100_000
    idle: float | None = None
    session_timeout: float = 10.0
    timeout: float = 10.0


class SignalConsumer:
    """Reads `friction.signals` for one consumer group: every state of every signal, at least once.

    ``with SignalConsumer("broker:9092", "pager") as signals: for signal in signals: …`` or ``signals.run(callback)``.
    Only committed records are read, and ticks are skipped. A signal counts as handled when the next one is asked for,
    the callback has returned, or the `with` block ends without an exception; only then may its offset be committed,
    within a second. What was not handled comes again: after an exception to the next loop, after a crash to the next
    process. A repeat has the same (signal_id, revision): of the last 100,000 pairs handled here, repeats are skipped;
    after a restart that memory is empty.

    `start`: where a group without commits begins. `on_bad`: called with a record that is no signal, which then counts
    as handled; without it BadRecord is raised and the same record comes again.

    Raises: NoBroker, NoTopic; while reading BadRecord, Closed.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        *,
        environment: str = "",
        security: Security | None = None,
        start: Literal["earliest", "latest"] = "latest",
        on_bad: Callable[[BadRecord], None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        limits = limits or Limits()
        self._connection = Connection(bootstrap, environment, security or Security(), limits.timeout)
        self._topic = self._connection.topic(SIGNALS)
        self._idle = limits.idle
        self._on_bad = on_bad
        self._seen = _Seen(limits.remember)
        self._progress = _Progress()
        self._in_hand: tuple[Any, Signal] | None = None
        self._closed = False
        with self._connection.reaching():
            self._kafka: Any = committed_consumer(
                self._connection,
                self._connection.topic(group),
                start=start,
                max_poll_records=100,
                session_timeout_ms=round(limits.session_timeout * 1_000),
                heartbeat_interval_ms=round(limits.session_timeout * 1_000 / 3),
            )
            found = self._kafka.partitions_for_topic(self._topic)
        if not found:
            self._kafka.close()
            raise NoTopic(self._topic, bootstrap)
        self._kafka.subscribe([self._topic])

    def __iter__(self) -> Iterator[Signal]:
        """Signals as they come. A loop that was left by an exception is taken up at the signal it was left with."""
        self._rewind()
        last = time.monotonic()
        while self._idle is None or time.monotonic() - last < self._idle:
            if self._closed:
                raise Closed("consumer")
            for record in self._poll():
                signal = self._read(record)
                if signal is not None:
                    self._in_hand = (record, signal)
                    yield signal
                    self.handled()
                    last = time.monotonic()
                self._progress.done(record)
                self._commit_in_time()
        self.commit()

    def run(self, callback: Callable[[Signal], None]) -> None:
        """Calls back with each signal, one after the other. An exception of the callback comes out of here: that
        signal is not handled, and comes again with the next `run`."""
        for signal in self:
            callback(signal)

    def handled(self) -> None:
        """Says that the signal in hand is handled, without asking for the next one."""
        if self._in_hand:
            record, signal = self._in_hand
            self._in_hand = None
            self._seen.add((signal.signal_id, signal.revision))
            self._progress.done(record)

    def commit(self) -> None:
        """Commits what was handled, now. Where another consumer has taken over a partition, it goes on from the last
        commit there and gets some signals again."""
        offsets = self._progress.to_commit()
        if not offsets:
            return
        try:
            self._kafka.commit({part: OffsetAndMetadata(offset, "", -1) for part, offset in offsets.items()})
        except kafka_errors.KafkaError as error:
            _LOG.warning("could not commit to %s: %s; some signals will come again", self._topic, reason(error))
        else:
            self._progress.committed(offsets)

    def close(self) -> None:
        """Commits what was handled and leaves the group."""
        if not self._closed:
            self._closed = True
            self.commit()
            self._kafka.close()

    def _poll(self) -> Iterator[Any]:
        """One fetch. A rebalance happens inside the poll, so all that is handled is committed before it."""
        self.commit()
        fetched = self._kafka.poll(timeout_ms=200)
        for records in fetched.values():
            self._progress.delivered(records)
        self._follow_assignment()
        for records in fetched.values():
            yield from records

    def _follow_assignment(self) -> None:
        """Pins where a new partition begins for this group: a restart before its first signal would begin elsewhere."""
        assigned = self._kafka.assignment()
        self._progress.keep(assigned)
        for part in self._progress.unknown(assigned):
            self._progress.begin(part, self._kafka.position(part))

    def _read(self, record: Any) -> Signal | None:
        if is_tick(record) or record.value is None:
            return None
        try:
            signal = decode_signal(record.value)
        except DecodeError as error:
            bad = BadRecord(record.topic, record.partition, record.offset, f"is no signal: {error}")
            if self._on_bad is None:
                raise bad from None
            self._on_bad(bad)
            return None
        return None if (signal.signal_id, signal.revision) in self._seen else signal

    def _rewind(self) -> None:
        """Back to what was delivered and not handled: a loop was left in the middle."""
        self._in_hand = None
        for part, offset in self._progress.unhandled().items():
            if part in self._kafka.assignment():
                self._kafka.seek(part, offset)
        self._progress.rewound()

    def _commit_in_time(self) -> None:
        if self._progress.age() >= _COMMIT_EVERY:
            self.commit()

    def __enter__(self) -> Self:
        """The consumer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes; the signal in hand counts as handled unless an exception is on its way out."""
        if kind is None:
            self.handled()
        self.close()


class _Seen:
    """The last pairs, oldest out first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pairs: OrderedDict[tuple[str, int], None] = OrderedDict()

    def __contains__(self, pair: object) -> bool:
        return pair in self._pairs

    def add(self, pair: tuple[str, int]) -> None:
        self._pairs[pair] = None
        if len(self._pairs) > self._limit:
            self._pairs.popitem(last=False)


class _Progress:
    """For each partition: how far records were fetched, handled and committed; each as the next offset."""

    def __init__(self) -> None:
        self._first: dict[Any, int] = {}
        self._fetched: dict[Any, int] = {}
        self._handled: dict[Any, int] = {}
        self._committed: dict[Any, int] = {}
        self._last_commit = time.monotonic()

    def delivered(self, records: list[Any]) -> None:
        part = _part(records[0])
        self._first.setdefault(part, records[0].offset)
        self._fetched[part] = records[-1].offset + 1

    def unknown(self, parts: Any) -> set[Any]:
        return set(parts) - self._handled.keys()

    def begin(self, part: Any, position: int) -> None:
        self._handled[part] = self._first.get(part, position)

    def done(self, record: Any) -> None:
        self._handled[_part(record)] = record.offset + 1

    def unhandled(self) -> dict[Any, int]:
        """Where to go on: the first offset not handled, of each partition that was fetched beyond it."""
        return {part: self._handled[part] for part, end in self._fetched.items() if self._handled[part] < end}

    def rewound(self) -> None:
        self._fetched.clear()

    def to_commit(self) -> dict[Any, int]:
        return {part: offset for part, offset in self._handled.items() if self._committed.get(part) != offset}

    def committed(self, offsets: dict[Any, int]) -> None:
        self._committed.update(offsets)
        self._last_commit = time.monotonic()

    def age(self) -> float:
        """Seconds since the last commit, while there is something to commit."""
        return time.monotonic() - self._last_commit if self.to_commit() else 0.0

    def keep(self, parts: Any) -> None:
        """Forgets the other partitions: somebody else has them now."""
        for table in (self._first, self._fetched, self._handled, self._committed):
            for part in table.keys() - parts:
                del table[part]


def _part(record: Any) -> Any:
    return TopicPartition(record.topic, record.partition)
