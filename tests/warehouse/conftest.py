"""A migrated database of the test's own, and the settings that reach it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from tests.conftest import READER
from tests.warehouse import shop
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.embedded import EmbeddedWarehouse


@pytest.fixture
def empty(warehouse: EmbeddedWarehouse, database: str) -> WarehouseSettings:
    """A database without tables. Inserts are not spaced, so that tests wait for nothing."""
    return WarehouseSettings(host=warehouse.host, port=warehouse.port, database=database, batch_wait=0)


@pytest.fixture(scope="session")
def tables(warehouse: EmbeddedWarehouse) -> Iterator[WarehouseSettings]:
    """A database with all tables, for tests that leave it as it is."""
    settings = WarehouseSettings(
        host=warehouse.host, port=warehouse.port, http_port=warehouse.http_port, database="test_tables", batch_wait=0
    )
    upkeep.migrate(settings)
    yield settings
    upkeep.query(settings, f"DROP DATABASE {settings.database} SYNC")


@pytest.fixture
def migrated(tables: WarehouseSettings) -> WarehouseSettings:
    """A database with all tables, which are empty."""
    filled = (
        "SELECT table FROM system.parts WHERE database = currentDatabase() AND active AND table != 'schema_migrations'"
    )
    for (table,) in set(upkeep.query(tables, filled).rows):
        upkeep.query(tables, f"TRUNCATE TABLE {table} SYNC")
    return tables


@pytest.fixture(scope="session")
def shop_owner(warehouse: EmbeddedWarehouse) -> Iterator[WarehouseSettings]:
    """A database with the simulated shop, for tests that leave it as it is."""
    settings = WarehouseSettings(
        host=warehouse.host, port=warehouse.port, http_port=warehouse.http_port, database="test_shop", batch_wait=0
    )
    upkeep.migrate(settings)
    shop.store(shop.shop(), settings)
    yield settings
    upkeep.query(settings, f"DROP DATABASE {settings.database} SYNC")


@pytest.fixture(scope="session")
def shop_reader(shop_owner: WarehouseSettings) -> WarehouseSettings:
    """The same as the read-only user."""
    name, password = READER
    return shop_owner.model_copy(update={"user": name, "password": SecretStr(password)})
