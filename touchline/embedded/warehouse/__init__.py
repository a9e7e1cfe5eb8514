"""chDB behind ClickHouse's native protocol and HTTP interface, as a process of its own.

Importing this package does not load the engine: only the process does.
"""

from touchline.embedded.warehouse.launcher import EmbeddedWarehouse
from touchline.embedded.warehouse.settings import Limits

__all__ = ["EmbeddedWarehouse", "Limits"]
