"""Promises, checkouts, friction, what was foreseen, decisions."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from tests.warehouse.reckoned.frames import DAY, HOUR, SECOND, Frames, Reckon, day_of, grouped, ms_of, ratio
from tests.warehouse.reckoned.service import by, quantiles
from touchline.schemas.vocabulary import Arm

Row = dict[str, Any]
PROMISES = {
    "order.placed": "promised_at",
    "order.confirmed": "promised_at",
    "order.shipped": "promised_at",
    "pickup.promised": "ready_at",
}


def _promised(row: Row) -> tuple[int, int] | None:
    """The time that is promised and until when it is kept."""
    text = str(row["attributes"].get(PROMISES.get(row["kind"], ""), ""))
    if not text:
        return None
    time = datetime.fromisoformat(text)
    at = ms_of(time if time.tzinfo else time.replace(tzinfo=UTC))
    is_day = re.search(r"T\d", text) is None or time.time() == datetime.min.time()
    return at, at + DAY if is_day else at


def promises(facts: Frames) -> list[Row]:
    """Orders with a promise; those that were cancelled before they came are left out."""
    kinds = {*PROMISES, "order.cancelled", "delivery.scanned", "pickup.ready", "pickup.collected"}
    orders: dict[str, list[Row]] = {}
    for row in facts.kinds(*kinds):
        for subject in row["subjects"]:
            if subject.startswith("order:"):
                orders.setdefault(subject, []).append(row)
    found = []
    for events in orders.values():
        told = [promise for row in events if (promise := _promised(row)) is not None]
        came = [
            row["at"]
            for row in events
            if row["kind"] in {"pickup.ready", "pickup.collected"}
            or (row["kind"] == "delivery.scanned" and row["attributes"].get("status") == "delivered")
        ]
        if not told or (not came and any(row["kind"] == "order.cancelled" for row in events)):
            continue
        at, due = told[0]
        carried = [row["party"] for row in events if row["kind"] in {"order.shipped", "delivery.scanned"}]
        delivered = min(came) if came else None
        late = delivered is not None and delivered > due
        found.append(
            {
                "day": day_of(at), "party": carried[-1] if carried else events[0]["party"], "due": due,
                "kept": delivered is not None and delivered <= due, "late": late, "undelivered": delivered is None,
                "late_seconds": (delivered - due) / SECOND if late and delivered is not None else 0.0,
            }
        )  # fmt: skip
    return found


def promise_kept(facts: Frames) -> pd.DataFrame:
    if not facts.kinds("delivery.scanned", "pickup.ready", "pickup.collected"):
        return pd.DataFrame()
    rows = [one for one in promises(facts) if one["due"] <= facts.end]
    sums = {name: name for name in ("kept", "late", "undelivered", "late_seconds")}
    frame = grouped(rows, ["day", "party"], promised="n", **sums)
    return frame.assign(rate=ratio(frame.kept, frame.promised))


def checkout_abandonment(facts: Frames) -> pd.DataFrame:
    events = facts.kinds("checkout.started", "order.placed", "checkout.completed")
    events.sort(key=lambda row: (row["at"], row["kind"] != "checkout.started", row["source"], row["id"]))
    rows = []
    for of_one in by(events, lambda row: row["customer"]).values():
        last: Row | None = None
        for row in of_one:
            if row["kind"] == "checkout.started":
                if last is None or last["kind"] != "checkout.started" or row["at"] - last["at"] > DAY:
                    rows.append({**row, "bought": False})
            elif rows and rows[-1]["customer"] == row["customer"]:
                rows[-1]["bought"] |= row["at"] <= rows[-1]["at"] + DAY
            last = row
    known = [{**row, "left": not row["bought"]} for row in rows if row["at"] + 24 * HOUR <= facts.end]
    frame = grouped(known, ["day", "channel"], checkouts="n", abandoned="left")
    return frame.assign(rate=ratio(frame.abandoned, frame.checkouts))


def friction_rate(facts: Frames) -> pd.DataFrame:
    since = facts.first_signal_day
    if since is None:
        return pd.DataFrame()
    dims = ["day", "stage", "owner", "control"]
    rows = [
        {**one, "s": 1, "t": 0}
        for one in facts.signals
        if one["polarity"] == "friction" and one["status"] != "retracted"
    ]
    rows += [
        {"day": row["day"], "stage": row["stage"], "owner": "", "control": "", "s": 0, "t": 1}
        for row in facts.touchpoints
        if row["day"] >= since
    ]
    frame = grouped(rows, dims, signals="s", touchpoints="t")
    whole = frame.groupby(["day", "stage"]).touchpoints.transform("sum")
    return frame.assign(per_thousand=ratio(frame.signals, whole, 1_000.0))


def complaints(facts: Frames) -> list[Row]:
    """Complaints with the first signal of the customer in the 14 days before."""
    signals = by(facts.friction, lambda one: one["customer"])
    found = []
    for row in facts.touchpoints:
        if row["kind"] == "complaint.made" or (row["scale"] == "csat" and row["score"] <= 2):
            before = [
                (one["opened"], one["rule"])
                for one in signals.get(row["customer"], [])
                if row["at"] - 14 * DAY <= one["opened"] < row["at"]
            ]
            lead = (row["at"] - min(before)[0]) / SECOND if before else None
            found.append({**row, "foreseen": bool(before), "rule": min(before)[1] if before else "", "seconds": lead})
    return found


def foreseen_complaints(facts: Frames) -> pd.DataFrame:
    since = facts.first_signal_day
    if since is None:
        return pd.DataFrame()
    dims = ["day", "channel", "topic", "kind"]
    rows = [row for row in complaints(facts) if row["day"] >= since]
    filled = [{**row, "seconds": row["seconds"] or 0} for row in rows]
    frame = grouped(filled, dims, complaints="n", foreseen="foreseen", lead_seconds="seconds")
    frame = frame.assign(share=ratio(frame.foreseen, frame.complaints))
    return frame.merge(quantiles(rows, dims, "seconds", {"lead_median": 0.5}), how="left", on=dims)


def lead_time(facts: Frames) -> pd.DataFrame:
    dims = ["day", "rule"]
    rows = [row for row in complaints(facts) if row["foreseen"]]
    frame = grouped(rows, dims, foreseen="n", lead_seconds="seconds")
    frame = frame.assign(mean_seconds=ratio(frame.lead_seconds, frame.foreseen, 1.0))
    return frame.merge(quantiles(rows, dims, "seconds", {"lead_median": 0.5}), how="left", on=dims)


def decisions(facts: Frames) -> pd.DataFrame:
    latest: dict[str, Any] = {}
    for one in facts.history.decisions:
        if one.decision_id not in latest or latest[one.decision_id].revision < one.revision:
            latest[one.decision_id] = one
    rows = [
        {
            "day": day_of(ms_of(one.at)), "reason": str(one.reason), "outcome": str(one.outcome), "owner": one.owner,
            "channel": str(one.channel or ""), "observed": one.observed, "route": str(one.route),
            "went": str(one.outcome) == "sent",
            "delay": (ms_of(one.at) - ms_of(one.signal_at)) / SECOND,
        }
        for one in latest.values()
    ]  # fmt: skip
    dims = ["day", "reason", "outcome", "owner", "channel", "observed", "route"]
    frame = grouped(rows, dims, decisions="n", sent="went", delay_seconds="delay")
    return frame.assign(share=ratio(frame.decisions, frame.groupby("day").decisions.transform("sum")))


def uplift(facts: Frames) -> pd.DataFrame:
    """Each customer of an experiment once, in the arm of the first decision that had one."""
    firsts: dict[tuple[str, str], Any] = {}
    for one in facts.history.decisions:
        if one.arm is not Arm.NONE and (not one.observed or one.observed_by == "ramp"):
            key = one.experiment, one.customer
            firsts[key] = min((one, *([firsts[key]] if key in firsts else [])), key=_place)
    complained = by(facts.kinds("complaint.made"), lambda row: row["customer"])
    rows = []
    for (experiment, customer), first in firsts.items():
        at = ms_of(first.at)
        if at + 14 * DAY <= facts.end:
            came = any(at < row["at"] <= at + 14 * DAY for row in complained.get(customer, []))
            rows.append(
                {
                    "day": day_of(at), "experiment": experiment, "t": first.arm is Arm.TREATED,
                    "tc": first.arm is Arm.TREATED and came, "h": first.arm is Arm.HELD_OUT,
                    "hc": first.arm is Arm.HELD_OUT and came,
                }
            )  # fmt: skip
    sums = {"treated": "t", "treated_complained": "tc", "held_out": "h", "held_out_complained": "hc"}
    frame = grouped(rows, ["day", "experiment"], **sums)
    shares = ratio(frame.treated_complained, frame.treated), ratio(frame.held_out_complained, frame.held_out)
    return frame.assign(uplift=shares[0] - shares[1])


def _place(one: Any) -> tuple[Any, ...]:
    return ms_of(one.at), ms_of(one.signal_at), one.rule, str(one.arm)


FRICTION: dict[str, Reckon] = {
    "promise_kept": promise_kept,
    "checkout_abandonment": checkout_abandonment,
    "friction_rate": friction_rate,
    "foreseen_complaints": foreseen_complaints,
    "lead_time": lead_time,
    "decisions": decisions,
    "uplift": uplift,
}
