"""Facts into ClickHouse: the sink of the warehouse agent.

What several shards of a process want to store at about the same time goes in as one insert, and what they want counted
as one recount: ClickHouse likes few and large inserts, and a minute that four shards touch is counted once.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, Final

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks.clickhouse import Connection
from touchline.pipeline.warehouse.periods import DAY, MINUTE, Period
from touchline.pipeline.warehouse.processor import Recounted
from touchline.pipeline.warehouse.rows import Values
from touchline.pipeline.warehouse.sqlfiles import statement
from touchline.pipeline.warehouse.tables import FactTable

STARTS_AT_ONCE: Final = 4_000
"""A statement may be 256 KiB long (max_query_size), the start of a period in it takes 12 bytes."""


class _Insert:
    """Rows that go into one table together."""

    def __init__(self) -> None:
        self.columns: list[Values] = []
        self.rows = 0
        self.full = asyncio.Event()

    def add(self, columns: Sequence[Values]) -> None:
        # Copied: a caller who is told to try again hands in its own rows once more, and those alone.
        if not self.columns:
            self.columns = [list(column) for column in columns]
        else:
            for kept, more in zip(self.columns, columns, strict=True):
                kept.extend(more)
        self.rows += len(columns[0])


class _Line:
    """A connection and its thread: what is asked of it is done one after the other."""

    def __init__(self, settings: WarehouseSettings, name: str) -> None:
        self._connection = Connection(settings)
        self._thread = ThreadPoolExecutor(1, f"clickhouse {name}")

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls it with the connection, in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, self._connection, *arguments)

    def close(self) -> None:
        """Waits for what is under way and closes the connection."""
        self._thread.shutdown()
        self._connection.close()


class ClickHouseSink:
    """A `FactStore`. One connection for inserts and one for recounts, each with a thread; made once for a process.

    A recount takes seconds in a history with few events a minute: the shards that it does not wait for go on inserting.
    Both calls raise what `touchline.agents.sinks.clickhouse` draws. An insert whose end is not known is made again by
    the caller: rows are the same rows again, and the tables keep one of each.
    """

    def __init__(self, settings: WarehouseSettings) -> None:
        self._settings = settings
        self._inserting = _Line(settings, "inserts")
        self._counting = _Line(settings, "recounts")
        self._inserts: dict[str, tuple[_Insert, asyncio.Task[None]]] = {}
        self._inserted: dict[str, float] = {}
        self._recounts: dict[tuple[str, Period], tuple[set[int], asyncio.Task[Recounted]]] = {}
        self._storing = asyncio.Lock()
        self._recounting = asyncio.Lock()

    async def insert(self, facts: FactTable, columns: Sequence[Values]) -> None:
        """Stores rows, given as columns. Waits up to `warehouse.batch_wait` since the last insert into the same table
        for others to join, unless there are `warehouse.batch_rows`; they join as well while another insert runs."""
        if facts.name not in self._inserts:
            insert = _Insert()
            task = asyncio.create_task(self._store(facts, insert))
            task.add_done_callback(_seen)
            self._inserts[facts.name] = (insert, task)
        insert, task = self._inserts[facts.name]
        insert.add(columns)
        if insert.rows >= self._settings.batch_rows:
            insert.full.set()
        await asyncio.shield(task)

    async def recount(self, facts: FactTable, period: Period, starts: Sequence[int]) -> Recounted:
        """Counts periods anew. Those that are asked for while another recount runs are counted together after it."""
        key = facts.name, period
        if key not in self._recounts:
            together: set[int] = set()
            task = asyncio.create_task(self._count(facts, period, together))
            task.add_done_callback(_seen)
            self._recounts[key] = (together, task)
        together, task = self._recounts[key]
        together.update(starts)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Waits for what is under way and closes the connection."""
        inserts = [task for _, task in self._inserts.values()]
        recounts = [task for _, task in self._recounts.values()]
        await asyncio.gather(*inserts, *recounts, return_exceptions=True)
        self._inserting.close()
        self._counting.close()

    async def _store(self, facts: FactTable, insert: _Insert) -> None:
        wait = self._inserted.get(facts.name, 0.0) + self._settings.batch_wait / 1_000 - perf_counter()
        if wait > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(insert.full.wait(), wait)
        async with self._storing:
            del self._inserts[facts.name]  # from here on, rows go into the next insert
            self._inserted[facts.name] = perf_counter()
            await self._inserting.run(Connection.insert, statement(f"insert_{facts.name}"), insert.columns)

    async def _count(self, facts: FactTable, period: Period, together: set[int]) -> Recounted:
        async with self._recounting:
            del self._recounts[facts.name, period]
            done: Recounted = await self._counting.run(recount, facts, period, together)
            return done


def recount(
    connection: Connection, facts: FactTable, period: Period, starts: Iterable[int], *, emptied: bool = False
) -> Recounted:
    """Counts periods anew: minutes from the facts, with those in which their signals or decisions stood before; hours
    from the minutes and days from the hours.

    The order makes it right whatever others do meanwhile: what is counted is in, then the version is taken, then it is
    read. So the highest version of a period has seen everything older. Groups that this version does not have any more
    are cleared after it is written, by each writer, so that the last one clears for all.

    Args:
        connection: to the warehouse.
        facts: whose figures.
        period: minutes, hours or days.
        starts: which, in seconds since 1970 UTC.
        emptied: they may have lost all their facts (those of facts that move may always).

    Raises: Retry, Fatal."""
    started = perf_counter()
    counted: set[int] = set()
    take_version = statement("version", facts=facts.name, period=period.name)
    steps = _steps(facts, period, emptied=emptied)
    for part in _parts(starts):
        touched: Iterable[int] = part
        if facts.moves and period is MINUTE:
            found = connection.query(statement(f"touched_{facts.name}"), {"starts": _listed(part)})
            touched = {*part, *(row[0] for row in found.rows)}
        for some in _parts(touched):
            asked = {"starts": _listed(some)}
            version = connection.query(take_version, asked).rows[0][0]
            for step in steps:
                connection.query(step, {**asked, "version": version})
        counted.update(touched)
    return Recounted(perf_counter() - started, frozenset(counted))


def _steps(facts: FactTable, period: Period, *, emptied: bool) -> Sequence[str]:
    words = {"facts": facts.name, "period": period.name}
    if period.part is None:
        count = statement(f"recount_{facts.name}")
    else:
        count = statement(f"merge_{facts.name}", period=period.name, part=period.part.name)
    mark = (statement("mark", **words),) if emptied or facts.moves else ()
    beside = facts.beside_days if period is DAY else ()
    more = [statement(f"{step}_day_{name}") for name in beside for step in ("merge", "clear")]
    return (count, *mark, statement(f"clear_{facts.name}", period=period.name), *more)


def _parts(starts: Iterable[int]) -> Iterable[list[int]]:
    wanted = sorted(set(starts))
    return [wanted[at : at + STARTS_AT_ONCE] for at in range(0, len(wanted), STARTS_AT_ONCE)]


def _listed(starts: Iterable[int]) -> str:
    """One text is read faster than a list of thousands of literals."""
    return ",".join(map(str, starts))


def _seen(task: asyncio.Task[Any]) -> None:
    """The error of a task whose callers were all cancelled is nobody's any more."""
    if not task.cancelled():
        task.exception()
