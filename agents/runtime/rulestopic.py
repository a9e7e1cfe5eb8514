"""The topic `rules`: one compacted partition, whose newest record is the rules of all workers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import TypeAdapter, ValidationError

from touchline.agents.runtime.changelog import read_to_end
from touchline.agents.runtime.clients import new_producer, new_reader
from touchline.agents.runtime.errors import WorkerError, broker_errors
from touchline.agents.runtime.topics import partition_counts, wait_for_topics
from touchline.agents.settings import Settings
from touchline.schemas.codec import encode
from touchline.schemas.ruleset import PublishedRules, RuleText
from touchline.schemas.wire import RULES
from touchline.schemas.yamlfile import FileError, Mistake

MAX_BYTES: Final = 7_000_000
"""The largest set; the topic takes records of 8 MiB."""

KEY: Final = RULES.encode()
_POLL_MS: Final = 500
_ADAPTER: Final = TypeAdapter(PublishedRules)


async def publish_rules(settings: Settings, ruleset: str, texts: Sequence[RuleText]) -> int:
    """Puts a set on the topic, for every worker. `ruleset` is its hash. Returns the offset.

    Raises: BrokerAway, NotCommitted; WorkerError when the topic is missing or the set is too large."""
    value = encode(PublishedRules(hash=ruleset, published_at=datetime.now(UTC), files=tuple(texts)))
    if len(value) > MAX_BYTES:
        raise WorkerError(f"the rules take {len(value):,} bytes, and the topic takes {MAX_BYTES:,}")
    if RULES not in await partition_counts(settings):
        raise WorkerError(f"topic {settings.topic(RULES)} is missing: run `touchline topics create`")
    producer = new_producer(settings.kafka, batch_bytes=MAX_BYTES + 1_000)
    with broker_errors(settings.kafka.bootstrap):
        try:
            await producer.start()
            sent = await producer.send_and_wait(settings.topic(RULES), value, key=KEY, partition=0)
        finally:
            await producer.stop()
    return int(sent.offset)


class RulesReader:
    """Reads the topic. Not for two tasks at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._place = TopicPartition(settings.topic(RULES), 0)
        self._reader: AIOKafkaConsumer | None = None
        self._newest: bytes | None = None

    async def open(self) -> bytes | None:
        """Connects, and reads the topic to its end. Returns what holds, None when nothing was ever published.

        Raises: BrokerAway, NotCommitted; WorkerError when the topic is missing."""
        await self.close()
        await wait_for_topics(self._settings, [RULES])
        reader = self._reader = new_reader(self._settings.kafka)
        self._newest = None
        with broker_errors(self._settings.kafka.bootstrap):
            await reader.start()
            await read_to_end(reader, self._place, self._take)
        return self._newest

    async def next(self) -> bytes:
        """Waits until something is published, and returns it. Opens again when it was closed.

        Raises: as `open`."""
        if self._reader is None:
            held = self._newest
            found = await self.open()
            if found is not None and found != held:
                return found
        self._newest = None
        while self._newest is None:
            with broker_errors(self._settings.kafka.bootstrap):
                fetched = await self._reader.getmany(self._place, timeout_ms=_POLL_MS) if self._reader else {}
            for record in fetched.get(self._place, ()):
                self._take(record.key, record.value)
        return self._newest

    def _take(self, key: bytes | None, value: bytes | None) -> None:
        if key == KEY and value is not None:
            self._newest = value

    async def close(self) -> None:
        """Disconnects."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.stop()


def texts_of(value: bytes) -> tuple[RuleText, ...]:
    """The files of a record of the topic.

    Raises: FileError when it is no set of rules."""
    try:
        return _ADAPTER.validate_json(value).files
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise FileError(f"topic {RULES}", [Mistake(1, 1, where, first["msg"])]) from None
