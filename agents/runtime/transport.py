"""Faust's transport for whole batches: one message for all records of a partition that one fetch brought.

What Faust does here: the consumer group, its rebalances, the thread that fetches and sends heartbeats, the stream.
What it does not: acknowledge, commit or seek. Where a partition is read from is said by the shard that opens it, and
until then it is paused. A batch carries the number of the opening under which it was fetched, so that one from before
a seek or a rebalance is known as such, however long it was queued.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, IllegalStateError
from faust.serializers import codecs
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from touchline.agents.runtime.clients import FETCH_PARTITION, FETCH_TOTAL, FETCH_WAIT, REQUEST_TIMEOUT, client_options
from touchline.agents.runtime.errors import NotAssigned
from touchline.agents.settings import KafkaSettings
from touchline.pipeline.engine.records import Record

CODEC = "touchline-batch"
"""The codec that hands a batch through as it is."""

POLL_RECORDS = 20_000


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch brought of one partition. `opening` is the number that its shard gave the reading from there on;
    `start` is how many records were handed over in that opening before these."""

    topic: str
    partition: int
    opening: int
    start: int
    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class Place:
    """How far the consumer is on a partition. `stable`: the last stable offset (or the end, where a broker has none)
    as of the fetch response at `heard` (milliseconds since 1970). `handed`: records handed over since the opening."""

    position: int | None
    stable: int | None
    heard: int
    handed: int


class Assignee(Protocol):
    """Who is told about rebalances, on the main loop."""

    async def revoked(self) -> None: ...
    async def assigned(self, partitions: set[tuple[str, int]], generation: int) -> None: ...


class _PassThrough(codecs.Codec):  # type: ignore[misc]
    def _loads(self, s: Any) -> Any:
        return s

    def _dumps(self, s: Any) -> Any:
        return s


codecs.register(CODEC, _PassThrough())


class _NeverRead(dict[TP, int | None]):
    """Faust's memory of the offsets read, without memory: with one it would drop what is read again after a seek."""

    def __getitem__(self, key: TP) -> int | None:
        return None

    def __setitem__(self, key: TP, value: int | None) -> None:
        return


class _Listener(driver.ConsumerRebalanceListener):  # type: ignore[misc]
    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._thread.hold(assigned)
        await super().on_partitions_assigned(assigned)


