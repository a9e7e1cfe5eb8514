"""Writes the expected shape of the warehouse anew from its migrations: python -m tests.warehouse.shape"""

import tempfile
from pathlib import Path

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.embedded import EmbeddedWarehouse
from touchline.pipeline.warehouse import shape
from touchline.pipeline.warehouse.sqlfiles import statement


def found(settings: WarehouseSettings) -> shape.Shape:
    """The shape of a database."""
    with upkeep.connected(settings) as connection:
        tables, columns = (connection.query(statement(f"shape_{name}")).rows for name in ("tables", "columns"))
    return shape.shape_of(tables, columns)


def main() -> None:
    """Migrates a new warehouse and writes what came of it."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedWarehouse(Path(folder)) as warehouse:
        settings = WarehouseSettings(host=warehouse.host, port=warehouse.port)
        upkeep.migrate(settings)
        file = Path(shape.__file__).resolve().with_name(shape.FILE)
        file.write_bytes(shape.written(found(settings)))
        print(file.name)


if __name__ == "__main__":
    main()
