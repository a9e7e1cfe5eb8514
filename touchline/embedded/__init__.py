"""Touchline without containers: a Kafka-compatible broker and ClickHouse's engine as child processes.

Both listen on loopback only and stop with the process that started them. See ``docs/embedded.md``.
"""

from touchline.embedded.broker import EmbeddedBroker
from touchline.embedded.errors import (
    EmbeddedError,
    FolderInUseError,
    NotInstalledError,
    PortInUseError,
    StartFailedError,
)
from touchline.embedded.warehouse import EmbeddedWarehouse, Limits

__all__ = [
    "EmbeddedBroker",
    "EmbeddedError",
    "EmbeddedWarehouse",
    "FolderInUseError",
    "Limits",
    "NotInstalledError",
    "PortInUseError",
    "StartFailedError",
]
