"""One customer's touchpoints, from files of history or from the warehouse."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from touchline.agents.settings import Settings, WarehouseSettings
from touchline.agents.sinks.upkeep import connected
from touchline.backtest.run import history_run, work_off
from touchline.backtest.sources import OnProgress, Source
from touchline.pipeline.engine.clock import DAY, SECOND, from_ms, to_ms
from touchline.pipeline.friction.rules import RuleSet
from touchline.pipeline.warehouse.history import touchpoint_of
from touchline.pipeline.warehouse.sqlfiles import statement
from touchline.schemas.touchpoint import EnrichedTouchpoint

LOOK_BACK = 180 * DAY
"""How far before a moment the warehouse is read: no rule remembers for longer than its windows, and few are so long."""


class Whose(NamedTuple):
    """A signal: its customer and its rule; the hash of the rules that told it; when the friction became true, in
    milliseconds."""

    customer: str
    rule: str
    ruleset: str
    at: int


class Journey(NamedTuple):
    """A customer's touchpoints in the order of arrival, and how far history goes (milliseconds; None: nothing)."""

    events: Sequence[EnrichedTouchpoint]
    until: int | None


@dataclass(frozen=True, slots=True)
class FileHistory:
    """History that can be read again and again. `open_` begins it anew."""

    settings: Settings
    rules: RuleSet
    open_: Callable[[], Source]
    on_progress: OnProgress

    def whose(self, signal: str) -> Whose | None:
        """Finds a signal by running the rules over all of it.

        Raises: HistoryError, ImportFailed, FileError."""
        run = history_run(self.settings, [self.rules], lambda _event, _at: None)
        work_off(self.open_(), run, self.on_progress)
        found = run.trials[0].signals.get(signal)
        if found is None:
            return None
        return Whose(found.customer, found.rule, self.rules.hash, found.at)

    def journey(self, customer: str, until: int | None, around: int | None = None) -> Journey:
        """The customer's touchpoints, all of them: what came after `until` is left out by the trace.

        Raises: HistoryError, ImportFailed, FileError."""
        events: list[EnrichedTouchpoint] = []

        def look(event: EnrichedTouchpoint, _at: int) -> None:
            if event.customer == customer:
                events.append(event)

        run = history_run(self.settings, [], look)
        work_off(self.open_(), run, self.on_progress)
        return Journey(events, run.until)

    def elsewhere(self, customer: str) -> str:
        """Where else there is something of the customer: nowhere, as all of the files is looked at."""
        return ""


@dataclass(frozen=True, slots=True)
class WarehouseHistory:
    """The facts of the environment, as the user of the settings may read them."""

    settings: WarehouseSettings
    now: datetime

    def whose(self, signal: str) -> Whose | None:
        """Looks a signal up.

        Raises: Retry, Fatal."""
        with connected(self.settings, plain=True) as connection:
            rows = connection.query(statement("signal_place"), {"signal": signal}).rows
        if not rows:
            return None
        return Whose(*rows[0])

    def journey(self, customer: str, until: int | None, around: int | None = None) -> Journey:
        """The customer's touchpoints up to `until` (None: now), from the LOOK_BACK before `around` on (None: before
        the end).

        Raises: Retry, Fatal."""
        last = until if until is not None else to_ms(self.now)
        begin = (last if around is None else around) - LOOK_BACK
        asked = {"customer": customer, "first": max(begin, 0) // SECOND, "last": last // SECOND}
        with connected(self.settings, plain=True) as connection:
            rows = connection.query(statement("history_customer"), asked).rows
        events = [touchpoint_of(row) for row in rows]
        for number, event in enumerate(events):
            event.raw_offset = number
        return Journey(events, last)

    def elsewhere(self, customer: str) -> str:
        """Where else there is something of the customer, for whoever looked at a time when there is nothing.

        Raises: Retry, Fatal."""
        with connected(self.settings, plain=True) as connection:
            rows = connection.query(statement("history_newest"), {"customer": customer}).rows
        if not rows:
            return ""
        newest = from_ms(rows[0][0])
        found = f" of {LOOK_BACK // DAY} days; the newest is of {newest:%Y-%m-%d}"
        return f"{found}: --at {newest + timedelta(days=1):%Y-%m-%d} looks there"


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)
