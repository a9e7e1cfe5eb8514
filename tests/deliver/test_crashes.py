"""Real servers, and a worker that is killed at random points: no message twice, and a ledger that agrees."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.deliver.servers import ADAPTERS, Mood, Receiver
from tests.deliver.worker import Worker, decision
from touchline.pipeline.engine.clock import MINUTE
from touchline.pipeline.outreach.adapter import Adapter, SendResult
from touchline.pipeline.outreach.delivery import DeliveryPlan
from touchline.pipeline.outreach.ledger import Attempt
from touchline.pipeline.outreach.targets import Limits
from touchline.schemas.outreach import Decision
from touchline.schemas.vocabulary import Channel, DeliveryStatus

COUNT = 100
KILLS = 10
IN_FLIGHT = 8


class Killed(Exception):
    """The worker is gone."""


class Doomed:
    """A worker that dies at random points, between any two of its steps or with attempts under way."""

    def __init__(self, adapter: Adapter, dice: random.Random) -> None:
        self.dice = dice
        self.kills = 0
        plan = DeliveryPlan(
            observe=False, adapters={Channel.EMAIL: adapter}, limits={adapter.name: Limits(in_flight=IN_FLIGHT)}
        )
        self.worker = Worker(plan)

    def fate(self) -> None:
        if self.kills < KILLS and self.dice.random() < 0.25:
            self.kills += 1
            raise Killed

    async def perform(self, due: Sequence[Attempt]) -> list[tuple[Attempt, SendResult]]:
        tasks = [asyncio.create_task(self.worker.processor.perform(attempt)) for attempt in due]
        try:
            for task in tasks:
                await task
                self.fate()
        except Killed:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        return [(attempt, task.result()) for attempt, task in zip(due, tasks, strict=True)]

    async def work_off(self, decisions: list[Decision]) -> None:
        """Goes on until every delivery has ended."""
        due: Sequence[Attempt] = self.worker.take(*decisions)
        while due or len(self.worker.shard.state.open):
            try:
                self.fate()
                results = await self.perform(due)
                self.fate()
                due = self.worker.settle(*results)
            except Killed:
                due = self.worker.restart()
            if not due:
                self.worker.now += MINUTE
                due = self.worker.take(*decisions)  # the same again, as after a replay


@pytest.mark.parametrize("kind", ADAPTERS)
@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 6))])
def test_killed_at_random_points(kind: Any, seed: int) -> None:
    async def main() -> None:
        receiver = Receiver()
        async with kind(receiver) as adapter:
            doomed = Doomed(adapter, random.Random(seed))
            await doomed.work_off([decision(n, send_before=None) for n in range(COUNT)])
            assert doomed.kills == KILLS
            _agree(doomed.worker, receiver, repeatable=adapter.idempotent)

    asyncio.run(main())


def _agree(worker: Worker, receiver: Receiver, *, repeatable: bool) -> None:
    ended = worker.ended
    got = Counter(receiver.ids)
    assert len(ended) == COUNT
    unknown = {key for key, record in ended.items() if record.status is DeliveryStatus.UNKNOWN}
    sent = {key for key, record in ended.items() if record.status is DeliveryStatus.SENT}
    assert sent | unknown == set(ended)
    assert sent <= set(got)
    assert set(got) <= sent | unknown
    if repeatable:
        assert not unknown  # a receiver that goes by the id has each message once
    else:
        assert max(got.values()) == 1
        assert len(unknown) <= KILLS * IN_FLIGHT
        assert len(got) >= COUNT - KILLS * IN_FLIGHT


@pytest.mark.parametrize("kind", ADAPTERS)
def test_in_observe_mode_nothing_reaches_a_server(kind: Any) -> None:
    async def main() -> None:
        receiver = Receiver(Mood.FINE)
        async with kind(receiver) as adapter:
            doomed = Doomed(adapter, random.Random(0))
            doomed.kills = KILLS
            doomed.worker = Worker(replace(doomed.worker.plan, observe=True))
            await doomed.work_off([decision(n, observed=bool(n % 2)) for n in range(20)])
            assert {r.status for r in doomed.worker.ended.values()} == {DeliveryStatus.OBSERVED}
        assert receiver.connections == 0

    asyncio.run(main())
