"""Who stays and what they are worth, with friction and without."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from tests.warehouse.reckoned.frames import DAY, SECOND, Frames, Reckon, day_of, first_subject, grouped, ms_of, ratio
from tests.warehouse.reckoned.service import by

Row = dict[str, Any]


def _month(day: date, later: int = 0) -> date:
    number = day.year * 12 + day.month - 1 + later
    return date(number // 12, number % 12 + 1, 1)


def _start(day: date) -> int:
    return ms_of(datetime(day.year, day.month, day.day, tzinfo=UTC))


def retention(facts: Frames) -> pd.DataFrame:
    if facts.first_signal is None:
        return pd.DataFrame()
    active = {
        (row["customer"], _month(row["day"]))
        for row in facts.touchpoints
        if row["actor"] == "customer" and not row["customer"].startswith("~")
    }
    rubbed = {(one["customer"], _month(one["day"])) for one in facts.friction}
    rows = [
        {"day": month, "with_friction": (customer, month) in rubbed, "stayed": (customer, _month(month, 1)) in active}
        for customer, month in active
        if month >= _month(day_of(facts.first_signal)) and _start(_month(month, 2)) <= facts.end
    ]
    frame = grouped(rows, ["day", "with_friction"], customers="n", retained="stayed")
    return frame.assign(retention=ratio(frame.retained, frame.customers))


def purchases(facts: Frames) -> list[Row]:
    """Purchases that stand, with what followed; days are counted in whole seconds."""
    cancelled = {
        subject for row in facts.kinds("order.cancelled") for subject in row["subjects"] if subject.startswith("order:")
    }
    bought = [
        row
        for row in facts.kinds("order.placed", "store.purchased")
        if not row["customer"].startswith("~") and first_subject(row["subjects"], "order") not in cancelled
    ]
    rubs = by(facts.friction, lambda one: one["customer"])
    found = []
    for customer, of_one in by(bought, lambda row: row["customer"]).items():
        for row in of_one:
            gaps = [(other["at"] // SECOND - row["at"] // SECOND) * SECOND for other in of_one]
            friction = [(one["at"] // SECOND - row["at"] // SECOND) * SECOND for one in rubs.get(customer, [])]
            known = (
                facts.first_signal is not None
                and row["at"] + 30 * DAY <= facts.end
                and row["at"] + 30 * DAY >= facts.first_signal // 60_000 * 60_000
            )
            found.append(
                {
                    **row, "first": row is of_one[0], "with_friction": any(0 < gap <= 30 * DAY for gap in friction),
                    "again": any(30 * DAY < gap <= 120 * DAY for gap in gaps), "friction_known": known,
                    "known": known and row["at"] + 120 * DAY <= facts.end,
                    "value": None if row["attributes"].get("value") is None else float(row["attributes"]["value"]),
                    "currency": str(row["attributes"].get("currency", "")),
                }
            )  # fmt: skip
    return found


def repurchase(facts: Frames) -> pd.DataFrame:
    rows = [row for row in purchases(facts) if row["known"]]
    frame = grouped(rows, ["day", "channel", "with_friction"], purchases="n", repurchased="again")
    return frame.assign(rate=ratio(frame.repurchased, frame.purchases))


def lifetime_value(facts: Frames) -> pd.DataFrame:
    money = [{**row, "buys": row["value"] is not None, "amount": row["value"] or 0.0} for row in purchases(facts)]
    for row in facts.kinds("subscription.renewed", "return.refunded", "payment.refunded"):
        if row["attributes"].get("value") is not None:
            sign = 1 if row["kind"] == "subscription.renewed" else -1
            currency = str(row["attributes"].get("currency", ""))
            amount = sign * float(row["attributes"]["value"])
            money.append({**row, "first": False, "buys": False, "amount": amount, "currency": currency})
    rows = []
    for of_one in by(money, lambda row: row["customer"]).values():
        first = next((row for row in of_one if row["first"]), None)
        if first is None or not first["friction_known"]:
            continue
        usual = max(row["currency"] for row in of_one)
        for currency, some in by(of_one, lambda row: row["currency"] or usual).items():  # noqa: B023 -- used at once
            if any(row["buys"] for row in some):
                rows.append(
                    {
                        "day": _month(first["day"]), "currency": currency, "with_friction": first["with_friction"],
                        "bought": sum(row["buys"] for row in some), "amount": sum(row["amount"] for row in some),
                    }
                )  # fmt: skip
    frame = grouped(rows, ["day", "currency", "with_friction"], customers="n", purchases="bought", value="amount")
    return frame.assign(lifetime_value=ratio(frame.value, frame.customers, 1.0))


LOYALTY: dict[str, Reckon] = {"retention": retention, "repurchase": repurchase, "lifetime_value": lifetime_value}
