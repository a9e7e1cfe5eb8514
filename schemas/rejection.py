"""Dead letters: what was refused, and why."""

from enum import StrEnum

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from touchline.schemas.types import Time


class RejectCode(StrEnum):
    """Why a raw record was refused. Part of the published contract: add, never rename."""

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    BAD_CLOUDEVENT = "bad_cloudevent"
    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    BAD_VALUE = "bad_value"
    BAD_TIME = "bad_time"
    FUTURE_TIME = "future_time"
    NO_CUSTOMER = "no_customer"
    BAD_CONTROL = "bad_control"
    POISON = "poison"


@dataclass(slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Rejection:
    """Why a record was refused and where it came from. On the wire these are headers (`touchline.schemas.wire`);
    key, value and headers of the record are the original bytes."""

    code: RejectCode
    field: str
    message: str
    topic: str
    partition: int
    offset: int
    at: Time
