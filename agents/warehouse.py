"""The warehouse agent: facts and figures into ClickHouse."""

from touchline.agents.settings import Settings
from touchline.agents.sinks.facts import ClickHouseSink
from touchline.pipeline.warehouse.processor import WarehouseProcessor


def build(settings: Settings) -> WarehouseProcessor:
    """The processor on a sink of its own. It connects when the first facts come."""
    return WarehouseProcessor(ClickHouseSink(settings.warehouse))
