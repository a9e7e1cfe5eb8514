"""The fields of a touchpoint as rules name them.

A name that is none of these is an attribute of the event, or else a type of its subjects (`order` is `123` for the
subject `order:123`).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Actor, Channel, ScoreScale, Stage

Value = str | int | float | bool | None


class FieldType(StrEnum):
    """What a field holds."""

    TEXT = "text"
    NUMBER = "a number"


TYPES: Final[dict[str, FieldType]] = {
    "kind": FieldType.TEXT,
    "channel": FieldType.TEXT,
    "stage": FieldType.TEXT,
    "actor": FieldType.TEXT,
    "party": FieldType.TEXT,
    "source": FieldType.TEXT,
    "text": FieldType.TEXT,
    "score_scale": FieldType.TEXT,
    "score": FieldType.NUMBER,
    "sentiment": FieldType.NUMBER,
    "wait_seconds": FieldType.NUMBER,
    "duration_seconds": FieldType.NUMBER,
    "occurred_at": FieldType.TEXT,
}
"""The fields that every touchpoint may have; an attribute may have any type."""

WORDS: Final[dict[str, frozenset[str]]] = {
    "channel": frozenset(Channel),
    "stage": frozenset(Stage),
    "actor": frozenset(Actor),
    "score_scale": frozenset(ScoreScale),
}
"""Fields that hold one of a few words."""

PRIVATE: Final = frozenset({"text", "email", "phone", "name", "address"})
"""What never leaves with a signal: words of the customer, and who they are."""

SOURCE: Final[dict[str, str]] = {
    "score": "(e.score.value if e.score is not None else None)",
    "score_scale": "(e.score.scale if e.score is not None else None)",
    "occurred_at": "e.occurred_at.isoformat()",
    **{name: f"e.{name}" for name in TYPES if name not in {"score", "score_scale", "occurred_at"}},
}
"""How generated code reads a field of the event `e`."""


def subject(subjects: Sequence[str], kind: str) -> str | None:
    """The id of the first subject of a type, None when the event has none."""
    for item in subjects:
        head, _, rest = item.partition(":")
        if head == kind:
            return rest
    return None


def read(event: EnrichedTouchpoint, name: str) -> Value:
    """The value of a field, None when the event has none. Words are plain strings."""
    if name in {"score", "score_scale"}:
        score = event.score
        return None if score is None else score.value if name == "score" else score.scale.value
    if name == "occurred_at":
        return event.occurred_at.isoformat()
    if name in TYPES:
        value: StrEnum | Value = getattr(event, name)
        return value.value if isinstance(value, StrEnum) else value
    found = event.attributes.get(name)
    return subject(event.subjects, name) if found is None and event.subjects else found
