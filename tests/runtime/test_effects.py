"""Effects outside Kafka: attempted only after their attempt is committed, and never blindly twice."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.runtime.bench import Counts, Place, make_settings, on_a_broker
from touchline.agents.runtime.effects import Underway
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
    """An effect for each record; `fails` breaks the process's memory in the middle of one, `slow` ones wait until
    they are released."""

    performed: list[str] = field(default_factory=list)
    fails: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    held: bool = False
    settled_held: list[bool] = field(default_factory=list)
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
        """What was attempted and not settled."""
        return list(state.due)

    def hold(self, state: Sending, *, on: bool) -> None:
        """Nothing is begun in the place of others anyway; it is only noted."""
        self.held = on

    async def perform(self, effect: str) -> str:
        """Does it."""
        self.performed.append(effect)
        if effect in self.slow:
            await self.released.wait()
        if effect in self.fails:
            raise ZeroDivisionError
        return "sent"

    def settle(self, results: Sequence[tuple[str, str]], now: int, state: Sending, out: Outbox) -> None:
        """Records the end."""
        self.settled_held.append(self.held)
        for effect, result in results:
            state.due.remove(effect)
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


def test_the_ends_of_others_are_known_when_one_breaks_the_memory(broker: str) -> None:
    async def scenario(place: Place) -> None:
        sender = Sender(fails=["d-1"])
        await place.publish(DECISIONS, 0, *[(b"d-%d" % n, b"") for n in range(3)])
        async with place.worker(sender, "deliver"):
            await place.until(lambda: place.reading.count(DELIVERIES) == 3, "all have an end")
        assert sender.performed == ["d-0", "d-1", "d-2"]
        assert place.values(DELIVERIES) == [b"d-0 sent", b"d-2 sent", b"d-1 unknown"]
        assert sender.settled_held == [True], "none is begun in their place, which would be unknown too"

    on_a_broker(make_settings(broker, partitions=1), [DELIVERIES], scenario)


def test_one_that_takes_long_holds_up_no_other(broker: str) -> None:
    async def scenario(place: Place) -> None:
        sender = Sender(slow=["d-0"])
        await place.publish(DECISIONS, 0, *[(b"d-%d" % n, b"") for n in range(10)])
        async with place.worker(sender, "deliver"):
            await place.until(lambda: place.reading.count(DELIVERIES) == 9, "the others are settled")
            await place.publish(DECISIONS, 0, (b"d-10", b""))
            await place.until(lambda: place.reading.count(DELIVERIES) == 10, "what came meanwhile is settled too")
            assert b"d-0 sent" not in place.values(DELIVERIES)
            sender.released.set()
            await place.until(lambda: place.reading.count(DELIVERIES) == 11, "all settled")
        assert sorted(sender.performed) == sorted(f"d-{n}" for n in range(11))

    on_a_broker(make_settings(broker, partitions=1), [DELIVERIES], scenario)


def test_a_worker_that_is_told_to_stop_settles_what_is_under_way(broker: str) -> None:
    async def scenario(place: Place) -> None:
        sender = Sender(slow=["d-0"])
        await place.publish(DECISIONS, 0, (b"d-0", b""))
        async with place.worker(sender, "deliver"):
            await place.until(lambda: sender.performed == ["d-0"], "it is under way")
            asyncio.get_running_loop().call_later(0.3, sender.released.set)
        async with place.worker(Sender(), "deliver"):
            await place.until(lambda: place.reading.count(DELIVERIES) == 1, "its end is there")
        assert place.values(DELIVERIES) == [b"d-0 sent"]

    on_a_broker(make_settings(broker, partitions=1), [DELIVERIES], scenario)


def test_many_that_take_long_hold_up_no_other() -> None:
    async def perform(effect: int) -> int:
        if effect < 1_000:
            await asyncio.Event().wait()
        return -effect

    async def scenario() -> None:
        underway: Underway[int, int] = Underway(perform, lambda: False, lambda: None)
        due = list(range(1_020))
        assert await underway.round(due) == [(n, -n) for n in due[1_000:]]
        assert len(underway) == 1_000
        underway.abandon()

    asyncio.run(scenario())


def test_none_is_begun_once_the_shard_may_be_lost() -> None:
    begun: list[int] = []

    async def perform(effect: int) -> int:
        begun.append(effect)
        return -effect

    async def scenario() -> None:
        underway: Underway[int, int] = Underway(perform, lambda: len(begun) >= 160, lambda: None)
        due = list(range(1_000, 1_400))
        assert await underway.round(due) == [(n, -n) for n in due[:160]]
        assert not underway

    asyncio.run(scenario())


def test_one_that_raises_lets_go_of_the_others_after_those_that_ended_well() -> None:
    begun: list[str] = []

    async def perform(effect: str) -> str:
        begun.append(effect)
        if effect == "raises":
            raise ZeroDivisionError
        if effect == "slow":
            await asyncio.Event().wait()
        return "sent"

    async def scenario() -> None:
        underway: Underway[str, str] = Underway(perform, lambda: False, lambda: None)
        due = ["slow", "raises", "quick"]
        assert await underway.round(due) == [("quick", "sent")]
        assert underway.broken
        with pytest.raises(ZeroDivisionError):
            await underway.round(["slow", "raises", "later"])
        assert begun == due
        assert not underway

    asyncio.run(scenario())


def test_the_same_effect_is_under_way_once_and_its_end_is_told_once() -> None:
    begun: list[str] = []
    released = asyncio.Event()

    async def perform(effect: str) -> str:
        begun.append(effect)
        await released.wait()
        return "sent"

    async def scenario() -> None:
        underway: Underway[str, str] = Underway(perform, lambda: False, lambda: None)
        due = ["d-1", "d-2"]
        assert await underway.round(due) == []
        assert await underway.round(due) == []
        assert (begun, len(underway)) == (due, 2)
        released.set()
        assert await underway.round(due) == [("d-1", "sent"), ("d-2", "sent")]
        assert await underway.round(()) == []

    asyncio.run(scenario())


def test_what_is_abandoned_ends() -> None:
    ended: list[str] = []

    async def perform(effect: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(effect)

    async def scenario() -> None:
        underway: Underway[str, None] = Underway(perform, lambda: False, lambda: None)
        assert await underway.round(["d-1"]) == []
        underway.abandon()
        await asyncio.sleep(0)
        assert ended == ["d-1"]
        assert not underway

    asyncio.run(scenario())
