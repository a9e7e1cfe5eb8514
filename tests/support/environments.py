"""An environment of its own for each test, on a broker that many tests share."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from touchline.schemas.wire import CONTEXT, RAW, REJECTED, SIGNALS, TOUCHPOINTS

PARTITIONS = 4
_TOPICS = (RAW, TOUCHPOINTS, REJECTED, SIGNALS, CONTEXT)
_numbers = itertools.count(1)

BROKERS = ["embedded", pytest.param("kafka", marks=pytest.mark.kafka)]
"""For a fixture's `params`: the embedded broker, and real Apache Kafka."""


def address_of(kind: str, request: pytest.FixtureRequest) -> str:
    """The bootstrap address of one of BROKERS."""
    address: str = request.getfixturevalue("broker" if kind == "embedded" else "kafka")
    return address


@contextmanager
def new_environment(bootstrap: str) -> Iterator[str]:
    """The name of an environment that has the topics of clients, and is gone afterwards."""
    name = f"clients-{os.getpid()}-{next(_numbers)}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(f"{name}.{topic}", PARTITIONS, 1) for topic in _TOPICS])
    yield name
    admin.delete_topics([f"{name}.{topic}" for topic in _TOPICS])
    admin.close()
