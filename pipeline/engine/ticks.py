"""Ticks on the wire: how far time is, in band with the records that it orders."""

from touchline.pipeline.engine.records import Outbox, Record
from touchline.schemas.codec import decode_tick, encode
from touchline.schemas.control import Tick
from touchline.schemas.wire import TICK_HEADER

_MARK = ((TICK_HEADER, b"1"),)


def tick_of(record: Record) -> Tick | None:
    """The tick in a record, None when the record is something else."""
    headers = record.headers
    if headers and record.value is not None and headers[0][0] == TICK_HEADER:
        return decode_tick(record.value)
    return None


def send_tick(out: Outbox, topic: str, partition: int, tick: Tick, key: bytes | None = None) -> None:
    """Sends a tick to one partition of a topic. On one that is compacted it needs a key: a broker refuses others."""
    out.send(topic, key, encode(tick), partition=partition, headers=_MARK)
