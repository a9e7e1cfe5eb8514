"""A touchpoint as it goes on the wire, read back with the very code that `enrich` reads it with."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from pydantic import TypeAdapter

from touchline.client.errors import InvalidTouchpoint
from touchline.pipeline.intake.errors import InvalidEvent
from touchline.pipeline.intake.formats import Intake
from touchline.schemas.touchpoint import Touchpoint
from touchline.schemas.types import MAX_EVENT_BYTES

_ADAPTER: Final = TypeAdapter(Touchpoint)
_PARSE: Final = Intake().parse

Fields = Mapping[str, Any]
"""The fields of a touchpoint by name, as they stand in its JSON."""


def to_wire(touchpoint: Touchpoint | Fields) -> tuple[bytes, Touchpoint]:
    """The JSON of a touchpoint, and what a reader gets of it; of a Touchpoint, what equals its default is left out.

    Raises: InvalidTouchpoint."""
    if isinstance(touchpoint, Touchpoint):
        value = _ADAPTER.dump_json(touchpoint, exclude_defaults=True, warnings="none")
    else:
        try:
            value = msgspec.json.encode(touchpoint)
        except (TypeError, ValueError) as error:
            raise InvalidTouchpoint("", f"can't be written as JSON: {error}") from None
    return value, from_wire(value)


def from_wire(value: bytes) -> Touchpoint:
    """Reads the JSON of a touchpoint.

    Raises: InvalidTouchpoint."""
    if len(value) > MAX_EVENT_BYTES:
        raise InvalidTouchpoint("", f"is {len(value)} bytes long; {MAX_EVENT_BYTES} are allowed")
    try:
        return _PARSE(value)
    except InvalidEvent as error:
        raise InvalidTouchpoint(error.field, error.message) from None
