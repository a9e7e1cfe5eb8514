"""The alert budget of an owner: so many notices a day, the most urgent first, without knowing what is still to come.

A place is given away when more are left than will be needed for what is more urgent, going by the days before. So an
owner with few places has them when something serious happens in the afternoon, and all are used on a quiet day.
"""

from datetime import datetime, timedelta, tzinfo
from typing import Final

from touchline.pipeline.desk.state import Owner
from touchline.pipeline.engine.clock import to_ms
from touchline.schemas.vocabulary import Severity

_MEMORY: Final = 7
"""How many days before today are remembered."""

_STEP: Final = 10
_SEVERITIES: Final = list(Severity)


def bucket_of(severity: Severity, priority: int) -> int:
    """How urgent: by severity, then by priority in tens (0 to 99)."""
    return _SEVERITIES.index(severity) * _STEP + min(max(priority, 0) // _STEP, _STEP - 1)


def severity_of(bucket: int) -> Severity:
    """The severity of that urgency."""
    return _SEVERITIES[bucket // _STEP]


def begin_day(owner: Owner, now: int, zone: tzinfo) -> None:
    """Gives an owner the places of a new day, where it is one."""
    today = datetime.fromtimestamp(now / 1_000, zone).toordinal()
    if today > owner.day:
        owner.day, owner.used = today, 0
        owner.heard = {day: heard for day, heard in owner.heard.items() if day >= today - _MEMORY}


def enter(owner: Owner, bucket: int, now: int, zone: tzinfo) -> float:
    """Counts a signal. Returns the share of the day that is left."""
    begin_day(owner, now, zone)
    heard = owner.heard.setdefault(owner.day, {})
    heard[bucket] = heard.get(bucket, 0) + 1
    midnight = datetime.fromtimestamp(now / 1_000, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    begin, end = to_ms(midnight), to_ms(midnight + timedelta(days=1))
    return min(max((end - now) / (end - begin), 0.0), 1.0)


def has_place(owner: Owner, bucket: int, left: float, budget: int) -> bool:
    """Whether a signal of that urgency is told at once. `left`: the share of the day that is left."""
    return severity_of(bucket) is Severity.CRITICAL or budget - owner.used > _expected(owner, bucket) * left


def _expected(owner: Owner, bucket: int) -> float:
    """How many signals a day are more urgent than that, on the days before."""
    before = [day for day in owner.heard if day < owner.day]
    if not before:
        return 0.0
    more = sum(n for day in before for urgency, n in owner.heard[day].items() if urgency > bucket)
    return more / (owner.day - min(before))
