"""Exactly once: outputs, changed state and input offsets in one Kafka transaction."""

import time
from collections.abc import Mapping
from typing import Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from touchline.agents.runtime.changelog import HEAD, Head, Restored, encode, read_changelog
from touchline.agents.runtime.checkpoint import REJECTED_BYTES, Effects, Owner, Progress, check_sizes
from touchline.agents.runtime.clients import PRODUCE_BATCH, new_producer
from touchline.agents.runtime.errors import NotCommitted, broker_errors, commit_errors
from touchline.agents.runtime.writing import all_of, by_partition, stop_producer, write_entries, write_rows
from touchline.pipeline.engine.processor import Piece

GROUP_OFFSETS_EVERY: Final = 1.0
"""Seconds between commits of the group's offsets. They are for those who watch the lag: what counts is in the state,
and the two round trips would cost every transaction a third of its time."""

_PATIENCE: Final = 5.0


class TransactionalCheckpoint:
    """A `Checkpoint` with a producer of its own, whose transactional id names the shard.

    `InitProducerId` at the start ends the former owner's open transaction and shuts it out; only then is the
    changelog read, so that nothing can be added to it any more.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._producer: AIOKafkaProducer | None = None
        self._head = Head()
        self._grouped = 0.0
        self._ungrouped: dict[str, int] = {}

    async def open(self, pieces: Mapping[str, Piece], progress: Progress) -> Restored:
        """As the protocol says."""
        await self.close()
        kafka = self._owner.settings.kafka
        producer = self._producer = new_producer(
            kafka,
            batch_bytes=REJECTED_BYTES,
            transactional_id=self._owner.transactional_id,
            transaction_timeout_ms=kafka.transaction_timeout,
        )
        with broker_errors(kafka.bootstrap):
            await producer.start()
        restored = await read_changelog(kafka, (self._owner.state_topic, self._owner.partition), pieces, progress)
        self._head = restored.head
        self._ungrouped = restored.head.offsets  # the former owner may have ended before it said so
        return restored

    async def commit(self, effects: Effects, now: int) -> None:
        """As the protocol says."""
        check_sizes(effects)
        producer = self._producer
        if producer is None:
            raise NotCommitted("the shard is not open")
        head = Head(
            epoch=self._head.epoch,
            sequence=self._head.sequence + 1,
            offsets=effects.offsets,
            partitions=effects.partitions or self._head.partitions,
        )
        outputs = by_partition(self._owner.settings, effects.outputs)
        place = (self._owner.state_topic, self._owner.partition)
        entries = [*effects.entries, (HEAD, encode(head))]
        with commit_errors(f"{self._owner.agent} [{self._owner.partition}]"):
            await producer.begin_transaction()
            await all_of(
                [
                    write_entries(producer, place, entries, now, PRODUCE_BATCH),
                    *(write_rows(producer, to, rows, now) for to, rows in outputs.items()),
                ]
            )
            self._ungrouped = effects.offsets
            if time.monotonic() - self._grouped >= GROUP_OFFSETS_EVERY:
                await self._group_offsets(producer)
            await producer.commit_transaction()
        self._head = head

    async def idle(self) -> None:
        """Commits the group's offsets when they are not those of the state."""
        producer = self._producer
        if producer is None or not self._ungrouped:
            return
        with commit_errors(f"{self._owner.agent} [{self._owner.partition}]"):
            await producer.begin_transaction()
            await self._group_offsets(producer)
            await producer.commit_transaction()

    async def _group_offsets(self, producer: AIOKafkaProducer) -> None:
        settings, partition = self._owner.settings, self._owner.partition
        offsets = {TopicPartition(settings.topic(topic), partition): n for topic, n in self._ungrouped.items()}
        await producer.send_offsets_to_transaction(offsets, settings.group(self._owner.agent))
        self._grouped, self._ungrouped = time.monotonic(), {}

    async def close(self) -> None:
        """As the protocol says. What was begun and not committed is aborted by whoever opens the shard next."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            await stop_producer(producer, _PATIENCE)
        except KafkaError:
            return  # it failed before, which is why it is closed
