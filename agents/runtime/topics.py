"""The topics on the cluster: made with the settings that correctness and recovery need, and checked for them."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from touchline.agents.registry import AGENTS
from touchline.agents.runtime.clients import new_admin
from touchline.agents.runtime.errors import WorkerError, broker_errors
from touchline.agents.settings import Settings
from touchline.schemas.wire import (
    CANDIDATES,
    CONTEXT,
    CUSTOMERS,
    INCIDENTS,
    POLICIES,
    RAW,
    REJECTED,
    RULES,
    STAFF,
    TOPICS,
    TOUCHPOINTS,
    state_topic,
)  # fmt: skip

_DAY_MS: Final = 86_400_000
_KAFKA_MESSAGE_BYTES: Final = 1_048_588
_EXISTS: Final = 36
_DEADLINE: Final = 30.0

_STATE: Final = {
    "cleanup.policy": "compact",
    # An active segment is never compacted: with Kafka's 1 GiB, recovery would read millions of stale records.
    "segment.bytes": str(64 << 20),
    "min.cleanable.dirty.ratio": "0.1",
    "max.compaction.lag.ms": str(10 * 60_000),
    "max.message.bytes": str(8 << 20),
}


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """What a topic should be. `name` is the logical one."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


def plan(settings: Settings) -> list[TopicPlan]:
    """Every topic of an environment."""
    kafka = settings.kafka
    weeks = {"retention.ms": str(28 * _DAY_MS)}
    days = {"retention.ms": str(7 * _DAY_MS)}
    configs: dict[str, Mapping[str, str]] = {
        RAW: {**days, "message.timestamp.type": "LogAppendTime"},
        TOUCHPOINTS: days,
        REJECTED: {**weeks, "max.message.bytes": str(_KAFKA_MESSAGE_BYTES + (64 << 10))},
        CANDIDATES: days,
        INCIDENTS: {"cleanup.policy": "compact"},
        CUSTOMERS: {"cleanup.policy": "compact"},
        CONTEXT: {"cleanup.policy": "compact"},
        STAFF: {**weeks, "message.timestamp.type": "LogAppendTime"},
        RULES: {"cleanup.policy": "compact", "max.message.bytes": str(8 << 20)},
        POLICIES: {"cleanup.policy": "compact", "max.message.bytes": str(8 << 20)},
    }
    counts = {RAW: kafka.raw_partitions, RULES: 1, POLICIES: 1}
    plans = [TopicPlan(name, counts.get(name, kafka.partitions), configs.get(name, weeks)) for name in TOPICS]
    for agent in AGENTS:
        partitions = kafka.raw_partitions if agent == "enrich" else kafka.partitions
        plans.append(TopicPlan(state_topic(agent), partitions, _STATE))
    return plans


async def create_topics(settings: Settings) -> list[str]:
    """Creates the topics that are missing. Returns the full names of those created; the others are left as they are.

    Raises: BrokerAway; WorkerError when the cluster refuses one."""
    admin = new_admin(settings.kafka)
    with broker_errors(settings.kafka.bootstrap):
        await admin.start()
        try:
            return await _create(admin, settings, plan(settings))
        finally:
            await admin.close()


async def _create(admin: AIOKafkaAdminClient, settings: Settings, plans: Iterable[TopicPlan]) -> list[str]:
    new = [
        NewTopic(
            settings.topic(topic.name),
            num_partitions=topic.partitions,
            replication_factor=settings.kafka.replication,
            topic_configs=dict(topic.config),
        )
        for topic in plans
    ]
    response = await admin.create_topics(new)
    created = []
    for name, code, *message in response.topic_errors:
        if code == 0:
            created.append(str(name))
        elif code != _EXISTS:
            reason = message[0] if message and message[0] else for_code(code).__name__
            raise WorkerError(f"the cluster refuses to create topic {name}: {reason}")
    # A broker answers before all of its parts have heard of it.
    deadline = asyncio.get_running_loop().time() + _DEADLINE
    while True:
        if len(await _describe(admin, created)) == len(created) or asyncio.get_running_loop().time() > deadline:
            return created
        await asyncio.sleep(0.05)


