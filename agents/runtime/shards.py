"""All shards of one agent in this process: created, suspended and let go as the group's rebalances say."""

import asyncio
from typing import Final

from touchline.agents.runtime.context import Context
from touchline.agents.runtime.shard import Shard
from touchline.agents.runtime.transport import Fetched
from touchline.agents.runtime.watchdog import Progress

_PATIENCE: Final = 5.0


class Shards:
    """The `Assignee` of the transport."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._shards: dict[int, Shard] = {}
        self._closing: dict[int, asyncio.Task[None]] = {}
        self._assigned: set[tuple[str, int]] = set()
        session = context.settings.kafka.session_timeout / 1_000
        self._patience = min(session / 3, _PATIENCE)
        self.settled = False
        """Whether the group has said at least once what is ours."""

    async def revoked(self) -> None:
        """A rebalance begins: everything is taken, perhaps to come back. The batch in hand is finished first."""
        self._assigned = set()
        await asyncio.gather(*(shard.suspend(self._patience) for shard in self._shards.values()))

    async def assigned(self, partitions: set[tuple[str, int]], generation: int) -> None:
        """A rebalance has ended: only numbers of which all inputs are ours are opened."""
        self._assigned = partitions
        mine = {number for _, number in partitions}
        whole = {n for n in mine if all((name, n) in partitions for name in self._context.topics)}
        if mine - whole:
            self._context.log.error("shards %s: not all of their inputs were assigned here", sorted(mine - whole))
        for number in [n for n in self._shards if n not in whole]:
            shard = self._shards.pop(number)
            self._closing[number] = asyncio.create_task(self._close(number, shard))
        for number in sorted(whole):
            shard = self._shards.get(number) or self._new(number)
            shard.assign(generation)
        self._context.metrics.shards_assigned.set(len(whole))
        self._context.log.info("assigned: shards %s", sorted(whole))
        self.settled = True

    def _new(self, number: int) -> Shard:
        shard = self._shards[number] = Shard(self._context, number)
        shard.start(self._closing.get(number))
        return shard

    async def _close(self, number: int, shard: Shard) -> None:
        await shard.close(self._patience)
        for name in self._context.topics.values():
            self._context.metrics.forget(name, number)
        if self._closing.get(number) is asyncio.current_task():
            del self._closing[number]

    def deliver(self, fetched: Fetched) -> None:
        """Hands records to the shard that they belong to."""
        shard = self._shards.get(fetched.partition)
        topic = self._context.topics.get(fetched.topic)
        if shard is not None and topic is not None:
            shard.deliver(topic, fetched)

    async def close(self, patience: float) -> None:
        """Lets go of all; the batch in hand has `patience` seconds."""
        shards, self._shards = self._shards, {}
        await asyncio.gather(*(shard.close(patience) for shard in shards.values()), *self._closing.values())

    @property
    def ready(self) -> bool:
        """Whether every shard that was assigned is open (also when none was)."""
        return self.settled and all(shard.is_open for shard in self._shards.values())

    @property
    def progress(self) -> dict[int, Progress]:
        """For the watchdog."""
        return {number: shard.progress for number, shard in list(self._shards.items())}

    def look_behind(self, ends: dict[tuple[str, int], int]) -> None:
        """Tells the watchdog and the metrics how far each partition is behind. `ends`: last stable offsets."""
        for number, shard in self._shards.items():
            most = 0
            for name, topic in self._context.topics.items():
                place = self._context.source.place((name, number))
                end = ends.get((name, number))
                if place is None or end is None or not shard.is_open:
                    continue
                end = max(end, place.stable or 0)
                position = place.position if place.position is not None else end
                most = max(most, end - position)
                behind = max(0, end - shard.offsets.get(topic, end))
                # Between the last record and the end there may be nothing but transaction markers.
                lag = behind if position < end or shard.busy else 0
                self._context.metrics.lag(topic, number, lag, shard.progress.stalled)
            shard.progress.behind(most)

    @property
    def partitions(self) -> list[tuple[str, int]]:
        """What is assigned now (full names)."""
        return sorted(self._assigned)
