"""What a report says, as plain data: the terminal, the page and `--json` show the same figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something that must hold, with the numbers that say whether it does."""

    title: str
    numbers: str
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRow:
    """One channel: touchpoints, the customers behind them, and the mean sentiment of their texts (-1 to 1)."""

    channel: str
    touchpoints: int
    customers: int
    sentiment: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """One stage of the relationship."""

    stage: str
    touchpoints: int
    customers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """One rule: how often it opened, whose it is, and how it ended.

    `complained`: signals whose customer complained afterwards; `lead_seconds`: their median lead time.
    """

    rule: str
    owner: str
    control: str
    severity: str
    signals: int
    customers: int
    resolved: int = 0
    retracted: int = 0
    complained: int = 0
    lead_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRow:
    """How many decisions have this outcome, for this reason."""

    outcome: str
    reason: str
    decisions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """One day: touchpoints, and signals opened."""

    day: date
    touchpoints: int
    signals: int


class Role(StrEnum):
    """What an entry of a journey is."""

    TOUCHPOINT = "touchpoint"
    COMPLAINT = "complaint"
    SIGNAL = "signal"
    DECISION = "decision"
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened on a journey. `what` in a few words, `detail` in a sentence."""

    at: datetime
    role: Role
    what: str
    channel: str | None = None
    detail: str = ""
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """A part of one customer's journey, in order of time."""

    customer: str
    title: str
    entries: Sequence[Entry]


class Outcomes(StrEnum):
    """What signals are held against."""

    COMPLAINTS = "complaints"
    BAD_SCORES = "bad scores"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """How long before the outcome the signal stood. Of `signals`, `before` came within two weeks before one."""

    signals: int = 0
    before: int = 0
    median_seconds: float | None = None
    outcomes: Outcomes = Outcomes.COMPLAINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """How well one way of looking foresees bad outcomes. `cases`: how many it names; `hits`: those that were bad."""

    name: str
    cases: int
    hits: int
    precision: float | None
    recall: float | None
    median_lead_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """A rule and a plain query about the same outcomes of the same population."""

    title: str
    population: str
    outcomes: int
    rows: Sequence[Predictor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where a reader goes on: addresses, and commands that work as they stand."""

    bootstrap: str
    warehouse: str
    query: str
    tail: str
    own_event: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A whole report. `seconds` is how long the run took, `since` and `until` the time that the data spans."""

    title: str
    source: str
    since: datetime | None
    until: datetime | None
    seconds: float
    touchpoints: int
    customers: int
    channels: Sequence[ChannelRow] = ()
    stages: Sequence[StageRow] = ()
    rules: Sequence[RuleRow] = ()
    reasons: Sequence[ReasonRow] = ()
    days: Sequence[DayRow] = ()
    journeys: Sequence[Journey] = ()
    lead: Lead = field(default_factory=Lead)
    checks: Sequence[Check] = ()
    side_by_side: Sequence[SideBySide] = ()
    access: Access | None = None

    @property
    def signals(self) -> int:
        """How many signals were opened."""
        return sum(row.signals for row in self.rules)

    @property
    def sent(self) -> int:
        """How many decisions ended in a message."""
        return sum(row.decisions for row in self.reasons if row.outcome == "sent")

    @property
    def holds(self) -> bool:
        """Whether every check holds."""
        return all(check.holds for check in self.checks)
