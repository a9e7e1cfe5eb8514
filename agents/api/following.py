"""Reads the topics of a view, from the beginning and then as they grow, and knows how old the view is."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from touchline.agents.api.view import TOPICS, View
from touchline.agents.runtime.clients import new_reader, stable_end
from touchline.agents.runtime.errors import BrokerAway, NotCommitted, broker_errors
from touchline.agents.runtime.topics import wait_for_topics
from touchline.agents.settings import Settings
from touchline.schemas.wire import DECISIONS, DELIVERIES

_CATCH_UP: Final = 2_000
_LIVE: Final = 200
"""Records at once: taking them in holds up those who ask meanwhile, 200 for two milliseconds or so."""

_POLL_MS: Final = 250
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 15.0

_log = logging.getLogger("touchline.api")


class Follower:
    """Keeps a view current. What it has is `view`, None before it has caught up for the first time.

    When the connection breaks for good a new view is read from the beginning, and the old one answers until that has
    caught up: a tombstone may have been compacted away meanwhile.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._within = settings.api.messages_within
        self._names = {settings.topic(topic): topic for topic in TOPICS}
        self.caught_up = asyncio.Event()
        self.view: View | None = None
        self.as_of = 0
        """What was published by this time is in the view; milliseconds since 1970 UTC."""

    async def run(self) -> None:
        """Follows until it is cancelled.

        Raises: WorkerError when topics are missing."""
        wait = _FIRST_WAIT
        while True:
            before = self.view
            try:
                await self._session()
            except (BrokerAway, NotCommitted) as error:
                if self.view is not before:  # it had caught up: this is another failure
                    wait = _FIRST_WAIT
                _log.warning("%s; trying again in %.1f s", error, wait)
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)

    async def _session(self) -> None:
        counts = await wait_for_topics(self._settings, TOPICS)
        reader = new_reader(self._settings.kafka)
        with broker_errors(self._settings.kafka.bootstrap):
            try:
                await reader.start()
                await self._follow(reader, counts)
            finally:
                await reader.stop()

    async def _follow(self, reader: AIOKafkaConsumer, counts: Mapping[str, int]) -> None:
        parts = [TopicPartition(name, n) for name, topic in self._names.items() for n in range(counts[topic])]
        reader.assign(parts)
        ends = await self._seek(reader, parts)
        view, begun, records = View(self._within), time.monotonic(), 0
        while not await _reached(reader, ends):
            records += await self._some(reader, view, _CATCH_UP)
        seconds = time.monotonic() - begun
        _log.info("caught up: %d customers from %d records in %.1f s", len(view), records, seconds)
        self.as_of = max(self.as_of, await _current(reader, parts)) or _now()
        self.view = view
        self.caught_up.set()
        while True:
            await self._some(reader, view, _LIVE)
            self.as_of = max(self.as_of, await _current(reader, parts))

    async def _seek(self, reader: AIOKafkaConsumer, parts: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Goes to the beginning, of messages to the first that are still told. Returns where the topics end now."""
        since = _now() - self._within
        dated = {tp: since for tp in parts if self._names[tp.topic] in {DECISIONS, DELIVERIES}}
        first = await reader.beginning_offsets(parts)
        ends = await reader.end_offsets(parts)
        found = await reader.offsets_for_times(dated)
        for tp in parts:
            at = found.get(tp)
            # Without an answer everything is older, or the broker keeps no times.
            reader.seek(tp, first[tp] if at is None else max(first[tp], at.offset))
        return dict(ends)

    async def _some(self, reader: AIOKafkaConsumer, view: View, most: int) -> int:
        """Takes in what has come."""
        fetched = await reader.getmany(timeout_ms=_POLL_MS, max_records=most)
        now, count = _now(), 0
        for tp, records in fetched.items():
            topic = self._names[tp.topic]
            count += len(records)
            for record in records:
                view.take(topic, record.key, record.value, now)
        await asyncio.sleep(0)
        return count


async def _reached(reader: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    """Whether all was read up to where the topics ended. The embedded broker tells that short of its last batch; what
    comes with a fetch is right everywhere, so each partition is to be fetched once."""
    for tp, end in ends.items():
        if reader.last_poll_timestamp(tp) is None or await reader.position(tp) < max(end, stable_end(reader, tp)):
            return False
    return True


async def _current(reader: AIOKafkaConsumer, parts: list[TopicPartition]) -> int:
    """Up to when everything was read: the oldest of the last answers by which a partition was read to its end; 0 while
    one of them is behind."""
    times: list[int] = []
    for tp in parts:
        answered = reader.last_poll_timestamp(tp)
        if answered is None or await reader.position(tp) < stable_end(reader, tp):
            return 0
        times.append(answered)
    return min(times)


def _now() -> int:
    return round(time.time() * 1_000)
