"""Service: contacts, matters, replies, needs, machines, transfers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from tests.warehouse.reckoned.frames import (
    CONTACTS,
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Frames,
    Reckon,
    day_of,
    first_subject,
    grouped,
    ratio,
)

ABOUT = ["day", "channel", "topic"]
Row = dict[str, Any]


def by(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    """Rows by a key, in their order."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def quantiles(rows: list[Row], dims: list[str], value: str, parts: dict[str, float]) -> pd.DataFrame:
    """Quantiles of a value by some columns, missing values left out."""
    frame = pd.DataFrame(rows, columns=[*dims, value])
    frame[value] = frame[value].astype("float64")
    groups = frame.groupby(dims)[value]
    return pd.DataFrame({name: groups.quantile(part) for name, part in parts.items()}).reset_index()


def fcr(facts: Frames) -> pd.DataFrame:
    rows = []
    for of_one in by(facts.contacts, lambda c: (c["customer"], c["topic"])).values():
        for contact in of_one:
            others = [other["at"] - contact["at"] for other in of_one if other is not contact]
            first = not any(-7 * DAY <= gap <= 0 for gap in others)
            if first and contact["at"] + 7 * DAY <= facts.end:
                rows.append({**contact, "settled": not any(0 <= gap <= 7 * DAY for gap in others)})
    frame = grouped(rows, ABOUT, firsts="n", settled="settled")
    return frame.assign(fcr=ratio(frame.settled, frame.firsts))


def aht(facts: Frames) -> pd.DataFrame:
    rows = [
        {
            **row,
            "hold": float(row["attributes"].get("hold_seconds", 0)),
            "wrap_up": float(row["attributes"].get("wrap_up_seconds", 0)),
        }
        for row in facts.kinds("call.completed", "chat.ended")
        if row["duration"] is not None
    ]
    frame = grouped(rows, ABOUT, handled="n", talk_seconds="duration", hold_seconds="hold", wrap_up_seconds="wrap_up")
    total = frame.talk_seconds + frame.hold_seconds + frame.wrap_up_seconds
    return frame.assign(aht_seconds=ratio(total, frame.handled, 1.0))


def _threads(row: Row) -> set[str]:
    cases = {one for one in row["subjects"] if one.startswith(("case:", "ticket:"))}
    return cases or set(row["subjects"]) or {""}


def frt(facts: Frames) -> pd.DataFrame:
    if not facts.kinds("ticket.answered", "email.answered"):
        return pd.DataFrame()
    told = ("ticket.answered", "email.answered", "call.made", "call.completed", "chat.ended", "follow_up.made")
    replies = by(
        (row for row in facts.kinds(*told) if row["actor"] in {"human", "partner"}), lambda row: row["customer"]
    )
    rows = []
    for ask in facts.kinds("ticket.opened", "ticket.reopened", "email.received"):
        after = [
            reply["at"] - ask["at"]
            for reply in replies.get(ask["customer"], [])
            if reply["at"] >= ask["at"] and _threads(ask) & _threads(reply)
        ]
        rows.append({**ask, "replied": bool(after), "seconds": min(after) / SECOND if after else None})
    filled = [{**row, "seconds": row["seconds"] or 0} for row in rows]
    frame = grouped(filled, ABOUT, asked="n", replied="replied", reply_seconds="seconds")
    frame = frame.assign(frt_seconds=ratio(frame.reply_seconds, frame.replied, 1.0))
    return frame.merge(quantiles(rows, ABOUT, "seconds", {"frt_median": 0.5, "frt_p90": 0.9}), how="left", on=ABOUT)


def matters(facts: Frames) -> list[Row]:
    """What customers came with, each with its events; a new one begins 7 days after a resolution."""

    def about(row: Row) -> tuple[str, str]:
        subjects = row["subjects"]
        case = first_subject(subjects, "case") or first_subject(subjects, "ticket")
        return row["customer"], case or (subjects[0] if subjects else f"topic:{row['topic']}")

    ends = {"contact.resolved", "ticket.resolved"}
    events = facts.kinds(*CONTACTS, *ends, "ticket.reopened")
    events.sort(key=lambda row: (row["at"], row["kind"] in ends, row["source"], row["id"]))
    found = []
    for of_one in by(events, about).values():
        matter: Row | None = None
        for row in of_one:
            opens = row["kind"] in CONTACTS
            over = matter is not None and matter["resolved"] and row["at"] - matter["last"] > 7 * DAY
            if opens and (matter is None or over):
                matter = {**row, "opened": row["at"], "contacts": 0, "came": None}
                found.append(matter)
            if matter is None:
                continue
            if row["kind"] not in ends:
                matter["contacts"] += matter["came"] is None or row["at"] - matter["came"] >= 10 * MINUTE
                matter["came"] = row["at"]
            matter["resolved"], matter["last"] = row["kind"] in ends, row["at"]
            matter["topic"] = matter["topic"] or row["topic"]
    return found


