"""Time for the desk: how far a shard of outreach is, told to every partition of `outreach.requests`.

It is told after the requests of that time, so whoever reads both has all of them by then. Seldom enough that it costs
nothing: tasks and notices are for people, who don't count seconds.
"""

from typing import Final

import msgspec

from touchline.pipeline.engine.clock import MINUTE, SECOND
from touchline.pipeline.engine.records import Outbox
from touchline.pipeline.engine.store import Cell
from touchline.pipeline.engine.ticks import send_tick
from touchline.schemas.control import Tick
from touchline.schemas.wire import REQUESTS

LIVE_EVERY: Final = 5 * SECOND
HISTORY_EVERY: Final = MINUTE
"""In history, time comes in large steps, and nobody waits."""

Forwarded = Cell[int]
"""A `Piece`: the time that was last told, in milliseconds; -1 before the first."""


def new_forwarded() -> Forwarded:
    """Nothing was told yet."""
    return Cell(-1, msgspec.msgpack.encode, _decode)


def _decode(data: bytes) -> int:
    return msgspec.msgpack.decode(data, type=int)


def forward(told: Forwarded, tick: Tick, out: Outbox) -> None:
    """Tells every partition a tick of the shard when time has moved enough."""
    every = HISTORY_EVERY if tick.wall is None else LIVE_EVERY
    if tick.high <= 0 or (told.value >= 0 and tick.high - told.value < every):
        return
    told.value = tick.high
    told.touch()
    for number in range(tick.partitions):
        send_tick(out, REQUESTS, number, tick)
