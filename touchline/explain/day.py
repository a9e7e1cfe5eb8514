"""What outreach decided on a day, from the facts: what was or would have been sent, and what was not, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks.upkeep import connected
from touchline.pipeline.warehouse.sqlfiles import statement
from touchline.schemas.vocabulary import Outcome, Reason

CAPS = frozenset({Reason.COOLDOWN, Reason.FREQUENCY_CAP, Reason.LOWER_PRIORITY, Reason.PACED})
"""The reasons by which messages to a customer, or in all, are bounded."""


class Group(NamedTuple):
    """A row of `sql/outreach_day.sql`. `channel` is empty without a message."""

    rule: str
    outcome: str
    reason: str
    observed: bool
    channel: str
    decisions: int
    customers: int


class Example(NamedTuple):
    """A row of `sql/outreach_examples.sql`; `at` in milliseconds."""

    outcome: str
    reason: str
    observed: bool
    rule: str
    customer: str
    channel: str
    explanation: str
    at: int


class Delivered(NamedTuple):
    """A row of `sql/outreach_deliveries.sql`."""

    status: str
    channel: str
    deliveries: int


@dataclass(frozen=True, slots=True)
class Day:
    """A day's decisions as they are in force."""

    groups: list[Group]
    examples: list[Example]
    deliveries: list[Delivered]

    @property
    def decisions(self) -> int:
        """All of them."""
        return sum(group.decisions for group in self.groups)

    def sent(self, *, observed: bool) -> list[Group]:
        """Of what was sent, or of what would have been."""
        return [group for group in self.groups if group.outcome == Outcome.SENT and group.observed is observed]

    def not_sent(self) -> list[tuple[str, str, int, list[tuple[str, int]]]]:
        """Outcome, reason, how many, and the rules with how many of them, the most frequent first."""
        rules: dict[tuple[str, str], Counter[str]] = {}
        for group in self.groups:
            if group.outcome != Outcome.SENT:
                rules.setdefault((group.outcome, group.reason), Counter())[group.rule] += group.decisions
        found = [(outcome, reason, of.total(), of.most_common()) for (outcome, reason), of in rules.items()]
        return sorted(found, key=lambda one: (-one[2], one[0], one[1]))

    def cut(self) -> Counter[str]:
        """How many messages caps cut, by reason."""
        return _summed((group.reason, group.decisions) for group in self.groups if group.reason in CAPS)


def _summed(pairs: Iterable[tuple[str, int]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, count in pairs:
        found[name] += count
    return found


def read_day(settings: WarehouseSettings, first: int, last: int, examples: int) -> Day:
    """Reads the decisions from the second `first` to before `last` (since 1970 UTC), with so many examples of each
    outcome and reason.

    Raises: Retry, Fatal."""
    asked = {"first": first, "last": last}
    with connected(settings, plain=True) as connection:
        groups = connection.query(statement("outreach_day"), asked).rows
        found = connection.query(statement("outreach_examples"), {**asked, "examples": examples}).rows
        delivered = connection.query(statement("outreach_deliveries"), asked).rows
    return Day(
        [Group(*row) for row in groups], [Example(*row) for row in found], [Delivered(*row) for row in delivered]
    )
