"""A shard: one agent on one partition number, with its state, its place in the inputs, its link to what is committed.

Its task opens it when its partitions are assigned, works off batch after batch, lets go when they are revoked, and
begins anew on what is committed whenever what it holds in memory may not be.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Final

from touchline.agents.runtime.changelog import Restored
from touchline.agents.runtime.checkpoint import Owner
from touchline.agents.runtime.context import Context
from touchline.agents.runtime.errors import BrokerAway, Fenced, NotAssigned, ShardFailed, ShardLost, WorkerError
from touchline.agents.runtime.inbox import Inbox
from touchline.agents.runtime.recovery import check_partitions, start_offsets, tell_progress
from touchline.agents.runtime.transport import Fetched
from touchline.agents.runtime.turn import LogicFailed, Turn
from touchline.agents.runtime.watchdog import Progress
from touchline.agents.settings import Checkpointing
from touchline.pipeline.engine.processor import Fatal, Retry
from touchline.pipeline.engine.records import Record

IDLE_EVERY: Final = 1.0
"""Seconds between empty batches while nothing comes."""

_FRESH: Final = 5_000
"""Milliseconds after which a fetch response says nothing about now."""

_FIRST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 30.0
_CAUSES: Final[dict[type[Exception], str]] = {Fenced: "fenced", LogicFailed: "failed", Retry: "retry"}


class Shard:
    """One agent on one partition number. `start` once; then `assign` and `suspend` as rebalances come; `close` at last.

    Between an eager rebalance's revocation and the assignment that follows, nobody else can have opened the shard if
    the generations follow each other, so its memory stays good; a commit would fail otherwise.
    """

    def __init__(self, context: Context, partition: int) -> None:
        self.partition = partition
        self.progress = Progress()
        self._context = context
        self._inbox = Inbox(context.processor.inputs, context.settings.runtime.batch, self._hold_back)
        self._checkpoint = context.checkpoint(Owner(context.settings, context.agent, partition))
        self._turn = Turn(context, partition, self._checkpoint, self.progress, self._patiently)
        self._log = context.log
        self._intact = False
        self._cause = "assigned"
        self._generation = -2
        self._assignment = 0
        self._assigned = asyncio.Event()
        self._closing = False
        self._resync = False
        self._arrived = asyncio.Event()
        self._let_go = asyncio.Event()
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._idle_at = 0.0

    # What the worker says

    def start(self, after: "asyncio.Task[None] | None" = None) -> None:
        """Begins to work, as soon as it is assigned and `after` (its predecessor's end) is over."""
        self._task = asyncio.create_task(self._run(after), name=f"shard {self.partition}")
        self._task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A task that ends by an error that nobody foresaw must not end without a word."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.critical("shard %d has failed", self.partition, exc_info=error)
            self._context.stop(ShardFailed(f"shard {self.partition} has failed: {type(error).__name__}"))

    def assign(self, generation: int) -> None:
        """All its inputs are this worker's, as of a generation of the group."""
        if generation != self._generation + 1:
            self._forget("assigned")
        self._generation = generation
        self._assignment += 1
        self._let_go.clear()
        self._assigned.set()

    async def suspend(self, patience: float) -> None:
        """Begins nothing new; waits up to `patience` seconds for the batch in hand."""
        self._assigned.clear()
        self._let_go.set()
        self._arrived.set()
        try:
            await asyncio.wait_for(self._at_rest.wait(), patience)
        except TimeoutError:
            self._log.warning("shard %d: the batch in hand goes on beyond the rebalance", self.partition)

    async def close(self, patience: float) -> None:
        """Lets go for good."""
        self._closing = True
        await self.suspend(patience)
        if self._task is not None:
            self._assigned.set()
            await asyncio.wait([self._task], timeout=1.0)
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1.0)
        self._turn.abandon()
        await self._checkpoint.close()
        self._context.metrics.shards_open.dec(1 if self._intact else 0)

    def deliver(self, topic: str, fetched: Fetched) -> None:
        """Records of a logical input topic."""
        if self._inbox.accept(topic, fetched):
            self.progress.fetched(len(self._inbox))
        else:
            self._log.warning(
                "shard %d: records of %s went missing on the way: fetching them again", self.partition, topic
            )
            self._resync = True
        self._arrived.set()

    @property
    def is_open(self) -> bool:
        """Whether it works."""
        return self._intact and self._assigned.is_set()

    @property
    def busy(self) -> bool:
        """Whether records wait or are worked on."""
        return len(self._inbox) > 0

    @property
    def offsets(self) -> dict[str, int]:
        """The next record of each logical input that is not committed."""
        return self._turn.offsets

    def _hold_back(self, topic: str, held: bool) -> None:
        self._context.source.hold_back((self._context.settings.topic(topic), self.partition), held)

    # The life of a shard

    async def _run(self, after: "asyncio.Task[None] | None") -> None:
        if after is not None:
            await asyncio.wait([after])
        while not self._closing:
            await self._assigned.wait()
            if self._closing:
                return
            self._at_rest.clear()
            try:
                await self._live()
            except (Fatal, WorkerError) as error:
                self._context.stop(error)
                return
            except NotAssigned:
                self._assigned.clear()
            except (ShardLost, BrokerAway, LogicFailed, Retry) as error:
                await self._begin_anew(error)
            finally:
                self._at_rest.set()

    async def _begin_anew(self, error: Exception) -> None:
        """What is in memory may not be what is committed: it is read again, after a wait that grows."""
        cause = _CAUSES.get(type(error), "not_committed")
        self._forget(cause)
        self._turn.abandon()
        self._log.warning("shard %d: %s; beginning anew from what is committed", self.partition, error)
        if isinstance(error, LogicFailed):
            return  # what is tried next is less, so it comes to an end soon
        if isinstance(error, Fenced):
            # Who has the shard now was assigned it, and the rebalance that says so is on its way. Opened again at once,
            # it would be taken back from there. Only where none comes (the broker ended a long transaction) is it ours.
            await self._patiently(self._context.settings.kafka.session_timeout / 1_000)
            return
        least = error.after if isinstance(error, Retry) else 0.0
        await self._patiently(max(least, min(_FIRST_WAIT * 2 ** min(self._failures, 10), _LONGEST_WAIT)))
        self._failures += 1

    async def _live(self) -> None:
        # A rebalance that the batch in hand outlives must not go unnoticed: each assignment is sought anew.
        assignment = self._assignment
        if not self._intact:
            await self._open()
        await self._seek()
        while self._assigned.is_set() and self._assignment == assignment:
            if self._resync:
                await self._seek()
            topic = self._inbox.next_topic(self._turn.looking_at)
            if topic is not None:
                await self._step(topic, self._inbox.peek(topic, self._turn.limit))
                await asyncio.sleep(0)
            elif self._turn.has_due or self._turn.has_work:
                await self._step(self._context.processor.inputs[0], ())
                await asyncio.sleep(0)
            else:
                await self._wait_for_records()
        await self._turn.finish()

    async def _open(self) -> None:
        context = self._context
        async with context.opening:
            self.progress.opening()
            state = context.processor.new_state()
            tell = tell_progress(self._log, self.partition, self.progress)
            restored = await self._checkpoint.open(state.pieces, tell)
            check_partitions(restored.head.partitions, context.keyed_counts())
            offsets = await self._start_offsets(restored)
            self._turn.begin(state, offsets, context.keyed_counts())
            context.metrics.opened(self._cause)
            context.metrics.recovered.inc(restored.records)
            context.metrics.recovery_seconds.set(restored.seconds)
            self._intact = True
            context.metrics.shards_open.inc()
            self._log.info(
                "shard %d: open, %d changelog records read in %.2f s (%.0f/s)",
                self.partition, restored.records, restored.seconds, restored.records / max(restored.seconds, 0.001),
            )  # fmt: skip
        await self._turn.recover()

    async def _start_offsets(self, restored: Restored) -> dict[str, int]:
        names = {topic: (name, self.partition) for name, topic in self._context.topics.items()}
        bounds = await self._context.source.bounds(list(names.values()))
        # The embedded broker tells the end short of its last batch: there it proves nothing.
        exact = self._context.settings.kafka.checkpoint is Checkpointing.TRANSACTIONAL
        known = {topic: bounds[tp] if exact else (bounds[tp][0], None) for topic, tp in names.items()}
        offsets, lost = start_offsets(restored.head.offsets, known)
        for topic, count in lost.items():
            self._context.metrics.lost.inc(count)
            self._log.error(
                "shard %d: retention deleted %d records of %s before they were read", self.partition, count, topic
            )
        return offsets

    async def _seek(self) -> None:
        """Reads on from what is included in the state."""
        self._resync = False
        openings = {topic: self._context.next_opening() for topic in self._context.processor.inputs}
        self._inbox.reset(openings)
        self.progress.sought()
        places = {
            (self._context.settings.topic(topic), self.partition): (self._turn.offsets[topic], opening)
            for topic, opening in openings.items()
        }
        await self._context.source.open_partitions(places)

    async def _step(self, topic: str, records: Sequence[Record]) -> None:
        await self._turn.take(topic, records)
        self._failures = 0
        self._inbox.drop(topic, records)
        self.progress.committed(len(self._inbox))

    async def _wait_for_records(self) -> None:
        self._arrived.clear()
        left = self._idle_at + IDLE_EVERY - time.monotonic()
        if left > 0:
            try:
                await asyncio.wait_for(self._arrived.wait(), left)
            except TimeoutError:
                pass
            else:
                return
        self._idle_at = time.monotonic()
        if self._assigned.is_set() and not len(self._inbox) and self._caught_up():
            await self._step(self._context.processor.inputs[0], ())

    def _caught_up(self) -> bool:
        """Whether all that could be read has been, as of a moment ago: only then has time passed without events."""
        now = self._context.now()
        for name, topic in self._context.topics.items():
            place = self._context.source.place((name, self.partition))
            if place is None or place.position is None or place.stable is None or now - place.heard > _FRESH:
                return False
            if place.position < place.stable or place.handed != self._inbox.received(topic):
                return False
        return True

    def _forget(self, cause: str) -> None:
        if self._intact:
            self._context.metrics.shards_open.dec()
        self._intact = False
        self._cause = cause

    async def _patiently(self, seconds: float) -> bool:
        """Waits that long and up to half as long again, unless the shard is let go. True when it was not."""
        self._context.metrics.retries.inc()
        with self.progress.waiting():
            try:
                await asyncio.wait_for(self._let_go.wait(), seconds * random.uniform(1.0, 1.5))  # noqa: S311
            except TimeoutError:
                return True
        return False
