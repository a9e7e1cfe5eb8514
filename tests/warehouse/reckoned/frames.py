"""Facts as data frames. Times are whole milliseconds since 1970 UTC, days are dates in UTC."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import pandas as pd

from tests.warehouse.runs import History

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
Reckon = Callable[["Frames"], pd.DataFrame]

CONTACTS = frozenset(
    {
        "contact.opened", "call.started", "chat.started", "email.received", "sms.received", "desk.visited",
        "ticket.opened", "complaint.made",
    }
)  # fmt: skip
"""Kinds by which a customer comes to us with a concern."""


def ms_of(time: datetime) -> int:
    """Milliseconds since 1970."""
    return (time - EPOCH) // timedelta(milliseconds=1)


def day_of(ms: int) -> date:
    """The day in UTC."""
    return (EPOCH + timedelta(milliseconds=ms)).date()


def first_subject(subjects: Iterable[str], kind: str) -> str:
    """The first subject of a type; empty without one."""
    return next((one for one in subjects if one.startswith(f"{kind}:")), "")


def grouped(rows: Iterable[Mapping[str, Any]], by: list[str], **sums: str) -> pd.DataFrame:
    """Rows summed up by some columns; `sums`: the new column, and the one that is summed. `n` counts rows."""
    frame = pd.DataFrame(list(rows))
    if frame.empty:
        return pd.DataFrame(columns=[*by, *sums])
    frame["n"] = 1
    found = frame.groupby(by, dropna=False, sort=True)
    return pd.DataFrame({new: found[old].sum() for new, old in sums.items()}).reset_index()


def ratio(part: pd.Series, whole: pd.Series, times: float = 100.0) -> pd.Series:
    """part / whole, missing where there is nothing to divide by."""
    return times * part / whole.where(whole != 0)


@dataclass
class Frames:
    """The facts of a history, each once, signals and decisions as they stand at its end."""

    history: History
    asked: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def touchpoints(self) -> list[dict[str, Any]]:
        """In the order of time, then source and id."""
        known = {(one.source, one.event_id): one for one in reversed(self.history.touchpoints)}
        rows = [
            {
                "source": one.source, "id": one.event_id, "customer": one.customer, "at": ms_of(one.occurred_at),
                "day": day_of(ms_of(one.occurred_at)), "kind": one.kind, "channel": str(one.channel),
                "stage": str(one.stage), "party": one.party, "actor": str(one.actor), "subjects": one.subjects,
                "sentiment": one.sentiment, "scale": "" if one.score is None else str(one.score.scale),
                "score": None if one.score is None else one.score.value,
                "upper": None if one.score is None else one.score.upper,
                "low_is_good": one.score is not None and one.score.low_is_good,
                "wait": one.wait_seconds, "duration": one.duration_seconds,
                "topic": str(one.attributes.get("topic", "")), "attributes": one.attributes,
            }
            for one in known.values()
        ]  # fmt: skip
        return sorted(rows, key=lambda row: (row["at"], row["source"], row["id"]))

    def kinds(self, *kinds: str) -> list[dict[str, Any]]:
        """The touchpoints of some kinds."""
        wanted = set(kinds)
        return [row for row in self.touchpoints if row["kind"] in wanted]

    @cached_property
    def signals(self) -> list[dict[str, Any]]:
        """Each signal at its latest revision; `opened`: when it was raised first."""
        lives: dict[str, list[Any]] = {}
        for change in self.history.signals:
            lives.setdefault(change.signal_id, []).append(change)
        rows = []
        for changes in lives.values():
            first, last = min(changes, key=lambda c: c.revision), max(changes, key=lambda c: c.revision)
            rows.append(
                {
                    "id": last.signal_id, "customer": last.customer,
                    "at": ms_of(last.at), "day": day_of(ms_of(last.at)),
                    "opened": ms_of(first.raised_at), "rule": last.rule, "polarity": str(last.polarity),
                    "status": str(last.status), "owner": last.owner, "control": str(last.control),
                    "stage": str(last.stage), "incident": str(last.scope) == "incident",
                }
            )  # fmt: skip
        return rows

    @cached_property
    def friction(self) -> list[dict[str, Any]]:
        """The friction signals of customers that were not retracted."""
        return [
            one
            for one in self.signals
            if one["polarity"] == "friction" and one["status"] != "retracted" and not one["incident"]
        ]

    @cached_property
    def end(self) -> int:
        """The start of the minute of the newest touchpoint: until when it is known what followed."""
        return max((row["at"] for row in self.touchpoints), default=0) // MINUTE * MINUTE

    @cached_property
    def first_signal(self) -> int | None:
        """When the first signal of all stood at its earliest revision or later: what was before could raise none."""
        return min((ms_of(change.at) for change in self.history.signals), default=None)

    @cached_property
    def first_signal_day(self) -> date | None:
        """The day of the first signal, as signals stand now."""
        return min((one["day"] for one in self.signals), default=None)

    @cached_property
    def contacts(self) -> list[dict[str, Any]]:
        """Contacts: touchpoints of a customer less than ten minutes apart are one."""
        found: list[dict[str, Any]] = []
        open_ones: dict[str, dict[str, Any]] = {}
        for row in self.kinds(*CONTACTS):
            contact = open_ones.get(row["customer"])
            if contact is None or row["at"] - contact["last"] >= 10 * MINUTE:
                contact = {name: row[name] for name in ("customer", "at", "day", "channel", "topic")}
                contact["order"] = False
                open_ones[row["customer"]] = contact
                found.append(contact)
            contact["last"] = row["at"]
            contact["topic"] = contact["topic"] or row["topic"]
            contact["order"] |= bool(first_subject(row["subjects"], "order"))
        return found
