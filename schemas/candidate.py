"""A candidate: what happened to one customer that may, with others', be an incident."""

from dataclasses import field
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.types import ID, Integer, Name
from touchline.schemas.vocabulary import Channel


@dataclass(slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Candidate:
    """One event or signal of a customer, for one rule and group of `scope: incident`. Times in milliseconds since 1970.

    `event`: its id, or the signal's (`by_signal`), which may be told again with another time; `noticed`: when that was
    told. `partition` and `offset`: where it stood on the raw topic; of a signal, what orders those of the same time.
    `roles`: what it is to the rule, as bits; 0: a signal that was retracted and counts no more. `facts`: the fields
    that the rule tells of it.
    """

    rule: Name
    group: Annotated[str, Field(max_length=160)]
    customer: ID
    event: ID
    at: Integer
    partition: int
    offset: Integer
    roles: int
    party: Name
    channel: Channel
    by_signal: bool = False
    noticed: Integer = 0
    facts: dict[str, str | int | float | bool | None] = field(default_factory=dict)
