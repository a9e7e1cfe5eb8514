"""The warehouse agent's logic: records become facts, and the minutes, hours and days that they touch are counted anew.

Nothing is counted in memory. Facts of a batch are stored before the batch is committed; the minutes they touch are
remembered in the state and counted later, from the facts, so that a minute with many batches is counted once. In the
same way the hours of these minutes are remembered, and counted from the minutes some seconds later, and then the days.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from touchline.pipeline.engine.processor import Piece
from touchline.pipeline.engine.records import Batch, Outbox, header
from touchline.pipeline.warehouse.periods import MINUTE, PERIODS, Period, TouchedPeriods
from touchline.pipeline.warehouse.rows import Values, minutes_of
from touchline.pipeline.warehouse.tables import BY_NAME, BY_TOPIC, COUNTED, FACTS, FactTable
from touchline.schemas.codec import DecodeError
from touchline.schemas.wire import TICK_HEADER


@dataclass(frozen=True, slots=True)
class Recounted:
    """What a recount did: how many seconds it took, and the starts (seconds since 1970 UTC) of all periods that it
    counted, which may be more than those that were asked for."""

    took: float
    starts: frozenset[int]


class FactStore(Protocol):
    """Where facts go. Both calls are idempotent, and raise Retry or Fatal."""

    async def insert(self, facts: FactTable, columns: Sequence[Values]) -> None:
        """Stores rows, given as columns; returns once they are stored."""

    async def recount(self, facts: FactTable, period: Period, starts: Sequence[int]) -> Recounted:
        """Counts the figures of some minutes anew from all facts, and of the minutes in which signals or decisions of
        these stood before; those of hours and days from what they are merged from."""

    async def close(self) -> None:
        """Waits for what is under way and frees connections."""


class WarehouseState:
    """State of one shard: what waits to be stored (in memory, until the commit) and the periods to be counted."""

    def __init__(self) -> None:
        self.touched = {period: TouchedPeriods(period) for period in PERIODS}
        self.waiting: dict[str, list[Values]] = {}
        self.now = 0
        self.idle = False

    @property
    def pieces(self) -> dict[str, Piece]:
        """What is kept in the changelog."""
        return {f"{period.name}s": touched for period, touched in self.touched.items()}


class WarehouseProcessor:
    """A FlushingProcessor from the topics of facts to a `FactStore`."""

    def __init__(self, store: FactStore) -> None:
        self._store = store

    @property
    def inputs(self) -> Sequence[str]:
        """Touchpoints first, then what followed from them."""
        return [facts.topic for facts in FACTS]

    def new_state(self) -> WarehouseState:
        """Nothing waits."""
        return WarehouseState()

    def process(self, batch: Batch, state: WarehouseState, out: Outbox) -> None:
        """Takes the batch's facts as columns. What is no fact (ticks, tombstones, bytes that can't be read) is skipped,
        the last of these counted as `unreadable`."""
        state.now, state.idle = batch.now, not batch.records
        facts = BY_TOPIC[batch.topic]
        decode, decoded = facts.decode, []
        for record in batch.records:
            if record.value is None or (record.headers and header(record, TICK_HEADER) is not None):
                continue
            try:
                decoded.append(decode(record.value))
            except DecodeError:
                out.count("unreadable")
        if decoded:
            out.count("facts", len(decoded))
            columns = facts.as_columns(decoded)
            for kept, more in zip(state.waiting.setdefault(facts.name, columns), columns, strict=True):
                if kept is not more:
                    kept.extend(more)

    async def flush(self, state: WarehouseState) -> None:
        """Stores what waits, then counts the periods that are due.

        Raises: Retry; what was done until then is not done again. Fatal."""
        for name, columns in list(state.waiting.items()):
            facts = BY_NAME[name]
            await self._store.insert(facts, columns)
            del state.waiting[name]
            if facts.counted:
                state.touched[MINUTE].add(name, minutes_of(columns[facts.time_column]))
        for period in PERIODS:
            for facts in COUNTED:
                await self._count(state, period, facts)

    async def close(self) -> None:
        """Frees the store's connections."""
        await self._store.close()

    async def _count(self, state: WarehouseState, period: Period, facts: FactTable) -> None:
        touched = state.touched[period]
        while starts := touched.due(facts.name, state.now, idle=state.idle):
            done = await self._store.recount(facts, period, starts)
            touched.counted(facts.name, starts, state.now, done.took)
            for larger in PERIODS:
                if larger.part is period:
                    state.touched[larger].add(facts.name, larger.starts_of(done.starts))
