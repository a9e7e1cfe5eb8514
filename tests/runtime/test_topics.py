"""Topics are made as they must be, and what is wrong with them is told."""

import asyncio
import uuid
from collections.abc import Iterator

import pytest
from aiokafka.admin import NewTopic

from touchline.agents.runtime.clients import new_admin
from touchline.agents.runtime.errors import BrokerAway
from touchline.agents.runtime.topics import check_topics, create_topics, delete_topics, partition_counts, plan
from touchline.agents.settings import KafkaSettings, Settings
from touchline.schemas.wire import KEYED, RAW, TOUCHPOINTS


@pytest.fixture(params=["broker", pytest.param("kafka", marks=pytest.mark.kafka)])
def settings(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """An environment without topics, on both brokers."""
    kafka = KafkaSettings(bootstrap=request.getfixturevalue(request.param), partitions=3, raw_partitions=5)
    made = Settings(environment=f"n{uuid.uuid4().hex[:12]}", kafka=kafka)
    yield made
    asyncio.run(delete_topics(made))


def test_what_is_created_is_as_planned_and_nothing_is_wrong_with_it(settings: Settings) -> None:
    created = asyncio.run(create_topics(settings))
    assert sorted(created) == sorted(settings.topic(topic.name) for topic in plan(settings))
    assert asyncio.run(check_topics(settings)) == []
    counts = asyncio.run(partition_counts(settings))
    assert counts[RAW] == 5
    assert {counts[topic] for topic in KEYED} == {3}


def test_creating_again_creates_nothing(settings: Settings) -> None:
    asyncio.run(create_topics(settings))
    assert asyncio.run(create_topics(settings)) == []


def test_missing_topics_are_named(settings: Settings) -> None:
    problems = asyncio.run(check_topics(settings))
    assert len(problems) == len(plan(settings))
    assert f"topic {settings.topic(RAW)} is missing: run `touchline topics create`" in problems


@pytest.mark.kafka
def test_wrong_settings_are_named(kafka: str) -> None:
    made = Settings(
        environment=f"n{uuid.uuid4().hex[:12]}", kafka=KafkaSettings(bootstrap=kafka, partitions=3, raw_partitions=3)
    )

    async def scenario() -> None:
        admin = new_admin(made.kafka)
        await admin.start()
        await admin.create_topics([NewTopic(made.topic(RAW), 3, 1), NewTopic(made.topic(TOUCHPOINTS), 2, 1)])
        await admin.close()
        await create_topics(made)
        problems = await check_topics(made)
        assert problems == [
            f"topic {made.topic(TOUCHPOINTS)} has 2 partitions, the settings say 3",
            f"topic {made.topic(RAW)}: message.timestamp.type is CreateTime, needed is LogAppendTime",
        ]

    try:
        asyncio.run(scenario())
    finally:
        asyncio.run(delete_topics(made))


def test_a_broker_that_is_not_there() -> None:
    absent = Settings(environment="n", kafka=KafkaSettings(bootstrap="127.0.0.1:1"))
    with pytest.raises(BrokerAway, match=r"127\.0\.0\.1:1"):
        asyncio.run(create_topics(absent))
