"""The conformance suite of `Checkpoint`, for both of its forms: idempotent on the embedded broker, transactional on
real Kafka."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic

from touchline.agents.runtime.changelog import HEAD, Head, Restored, encode
from touchline.agents.runtime.checkpoint import RECORD_BYTES, Checkpoint, Effects, Owner
from touchline.agents.runtime.clients import new_admin, new_producer, new_reader
from touchline.agents.runtime.context import new_checkpoint
from touchline.agents.runtime.errors import Fenced, NotCommitted, ShardLost, TooLarge, WorkerError
from touchline.agents.runtime.idempotent import IdempotentCheckpoint
from touchline.agents.runtime.topics import create_topics, delete_topics
from touchline.agents.settings import Checkpointing, KafkaSettings, Settings
from touchline.pipeline.engine.records import Output
from touchline.schemas.wire import SIGNALS, TOUCHPOINTS

NOW = 1_700_000_000_000


def _settings(form: Checkpointing, bootstrap: str) -> Settings:
    kafka = KafkaSettings(bootstrap=bootstrap, partitions=1, raw_partitions=1, checkpoint=form)
    return Settings(environment=f"t{uuid.uuid4().hex[:12]}", kafka=kafka)


@pytest.fixture(params=["idempotent", pytest.param("transactional", marks=pytest.mark.kafka)])
def settings(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """An environment of its own with all topics, on the broker that the form needs."""
    form = Checkpointing(request.param)
    bootstrap = request.getfixturevalue("broker" if form is Checkpointing.IDEMPOTENT else "kafka")
    made = _settings(form, bootstrap)
    asyncio.run(create_topics(made))
    yield made
    asyncio.run(delete_topics(made))


@dataclass
class Memory:
    """A piece that remembers what it is given."""

    held: dict[bytes, bytes] = field(default_factory=dict)

    def load(self, key: bytes, value: bytes | None) -> None:
        """Takes in one entry."""
        if value is None:
            self.held.pop(key, None)
        else:
            self.held[key] = value

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        """Nothing."""
        return []


def quiet(records: int, left: int) -> None:
    """Progress that nobody needs."""


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Checkpoint, dict[bytes, bytes], Restored]]:
    """A checkpoint, opened, with the state that it found."""
    checkpoint, memory = new_checkpoint(Owner(settings, "journey", 0)), Memory()
    try:
        restored = await checkpoint.open({"m": memory}, quiet)
        yield checkpoint, memory.held, restored
    finally:
        await checkpoint.close()


async def found(settings: Settings) -> tuple[dict[bytes, bytes], dict[str, int]]:
    """State and offsets as a new owner finds them."""
    async with opened(settings) as (_, held, restored):
        return held, restored.head.offsets


def effects(offset: int, *, state: dict[bytes, bytes | None] | None = None, signals: tuple[bytes, ...] = ()) -> Effects:
    """Effects of a batch that ends before an offset."""
    entries = [(b"m\0" + key, value) for key, value in (state or {}).items()]
    return Effects({TOUCHPOINTS: offset}, entries, [Output(SIGNALS, b"k", s, 0) for s in signals])


async def committed(settings: Settings, topic: str = SIGNALS) -> list[bytes]:
    """Values that a reader of committed records sees."""
    reader = new_reader(settings.kafka)
    await reader.start()
    try:
        tp = TopicPartition(settings.topic(topic), 0)
        reader.assign([tp])
        end = (await reader.end_offsets([tp]))[tp]
        reader.seek(tp, 0)
        values: list[bytes] = []
        while await reader.position(tp) < max(end, reader.highwater(tp) or 0 if end else 0):
            values += [r.value for r in (await reader.getmany(tp, timeout_ms=200)).get(tp, [])]
        return values
    finally:
        await reader.stop()


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Runs a coroutine function to its end."""
    asyncio.run(asyncio.wait_for(test(), 60))


def test_what_was_committed_is_found_again(settings: Settings) -> None:
    async def scenario() -> None:
        async with opened(settings) as (checkpoint, held, restored):
            assert (held, restored.head.offsets) == ({}, {})
            await checkpoint.commit(effects(5, state={b"a": b"1", b"b": b"2"}, signals=(b"s1",)), NOW)
            await checkpoint.commit(effects(9, state={b"a": b"3", b"b": None}, signals=(b"s2", b"s3")), NOW)
        assert await found(settings) == ({b"a": b"3"}, {TOUCHPOINTS: 9})
        assert await committed(settings) == [b"s1", b"s2", b"s3"]

    run(scenario)