def _solved(facts: Frames) -> list[Row]:
    return [
        {**one, "day": day_of(one["last"]), "seconds": (one["last"] - one["opened"]) / SECOND}
        for one in matters(facts)
        if one["resolved"]
    ]


def resolution_time(facts: Frames) -> pd.DataFrame:
    rows = _solved(facts)
    frame = grouped(rows, ABOUT, resolved="n", resolution_seconds="seconds")
    frame = frame.assign(mean_seconds=ratio(frame.resolution_seconds, frame.resolved, 1.0))
    parts = {"median_seconds": 0.5, "p90_seconds": 0.9}
    return frame.merge(quantiles(rows, ABOUT, "seconds", parts), how="left", on=ABOUT)


def resolution(facts: Frames) -> pd.DataFrame:
    if not facts.kinds("contact.resolved", "ticket.resolved"):
        return pd.DataFrame()
    frame = grouped(matters(facts), ABOUT, matters="n", resolved="resolved")
    return frame.assign(share=ratio(frame.resolved, frame.matters))


def effort(facts: Frames) -> pd.DataFrame:
    frame = grouped(_solved(facts), ABOUT, resolved="n", contacts="contacts")
    return frame.assign(effort=ratio(frame.contacts, frame.resolved, 1.0))


def contact_rate(facts: Frames) -> pd.DataFrame:
    rows = [{"day": one["day"], "c": 1, "o": one["order"], "p": 0} for one in facts.contacts]
    if not rows:
        return pd.DataFrame()
    since = min(row["day"] for row in rows)
    rows += [{"day": one["day"], "c": 0, "o": 0, "p": 1} for one in facts.kinds("order.placed") if one["day"] >= since]
    frame = grouped(rows, ["day"], contacts="c", order_contacts="o", orders="p")
    return frame.assign(contact_rate=ratio(frame.contacts, frame.orders, 1.0))


OUTCOMES = {
    "resolved": "contained", "contained": "contained", "handed_over": "handed_over", "transferred": "handed_over",
    "abandoned": "abandoned",
}  # fmt: skip


def _conversations(facts: Frames) -> list[Row]:
    rows = facts.kinds("bot.ended", "ivr.completed")
    return [{**row, "became": OUTCOMES.get(str(row["attributes"].get("outcome", "")))} for row in rows]


def containment(facts: Frames) -> pd.DataFrame:
    rows = [
        {**row, **{name: row["became"] == name for name in ("contained", "handed_over", "abandoned")}}
        for row in _conversations(facts)
        if row["became"]
    ]
    sums = {"contained": "contained", "handed_over": "handed_over", "abandoned": "abandoned"}
    frame = grouped(rows, ABOUT, conversations="n", **sums)
    return frame.assign(containment=ratio(frame.contained, frame.conversations))


def false_containment(facts: Frames) -> pd.DataFrame:
    came = by(facts.kinds(*CONTACTS), lambda row: (row["customer"], row["topic"]))
    rows = [
        {
            **row,
            "again": any(
                row["at"] <= contact["at"] <= row["at"] + 48 * HOUR
                for contact in came.get((row["customer"], row["topic"]), [])
            ),
        }
        for row in _conversations(facts)
        if row["became"] == "contained" and row["at"] + 48 * HOUR <= facts.end
    ]
    frame = grouped(rows, ABOUT, contained="n", came_again="again")
    return frame.assign(false_containment=ratio(frame.came_again, frame.contained))


def transfers(facts: Frames) -> pd.DataFrame:
    rows = [
        {**row, "times": int(row["attributes"]["transfers"])}
        for row in facts.kinds("call.completed", "chat.ended")
        if "transfers" in row["attributes"]
    ]
    assigned = [row for row in facts.kinds("ticket.assigned") if first_subject(row["subjects"], "ticket")]
    for of_one in by(assigned, lambda row: (row["customer"], first_subject(row["subjects"], "ticket"))).values():
        topic = next((row["topic"] for row in of_one if row["topic"]), "")
        rows.append({**of_one[0], "topic": topic, "times": len(of_one) - 1})
    known = [{**row, "any": row["times"] > 0} for row in rows]
    frame = grouped(known, ABOUT, handled="n", transferred="any", transfers="times")
    return frame.assign(rate=ratio(frame.transferred, frame.handled))


def reopen_rate(facts: Frames) -> pd.DataFrame:
    events = facts.kinds("ticket.opened", "ticket.resolved", "ticket.closed", "ticket.reopened")
    tickets = by(events, lambda row: (row["customer"], first_subject(row["subjects"], "ticket")))
    rows = []
    for (_, ticket), of_one in tickets.items():
        settled = [row["at"] for row in of_one if row["kind"] in {"ticket.resolved", "ticket.closed"}]
        if ticket and settled:
            named = sorted(of_one, key=lambda row: row["kind"] != "ticket.opened")
            rows.append(
                {
                    "day": day_of(min(settled)),
                    "channel": named[0]["channel"],
                    "topic": next((row["topic"] for row in named if row["topic"]), ""),
                    "again": any(row["kind"] == "ticket.reopened" and row["at"] >= min(settled) for row in of_one),
                }
            )
    frame = grouped(rows, ABOUT, settled="n", reopened="again")
    return frame.assign(rate=ratio(frame.reopened, frame.settled))


