"""Friction signals for programs that react to them."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack

from kafka import OffsetAndMetadata
from kafka import errors as kafka_errors

from touchline.client.connection import Connection, Security, reason
from touchline.client.errors import BadRecord, Closed, NoBroker, NoTopic
from touchline.client.filters import EVERY, SignalFilter
from touchline.client.limits import Limits
from touchline.client.membership import polled
from touchline.client.memory import FileMemory, Memory, ShortMemory
from touchline.client.progress import Progress
from touchline.client.reader import committed_consumer, is_tick
from touchline.client.retry import NEVER, Retry
from touchline.schemas.codec import DecodeError, decode_signal
from touchline.schemas.signal import Signal
from touchline.schemas.wire import SIGNALS

_LOG = logging.getLogger("touchline.client")
_COMMIT_EVERY = 1.0
_POLL_MS = 200
_LONGEST_POLL_MS = 5_000
_FETCHED = 100

DeadLetter = Callable[[Signal, Exception], None]
"""Called with a signal that could not be handled, and the last error."""


class Reading(TypedDict, total=False):
    """Further arguments of a consumer.

    `only`: what else there is counts as handled unseen. `remember`: a file (SQLite), or a memory of your own, that
    keeps the last revision of each signal, so that repeats are skipped after a restart as well. `start`: where a group
    without commits begins (latest). `on_bad`: called with a record that is no signal, which then counts as handled;
    without it BadRecord is raised and the same record comes again.
    """

    start: Literal["earliest", "latest"]
    only: SignalFilter
    remember: Path | str | Memory | None
    on_bad: Callable[[BadRecord], None] | None


class SignalConsumer:
    """Reads `friction.signals` for one consumer group: every state of every signal, at least once.

    ``with SignalConsumer("broker:9092", "pager") as signals: for signal in signals: …`` or ``signals.run(callback)``.
    Only committed records are read, and ticks are skipped. A signal counts as handled when the next one is asked for,
    the callback has returned, or the `with` block ends without an exception; only then may its offset be committed,
    within a second. What was not handled comes again: after an exception to the next loop, after a crash to the next
    process. A repeat has the same (signal_id, revision): of the last 100,000 pairs handled here, repeats are skipped;
    after a restart that memory is empty, unless it is a file.

    What may be said further is described with `Reading`.

    Raises: NoBroker, NoTopic, BadMemory; while reading BadRecord, Closed, NoBroker (refused for good), BadMemory.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        *,
        environment: str = "",
        security: Security | None = None,
        limits: Limits | None = None,
        **reading: Unpack[Reading],
    ) -> None:
        if unknown := reading.keys() - Reading.__annotations__:
            raise TypeError(f"SignalConsumer has no argument {', '.join(sorted(unknown))}")
        limits = limits or Limits()
        self._connection = Connection(bootstrap, environment, security or Security(), limits.timeout)
        self._topic = self._connection.topic(SIGNALS)
        self._patience = round(limits.timeout * 1_000)
        self._idle = limits.idle
        self._only = reading.get("only", EVERY)
        self._on_bad = reading.get("on_bad")
        self._memory = self._memory_of(reading.get("remember"), group, limits.remember)
        self._progress = Progress()
        self._random = Random()  # noqa: S311 - it spreads retries, nothing more
        self._in_hand: tuple[Any, Signal] | None = None
        self._closed = False
        self._trouble = ""
        try:
            self._kafka: Any = self._connected(self._connection.topic(group), reading.get("start", "latest"), limits)
        except BaseException:
            self._forget()
            raise

    def _memory_of(self, remember: Path | str | Memory | None, group: str, limit: int) -> Memory:
        if remember is None:
            return ShortMemory(limit)
        if isinstance(remember, str | Path):
            return FileMemory(Path(remember), f"{self._connection.topic(group)} on {self._topic}", limit)
        return remember

    def _connected(self, group: str, start: str, limits: Limits) -> Any:
        with self._connection.reaching():
            kafka: Any = committed_consumer(
                self._connection,
                group,
                start=start,
                max_poll_records=_FETCHED,
                session_timeout_ms=round(limits.session_timeout * 1_000),
                heartbeat_interval_ms=round(limits.session_timeout * 1_000 / 3),
                max_poll_interval_ms=round(max(limits.handling, limits.session_timeout) * 1_000),
            )
            found = kafka.partitions_for_topic(self._topic)
        if not found:
            kafka.close()
            raise NoTopic(self._topic, self._connection.bootstrap)
        kafka.subscribe([self._topic])
        return kafka

    def __iter__(self) -> Iterator[Signal]:
        """Signals as they come. A loop that was left by an exception is taken up at the signal it was left with."""
        self._rewind()
        last = time.monotonic()
        while self._idle is None or time.monotonic() - last < self._idle:
            if self._closed:
                raise Closed("consumer")
            for record in self._poll():
                if not self._progress.has(record):
                    continue  # it was lost in a wait: who has its partition now gets it
                signal = self._read(record)
                if signal is not None:
                    self._in_hand = (record, signal)
                    yield signal
                    self.handled()
                    last = time.monotonic()
                self._progress.done(record)
                self._commit_in_time()
        self.commit()

    def run(
        self, callback: Callable[[Signal], None], *, retry: Retry = NEVER, dead_letter: DeadLetter | None = None
    ) -> None:
        """Calls back with each signal, one after the other.

        What the callback fails with is retried as `retry` says; the others wait meanwhile, and the consumer stays in
        its group. When the attempts are used up, `dead_letter` is called with the signal and the last error, and the
        signal counts as handled. Without it, and from `dead_letter` itself, the exception comes out of here: that
        signal is not handled, and comes again with the next `run`."""
        for signal in self:
            failed = self._call(callback, signal, retry)
            if failed is not None:
                if dead_letter is None:
                    raise failed
                dead_letter(signal, failed)
                _LOG.warning("signal %s, revision %d: set aside as a dead letter", signal.signal_id, signal.revision)

    def _call(self, callback: Callable[[Signal], None], signal: Signal, retry: Retry) -> Exception | None:
        """Tries as often as it may; the last error when all was in vain."""
        waits = retry.waits(self._random)
        while True:
            try:
                callback(signal)
            except retry.on as error:
                wait = next(waits, None)
                if wait is None:
                    return error
                name = type(error).__name__
            else:
                return None
            what = (signal.signal_id, signal.revision, name, wait)
            _LOG.warning("signal %s, revision %d: the callback failed with %s, next attempt in %.1f s", *what)
            if not self._stay(wait):
                return None

    def _stay(self, seconds: float) -> bool:
        """Waits without leaving the group. Whether the signal in hand is still ours: another consumer may have taken
        its partition over, and gets it then."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.commit()
            self._kafka.pause(*self._kafka.assignment())
            wait = max(1, round(min(left * 1_000, _POLL_MS)))
            for part, records in self._fetch(wait).items():
                self._kafka.seek(part, records[0].offset)  # it was given to us just now; its turn comes
            self._follow_assignment()
        self._kafka.resume(*self._kafka.paused())
        if self._in_hand is None or self._progress.has(self._in_hand[0]):
            return True
        self._in_hand = None
        return False

    def handled(self) -> None:
        """Says that the signal in hand is handled, without asking for the next one."""
        if self._in_hand:
            record, signal = self._in_hand
            self._memory.add(signal.signal_id, signal.revision)
            self._in_hand = None
            self._progress.done(record)

    def commit(self) -> bool:
        """Commits what was handled, now; whether that is done. Where another consumer has taken over a partition, it
        goes on from the last commit there and gets some signals again."""
        offsets = self._progress.to_commit()
        if not offsets:
            return True
        try:
            places = {part: OffsetAndMetadata(offset, "", -1) for part, offset in offsets.items()}
            self._kafka.commit(places, timeout_ms=self._patience)
        except kafka_errors.KafkaError as error:
            trouble = reason(error)
            if trouble != self._trouble:  # told once: it is tried again several times a second
                _LOG.warning("could not commit to %s: %s; some signals may come again", self._topic, trouble)
            self._trouble = trouble
            return False
        self._trouble = ""
        self._progress.committed(offsets)
        return True

    def close(self) -> None:
        """Commits what was handled and leaves the group."""
        if not self._closed:
            self._closed = True
            self._commit_last()
            self._kafka.close(timeout_ms=self._patience)
            self._forget()

    def _commit_last(self) -> None:
        """Commits before it leaves. While the group gives its partitions out anew nothing can be committed, so that is
        waited for: longer and longer, for to join takes several answers of the broker."""
        until, wait = time.monotonic() + self._patience / 1_000, _POLL_MS
        while not self.commit() and (left := until - time.monotonic()) > 0:
            try:
                self._kafka.pause(*self._kafka.assignment())
                self._fetch(min(wait, round(left * 1_000)))
                self._follow_assignment()
                wait = min(2 * wait, _LONGEST_POLL_MS)
            except NoBroker as error:
                _LOG.warning("could not commit before the end: %s", error)
                return

    def _forget(self) -> None:
        if isinstance(self._memory, FileMemory):
            self._memory.close()

    def _poll(self) -> Iterator[Any]:
        """One fetch. A rebalance happens inside the poll, so all that is handled is committed before it."""
        self.commit()
        fetched = self._fetch(_POLL_MS)
        for records in fetched.values():
            self._progress.delivered(records)
        self._follow_assignment()
        for records in fetched.values():
            yield from records

    def _fetch(self, milliseconds: int) -> dict[Any, Any]:
        try:
            return polled(self._kafka, milliseconds)
        except kafka_errors.KafkaError as error:
            if not error.retriable:
                raise NoBroker(self._connection.bootstrap, reason(error)) from None
            _LOG.warning("could not read %s: %s; it goes on when the broker answers", self._topic, reason(error))
            return {}

    def _follow_assignment(self) -> None:
        """Pins where a new partition begins for this group: a restart before its first signal would begin elsewhere."""
        assigned = self._kafka.assignment()
        self._progress.keep(assigned)
        for part in self._progress.unknown(assigned):
            try:
                self._progress.begin(part, self._kafka.position(part, timeout_ms=self._patience))
            except kafka_errors.KafkaError as error:
                raise NoBroker(self._connection.bootstrap, reason(error)) from None

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
        if not self._only.fits(signal) or self._memory.has(signal.signal_id, signal.revision):
            return None
        return signal

    def _rewind(self) -> None:
        """Back to what was delivered and not handled: a loop was left in the middle."""
        self._in_hand = None
        for part, offset in self._progress.unhandled().items():
            if part in self._kafka.assignment():
                self._kafka.seek(part, offset)
        self._kafka.resume(*self._kafka.paused())
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