def test_offsets_go_on_without_a_change_of_state(settings: Settings) -> None:
    async def scenario() -> None:
        async with opened(settings) as (checkpoint, _, _):
            await checkpoint.commit(effects(5, state={b"a": b"1"}), NOW)
            await checkpoint.commit(effects(6), NOW)
        assert await found(settings) == ({b"a": b"1"}, {TOUCHPOINTS: 6})

    run(scenario)


def test_an_opening_that_does_nothing_changes_nothing(settings: Settings) -> None:
    async def scenario() -> None:
        async with opened(settings) as (checkpoint, _, _):
            await checkpoint.commit(effects(5, state={b"a": b"1"}, signals=(b"s1",)), NOW)
        for _ in range(3):
            assert await found(settings) == ({b"a": b"1"}, {TOUCHPOINTS: 5})
        assert await committed(settings) == [b"s1"]

    run(scenario)


def test_a_record_that_is_too_large_sends_nothing(settings: Settings) -> None:
    async def scenario() -> None:
        async with opened(settings) as (checkpoint, _, _):
            with pytest.raises(TooLarge, match=SIGNALS):
                await checkpoint.commit(effects(5, signals=(b"s1", b"x" * RECORD_BYTES)), NOW)
            with pytest.raises(TooLarge, match="'m'"):
                await checkpoint.commit(effects(5, state={b"a": b"x" * RECORD_BYTES}), NOW)
        assert await found(settings) == ({}, {})
        assert await committed(settings) == []

    run(scenario)


def test_the_largest_records_pass(settings: Settings) -> None:
    async def scenario() -> None:
        large = b"x" * (RECORD_BYTES - 200)
        async with opened(settings) as (checkpoint, _, _):
            await checkpoint.commit(effects(5, state={b"a": large}, signals=(large, large)), NOW)
        assert await found(settings) == ({b"a": large}, {TOUCHPOINTS: 5})
        assert await committed(settings) == [large, large]

    run(scenario)


def test_more_state_than_one_record_batch_holds(settings: Settings) -> None:
    async def scenario() -> None:
        state: dict[bytes, bytes | None] = {b"%d" % i: b"x" * 400_000 for i in range(40)}
        async with opened(settings) as (checkpoint, _, _):
            await checkpoint.commit(effects(5, state=state, signals=(b"s1",)), NOW)
        held, offsets = await found(settings)
        assert held == state
        assert offsets == {TOUCHPOINTS: 5}
        assert await committed(settings) == [b"s1"]

    run(scenario)


def test_one_batch_of_more_records_than_a_fetch_hands_over(settings: Settings) -> None:
    """The embedded broker tells the end of a partition short of its last batch: reading on until there would miss the
    head, and with it the whole checkpoint."""

    async def scenario() -> None:
        state: dict[bytes, bytes | None] = {b"%d" % i: b"x" for i in range(25_000)}
        async with opened(settings) as (checkpoint, _, _):
            await checkpoint.commit(effects(5, state=state), NOW)
        assert await found(settings) == (state, {TOUCHPOINTS: 5})

    run(scenario)


def test_a_former_owner_changes_nothing(settings: Settings) -> None:
    """A worker that lost the shard and does not know yet: what it commits, even after the new owner's commits, does
    not count. (Without transactions its outputs get out; they have ids, so that they do no harm.)"""
    exactly_once = settings.kafka.checkpoint is Checkpointing.TRANSACTIONAL

    async def scenario() -> None:
        async with opened(settings) as (zombie, _, _):
            await zombie.commit(effects(5, state={b"a": b"1"}, signals=(b"s1",)), NOW)
            async with opened(settings) as (owner, held, _):
                assert held == {b"a": b"1"}
                await owner.commit(effects(7, state={b"a": b"2"}, signals=(b"s2",)), NOW)
                if exactly_once:
                    with pytest.raises(Fenced):
                        await zombie.commit(effects(6, state={b"a": b"zombie"}, signals=(b"s-zombie",)), NOW)
                else:
                    await zombie.commit(effects(6, state={b"a": b"zombie"}), NOW)
                assert await found(settings) == ({b"a": b"2"}, {TOUCHPOINTS: 7})
        seen = await committed(settings)
        assert (seen if exactly_once else sorted(set(seen))) == [b"s1", b"s2"]

    run(scenario)


