"""What was decided about a signal, and what became of the message."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.types import ID, Name, Text, Time
from touchline.schemas.vocabulary import (
    Arm,
    Carried,
    Channel,
    Control,
    DeliveryStatus,
    Outcome,
    Purpose,
    Reason,
    Route,
    Severity,
)

_CONFIG = ConfigDict(extra="forbid")


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class Message:
    """What the customer reads. `to` is the address on the channel: an e-mail address, a phone number, a URL.

    `text` is always there; `html` is the same for clients that show it. `unsubscribe` is where one click ends such
    messages (RFC 8058). `locale` is the language that was chosen.
    """

    to: Annotated[str, Field(max_length=2_048)]
    subject: Annotated[str, Field(max_length=256)]
    text: Text
    html: Annotated[str, Field(max_length=65_536)] | None = None
    unsubscribe: Annotated[str, Field(max_length=2_048)] | None = None
    locale: str | None = None


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class Decision:
    """What outreach made of a signal: one per signal, with one reason.

    `decision_id` = uuid5 of the signal id. A held decision is revised once when it is released or cancelled: the
    highest `revision` is in force. `observed`: observe mode, so nothing is delivered whatever the outcome says.
    `at` is the event time of the decision; `release_at` is set while it is held. A message that was not sent before
    `send_before` (the next quiet hours, or the end of the signal's age) is not sent any more.

    `policy` is the id of the policy that decided, `route` whom it turns to, and `target` the queue or the owner where
    that is not the customer. `observed_by` says why nothing is delivered where `observed` is true: `mode`, `stop`,
    `allow_list` or `ramp`. `arm` is the side of `experiment` that the customer is on. `linked` are the other open
    signals that the same message stands for.
    """

    decision_id: ID
    revision: int
    signal_id: ID
    signal_revision: int
    rule: Name
    severity: Severity
    owner: Name
    control: Control
    customer: ID
    group: str
    outcome: Outcome
    reason: Reason
    observed: bool
    purpose: Purpose
    channel: Channel | None
    message: Message | None
    explanation: str
    signal_at: Time
    at: Time
    release_at: Time | None = None
    send_before: Time | None = None
    profile_revision: int = 0
    policy: str = ""
    route: Route = Route.CUSTOMER
    target: str = ""
    template: str = ""
    observed_by: str = ""
    experiment: str = ""
    arm: Arm = Arm.NONE
    priority: int = 0
    linked: Annotated[tuple[ID, ...], Field(max_length=20)] = ()


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class Delivery:
    """One state of a delivery. `delivery_id` = uuid5 of the decision id and its revision; the highest revision counts.

    `adapter` is what carried it: its name in the settings, `outbox` or `observe`. `error` says what went wrong, never
    the address. `next_try_at` is set while a retry waits.

    `what` is carried: of a notice `target` and `customer` are the owner (`owner:logistics`), `decision_id` is the
    notice's id and `rule` is `notice`, unless all of it is about one rule; of care `decision_id` is that of the change
    and `rule` is `care`, unless a cause is known. `signal_id` is then the first signal that is told of, or the same id.
    """

    delivery_id: ID
    revision: int
    decision_id: ID
    signal_id: ID
    rule: Name
    customer: ID
    channel: Channel
    adapter: Name
    status: DeliveryStatus
    attempts: int
    at: Time
    error: str | None = None
    next_try_at: Time | None = None
    target: str = ""
    what: Carried = Carried.MESSAGE
