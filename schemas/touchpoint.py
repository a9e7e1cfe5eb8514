"""A touchpoint: one interaction between a customer and the brand or one of its partners."""

from dataclasses import field
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from touchline.schemas.types import ID, Attributes, Kind, Name, Number, Seconds, Subject, Text, Time
from touchline.schemas.vocabulary import Actor, Channel, ScoreScale, Stage

_CONFIG = ConfigDict(extra="forbid")
_RANGES = {ScoreScale.CSAT: (1, 5), ScoreScale.NPS: (0, 10)}


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class Score:
    """A survey score on its scale: csat 1 to 5, nps 0 to 10, ces raw with its upper end and direction."""

    scale: ScoreScale
    value: Number
    upper: Number | None = None
    low_is_good: bool = False

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        low, high = _RANGES.get(self.scale, (None, self.upper))
        if (low is not None and self.value < low) or (high is not None and self.value > high):
            raise ValueError(f"a {self.scale} score lies between {low} and {high}, not {self.value:g}")
        return self


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class Trace:
    """W3C trace context, handed on as it came."""

    traceparent: Annotated[str, Field(max_length=128)]
    tracestate: Annotated[str, Field(max_length=512)] | None = None


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class TouchpointBase:
    """What a touchpoint says whoever holds it."""

    event_id: ID
    source: ID
    occurred_at: Time
    kind: Kind
    identifiers: Annotated[dict[Name, ID], Field(max_length=8)] = field(default_factory=dict)
    subjects: Annotated[tuple[Subject, ...], Field(max_length=8)] = ()
    text: Text | None = None
    score: Score | None = None
    wait_seconds: Seconds | None = None
    duration_seconds: Seconds | None = None
    attributes: Attributes = field(default_factory=dict)
    trace: Trace | None = None


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class Touchpoint(TouchpointBase):
    """What a publisher sends. `event_id` is unique within `source`: a repeat of both is a duplicate.

    `channel`, `stage`, `party` and `actor` default from the catalogue of kinds.
    """

    customer_id: ID | None = None
    channel: Channel | None = None
    stage: Stage | None = None
    party: Name | None = None
    actor: Actor | None = None

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.customer_id is None and not self.identifiers:
            raise ValueError("customer_id or one of identifiers (email, phone, device, cookie, account …) is needed")
        return self


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class EnrichedTouchpoint(TouchpointBase):
    """A touchpoint as `enrich` hands it on: identified, placed and read.

    `customer` is the key of the topic. `sentiment` lies between -1 and 1. `raw_partition` and `raw_offset` say where
    it stood in `touchpoints.raw`; with `occurred_at` they order touchpoints. `received_at` is the broker's time.
    `late_seconds`: how far it lay behind the greatest time of its raw partition when it came, 0 for the greatest.
    """

    customer: ID
    channel: Channel
    stage: Stage
    party: Name
    actor: Actor
    received_at: Time
    raw_partition: int
    raw_offset: int
    late_seconds: float = 0.0
    sentiment: float | None = None
