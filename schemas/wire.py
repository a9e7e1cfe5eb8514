"""Names on the wire: topics and record headers."""

from typing import Final

RAW: Final = "touchpoints.raw"
TOUCHPOINTS: Final = "touchpoints"
REJECTED: Final = "touchpoints.rejected"
SIGNALS: Final = "friction.signals"
CANDIDATES: Final = "friction.candidates"
INCIDENTS: Final = "incidents"
CUSTOMERS: Final = "customers"
CONTEXT: Final = "customers.context"
DECISIONS: Final = "outreach.decisions"
DELIVERIES: Final = "outreach.deliveries"
OUTBOX: Final = "outreach.outbox"
REQUESTS: Final = "outreach.requests"
STAFF: Final = "outreach.staff"
TASKS: Final = "outreach.tasks"
NOTICES: Final = "outreach.notices"
POLICIES: Final = "policies"
RULES: Final = "rules"

TOPICS: Final = (
    RAW, TOUCHPOINTS, REJECTED, SIGNALS, CANDIDATES, INCIDENTS, CUSTOMERS, CONTEXT, DECISIONS, DELIVERIES, OUTBOX,
    REQUESTS, STAFF, TASKS, NOTICES, RULES, POLICIES,
)  # fmt: skip

KEYED: Final = (
    TOUCHPOINTS, SIGNALS, CANDIDATES, INCIDENTS, CUSTOMERS, CONTEXT, DECISIONS, DELIVERIES, OUTBOX,
    REQUESTS, STAFF, TASKS, NOTICES,
)  # fmt: skip
"""Topics with one partition count among them: the same customer has the same partition number on each.
Candidates are keyed by rule and group; each partition of `incidents` holds the whole table; requests, staff, tasks and
notices are keyed by the queue (`queue:service`) or the owner (`owner:logistics`, `party:dhl`) that they are for."""


def state_topic(agent: str) -> str:
    """The compacted topic that holds an agent's state."""
    return f"touchline.{agent}.state"


TICK_HEADER: Final = "touchline-tick"
"""Marks a record that says how far event time is; its value is a `touchline.schemas.control.Tick`. Others skip it."""

CONTROL_HEADER: Final = "touchline-control"
"""Marks a record on `touchpoints.raw` that is no touchpoint; its value is a `touchline.schemas.control.Control`."""

ERROR_TOPIC: Final = "__connect.errors.topic"
ERROR_PARTITION: Final = "__connect.errors.partition"
ERROR_OFFSET: Final = "__connect.errors.offset"
ERROR_CLASS: Final = "__connect.errors.class.name"
ERROR_MESSAGE: Final = "__connect.errors.exception.message"
ERROR_FIELD: Final = "touchline-error-field"
ERROR_TIME: Final = "touchline-error-time"
ERROR_TRUNCATED: Final = "touchline-error-truncated"
"""Set when the original did not fit: `sha256=…;length=…`; the value is then a prefix of it."""