async def check_topics(settings: Settings) -> list[str]:
    """What is wrong with the topics, in words; nothing when all is well.

    Raises: BrokerAway."""
    admin = new_admin(settings.kafka)
    with broker_errors(settings.kafka.bootstrap):
        await admin.start()
        try:
            plans = plan(settings)
            found = await _describe(admin, [settings.topic(topic.name) for topic in plans])
            problems = [p for topic in plans if (p := _partition_problem(settings, topic, found))]
            there = [topic for topic in plans if settings.topic(topic.name) in found]
            return problems + await _config_problems(admin, settings, there)
        finally:
            await admin.close()


def _partition_problem(settings: Settings, topic: TopicPlan, found: Mapping[str, int]) -> str | None:
    name = settings.topic(topic.name)
    if name not in found:
        return f"topic {name} is missing: run `touchline topics create`"
    if found[name] != topic.partitions:
        return f"topic {name} has {found[name]} partitions, the settings say {topic.partitions}"
    return None


async def _config_problems(admin: AIOKafkaAdminClient, settings: Settings, plans: list[TopicPlan]) -> list[str]:
    wanted = {settings.topic(topic.name): topic.config for topic in plans if topic.config}
    if not wanted:
        return []
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
    problems = []
    for response in await admin.describe_configs(resources):
        for _code, _message, _kind, name, entries, *_ in response.resources:
            have = {entry[0]: entry[1] for entry in entries}
            for key, value in wanted[name].items():
                if key in have and have[key] != value and key in _NEEDED:
                    problems.append(f"topic {name}: {key} is {have[key]}, needed is {value}")
    return problems


_NEEDED: Final = frozenset({*_STATE, "message.timestamp.type", "cleanup.policy", "max.message.bytes"})
"""What correctness or recovery needs; retention is the operator's to choose."""


async def partition_counts(settings: Settings) -> dict[str, int]:
    """How many partitions each topic has, by logical name; topics that are missing are left out.

    Raises: BrokerAway."""
    admin = new_admin(settings.kafka)
    with broker_errors(settings.kafka.bootstrap):
        await admin.start()
        try:
            names = {settings.topic(topic.name): topic.name for topic in plan(settings)}
            found = await _describe(admin, list(names))
        finally:
            await admin.close()
    return {names[name]: count for name, count in found.items()}


async def _describe(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    # All are asked for: the embedded broker makes a topic that is asked for by its name.
    topics: list[dict[str, Any]] = await admin.describe_topics()
    wanted = set(names)
    return {t["topic"]: len(t["partitions"]) for t in topics if t["topic"] in wanted and t["error_code"] == 0}


async def delete_topics(settings: Settings) -> None:
    """Deletes every topic of the environment: for tests and benchmarks, which make environments of their own.

    Raises: BrokerAway, WorkerError without an environment's name."""
    if not settings.environment:
        raise WorkerError("only the topics of a named environment can be deleted as a whole")
    admin = new_admin(settings.kafka)
    with broker_errors(settings.kafka.bootstrap):
        await admin.start()
        try:
            found = await _describe(admin, [settings.topic(topic.name) for topic in plan(settings)])
            if found:
                await admin.delete_topics(list(found))
        finally:
            await admin.close()


async def wait_for_topics(settings: Settings, needed: Iterable[str]) -> dict[str, int]:
    """The partition counts, once all needed topics (logical names) are there and led.

    Raises: BrokerAway; WorkerError naming what is missing after half a minute."""
    deadline = asyncio.get_running_loop().time() + _DEADLINE
    wanted = set(needed)
    while True:
        counts = await partition_counts(settings)
        missing = sorted(settings.topic(name) for name in wanted - counts.keys())
        if not missing:
            return counts
        if asyncio.get_running_loop().time() > deadline:
            raise WorkerError(f"topics are missing: {', '.join(missing)}. Run `touchline topics create`")
        await asyncio.sleep(0.5)
