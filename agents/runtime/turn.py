"""One batch: through the logic, flushed, committed, its effects performed."""

import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

from touchline.agents.runtime.changelog import Entry, entries_of
from touchline.agents.runtime.checkpoint import Checkpoint, Effects, place_outputs
from touchline.agents.runtime.context import Context
from touchline.agents.runtime.effects import Underway
from touchline.agents.runtime.errors import RuntimeError_, TooLarge, WorkerError
from touchline.agents.runtime.isolation import Isolation
from touchline.agents.runtime.watchdog import Progress
from touchline.pipeline.engine.processor import EffectProcessor, FlushingProcessor, Problem, Retry, WorkingProcessor
from touchline.pipeline.engine.records import Batch, Outbox, Record
from touchline.pipeline.engine.reject import Refusal, reject
from touchline.schemas.rejection import RejectCode

_EMPTY_TRIES: Final = 3

Patience = Callable[[float], Awaitable[bool]]


class LogicFailed(RuntimeError_):
    """The logic raised what it should not, or asked for what can't be written. The shard's memory is of no use."""


class Turn:
    """Takes one batch after the other through a shard's logic.

    Args:
        patiently: waits that many seconds, or less when the shard is let go (False then).
    """

    def __init__(
        self, context: Context, partition: int, checkpoint: Checkpoint, progress: Progress, patiently: Patience
    ) -> None:
        self.offsets: dict[str, int] = {}
        self.looking_at: str | None = None
        self._context = context
        self._partition = partition
        self._checkpoint = checkpoint
        self._progress = progress
        self._patiently = patiently
        self._isolation = Isolation(context.settings.runtime.batch.records)
        self._left_out: tuple[str, int, str] | None = None
        self._empty_failures = 0
        self._state: Any = None
        self._keyed: dict[str, int] = {}
        self._committed_at = 0.0
        self._effects = isinstance_of(context.processor, "perform")
        self._underway: Underway[Any, Any] | None = None
        self._flushes = isinstance_of(context.processor, "flush")
        self._works = isinstance_of(context.processor, "has_work")

    @property
    def limit(self) -> int:
        """The most records to take next."""
        return self._isolation.limit

    @property
    def _effector(self) -> EffectProcessor[Any, Any, Any]:
        return cast("EffectProcessor[Any, Any, Any]", self._context.processor)

    @property
    def has_due(self) -> bool:
        """Whether effects wait to be performed (those that took the place of others, when these were settled), or are
        under way."""
        if not self._effects:
            return False
        return bool(self._underway) or bool(self._effector.due(self._state))

    @property
    def has_work(self) -> bool:
        """Whether there is something to do for a processor that nothing has to come in for."""
        return self._works and bool(cast("WorkingProcessor[Any]", self._context.processor).has_work(self._state))

    def begin(self, state: Any, offsets: dict[str, int], keyed: dict[str, int]) -> None:
        """A shard was opened with this state."""
        self._state, self.offsets, self._keyed = state, offsets, keyed
        self._committed_at = time.monotonic()
        self.abandon()
        if self._effects:
            self._underway = Underway(self._effector.perform, self._stale, self._progress.moved)

    async def recover(self) -> None:
        """Attempts of effects without a result are settled first. Raises: as `take`."""
        if self._effects:
            out = Outbox()
            with _logic():
                self._effector.recover(self._context.now(), self._state, out)
            await self._commit(out, None, 0)

    async def finish(self) -> None:
        """The shard is let go: effects whose attempt is committed are performed and settled, and none is begun in
        their place, so that who has it next finds none of which the end is not known. Raises: as `take`."""
        if not self._effects or self._underway is None:
            return
        with _logic():
            self._effector.hold(self._state, on=True)
        try:
            while self.has_due:
                await self._perform()
        finally:
            self._effector.hold(self._state, on=False)

    def abandon(self) -> None:
        """What is under way belongs to a memory that is of no use any more."""
        if self._underway is not None:
            self._underway.abandon()

    async def take(self, topic: str, records: Sequence[Record]) -> None:
        """Takes in a batch and commits what it did.

        Raises: LogicFailed, ShardLost, BrokerAway (begin anew), Retry (wait, then begin anew), Fatal, WorkerError."""
        try:
            await self._take(topic, records)
        except LogicFailed as error:
            self._failed(topic, records, error)
            raise

    async def _take(self, topic: str, records: Sequence[Record]) -> None:
        out = Outbox()
        if records and self._left_out and self._left_out[:2] == (topic, records[0].offset):
            why = Refusal(RejectCode.POISON, "", self._left_out[2])
            reject(out, topic, self._partition, records[0], why, self._context.now())
            await self._commit(out, topic, records[0].offset + 1)
            self._left_out, self.looking_at = None, None
            self._isolation.left_out()
            self._context.metrics.poison.inc()
            return
        self._process(topic, records, out)
        if self._flushes:
            await self._flush()
        await self._commit(out, topic, records[-1].offset + 1 if records else None)
        self._context.metrics.records.inc(len(records))
        self._passed(records)
        if self._effects:
            await self._perform()

    def _process(self, topic: str, records: Sequence[Record], out: Outbox) -> None:
        context = self._context
        count = context.count_of(topic)
        if count is None:
            raise WorkerError(f"the number of partitions of {topic} is not known")
        batch = Batch(
            topic, self._partition, count, context.now(), records, broker_time=context.settings.kafka.broker_time
        )
        started = time.perf_counter()
        with _logic():
            context.processor.process(batch, self._state, out)
        if records:
            context.metrics.process_seconds.observe(time.perf_counter() - started)
            context.metrics.batch_records.observe(len(records))

    async def _flush(self) -> None:
        processor = cast("FlushingProcessor[Any]", self._context.processor)
        while True:
            try:
                with _logic():
                    await processor.flush(self._state)
            except Retry as error:
                self._context.log.warning("shard %d: waiting: %s", self._partition, error)
                if not await self._patiently(error.after):
                    raise
            else:
                return

    async def _commit(self, out: Outbox, topic: str | None, offset: int | None) -> None:
        with _logic():
            entries: list[Entry] = entries_of(self._state.pieces)
            outputs = place_outputs(out.records, self._context.counts, self._partition)
        offsets = dict(self.offsets)
        if topic is not None and offset is not None:
            offsets[topic] = offset
        elif not entries and not outputs:
            await self._checkpoint.idle()
            return
        effects = Effects(offsets, entries, outputs, self._keyed)
        started = time.perf_counter()
        try:
            await self._checkpoint.commit(effects, self._context.now())
        except TooLarge as error:
            raise LogicFailed(str(error)) from error
        self.offsets = offsets
        self._committed_at = time.monotonic()
        self._progress.moved()
        self._count(out, time.perf_counter() - started)

    def _count(self, out: Outbox, seconds: float) -> None:
        metrics = self._context.metrics
        metrics.commit_seconds.observe(seconds)
        metrics.counted(out.counts)
        sent: dict[str, int] = {}
        for output in out.records:
            sent[output.topic] = sent.get(output.topic, 0) + 1
        for topic, n in sent.items():
            metrics.sent(topic, n)

    async def _perform(self) -> None:
        with _logic():
            due = list(self._effector.due(self._state))
        if self._underway is None or not (due or self._underway):
            return
        if self._stale():
            # Somebody else may have the shard by now. A commit shows it: it fails if so.
            main = self._context.processor.inputs[0]
            await self._commit(Outbox(), main, self.offsets[main])
        with _logic():
            results = await self._underway.round(due)
        if not results:
            return
        self._context.metrics.effects.inc(len(results))
        out = Outbox()
        with _logic():
            if self._underway.broken:
                self._effector.hold(self._state, on=True)  # what took their place would not be begun
            self._effector.settle(results, self._context.now(), self._state, out)
        await self._commit(out, None, None)

    def _stale(self) -> bool:
        session = self._context.settings.kafka.session_timeout / 1_000
        return time.monotonic() - self._committed_at > session / 2

    def _passed(self, records: Sequence[Record]) -> None:
        if records:
            self._isolation.passed(len(records))
            if not self._isolation.suspicious:
                self.looking_at = None
        else:
            self._empty_failures = 0

    def _failed(self, topic: str, records: Sequence[Record], error: LogicFailed) -> None:
        if not records:
            self._empty_failures += 1
            if self._empty_failures >= _EMPTY_TRIES:
                raise WorkerError(f"{self._context.agent} fails without a record to blame: {error}") from error
            return
        self.looking_at = topic
        self._context.log.error(
            "shard %d: %s; offsets %d to %d of %s",
            self._partition, error, records[0].offset, records[-1].offset, topic,
        )  # fmt: skip
        if self._isolation.failed(len(records)):
            self._left_out = (topic, records[0].offset, str(error))


def isinstance_of(processor: object, method: str) -> bool:
    """Whether a processor has the method that marks its kind."""
    return callable(getattr(processor, method, None))


@contextmanager
def _logic() -> Iterator[None]:
    """Everything that the logic raises unforeseen becomes LogicFailed, with the place but not the message: that may
    hold personal data."""
    try:
        yield
    except (Problem, RuntimeError_):
        raise
    except Exception as error:
        # The one place where any error is caught: a record that breaks the logic must not stop its shard.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
        raise LogicFailed(f"{type(error).__name__} in {where}") from error
