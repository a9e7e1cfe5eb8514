"""Records of the topics that the API reads, and a server on them."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from touchline.agents.api.run import Api
from touchline.agents.runtime.clients import new_producer
from touchline.agents.runtime.topics import create_topics
from touchline.agents.settings import Checkpointing, Settings
from touchline.pipeline.engine.clock import from_ms
from touchline.pipeline.engine.partition import partition_of
from touchline.schemas.codec import encode
from touchline.schemas.customer import Profile
from touchline.schemas.outreach import Decision, Delivery
from touchline.schemas.vocabulary import Channel, Control, DeliveryStatus, Outcome, Purpose, Reason, Severity

EXAMPLE = Path(__file__).parents[2] / "schemas" / "examples" / "topics" / "customers.context.json"
KEY = "desk-0123456789abcdefghij"
KEYS = {"desk": KEY, "campaigns": "campaigns-9876543210zyxwvu"}
SECRET = "a-secret-of-links-0123456789-abcdefgh"
PARTITIONS = 2
PATIENCE = 30.0

Row = tuple[str, str, bytes | None]
"""Logical topic, customer, value."""


def context(customer: str = "c-1", **changes: Any) -> bytes:
    """A context as `journey` writes it."""
    return encode({**json.loads(EXAMPLE.read_text("utf-8")), "customer": customer, **changes})


def decision(customer: str = "c-1", at: int = 0, decision_id: str = "d-1", **changes: Any) -> Decision:
    """A message that was decided to be sent by e-mail."""
    fields: dict[str, Any] = {
        "decision_id": decision_id, "revision": 0, "signal_id": "s-1", "signal_revision": 1, "rule": "long_wait",
        "severity": Severity.HIGH, "owner": "care", "control": Control.OWN, "customer": customer, "group": customer,
        "outcome": Outcome.SENT, "reason": Reason.SENT, "observed": False, "purpose": Purpose.SERVICE,
        "channel": Channel.EMAIL, "message": None, "explanation": "Sent.", "signal_at": from_ms(at), "at": from_ms(at),
    }  # fmt: skip
    return Decision(**{**fields, **changes})


def delivery(customer: str = "c-1", at: int = 0, decision_id: str = "d-1", **changes: Any) -> Delivery:
    """What became of it."""
    fields: dict[str, Any] = {
        "delivery_id": f"v-{decision_id}", "revision": 1, "decision_id": decision_id, "signal_id": "s-1",
        "rule": "long_wait", "customer": customer, "channel": Channel.EMAIL, "adapter": "smtp",
        "status": DeliveryStatus.SENT, "attempts": 1, "at": from_ms(at),
    }  # fmt: skip
    return Delivery(**{**fields, **changes})


def erased(customer: str = "c-1", at: int = 0) -> bytes:
    """The profile of an erased customer."""
    return encode(Profile(customer=customer, revision=2, updated_at=from_ms(at), erased=True))


def settings_for(bootstrap: str, *, keys: dict[str, str] | None = None, links: bool = False, **api: Any) -> Settings:
    """An environment of its own."""
    tree: dict[str, Any] = {
        "environment": f"a{uuid.uuid4().hex[:12]}",
        "kafka": {
            "bootstrap": bootstrap, "partitions": PARTITIONS, "raw_partitions": PARTITIONS,
            "checkpoint": Checkpointing.IDEMPOTENT, "broker_time": False,
        },
        "api": {"port": 0, "keys": KEYS if keys is None else keys} | api,
        "runtime": {"drain": "1s"},
    }  # fmt: skip
    if links:
        tree["outreach"] = {"links": {"base": "https://links.example.com", "secret": SECRET}}
    return Settings.model_validate(tree)


async def write(settings: Settings, rows: Iterable[Row]) -> None:
    """Publishes records, acknowledged when it returns."""
    producer = new_producer(settings.kafka)
    await producer.start()
    try:
        for topic, customer, value in rows:
            key = customer.encode()
            place = partition_of(key, PARTITIONS)
            await producer.send_and_wait(settings.topic(topic), value, key=key, partition=place)
    finally:
        await producer.stop()


@asynccontextmanager
async def serving(settings: Settings, rows: Iterable[Row] = (), *, ready: bool = True) -> AsyncIterator[Api]:
    """A server on topics that hold some records. `ready`: waits until it is."""
    await create_topics(settings)
    await write(settings, rows)
    api = Api(settings)
    await api.start()
    try:
        async with asyncio.timeout(PATIENCE):
            if ready and api.follower is not None:
                await api.follower.caught_up.wait()
        yield api
    finally:
        await api.stop()


def address(api: Api, path: str) -> str:
    """Of the server."""
    return f"http://127.0.0.1:{api.port}{path}"