def abandonment(facts: Frames) -> pd.DataFrame:
    given_up = {"call.abandoned", "chat.abandoned"}
    offered = facts.kinds(*given_up, "call.completed", "chat.ended")
    since: dict[str, Any] = {}
    for row in offered:
        if row["kind"] in given_up:
            since.setdefault(row["channel"], row["day"])
    rows = [
        {**row, "left": row["kind"] in given_up}
        for row in offered
        if row["channel"] in since and row["day"] >= since[row["channel"]]
    ]
    frame = grouped(rows, ["day", "channel"], offered="n", abandoned="left")
    return frame.assign(rate=ratio(frame.abandoned, frame.offered))


TALKS = {"call.completed", "chat.ended"}
PEOPLE = {
    *TALKS, "call.made", "ticket.answered", "email.answered", "follow_up.made", "contact.resolved", "ticket.resolved",
}  # fmt: skip
ENDS = {*TALKS, "call.abandoned", "chat.abandoned", "bot.ended", "ivr.completed"}
HELP = {"self_service.viewed", "self_service.searched", "self_service.failed", "bot.started", "bot.fallback"}
SEEKS = {*CONTACTS, *ENDS, *HELP}


def _helped(row: Row) -> bool:
    outcome = str(row["attributes"].get("outcome", ""))
    return (
        row["kind"] in PEOPLE
        or row["kind"] == "self_service.solved"
        or (row["kind"], outcome) in {("bot.ended", "resolved"), ("ivr.completed", "contained")}
    )


def needs(facts: Frames) -> list[Row]:
    """Needs for help, from the first go at a channel to a person or an answer."""
    events = [{**row, "helped": _helped(row)} for row in facts.kinds(*SEEKS, *PEOPLE, "self_service.solved")]
    events.sort(key=lambda row: (row["at"], row["helped"], row["source"], row["id"]))
    found = []
    for of_one in by(events, lambda row: row["customer"]).values():
        need: Row | None = None
        last: Row | None = None  # the last event, and the last go at a channel
        sought: Row | None = None
        for row in of_one:
            spent = {"talk": row["duration"] or 0.0, "wait": row["wait"] or 0.0} if row["kind"] in TALKS else {}
            if row["kind"] in SEEKS:
                fresh = last is None or last["helped"] or row["at"] - last["at"] > 72 * HOUR
                if fresh:
                    need = {"channel": row["channel"], "steps": 0, "began": None, "reached": None}
                    found.append(need)
                assert need is not None
                began = row["at"] - round(1_000 * sum(spent.values()))
                need["began"] = began if need["began"] is None else min(need["began"], began)
                other = sought is None or sought["channel"] != row["channel"]
                if row["kind"] in ENDS:
                    again = other or (sought is not None and sought["kind"] in ENDS)
                else:
                    again = other or (sought is not None and row["at"] - sought["at"] >= 10 * MINUTE)
                need["steps"] += fresh or again
                sought = row
            if row["helped"] and need is not None and need["reached"] is None:
                need["reached"] = row["at"] - round(1_000 * spent.get("talk", 0.0))
            last = row
    for need in found:
        need["day"] = day_of(need["began"])
        need["is_reached"] = need["reached"] is not None
        need["seconds"] = (max(need["reached"], need["began"]) - need["began"]) / SECOND if need["is_reached"] else None
    return found


def access_steps(facts: Frames) -> pd.DataFrame:
    rows = [{**need, "steps": need["steps"] if need["is_reached"] else 0} for need in needs(facts)]
    frame = grouped(rows, ["day", "channel"], needs="n", reached="is_reached", steps="steps")
    return frame.assign(mean=ratio(frame.steps, frame.reached, 1.0))


def access_time(facts: Frames) -> pd.DataFrame:
    rows = needs(facts)
    dims = ["day", "channel"]
    filled = [{**need, "seconds": need["seconds"] or 0} for need in rows]
    frame = grouped(filled, dims, needs="n", reached="is_reached", access_seconds="seconds")
    frame = frame.assign(mean_seconds=ratio(frame.access_seconds, frame.reached, 1.0))
    return frame.merge(quantiles(rows, dims, "seconds", {"median_seconds": 0.5}), how="left", on=dims)


SERVICE: dict[str, Reckon] = {
    "fcr": fcr,
    "aht": aht,
    "frt": frt,
    "resolution_time": resolution_time,
    "resolution": resolution,
    "effort": effort,
    "contact_rate": contact_rate,
    "containment": containment,
    "false_containment": false_containment,
    "transfers": transfers,
    "reopen_rate": reopen_rate,
    "abandonment": abandonment,
    "access_steps": access_steps,
    "access_time": access_time,
}
