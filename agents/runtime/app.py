"""The Faust app of one agent: the group, the rebalances and the stream of batches, and nothing else of Faust."""

import logging
from collections.abc import Iterable
from typing import Any

import faust
from faust.app.base import BootStrategy
from yarl import URL

from touchline.agents.runtime.transport import CODEC, Assignee, BatchTransport
from touchline.agents.settings import KafkaSettings, Settings


class _Boot(BootStrategy):  # type: ignore[misc]
    enable_kafka_producer = False
    enable_web = False


class AgentApp(faust.App):  # type: ignore[misc]
    """An app whose batches go to an assignee's `deliver`."""

    BootStrategy = _Boot
    kafka_settings: KafkaSettings
    assignee: Assignee

    def _create_directories(self) -> None:
        """Nothing is kept on disk."""


def new_app(settings: Settings, agent: str, topics: Iterable[str]) -> AgentApp:
    """An app in the agent's group that reads topics (full names). Set `assignee` before it is started."""
    names = list(topics)
    app = AgentApp(
        settings.group(agent),
        broker=f"aiokafka://{settings.kafka.bootstrap.replace(',', ';')}",
        store="memory://",
        web_enabled=False,
        stream_wait_empty=False,
        stream_buffer_maxsize=64,
        # With 0, topics with the same partition count may be assigned to different workers.
        table_standby_replicas=1,
        topic_disable_leader=True,
        topic_allow_declare=False,
        broker_session_timeout=settings.kafka.session_timeout / 1_000,
        broker_request_timeout=max(60.0, 2 * settings.kafka.session_timeout / 1_000),
        stream_recovery_delay=0.0,
    )
    app.kafka_settings = settings.kafka
    app.transport = BatchTransport([URL("aiokafka://")], app)

    async def deliver(stream: Any) -> None:
        async for fetched in stream:
            app.assignee.deliver(fetched)  # type: ignore[attr-defined]

    app.agent(app.topic(*names, key_serializer="raw", value_serializer=CODEC), name=agent)(deliver)
    app.finalize()
    logging.getLogger("touchline").debug("reads %s", ", ".join(names))
    return app
