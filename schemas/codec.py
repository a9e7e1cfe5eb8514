"""Reading and writing contracts between our own processes.

msgspec does not validate bounds: only bytes that we wrote may be read here. What others wrote goes through pydantic.
"""

from collections.abc import Callable, Collection
from dataclasses import MISSING, fields
from typing import Any, Final, TypeVar, get_type_hints

import msgspec

from touchline.schemas.candidate import Candidate
from touchline.schemas.context import CustomerContext
from touchline.schemas.control import Tick
from touchline.schemas.customer import Profile
from touchline.schemas.incident import Incident
from touchline.schemas.notice import Notice
from touchline.schemas.outreach import Decision, Delivery
from touchline.schemas.request import Request
from touchline.schemas.signal import Signal
from touchline.schemas.task import Task
from touchline.schemas.touchpoint import EnrichedTouchpoint

T = TypeVar("T")

encode: Final = msgspec.json.Encoder().encode
"""Any contract to JSON bytes."""

decode_touchpoint: Final = msgspec.json.Decoder(EnrichedTouchpoint).decode
decode_signal: Final = msgspec.json.Decoder(Signal).decode
decode_candidate: Final = msgspec.json.Decoder(Candidate).decode
decode_incident: Final = msgspec.json.Decoder(Incident).decode
decode_profile: Final = msgspec.json.Decoder(Profile).decode
decode_context: Final = msgspec.json.Decoder(CustomerContext).decode
decode_decision: Final = msgspec.json.Decoder(Decision).decode
decode_delivery: Final = msgspec.json.Decoder(Delivery).decode
decode_notice: Final = msgspec.json.Decoder(Notice).decode
decode_request: Final = msgspec.json.Decoder(Request).decode
decode_task: Final = msgspec.json.Decoder(Task).decode
decode_tick: Final = msgspec.json.Decoder(Tick).decode

DecodeError: Final = msgspec.DecodeError


def row_decoder(contract: Any, without: Collection[str] = ()) -> Callable[[bytes], Any]:
    """Reads a contract's fields into plain rows, for who needs nothing but the values: a third of the time that the
    contract's own decoder takes, and nothing that the garbage collector has to look at.

    Args:
        contract: a dataclass whose fields have plain values, or dataclasses of these.
        without: names of fields that are not read."""
    hints = get_type_hints(contract)
    return msgspec.json.Decoder(
        msgspec.defstruct(
            f"{contract.__name__}Row",
            [
                (field.name, hints[field.name], _default(field))
                for field in fields(contract)
                if field.name not in without
            ],
            kw_only=True,
            gc=False,
        )
    ).decode


def _default(field: Any) -> Any:
    if field.default_factory is not MISSING:
        return msgspec.field(default_factory=field.default_factory)
    return msgspec.NODEFAULT if field.default is MISSING else field.default


def trusted(contract: type[T], **parts: object) -> T:
    """A contract made of parts that are right because we made them: all of its fields by name, not looked at."""
    made = object.__new__(contract)
    for name, part in parts.items():
        setattr(made, name, part)
    return made