@pytest.mark.kafka
def test_a_refused_batch_loses_nothing(kafka: str) -> None:
    """A producer of which the broker refused a batch commits happily all the same, and is of no use afterwards. Here
    nothing is committed, and the checkpoint, opened again, takes the batch anew."""

    async def scenario(settings: Settings) -> None:
        async with opened(settings) as (checkpoint, _, _):
            await checkpoint.commit(effects(5, state={b"a": b"1"}), NOW)
            refused = effects(6, state={b"a": b"2"}, signals=(b"x" * 5_000,))
            with pytest.raises(NotCommitted):
                await checkpoint.commit(refused, NOW)
            memory = Memory()
            restored = await checkpoint.open({"m": memory}, quiet)
            assert (memory.held, restored.head.offsets) == ({b"a": b"1"}, {TOUCHPOINTS: 5})
            await checkpoint.commit(effects(6, state={b"a": b"2"}, signals=(b"s2",)), NOW)
        assert await found(settings) == ({b"a": b"2"}, {TOUCHPOINTS: 6})
        assert await committed(settings) == [b"s2"]

    settings = _settings(Checkpointing.TRANSACTIONAL, kafka)
    asyncio.run(_small_signals(settings))
    asyncio.run(create_topics(settings))
    run(lambda: scenario(settings))
    asyncio.run(delete_topics(settings))


async def _small_signals(settings: Settings) -> None:
    admin = new_admin(settings.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(settings.topic(SIGNALS), 1, 1, topic_configs={"max.message.bytes": "2000"})])
    await admin.close()


def test_outputs_that_were_committed_and_not_sent_are_sent_on_recovery(broker: str) -> None:
    class Dying(IdempotentCheckpoint):
        async def _send(self, outputs: Sequence[Output], now: int) -> None:
            raise NotCommitted("the process died here")

    async def scenario(settings: Settings) -> None:
        async with opened(settings) as (checkpoint, _, _):
            await checkpoint.commit(effects(5, signals=(b"s1",)), NOW)
        dying = Dying(Owner(settings, "journey", 0))
        await dying.open({"m": Memory()}, quiet)
        with pytest.raises(NotCommitted):
            await dying.commit(effects(6, state={b"a": b"2"}, signals=(b"s2", b"s3")), NOW)
        await dying.close()
        assert await committed(settings) == [b"s1"]
        assert await found(settings) == ({b"a": b"2"}, {TOUCHPOINTS: 6})
        assert await committed(settings) == [b"s1", b"s2", b"s3"]
        await found(settings)
        assert await committed(settings) == [b"s1", b"s2", b"s3"]

    made = _settings(Checkpointing.IDEMPOTENT, broker)
    asyncio.run(create_topics(made))
    run(lambda: scenario(made))
    asyncio.run(delete_topics(made))


def test_a_commit_needs_an_open_shard(settings: Settings) -> None:
    async def scenario() -> None:
        checkpoint = new_checkpoint(Owner(settings, "journey", 0))
        with pytest.raises(ShardLost):
            await checkpoint.commit(effects(1), NOW)
        await checkpoint.close()

    run(scenario)


def test_a_checkpoint_cut_off_in_the_middle_has_no_effect(settings: Settings) -> None:
    """Entries whose head was never written: the process died between two record batches."""

    async def scenario() -> None:
        async with opened(settings) as (checkpoint, _, _):
            await checkpoint.commit(effects(5, state={b"a": b"1"}), NOW)
        producer = new_producer(settings.kafka)
        await producer.start()
        await producer.send_and_wait(settings.topic("touchline.journey.state"), b"half", key=b"m\0a", partition=0)
        await producer.stop()
        assert await found(settings) == ({b"a": b"1"}, {TOUCHPOINTS: 5})

    run(scenario)


def test_state_of_another_version_is_refused(settings: Settings) -> None:
    async def scenario() -> None:
        producer = new_producer(settings.kafka)
        await producer.start()
        await producer.send_and_wait(
            settings.topic("touchline.journey.state"), encode(Head(format=99)), key=HEAD, partition=0
        )
        await producer.stop()
        with pytest.raises(WorkerError, match="format 99"):
            await found(settings)

    run(scenario)
