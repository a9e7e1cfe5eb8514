"""The runtime under fire, with a small stateful processor: what a reader of committed records sees is what it would
see of an undisturbed run, none missing and none twice."""

import asyncio
import signal
import uuid
from pathlib import Path

import pytest

from tests.faults.counting import EVERY, expected
from tests.faults.harness import Fault, Fleet, Reading, compare, publish, random_faults, worked_off, wound
from touchline.agents.runtime.topics import create_topics, delete_topics
from touchline.agents.settings import Checkpointing, KafkaSettings, RuntimeSettings, Settings
from touchline.schemas.wire import SIGNALS, TOUCHPOINTS

PARTITIONS = 4
TOTAL = 60_000


def _settings(bootstrap: str, form: Checkpointing) -> Settings:
    kafka = KafkaSettings(
        bootstrap=bootstrap, partitions=PARTITIONS, raw_partitions=PARTITIONS, checkpoint=form,
        session_timeout=3_000, transaction_timeout=5_000,
    )  # fmt: skip
    runtime = RuntimeSettings(log_format="text", batch={"records": 200})
    return Settings(environment=f"f{uuid.uuid4().hex[:10]}", kafka=kafka, runtime=runtime)


async def _run(settings: Settings, folder: Path, faults: list[Fault], seed: int) -> list[str]:
    keys = [f"c-{i * 7_919 % (TOTAL // 12)}" for i in range(TOTAL)]
    want = expected(keys)
    await create_topics(settings)
    try:
        await publish(settings, TOUCHPOINTS, ((k.encode(), b"x" * 100) for k in keys), PARTITIONS)
        async with Reading(settings, [SIGNALS, TOUCHPOINTS]) as reading:
            while reading.count(TOUCHPOINTS) < TOTAL:
                await reading.catch_up()

            async def progress() -> int:
                await reading.catch_up()
                return reading.count(SIGNALS)

            def got() -> list[str]:
                return [record.value.decode() for record in reading.records[SIGNALS]]

            async def finished() -> bool:
                if reading.count(SIGNALS) < len(want):
                    return False
                if settings.kafka.checkpoint is Checkpointing.IDEMPOTENT:
                    return not compare(want, got()).missing  # some came twice, so their number says nothing
                return await worked_off(settings, reading, "journey", [TOUCHPOINTS])

            with Fleet(settings, folder, {"counting": 2}) as fleet:
                story = await wound(fleet, faults, progress, finished, seed=seed, deadline=330)
                assert set(fleet.drain()) <= {0, -signal.SIGTERM}  # the latter: told to stop while it was starting
            await progress()
        difference = compare(want, got())
        if settings.kafka.checkpoint is Checkpointing.IDEMPOTENT:
            assert not difference.missing
            assert not difference.extra
        else:
            assert not difference
        return story
    finally:
        await delete_topics(settings)


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_workers(kafka: str, tmp_path: Path) -> None:
    settings = _settings(kafka, Checkpointing.TRANSACTIONAL)
    faults = random_faults(1, TOTAL // EVERY, kills=3, inside=4)
    story = asyncio.run(_run(settings, tmp_path, faults, seed=1))
    assert story.count("obeyed: died inside a commit") == 4


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_worker_that_slept_beyond_its_session_writes_nothing_more(kafka: str, tmp_path: Path) -> None:
    settings = _settings(kafka, Checkpointing.TRANSACTIONAL)
    faults = random_faults(2, TOTAL // EVERY, kills=0, inside=0, stops=2)
    story = asyncio.run(_run(settings, tmp_path, faults, seed=2))
    assert sum(line.startswith("continue") for line in story) == 2


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_workers_without_transactions(broker: str, tmp_path: Path) -> None:
    settings = _settings(broker, Checkpointing.IDEMPOTENT)
    faults = random_faults(3, TOTAL // EVERY, kills=3, inside=3)
    asyncio.run(_run(settings, tmp_path, faults, seed=3))
