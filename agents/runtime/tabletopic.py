"""A small compacted topic of one partition, read in full: the newest record of each key holds."""

from typing import Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import TypeAdapter, ValidationError

from touchline.agents.runtime.changelog import read_to_end
from touchline.agents.runtime.clients import new_producer, new_reader
from touchline.agents.runtime.errors import WorkerError, broker_errors
from touchline.agents.runtime.topics import partition_counts, wait_for_topics
from touchline.agents.settings import Settings
from touchline.schemas.policyset import PublishedPolicies
from touchline.schemas.ruleset import PublishedRules, RuleText
from touchline.schemas.yamlfile import FileError, Mistake

P = TypeVar("P", PublishedRules, PublishedPolicies)

MAX_BYTES: Final = 7_000_000
"""The largest record; the topics take 8 MiB."""

_POLL_MS: Final = 500


async def put(settings: Settings, topic: str, key: bytes, value: bytes | None) -> int:
    """Writes a record; None takes the key away. Returns the offset.

    Raises: BrokerAway, NotCommitted; WorkerError when the topic is missing or the value is too large."""
    size = len(value or b"")
    if size > MAX_BYTES:
        raise WorkerError(f"the {topic} take {size:,} bytes, and the topic takes {MAX_BYTES:,}")
    if topic not in await partition_counts(settings):
        raise WorkerError(f"topic {settings.topic(topic)} is missing: run `touchline topics create`")
    producer = new_producer(settings.kafka, batch_bytes=MAX_BYTES + 1_000)
    with broker_errors(settings.kafka.bootstrap):
        try:
            await producer.start()
            sent = await producer.send_and_wait(settings.topic(topic), value, key=key, partition=0)
        finally:
            await producer.stop()
    return int(sent.offset)


def published_files(topic: str, value: bytes, adapter: TypeAdapter[P]) -> tuple[RuleText, ...]:
    """The files of a record that was published.

    Raises: FileError when it is none."""
    try:
        return adapter.validate_json(value).files
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise FileError(f"topic {topic}", [Mistake(1, 1, where, first["msg"])]) from None


class TableReader:
    """Reads such a topic. Not for two tasks at once."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._place = TopicPartition(settings.topic(topic), 0)
        self._reader: AIOKafkaConsumer | None = None
        self._held: dict[bytes, bytes] = {}

    async def open(self) -> dict[bytes, bytes]:
        """Connects, and reads the topic to its end. Returns what holds, by key.

        Raises: BrokerAway, NotCommitted; WorkerError when the topic is missing."""
        await self.close()
        await wait_for_topics(self._settings, [self._topic])
        reader = self._reader = new_reader(self._settings.kafka)
        self._held = {}
        with broker_errors(self._settings.kafka.bootstrap):
            await reader.start()
            await read_to_end(reader, self._place, self._take)
        return dict(self._held)

    async def next(self) -> dict[bytes, bytes]:
        """Waits until something is written, and returns what holds then. Opens again when it was closed.

        Raises: as `open`."""
        if self._reader is None:
            held = self._held
            try:
                found = await self.open()
            except BaseException:
                self._held = held  # what was known before counts as known when it is tried again
                await self.close()
                raise
            if found != held:
                return found
        came = False
        while not came:
            with broker_errors(self._settings.kafka.bootstrap):
                fetched = await self._reader.getmany(self._place, timeout_ms=_POLL_MS) if self._reader else {}
            for record in fetched.get(self._place, ()):
                self._take(record.key, record.value)
                came = True
        return dict(self._held)

    def _take(self, key: bytes | None, value: bytes | None) -> None:
        if key is not None and value is not None:
            self._held[key] = value
        elif key is not None:
            self._held.pop(key, None)

    async def close(self) -> None:
        """Disconnects."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.stop()
