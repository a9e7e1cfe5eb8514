"""At least once, made harmless, for a broker without transactions: one record batch of the changelog is the commit."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from touchline.agents.runtime.changelog import (
    HEAD,
    OUTPUT,
    Entry,
    Head,
    Restored,
    WaitingOutput,
    encode,
    read_changelog,
)
from touchline.agents.runtime.checkpoint import Effects, Owner, Progress, check_sizes
from touchline.agents.runtime.clients import new_producer
from touchline.agents.runtime.errors import NotCommitted, broker_errors, commit_errors
from touchline.agents.runtime.writing import by_partition, stop_producer, write, write_entries
from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.records import Output

STATE_BATCH: Final = 7_000_000
"""Bytes of one record batch of the changelog; state topics and the embedded broker take 8 MiB."""

_PATIENCE: Final = 5.0


class IdempotentCheckpoint:
    """A `Checkpoint` that writes state, outputs and the head together, then sends the outputs.

    A record batch is written whole or not at all. What does not fit into one goes into several, of which only the last
    has the head, and entries without a head after them do not count. Outputs of the last checkpoint are sent again on
    recovery unless a later head shows that they were. Each opening raises the epoch, so that what a worker writes
    that has lost the shard and does not know is passed over by the reader.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._producer: AIOKafkaProducer | None = None
        self._head = Head()
        self._sent = False
        """Whether outputs were sent that no head tells of yet."""

    @property
    def _place(self) -> tuple[str, int]:
        return self._owner.state_topic, self._owner.partition

    async def open(self, pieces: Mapping[str, Piece], progress: Progress) -> Restored:
        """As the protocol says."""
        await self.close()
        kafka = self._owner.settings.kafka
        producer = self._producer = new_producer(kafka, batch_bytes=STATE_BATCH)
        with broker_errors(kafka.bootstrap):
            await producer.start()
        restored = await read_changelog(kafka, self._place, pieces, progress)
        found = restored.head
        if restored.waiting:
            await self._send([out.output() for out in restored.waiting], 0)
        self._head = Head(
            epoch=found.epoch + 1, sequence=found.sequence + 1, offsets=found.offsets, partitions=found.partitions
        )
        await self._write([(HEAD, encode(self._head))], 0)
        return restored

    async def commit(self, effects: Effects, now: int) -> None:
        """As the protocol says."""
        check_sizes(effects)
        head = Head(
            epoch=self._head.epoch,
            sequence=self._head.sequence + 1,
            offsets=effects.offsets,
            partitions=effects.partitions or self._head.partitions,
        )
        self._sent = False
        await self._write([*effects.entries, *_waiting(effects.outputs, head.sequence), (HEAD, encode(head))], now)
        self._head = head
        if effects.outputs:
            await self._send(effects.outputs, now)
            self._sent = True

    async def _write(self, entries: Sequence[Entry], now: int) -> None:
        producer = self._opened()
        topic, partition = self._place
        with commit_errors(f"{self._owner.agent} [{partition}]"):
            await write_entries(producer, (topic, partition), entries, now, STATE_BATCH)

    async def _send(self, outputs: Sequence[Output], now: int) -> None:
        with commit_errors(f"{self._owner.agent} [{self._owner.partition}]"):
            await write(self._opened(), by_partition(self._owner.settings, outputs), now)

    def _opened(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise NotCommitted("the shard is not open")
        return self._producer

    async def idle(self) -> None:
        """Writes that the last outputs were sent, so that they are not sent again on recovery.

        The group's offsets are not kept here: a client that is no member of the group can't write them."""
        if self._sent:
            self._sent = False
            head = Head(
                epoch=self._head.epoch,
                sequence=self._head.sequence + 1,
                offsets=self._head.offsets,
                partitions=self._head.partitions,
            )
            await self._write([(HEAD, encode(head))], 0)
            self._head = head

    async def close(self) -> None:
        """As the protocol says."""
        with contextlib.suppress(NotCommitted):  # they will be sent again, which does no harm
            await self.idle()
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            await stop_producer(producer, _PATIENCE)
        except KafkaError:
            return  # it failed before, which is why it is closed


def _waiting(outputs: Sequence[Output], sequence: int) -> list[Entry]:
    return [
        (
            OUTPUT + index.to_bytes(4, "big"),
            encode(WaitingOutput(sequence, out.topic, out.partition or 0, out.key, out.value, list(out.headers))),
        )
        for index, out in enumerate(outputs)
    ]
