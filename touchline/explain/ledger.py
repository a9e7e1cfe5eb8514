"""The ledger of one customer, from the facts: for each signal what was decided, why, what was sent and what came back.

Times are milliseconds since 1970 UTC.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks.upkeep import connected
from touchline.pipeline.engine.clock import SECOND
from touchline.pipeline.warehouse.sqlfiles import statement


class SignalChange(NamedTuple):
    """A row of `sql/ledger_signals.sql`."""

    signal_id: str
    revision: int
    status: str
    rule: str
    severity: str
    polarity: str
    owner: str
    party: str
    group: str
    at: int
    raised_at: int
    evidence: str


class DecisionChange(NamedTuple):
    """A row of `sql/ledger_decisions.sql`. `channel` is empty without a message."""

    decision_id: str
    revision: int
    signal_id: str
    outcome: str
    reason: str
    observed: bool
    purpose: str
    channel: str
    explanation: str
    at: int


class DeliveryChange(NamedTuple):
    """A row of `sql/ledger_deliveries.sql`. `error` is empty when nothing went wrong."""

    delivery_id: str
    revision: int
    decision_id: str
    channel: str
    adapter: str
    status: str
    attempts: int
    error: str
    at: int


class Answer(NamedTuple):
    """A row of `sql/ledger_answers.sql`: a touchpoint by which something came back."""

    source: str
    event_id: str
    decision_id: str
    kind: str
    channel: str
    at: int
    text: str | None
    scale: str
    score: float | None
    attributes: dict[str, str]


@dataclass(slots=True)
class Entry:
    """A signal and all that followed from it, each in order of time."""

    changes: list[SignalChange]
    decisions: list[DecisionChange] = field(default_factory=list)
    deliveries: list[DeliveryChange] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    @property
    def last(self) -> SignalChange:
        """How the signal stands."""
        return self.changes[-1]


@dataclass(slots=True)
class Ledger:
    """All that is known of a customer since a time. `loose`: answers to messages from before it. `newest`: the time of
    their newest touchpoint, whenever it was; None when there is none at all."""

    customer: str
    since: int
    entries: list[Entry]
    loose: list[Answer]
    newest: int | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is known of the customer."""
        return not self.entries and not self.loose and self.newest is None


def read_ledger(settings: WarehouseSettings, customer: str, since: int) -> Ledger:
    """Reads the facts, as any user who may read can.

    Raises: Retry, Fatal."""
    asked = {"customer": customer, "first": since // SECOND}
    with connected(settings, plain=True) as connection:

        def rows(name: str) -> Sequence[Sequence[Any]]:
            return connection.query(statement(name), asked).rows

        newest = rows("history_newest")
        return compose(
            Ledger(customer, since, [], [], newest[0][0] if newest else None),
            [SignalChange(*row) for row in rows("ledger_signals")],
            [DecisionChange(*row) for row in rows("ledger_decisions")],
            [DeliveryChange(*row) for row in rows("ledger_deliveries")],
            [Answer(*row) for row in rows("ledger_answers")],
        )


def compose(
    ledger: Ledger,
    signals: Iterable[SignalChange],
    decisions: Iterable[DecisionChange],
    deliveries: Iterable[DeliveryChange],
    answers: Iterable[Answer],
) -> Ledger:
    """Puts the rows, each kind in order of time, where they belong."""
    changes: dict[str, list[SignalChange]] = defaultdict(list)
    for change in signals:
        changes[change.signal_id].append(change)
    entries = {signal: Entry(sorted(of, key=lambda one: one.revision)) for signal, of in changes.items()}
    by_decision: dict[str, Entry] = {}
    for decision in decisions:
        entry = entries.get(decision.signal_id)
        if entry is not None:
            entry.decisions.append(decision)
            by_decision[decision.decision_id] = entry
    for delivery in deliveries:
        if delivery.decision_id in by_decision:
            by_decision[delivery.decision_id].deliveries.append(delivery)
    for answer in answers:
        entry = by_decision.get(answer.decision_id)
        (ledger.loose if entry is None else entry.answers).append(answer)
    ledger.entries = sorted(entries.values(), key=lambda entry: (entry.changes[0].raised_at, entry.last.signal_id))
    return ledger
