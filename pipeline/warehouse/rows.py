"""Facts as columns: for each table, how every column follows from the contract.

A column is a function of a whole batch, so that a batch costs one pass per column and no object per row. Times are
milliseconds since 1970 UTC. A row is a function of its record alone: a replay writes the same row.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from touchline.pipeline.engine.clock import MINUTE, SECOND, to_ms
from touchline.pipeline.warehouse.scalars import as_text, public_attributes
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.types import Scalar
from touchline.schemas.vocabulary import Scope

Values = list[Any]
"""The values of one column."""

Column = Callable[[Sequence[Any]], Values]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LATEST: Final = to_ms(datetime(2106, 1, 1, tzinfo=UTC)) - 1
"""A DateTime holds seconds from 1970 up to February 2106."""

_INT32: Final = 2**31 - 1


def storable(time: datetime) -> int:
    """A time as the warehouse holds it: milliseconds since 1970 UTC, the nearest that fits."""
    return min(max(to_ms(time), 0), _LATEST)


def minutes_of(times: Iterable[int]) -> set[int]:
    """The minutes, in seconds since 1970 UTC, of times in milliseconds."""
    return {ms // MINUTE * (MINUTE // SECOND) for ms in times}


def _same(name: str) -> Column:
    get = attrgetter(name)
    return lambda rows: list(map(get, rows))


def _time(name: str) -> Column:
    get = attrgetter(name)
    return lambda rows: [
        ms if 0 <= (ms := (time - _EPOCH) // _MILLISECOND) <= _LATEST else storable(time) for time in map(get, rows)
    ]


def _optional_time(name: str) -> Column:
    get = attrgetter(name)
    return lambda rows: [None if (time := get(row)) is None else storable(time) for row in rows]


def _or_empty(name: str) -> Column:
    get = attrgetter(name)
    return lambda rows: [get(row) or "" for row in rows]


def _score(name: str, absent: object) -> Column:
    get = attrgetter(name)
    return lambda rows: [absent if row.score is None else get(row.score) for row in rows]


def _attributes(rows: Sequence[EnrichedTouchpoint]) -> Values:
    return [public_attributes(row.kind, row.attributes) if row.attributes else {} for row in rows]


def _numbers(signal: Signal) -> Mapping[str, Scalar]:
    """What a signal tells beside its words; of an incident also that it is one, for its customer is none."""
    if signal.scope is Scope.CUSTOMER:
        return signal.values
    return {**signal.values, "scope": signal.scope.value}


def _many(*names: str) -> dict[str, Column]:
    return {name: _same(name) for name in names}


TOUCHPOINTS: Final[Mapping[str, Column]] = {
    "occurred_at": _time("occurred_at"),
    **_many("source", "event_id", "customer", "kind", "channel", "stage", "party", "actor", "subjects"),
    **_many("text", "sentiment"),
    "score_scale": _score("scale", ""),
    "score": _score("value", None),
    "score_upper": _score("upper", None),
    "score_low_is_good": _score("low_is_good", False),
    **_many("wait_seconds", "duration_seconds"),
    "attributes": _attributes,
    "received_at": _time("received_at"),
    **_many("late_seconds", "raw_partition", "raw_offset"),
}

SIGNALS: Final[Mapping[str, Column]] = {
    **_many("signal_id", "revision", "status", "rule", "rule_version", "polarity", "severity", "owner", "control"),
    **_many("stage", "party"),
    "channel": _or_empty("channel"),
    "customer": _same("customer"),
    "counted_by": _same("group"),
    "at": _time("at"),
    "raised_at": _time("raised_at"),
    **_many("evidence", "action", "events"),
    "values": lambda rows: [as_text(_numbers(row)) for row in rows],
    **_many("subjects", "profile_revision", "provisional", "ruleset", "causes"),
}

DECISIONS: Final[Mapping[str, Column]] = {
    **_many("decision_id", "revision", "signal_id", "signal_revision", "rule", "severity", "owner", "control"),
    "customer": _same("customer"),
    "counted_by": _same("group"),
    **_many("outcome", "reason", "observed", "purpose"),
    "channel": _or_empty("channel"),
    "explanation": _same("explanation"),
    "signal_at": _time("signal_at"),
    "at": _time("at"),
    "release_at": _optional_time("release_at"),
    **_many("profile_revision", "route", "target", "policy", "template", "observed_by", "experiment", "arm"),
    **_many("priority", "linked"),
}

DELIVERIES: Final[Mapping[str, Column]] = {
    **_many("delivery_id", "revision", "decision_id", "signal_id", "rule", "customer"),
    "channel": _or_empty("channel"),
    **_many("adapter", "status", "attempts"),
    "at": _time("at"),
    "error": _or_empty("error"),
    "next_try_at": _optional_time("next_try_at"),
    **_many("what", "target"),
}

TASKS: Final[Mapping[str, Column]] = {
    **_many("task_id", "revision", "queue"),
    "person": _or_empty("person"),
    **_many("status", "customer", "decision_id"),
    "signal_id": _same("signal.signal_id"),
    "rule": _same("signal.rule"),
    "severity": _same("signal.severity"),
    "priority": lambda rows: [min(max(row.priority, -_INT32), _INT32) for row in rows],
    "late": _same("late"),
    "opened_at": _time("opened_at"),
    "at": _time("at"),
    "due_at": _time("due_at"),
    "language": _or_empty("language"),
    "why": _same("why"),
    "outcome": _or_empty("outcome"),
    "escalated_to": _same("escalated_to"),
}

NOTICES: Final[Mapping[str, Column]] = {
    **_many("notice_id", "target", "digest", "means", "observed"),
    "signal_ids": lambda rows: [[item.signal_id for item in row.items] for row in rows],
    "rules": lambda rows: [[item.rule for item in row.items] for row in rows],
    "severities": lambda rows: [[item.severity for item in row.items] for row in rows],
    "told": _same("count"),
    "cut": _same("cut"),
    "at": _time("at"),
}