class _Thread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The consumer's thread. Everything below `call_thread` runs on its loop."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._openings: dict[TP, int] = {}
        self._handed: dict[TP, int] = {}

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        settings: KafkaSettings = self.app.kafka_settings
        self._assignor = self.app.assignor
        session = settings.session_timeout
        return aiokafka.AIOKafkaConsumer(
            **client_options(settings),
            client_id=self.app.conf.broker_client_id,
            group_id=self.app.conf.id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_poll_records=POLL_RECORDS,
            max_poll_interval_ms=300_000,
            fetch_max_wait_ms=FETCH_WAIT,
            fetch_max_bytes=FETCH_TOTAL,
            max_partition_fetch_bytes=FETCH_PARTITION,
            request_timeout_ms=max(REQUEST_TIMEOUT, 2 * session),
            session_timeout_ms=session,
            heartbeat_interval_ms=max(session // 5, 100),
            rebalance_timeout_ms=max(session, 10_000),
        )

    def hold(self, partitions: Iterable[TopicPartition]) -> None:
        """Pauses what was just assigned, before anything of it is fetched."""
        self._openings.clear()
        self._ensure_consumer().pause(*partitions)

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 -- Faust calls it so
        max_records: int | None = None,
    ) -> list[tuple[TP, Fetched]]:
        if not self.consumer.flow_active:
            return []
        if consumer._closed or consumer._fetcher._closed:
            raise ConsumerStoppedError
        with consumer._fetcher._subscriptions.fetch_context():
            fetched = await consumer._fetcher.fetched_records(None, timeout=timeout, max_records=max_records)
        # Nothing is awaited from here on: these records belong to the openings as they are now.
        batches = []
        for tp, records in fetched.items():
            opening = self._openings.get(tp)
            if opening is not None:
                start = self._handed[tp]
                self._handed[tp] = start + len(records)
                batches.append((TP(tp.topic, tp.partition), Fetched(tp.topic, tp.partition, opening, start, records)))
        return batches

    async def open_partitions(self, places: Mapping[TopicPartition, tuple[int, int]]) -> None:
        """Seeks to the offsets and lets go; what is fetched from there on has the opening's number."""
        consumer = self._ensure_consumer()
        for tp, (offset, opening) in places.items():
            consumer.seek(tp, offset)
            self._openings[tp] = opening
            self._handed[tp] = 0
        consumer.resume(*places)

    async def hold_back(self, tp: TopicPartition, held: bool) -> None:
        """Stops or goes on fetching a partition that is open."""
        consumer = self._ensure_consumer()
        if tp in self._openings:
            (consumer.pause if held else consumer.resume)(tp)

    async def close_partitions(self, tps: Iterable[TopicPartition]) -> None:
        """Pauses, and forgets the openings."""
        for tp in tps:
            if self._openings.pop(tp, None) is not None:
                self._ensure_consumer().pause(tp)

    def place(self, tp: TopicPartition) -> Place | None:
        """How far a partition is; None while it is not assigned. Reads plain attributes, so any thread may ask."""
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        state = None if assignment is None else assignment.state_value(tp)
        if state is None:
            return None
        stable = state.lso if state.lso is not None and state.lso >= 0 else state.highwater
        return Place(state._position, stable, state.timestamp or 0, self._handed.get(tp, 0))

    async def ends(self, tps: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The last stable offsets, asked for now and without the fetcher. The embedded broker tells them short of its
        last batch."""
        return cast("Mapping[TopicPartition, int]", await self._ensure_consumer().end_offsets(list(tps)))

    async def beginnings(self, tps: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The first offsets that are still there."""
        return cast("Mapping[TopicPartition, int]", await self._ensure_consumer().beginning_offsets(list(tps)))

    def partition_count(self, topic: str) -> int | None:
        """How many partitions a topic has, as far as this client knows."""
        partitions = self._ensure_consumer()._client.cluster.partitions_for_topic(topic)
        return len(partitions) if partitions else None


class BatchConsumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer, reduced to the group and the fetching."""

    RebalanceListener = _Listener

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _NeverRead()

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _assignee(self) -> Assignee:
        return cast("Assignee", self.app.assignee)

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109 -- Faust calls it so
    ) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """One message for each partition that the fetch brought."""
        batches, _ = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        for tp, fetched in batches or ():
            if self.should_stop or not self.flow_active or self.app.consumer_generation_id != generation:
                return
            last = fetched.records[-1]
            yield (
                tp,
                ConsumerMessage(
                    tp.topic,
                    tp.partition,
                    last.offset,
                    last.timestamp / 1000,
                    0,
                    [],
                    None,
                    fetched,
                    None,
                    0,
                    0,
                    tp,
                    generation_id=generation,
                ),
            )

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """The shards let go first, then Faust."""
        await self._assignee.revoked()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Faust first, then the shards, which open in the background."""
        await super().on_partitions_assigned(assigned, generation_id)
        await self._assignee.assigned({(tp.topic, tp.partition) for tp in assigned}, generation_id)

    async def open_partitions(self, places: Mapping[tuple[str, int], tuple[int, int]]) -> None:
        """Reads partitions on from an offset, each as the opening with the given number.

        Raises: NotAssigned."""
        wanted = {TopicPartition(*tp): place for tp, place in places.items()}
        try:
            await self._thread.call_thread(self._thread.open_partitions, wanted)
        except IllegalStateError:
            raise NotAssigned("a partition is not assigned any more") from None

    async def close_partitions(self, tps: Iterable[tuple[str, int]]) -> None:
        """Stops reading them."""
        await self._thread.call_thread(self._thread.close_partitions, [TopicPartition(*tp) for tp in tps])

    def hold_back(self, tp: tuple[str, int], held: bool) -> None:
        """Stops (or goes on) fetching a partition; takes effect soon, without waiting."""
        coroutine = self._thread.hold_back(TopicPartition(*tp), held)
        asyncio.run_coroutine_threadsafe(coroutine, self._thread.thread_loop)

    def place(self, tp: tuple[str, int]) -> Place | None:
        """How far a partition is; None while it is not assigned."""
        return cast("Place | None", self._thread.place(TopicPartition(*tp)))

    async def bounds(self, tps: Iterable[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, int]]:
        """First offset and last stable offset of each, asked for now."""
        wanted = [TopicPartition(*tp) for tp in tps]
        first = await self._thread.call_thread(self._thread.beginnings, wanted)
        last = await self._thread.call_thread(self._thread.ends, wanted)
        return {(tp.topic, tp.partition): (first[tp], last[tp]) for tp in wanted}

    def partition_count(self, topic: str) -> int | None:
        """How many partitions a topic has, as far as this client knows."""
        return cast("int | None", self._thread.partition_count(topic))

    def ack(self, message: Any) -> bool:
        """Nothing is acknowledged: the offsets go with the state."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Nothing is committed: the offsets go with the state."""
        return True

    async def perform_seek(self) -> None:
        """Nothing is sought: the shards say where they go on."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's guess whether a stream is stuck needs its acknowledgements; the watchdog has its own."""


class BatchTransport(driver.Transport):  # type: ignore[misc]
    """The aiokafka driver with batches."""

    Consumer = BatchConsumer
