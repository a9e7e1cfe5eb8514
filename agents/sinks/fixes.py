"""Changes that are meant to mend causes: recorded in the warehouse, with what became of the friction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks.upkeep import connected
from touchline.pipeline.engine.processor import Fatal
from touchline.pipeline.measures.effect import Day, Effect, effect
from touchline.pipeline.warehouse.sqlfiles import statement

MAX_WEEKS: Final = 8
"""So far around a change the view `fix_days` reaches."""


class NoSuchFix(Fatal):
    """There is no change with that id, or several begin so."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A change. `cause`: the group of an incident, empty for all friction of `rule`."""

    fix_id: str
    rule: str
    cause: str
    owner: str
    what: str
    at: datetime


def record(settings: WarehouseSettings, rule: str, cause: str, owner: str, what: str, at: datetime) -> Fix:
    """Records a change; the same one twice is one. Raises: Fatal, Retry."""
    told = "\0".join((rule, cause, owner, what, at.astimezone(UTC).isoformat()))
    fix = Fix(sha256(told.encode()).hexdigest()[:12], rule, cause, owner, what, at)
    _write(settings, fix, withdrawn=False)
    return fix


def withdraw(settings: WarehouseSettings, fix_id: str) -> Fix:
    """Takes a record back; `fix_id` may be cut where it is plain. Raises: NoSuchFix, Fatal, Retry."""
    found = [fix for fix in fixes(settings) if fix.fix_id.startswith(fix_id)]
    if len(found) != 1:
        how = "no change" if not found else f"{len(found)} changes"
        raise NoSuchFix(f'{how} with an id that begins with "{fix_id}": `touchline fixes list` shows them')
    _write(settings, found[0], withdrawn=True)
    return found[0]


def fixes(settings: WarehouseSettings) -> list[Fix]:
    """All changes, the latest first. Raises: Fatal, Retry."""
    with connected(settings) as connection:
        return [Fix(*row) for row in connection.query(statement("fixes")).rows]


def effects(settings: WarehouseSettings, weeks: int) -> list[tuple[Fix, Effect]]:
    """What became of the friction after each change, the latest first. Raises: Fatal, Retry."""
    with connected(settings) as connection:
        known = [Fix(*row) for row in connection.query(statement("fixes")).rows]
        days: dict[str, list[Day]] = {fix.fix_id: [] for fix in known}
        for fix_id, day, signals, touchpoints in connection.query(statement("fix_days")).rows:
            days.setdefault(fix_id, []).append(Day(day, signals, touchpoints))
    return [(fix, effect(days[fix.fix_id], weeks)) for fix in known]


def rules_seen(settings: WarehouseSettings) -> Sequence[str]:
    """The rules that have raised a signal, in order. Raises: Fatal, Retry."""
    with connected(settings) as connection:
        return [row[0] for row in connection.query(statement("rules_seen")).rows]


def _write(settings: WarehouseSettings, fix: Fix, *, withdrawn: bool) -> None:
    row = (fix.fix_id, fix.rule, fix.cause, fix.owner, fix.what, fix.at, withdrawn)
    with connected(settings) as connection:
        connection.insert_rows(statement("insert_fixes"), [row])
