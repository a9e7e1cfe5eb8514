"""The topic `policies`: one compacted partition with the policies of all workers, if they are published, and with what
is stopped at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from pydantic import TypeAdapter, ValidationError

from touchline.agents.runtime.tabletopic import TableReader, published_files, put
from touchline.agents.settings import Settings
from touchline.schemas.codec import encode
from touchline.schemas.policyset import MAX_NOTE, PublishedPolicies, Stop
from touchline.schemas.ruleset import RuleText
from touchline.schemas.wire import POLICIES

KEY: Final = POLICIES.encode()
_STOP: Final = b"stop/"
_ADAPTER: Final = TypeAdapter(PublishedPolicies)
_STOP_ADAPTER: Final = TypeAdapter(Stop)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the topic holds. `policies`: the record of published policies, None when there is none. `stops` by rule
    (`*`: all); a record that can't be read stops all the same, as its key says."""

    policies: bytes | None = None
    stops: dict[str, Stop | None] = field(default_factory=dict)

    @property
    def stopped(self) -> frozenset[str]:
        """As switches have it."""
        return frozenset(self.stops)


async def publish_policies(settings: Settings, content: str, texts: Sequence[RuleText]) -> int:
    """Puts policies on the topic, for every worker. `content` is their hash. Returns the offset.

    Raises: BrokerAway, NotCommitted; WorkerError when the topic is missing or they are too large."""
    value = encode(PublishedPolicies(hash=content, published_at=datetime.now(UTC), files=tuple(texts)))
    return await put(settings, POLICIES, KEY, value)


async def stop(settings: Settings, rule: str, note: str = "") -> None:
    """Stops a rule's messages (`*`: all), on every worker, until `resume`. Of the note as much is kept as there is room
    for: no note keeps anybody from stopping.

    Raises: as `publish_policies`; ValidationError when it is no name of a rule."""
    readable = note.encode(errors="replace").decode()  # what no UTF-8 stands for can come from a command line
    value = encode(Stop(rule=rule, at=datetime.now(UTC), note=readable[:MAX_NOTE]))
    await put(settings, POLICIES, _STOP + rule.encode(), value)


async def resume(settings: Settings, rule: str) -> None:
    """Lifts a stop. Raises: as `publish_policies`."""
    await put(settings, POLICIES, _STOP + rule.encode(), None)


async def standing(settings: Settings) -> Standing:
    """What the topic holds now.

    Raises: BrokerAway, NotCommitted; WorkerError when the topic is missing."""
    reader = PoliciesReader(settings)
    try:
        return await reader.open()
    finally:
        await reader.close()


class PoliciesReader:
    """Reads the topic. Not for two tasks at once."""

    def __init__(self, settings: Settings) -> None:
        self._table = TableReader(settings, POLICIES)

    async def open(self) -> Standing:
        """Connects, and reads the topic to its end.

        Raises: BrokerAway, NotCommitted; WorkerError when the topic is missing."""
        return _standing(await self._table.open())

    async def next(self) -> Standing:
        """Waits until something is written, and returns what holds then. Opens again when it was closed.

        Raises: as `open`."""
        return _standing(await self._table.next())

    async def close(self) -> None:
        """Disconnects."""
        await self._table.close()


def _standing(table: dict[bytes, bytes]) -> Standing:
    stops = {
        key.removeprefix(_STOP).decode(errors="replace"): _stop(value)
        for key, value in table.items()
        if key.startswith(_STOP)
    }
    return Standing(table.get(KEY), stops)


def _stop(value: bytes) -> Stop | None:
    try:
        return _STOP_ADAPTER.validate_json(value)
    except ValidationError:
        return None


def policy_texts(value: bytes) -> tuple[RuleText, ...]:
    """The files of a record of published policies.

    Raises: FileError when it is none."""
    return published_files(POLICIES, value, _ADAPTER)
