"""What an owner is told: a department or a partner, of the signals that are theirs to mend."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.outreach import Message
from touchline.schemas.types import ID, Name, Time
from touchline.schemas.vocabulary import Severity, SignalStatus

MAX_ITEMS = 50
"""How many signals a notice tells at the most; `count` has the whole number."""

_CONFIG = ConfigDict(extra="forbid")


class Means(StrEnum):
    """How a notice goes: by e-mail, to a webhook, or only onto the topic, from where the owner's system takes it."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    QUEUE = "queue"


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class NoticeItem:
    """One signal as an owner is told of it. To a partner `customer` is empty: they know their own orders."""

    signal_id: ID
    status: SignalStatus
    rule: Name
    severity: Severity
    customer: str
    group: str
    at: Time
    evidence: str
    action: str


@dataclass(slots=True, kw_only=True, config=_CONFIG)
class Notice:
    """One notice to an owner, on `outreach.notices`, keyed by `target` (`owner:logistics`, `party:dhl`).

    `notice_id` follows from the target and what is told, so that a replay gives the same one. `digest`: many at once.
    `count`: how many signals it is about; `cut`: how many more the owner's alert budget left out, the less urgent ones.
    `message` is rendered; its `to` is an e-mail address, or the name of the webhook in the settings, or empty.
    `send_before`: later it is not sent any more.
    """

    notice_id: ID
    target: Annotated[str, Field(pattern=r"^(owner|party):[^\x00-\x1f\x7f]{1,64}$")]
    digest: bool
    means: Means
    message: Message
    items: Annotated[tuple[NoticeItem, ...], Field(max_length=MAX_ITEMS)]
    count: Annotated[int, Field(ge=0)]
    cut: Annotated[int, Field(ge=0)] = 0
    observed: bool = False
    at: Time
    send_before: Time | None = None
