"""Effects outside Kafka: attempted only after their attempt is committed, and never blindly twice."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.runtime.bench import Counts, Place, make_settings, on_a_broker
from touchline.agents.runtime.effects import AT_ONCE, perform_all
from touchline.pipeline.engine.records import Batch, Outbox
from touchline.schemas.wire import DECISIONS, DELIVERIES


@dataclass
class Sending:
    """Attempts by effect: 0 not yet performed, 1 settled."""

    counts: Counts = field(default_factory=Counts)
    due: list[str] = field(default_factory=list)

    @property
    def pieces(self) -> Any:
        """The parts."""
        return self.counts.pieces


@dataclass
class Sender:
    """An effect for each record; `fails` breaks the process's memory in the middle of one."""

    performed: list[str] = field(default_factory=list)
    fails: list[str] = field(default_factory=list)
    inputs: Sequence[str] = (DECISIONS,)

    def new_state(self) -> Sending:
        """None."""
        return Sending()

    def process(self, batch: Batch, state: Sending, out: Outbox) -> None:
        """Records the attempt."""
        for record in batch.records:
            key = (record.key or b"").decode()
            state.counts.store.put(key, 0)
            state.due.append(key)

    def due(self, state: Sending) -> list[str]:
        """What was attempted."""
        due, state.due = state.due, []
        return due

    async def perform(self, effect: str) -> str:
        """Does it."""
        self.performed.append(effect)
        if effect in self.fails:
            raise ZeroDivisionError
        return "sent"

    def settle(self, results: Sequence[tuple[str, str]], now: int, state: Sending, out: Outbox) -> None:
        """Records the end."""
        for effect, result in results:
            state.counts.store.put(effect, 1)
            out.send(DELIVERIES, effect.encode(), f"{effect} {result}".encode(), partition=0)

    def recover(self, now: int, state: Sending, out: Outbox) -> None:
        """What has no end is unknown."""
        for key in state.counts.store.keys():  # noqa: SIM118 -- it is no dictionary
            if state.counts.store.get(key, 0) == 0:
                state.counts.store.put(key, 1)
                out.send(DELIVERIES, key.encode(), f"{key} unknown".encode(), partition=0)


def test_effects_are_performed_once_and_settled(broker: str) -> None:
    async def scenario(place: Place) -> None:
        sender = Sender()
        await place.publish(DECISIONS, 0, *[(b"d-%d" % n, b"") for n in range(30)])
        for _ in range(2):
            async with place.worker(sender, "deliver"):
                await place.until(lambda: place.reading.count(DELIVERIES) == 30, "all settled")
        assert sorted(sender.performed) == sorted(f"d-{n}" for n in range(30))
        assert sorted(place.values(DELIVERIES)) == sorted(b"d-%d sent" % n for n in range(30))

    on_a_broker(make_settings(broker, partitions=1), [DELIVERIES], scenario)


def test_an_effect_whose_end_is_not_known_is_not_repeated(broker: str) -> None:
    async def scenario(place: Place) -> None:
        sender = Sender(fails=["d-1"])
        await place.publish(DECISIONS, 0, (b"d-1", b""))
        async with place.worker(sender, "deliver"):
            await place.until(lambda: place.reading.count(DELIVERIES) == 1, "it is unknown")
        assert sender.performed == ["d-1"]
        assert place.values(DELIVERIES) == [b"d-1 unknown"]

    on_a_broker(make_settings(broker, partitions=1), [DELIVERIES], scenario)


def test_only_a_few_at_once_and_none_once_the_shard_may_be_lost() -> None:
    running, most, begun = 0, 0, 0

    async def perform(effect: int) -> int:
        nonlocal running, most, begun
        running, begun = running + 1, begun + 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return -effect

    async def scenario() -> None:
        results = await perform_all(perform, range(400), lambda: begun >= 160, lambda: None)
        assert results == [(n, -n) for n in range(160)]
        assert most == AT_ONCE

    asyncio.run(scenario())
