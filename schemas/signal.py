"""A signal: evidence about a journey."""

from dataclasses import field
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from touchline.schemas.types import ID, Name, Time
from touchline.schemas.vocabulary import Channel, Control, Polarity, Scope, Severity, SignalStatus, Stage

MAX_EVIDENCE = 20
"""How many event ids a signal lists at the most; `values.events` has the whole number."""


@dataclass(slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Signal:
    """One state of a signal. `(signal_id, revision)` is unique and tells a repeat.

    `signal_id` = uuid5 of rule, version, group and the ids of the anchor events, so a replay gives the same one.
    `at` is when the friction became true, in event time (an absence: its deadline); `raised_at` is the event time of
    the stream when it was noticed, which for late and absent events is later. `group` is what the rule counts by:
    the customer, or a subject such as `order:123`. `values` holds the numbers behind it and `threshold`s they passed.
    `scope`: an incident is many customers', and has its group where others name their customer. `causes`: what may
    explain it, each the id of a rule for incidents and a group of it.
    `provisional`: fired while a source stood still, so it may be retracted. `profile_revision`: see `Profile`.
    """

    signal_id: ID
    revision: int
    status: SignalStatus
    rule: Name
    rule_version: int
    polarity: Polarity
    severity: Severity
    owner: Name
    control: Control
    stage: Stage
    party: Name
    channel: Channel | None
    customer: ID
    group: str
    at: Time
    raised_at: Time
    evidence: str
    action: str
    events: Annotated[tuple[ID, ...], Field(max_length=MAX_EVIDENCE)]
    values: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    subjects: tuple[str, ...] = ()
    profile_revision: int = 0
    provisional: bool = False
    ruleset: str = ""
    scope: Scope = Scope.CUSTOMER
    causes: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the friction still stands."""
        return self.status in {SignalStatus.OPENED, SignalStatus.UPDATED}
