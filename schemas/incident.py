"""An incident: the same friction for many customers, with one cause."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.types import ID, Name, Time
from touchline.schemas.vocabulary import Control, Severity, SignalStatus

MAX_LISTED = 100
"""How many affected customers an incident lists at the most; `customers` is how many there are."""


@dataclass(slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Incident:
    """One state of an incident, as every shard knows it. Its signal has the same id, revision and status.

    `group` is the cause: `party:dhl`. `customers`: how many are affected; `affected`: the first of them, in order (none
    when it was retracted). `covers`: the rules whose signals it explains. `first`: the time of the first customer;
    `at`: when it became true; `last`: when it was true last. `opened_at`: when it was told first, and `raised_at` when
    this state was: from the one on it stood, and from the other on no more, if it is not open.
    """

    incident_id: ID
    revision: int
    status: SignalStatus
    rule: Name
    rule_version: int
    group: str
    party: Name
    control: Control
    severity: Severity
    owner: Name
    covers: tuple[Name, ...]
    customers: int
    affected: Annotated[tuple[ID, ...], Field(max_length=MAX_LISTED)]
    first: Time
    at: Time
    last: Time
    opened_at: Time
    raised_at: Time
    evidence: str

    @property
    def is_open(self) -> bool:
        """Whether it still stands."""
        return self.status in {SignalStatus.OPENED, SignalStatus.UPDATED}
