"""Nested attributes to flat ones."""

from typing import Any

from touchline.pipeline.intake.errors import InvalidEvent
from touchline.schemas.rejection import RejectCode


def flatten(attributes: dict[str, Any]) -> dict[str, Any]:
    """`{"a": {"b": [1, 2]}}` to `{"a.b.0": 1, "a.b.1": 2}`; empty objects and arrays leave nothing.

    Raises: InvalidEvent when two ways lead to one name."""
    flat: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [(name, value) for name, value in reversed(attributes.items())]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend((f"{name}.{key}", below) for key, below in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend((f"{name}.{index}", value[index]) for index in reversed(range(len(value))))
        elif name in flat:
            raise InvalidEvent(RejectCode.BAD_VALUE, "attributes", "two nested attributes flatten to one name")
        else:
            flat[name] = value
    return flat
