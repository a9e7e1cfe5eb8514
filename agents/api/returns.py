"""What comes back by links, on its way to `touchpoints.raw`: a bounded queue, and one task that publishes from it."""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaProducer

from touchline.agents.runtime.clients import new_producer
from touchline.agents.runtime.errors import BrokerAway, NotCommitted, broker_errors
from touchline.agents.settings import Settings
from touchline.schemas.codec import encode
from touchline.schemas.touchpoint import Touchpoint
from touchline.schemas.wire import RAW

MOST_WAITING: Final = 20_000
"""So many touchpoints wait while the broker is away; more are refused."""

_AT_ONCE: Final = 500
_FIRST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 5.0
_CLOSING: Final = 2.0

_log = logging.getLogger("touchline.api")


class Full(Exception):
    """Too many touchpoints wait already."""


class _Waiting:
    __slots__ = ("done", "key", "value")

    def __init__(self, touchpoint: Touchpoint, done: asyncio.Future[None]) -> None:
        self.key = (touchpoint.customer_id or "").encode()
        self.value = encode(touchpoint)
        self.done = done


class Returns:
    """Publishes touchpoints, acknowledged by all replicas. What is not acknowledged is tried again until it is; a
    touchpoint that so comes twice has the same id, and counts once."""

    def __init__(self, settings: Settings, most: int = MOST_WAITING) -> None:
        self._settings = settings
        self._topic = settings.topic(RAW)
        self._most = most
        self._waiting: deque[_Waiting] = deque()
        self._some = asyncio.Event()
        self._producer: AIOKafkaProducer | None = None
        self.published = 0
        self.refused = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def publish(self, touchpoint: Touchpoint) -> asyncio.Future[None]:
        """Queues a touchpoint. What is returned is done when it is on the topic.

        Raises: Full."""
        if len(self._waiting) >= self._most:
            self.refused += 1
            raise Full
        waiting = _Waiting(touchpoint, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._some.set()
        return waiting.done

    async def run(self) -> None:
        """Publishes until it is cancelled."""
        wait = _FIRST_WAIT
        try:
            while True:
                await self._some.wait()
                try:
                    await self._send()
                    wait = _FIRST_WAIT
                except (BrokerAway, NotCommitted) as error:
                    _log.warning("%s; %d answers of customers wait, trying again in %.1f s", error, len(self), wait)
                    await self._close()
                    await asyncio.sleep(wait)
                    wait = min(2 * wait, _LONGEST_WAIT)
        finally:
            await self._close()

    async def _send(self) -> None:
        with broker_errors(self._settings.kafka.bootstrap):
            producer = self._producer
            if producer is None:
                producer = new_producer(self._settings.kafka)
                # It is closed by `run` too when it does not start.
                self._producer = producer
                await producer.start()
            some = list(self._waiting)[:_AT_ONCE]
            sent = [await producer.send(self._topic, one.value, key=one.key) for one in some]
            for answer in await asyncio.gather(*sent, return_exceptions=True):
                if isinstance(answer, BaseException):
                    raise answer
        for one in some:
            self._waiting.popleft()
            if not one.done.done():
                one.done.set_result(None)
        self.published += len(some)
        if not self._waiting:
            self._some.clear()

    async def _close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(TimeoutError):  # what it still holds is sent anew
                await asyncio.wait_for(producer.stop(), _CLOSING)

    async def drain(self, seconds: float) -> None:
        """Waits until nothing waits any more, for so long at the most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._waiting:
                    await asyncio.wait([self._waiting[-1].done])
        if self._waiting:
            _log.error("%d answers of customers were not published: the broker did not take them", len(self))
