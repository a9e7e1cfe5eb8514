"""What every test may ask for: the embedded broker, and the embedded warehouse with a database of its own."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest
from clickhouse_driver import Client
from hypothesis import settings

from tests.support.kafka import NoKafka, RealKafka
from touchline.embedded import EmbeddedBroker, EmbeddedWarehouse

# A test that fails when the machine is busy says nothing: benchmarks time, tests don't. `make test` draws the same
# examples each time, so that a change is judged by what it changed; `make explore` draws others and finds what is new.
settings.register_profile("touchline", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("explore" if os.environ.get("TOUCHLINE_EXPLORE") else "touchline")

READER = ("reader", "reader-password")
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address of an embedded broker; it lives for the run, so use topic names of your own."""
    log = tmp_path_factory.mktemp("broker") / "broker.log"
    with EmbeddedBroker(log_file=log) as running:
        yield running.bootstrap


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The bootstrap address of a real Apache Kafka: the one that TOUCHLINE_TEST_KAFKA names, else one started here."""
    if given := os.environ.get("TOUCHLINE_TEST_KAFKA"):
        yield given
        return
    try:
        with RealKafka.start() as running:
            yield running.bootstrap
    except NoKafka as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedWarehouse]:
    """An embedded warehouse with the users `default` and the read-only READER; it lives for the run."""
    folder = tmp_path_factory.mktemp("warehouse")
    name, password = READER
    users = {"default": ("", False), name: (password, True)}
    with EmbeddedWarehouse(folder / "data", users=users, log_file=folder / "warehouse.log") as running:
        yield running


@pytest.fixture
def database(warehouse: EmbeddedWarehouse) -> Iterator[str]:
    """The name of an empty database of this test's own, in `warehouse`."""
    name = f"test_{next(_numbers)}"
    client = Client(warehouse.host, port=warehouse.port)
    client.execute(f"CREATE DATABASE {name}")
    yield name
    client.execute(f"DROP DATABASE {name} SYNC")
    client.disconnect()
