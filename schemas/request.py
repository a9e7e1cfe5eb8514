"""What outreach asks of people: of a queue a task about a customer, of an owner that they learn of a signal."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.outreach import Decision
from touchline.schemas.signal import Signal
from touchline.schemas.types import ID, Duration, Name, Text, Time
from touchline.schemas.vocabulary import Channel, Polarity

MAX_JOURNEY = 10
"""How many lines of the journey a request tells at the most, the newest last."""


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Skill:
    """What somebody must know to take a task: a language (`de`), topics and products, and how senior they are."""

    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = None
    topics: Annotated[tuple[Name, ...], Field(max_length=8)] = ()
    products: Annotated[tuple[Name, ...], Field(max_length=8)] = ()
    seniority: Annotated[int, Field(ge=0, le=9)] = 0


@dataclass(slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Request:
    """A request or its end, on `outreach.requests`, keyed by `target`.

    `request_id` = uuid5 of the decision id. It has at most two revisions: what is asked for, which never changes, and
    the same `cancelled`, which counts from then on. `target` is `queue:<name>` for a task, and
    `owner:<name>` or `party:<name>` for a notice. `signal` is the signal as it was when it was decided, and with
    `cancelled` as it ended. `due_at`: when it must be answered. `suggestion`: a reply to start from. `journey`: what
    happened, in lines, without personal data. `language` is the customer's. A task that nobody has taken
    `escalate_after` (milliseconds) after `at`, or has finished when it is due, goes on to `escalate_to`; without one it
    is offered to others.
    """

    request_id: ID
    revision: int
    target: Annotated[str, Field(pattern=r"^(queue|owner|party):[^\x00-\x1f\x7f]{1,64}$")]
    decision: Decision
    signal: Signal
    polarity: Polarity
    priority: int
    at: Time
    due_at: Time | None = None
    skill: Skill = Skill()
    language: str | None = None
    channel: Channel | None = None
    suggestion: Text = ""
    journey: Annotated[tuple[str, ...], Field(max_length=MAX_JOURNEY)] = ()
    cancelled: bool = False
    escalate_after: Duration | None = None
    escalate_to: Annotated[str, Field(pattern=r"^((queue|owner|party):[^\x00-\x1f\x7f]{1,64})?$")] = ""
