"""What is known of a customer, from profile and consent events."""

from dataclasses import field
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.types import ID, Name, Number, Time
from touchline.schemas.vocabulary import Channel


@dataclass(slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Profile:
    """A customer's profile, on the compacted topic `customers`, written by `journey` alone.

    `revision` rises by one with each change. `consent` maps a purpose (`marketing`) or a purpose and channel
    (`marketing/email`) to given or withdrawn; the narrower one decides. `addresses` maps a channel to where it reaches
    them. `zone` is an IANA time zone. `value` is what the relationship is worth, in the shop's currency. `responded` is
    the channel on which they last answered a message of ours, `worked` the one where a matter of a stage was resolved.
    `updated_at` is when the newest of this happened; while the customer is `erased`, when they were.
    """

    customer: ID
    revision: int = 0
    updated_at: Time
    consent: dict[Name | str, bool] = field(default_factory=dict)
    addresses: Annotated[dict[Name, str], Field(max_length=8)] = field(default_factory=dict)
    preferred: Channel | None = None
    locale: str | None = None
    zone: str | None = None
    country: str | None = None
    value: Number | None = None
    erased: bool = False
    responded: Channel | None = None
    worked: Annotated[dict[Name, Channel], Field(max_length=9)] = field(default_factory=dict)
