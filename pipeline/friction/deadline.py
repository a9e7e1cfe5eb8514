"""Deadlines: a length of time after an event, or a time that the event tells and a length."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from touchline.pipeline.engine.clock import DAY, to_ms
from touchline.pipeline.friction.code import Unknown
from touchline.pipeline.friction.state import Item
from touchline.schemas.types import parse_duration
from touchline.schemas.yamlfile import did_you_mean

MAX_AHEAD: Final = 400 * DAY
"""A deadline further ahead than this is a mistake in the event, and unknown."""

_LENGTH: Final = r"\d+(?:\.\d+)?\s*(?:ms|s|m|h|d)(?:\s*\d+(?:\.\d+)?\s*(?:ms|s|m|h|d))*"
_FORM: Final = re.compile(
    rf"\s*(?:(?P<alone>{_LENGTH})|(?P<alias>[a-z][a-z0-9_]*)\.(?P<field>[A-Za-z_][A-Za-z0-9_]*)"
    rf"(?:\s*(?P<sign>[+-])\s*(?P<length>{_LENGTH}))?)\s*"
)


@dataclass(frozen=True, slots=True)
class Deadline:
    """`field` of the event (None: the time of the event itself) and `offset` in milliseconds."""

    rule: str
    field: str | None
    offset: int

    def of(self, item: Item, unknown: Unknown) -> int | None:
        """The deadline in milliseconds, never before the event; None when the event does not tell it."""
        if self.field is None:
            return item.at + self.offset
        told = read_time(item.facts.get(self.field))
        if told is None or told + self.offset > item.at + MAX_AHEAD:
            unknown(self.rule, self.field)
            return None
        return max(told + self.offset, item.at)


def read_time(value: object) -> int | None:
    """Milliseconds of an ISO 8601 time, a date being its midnight and a time without offset UTC; None for all else."""
    if not isinstance(value, str) or not 10 <= len(value) <= 40:
        return None
    try:
        time = datetime.fromisoformat(value)
        return to_ms(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def parse_deadline(text: str, rule: str, alias: str | None, mistake: Callable[[str], Exception]) -> Deadline:
    """Checks a deadline; `alias` is the name of the event that it may look at.

    Raises: what `mistake` makes of a message."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise mistake("is no deadline: write 48h, or s.promised_at + 24h with the name of the first event")
    if found["alone"]:
        return Deadline(rule, None, _length(found["alone"], mistake))
    if found["alias"] != alias:
        known = f'"after" is called "{alias}"' if alias else '"after" has no name: add as: s'
        message = f'no event is called "{found["alias"]}" here: {known}'
        raise mistake(message + did_you_mean(found["alias"], [alias] if alias else []))
    offset = _length(found["length"], mistake) if found["length"] else 0
    return Deadline(rule, found["field"], -offset if found["sign"] == "-" else offset)


def _length(text: str, mistake: Callable[[str], Exception]) -> int:
    try:
        value = parse_duration(text)
    except ValueError as error:
        raise mistake(str(error)) from None
    if not isinstance(value, int) or value > MAX_AHEAD:
        raise mistake(f'"{text}" is longer than 400 days, which is the most that a rule waits')
    return value
