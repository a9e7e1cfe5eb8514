"""The queries of a report: SQL files beside this module, run over one connection."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks.clickhouse import Connection

Row = Sequence[Any]


class Reading:
    """Reads the warehouse. Times come as UTC.

    Raises: Retry when it is not there, Fatal when it refuses.
    """

    def __init__(self, settings: WarehouseSettings) -> None:
        self._connection = Connection(settings, plain=True)

    def rows(self, query: str, **parameters: object) -> Sequence[Row]:
        """The rows of a query by its file's name, without the ending."""
        text = files("touchline.report").joinpath("queries", f"{query}.sql").read_text(encoding="utf-8")
        return self._connection.query(text, parameters).rows

    def row(self, query: str, **parameters: object) -> Row:
        """The first row."""
        return self.rows(query, **parameters)[0]

    def close(self) -> None:
        """Disconnects."""
        self._connection.close()
