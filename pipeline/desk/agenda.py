"""Keys of the agenda. What falls on the same millisecond is done in their order: events of staff, requests, timers."""

from typing import Final

STAFF: Final = "0"
REQUEST: Final = "1"
PERSON: Final = "2"
QUEUE: Final = "3"
TASK: Final = "4"
DIGEST: Final = "5"

_BETWEEN: Final = "\n"
"""Neither ids nor names hold a control character."""


def key(kind: str, *parts: str) -> str:
    """One entry."""
    return kind + _BETWEEN.join(parts)


def parts(entry: str) -> list[str]:
    """What an entry is about."""
    return entry[1:].split(_BETWEEN)
