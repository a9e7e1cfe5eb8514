"""The topic `rules`: one compacted partition, whose newest record is the rules of all workers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from pydantic import TypeAdapter

from touchline.agents.runtime.tabletopic import MAX_BYTES, TableReader, published_files, put
from touchline.agents.settings import Settings
from touchline.schemas.codec import encode
from touchline.schemas.ruleset import PublishedRules, RuleText
from touchline.schemas.wire import RULES

__all__ = ["KEY", "MAX_BYTES", "RulesReader", "publish_rules", "texts_of"]

KEY: Final = RULES.encode()
_ADAPTER: Final = TypeAdapter(PublishedRules)


async def publish_rules(settings: Settings, ruleset: str, texts: Sequence[RuleText]) -> int:
    """Puts a set on the topic, for every worker. `ruleset` is its hash. Returns the offset.

    Raises: BrokerAway, NotCommitted; WorkerError when the topic is missing or the set is too large."""
    value = encode(PublishedRules(hash=ruleset, published_at=datetime.now(UTC), files=tuple(texts)))
    return await put(settings, RULES, KEY, value)


class RulesReader:
    """Reads the topic. Not for two tasks at once."""

    def __init__(self, settings: Settings) -> None:
        self._table = TableReader(settings, RULES)

    async def open(self) -> bytes | None:
        """Connects, and reads the topic to its end. Returns what holds, None when nothing was ever published.

        Raises: BrokerAway, NotCommitted; WorkerError when the topic is missing."""
        return (await self._table.open()).get(KEY)

    async def next(self) -> bytes:
        """Waits until something is published, and returns it. Opens again when it was closed.

        Raises: as `open`."""
        while True:
            value = (await self._table.next()).get(KEY)
            if value is not None:
                return value

    async def close(self) -> None:
        """Disconnects."""
        await self._table.close()


def texts_of(value: bytes) -> tuple[RuleText, ...]:
    """The files of a record of the topic.

    Raises: FileError when it is no set of rules."""
    return published_files(RULES, value, _ADAPTER)
