"""Three journeys to look at: which ones, and what happened on them in an order that reads."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from touchline.report.figures import Entry, Journey, Role
from touchline.report.outcomes import Looked
from touchline.report.reading import Reading, Row
from touchline.report.words import plain, quoted, shortened, span

_STORIES = ("before", "sent", "quiet", "asked")
_BEFORE, _AFTER = timedelta(days=8), timedelta(days=14)
_KEPT_BEFORE, _KEPT_AFTER = 6, 3
_LONGEST_TEXT = 160
_ASKED = {"person": "task", "owner": "owner"}
"""What an outreach is called that does not turn to the customer, by its route."""
_TITLES = {
    "before": "noticed first, then the {outcome}",
    "sent": "reached, and no {outcome}",
    "asked": "noticed, and one of us was asked",
    "quiet": "noticed, and no message sent",
}


def journeys(reading: Reading, looked: Looked, messages: Mapping[str, str], count: int = 3) -> list[Journey]:
    """Journeys of different rules and customers: where possible one of each kind of story.

    `messages`: what the customer read, in a line, by decision id."""
    candidates = reading.rows("candidates", **looked.parameters)
    return [_journey(reading, row, looked, messages) for row in choose(candidates, count)]


def choose(candidates: Sequence[Row], count: int) -> list[Row]:
    """Of candidates (story, rule, customer, …), the best first: one of each story, then others of new rules, then any.

    No customer is taken twice, and no rule while there are others."""
    chosen: list[Row] = []
    stories = [[row for row in candidates if row[0] == story] for story in _STORIES]
    for rows in (*stories, *([row] for row in candidates)):
        rules = {row[1] for row in chosen}
        chosen += itertools.islice((row for row in rows if row[1] not in rules and _is_new(row, chosen)), 1)
    for row in candidates:
        chosen += [row] if _is_new(row, chosen) else []
    return sorted(chosen[:count], key=lambda row: _STORIES.index(row[0]))


def _is_new(row: Row, chosen: Sequence[Row]) -> bool:
    return row[2] not in {other[2] for other in chosen}


def _journey(reading: Reading, row: Row, looked: Looked, messages: Mapping[str, str]) -> Journey:
    story, rule, customer, signal_id = row[:4]
    done = list(_what_was_done(reading, signal_id, messages))
    raised = done[0].at
    since, until = raised - _BEFORE, raised + _AFTER
    said = reading.rows("journey", customer=customer, since=_time(since), until=_time(until))
    touched = together(_touchpoint(line, looked) for line in said)
    before = [entry for entry in touched if entry.at <= raised][-_KEPT_BEFORE:]
    after = _first_after([entry for entry in touched if entry.at > raised])
    entries = before + sorted([*done, *after], key=lambda entry: entry.at)  # stable: what was done keeps its order
    words = _TITLES[story].format(outcome=looked.name.removesuffix("s"))
    title = f"{plain(rule).capitalize()}: {words} ({shortened(customer)})"
    return Journey(customer=customer, title=title, entries=entries)


def _time(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%d %H:%M:%S"))


def _first_after(entries: list[Entry]) -> list[Entry]:
    """The first few, and the complaint when it comes later."""
    kept = entries[:_KEPT_AFTER]
    complaint = next((entry for entry in entries if entry.role is Role.COMPLAINT), None)
    return kept if complaint is None or complaint in kept else [*kept[: _KEPT_AFTER - 1], complaint]


def together(entries: Iterable[Entry]) -> list[Entry]:
    """The same, where it was the same several times in a row on one day: one entry with a number."""
    result: list[Entry] = []
    for entry in entries:
        last = result[-1] if result else None
        same = last and (last.what, last.channel, last.detail) == (entry.what, entry.channel, entry.detail)
        if last and same and last.at.date() == entry.at.date():
            result[-1] = replace(last, times=last.times + entry.times)
        else:
            result.append(entry)
    return result


def _touchpoint(line: Row, looked: Looked) -> Entry:
    at, kind, channel, party, _subjects, text, score, wait, attributes = line
    role = Role.COMPLAINT if looked.is_one(kind, score) else Role.TOUCHPOINT
    detail = detail_of(kind, party, score, wait, attributes)
    if text:
        detail = (f"{detail}, " if score is not None else "") + quoted(
            text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT].rstrip() + " …"
        )
    return Entry(at=at, role=role, what=kind, channel=channel, detail=detail)


def _count(text: str) -> int:
    """A number of something; 0 for what is none, as attributes are anybody's words."""
    try:
        value = float(text)
    except ValueError:
        return 0
    return int(value) if math.isfinite(value) else 0


def detail_of(kind: str, party: str, score: float | None, wait: float | None, attributes: dict[str, str]) -> str:
    """What a touchpoint says besides its kind, in a few words."""
    parts = []
    if score is not None:
        parts.append(f"score {score:g}")
    if wait:
        parts.append(f"waited {span(wait)}")
    if transfers := _count(attributes.get("transfers", "")):
        parts.append(f"{transfers} transfers")
    if "promised_at" in attributes:
        parts.append(f"promised for {attributes['promised_at'][:16].replace('T', ' ')}")
    parts += [plain(attributes[name]) for name in ("status", "outcome", "code", "topic") if name in attributes]
    if kind.startswith(("order.shipped", "delivery.", "payment.")):
        parts.append(party)
    return ", ".join(parts)


def _what_was_done(reading: Reading, signal_id: str, messages: Mapping[str, str]) -> Iterable[Entry]:
    """The signal's opening first, then the decisions and what was delivered, then its end."""
    changes = reading.rows("signal", signal=signal_id)
    raised_at, _, rule, evidence, _, owner, control, _ = changes[0]
    detail = f"{evidence}. For {plain(owner)} ({control})."
    yield Entry(at=raised_at, role=Role.SIGNAL, what=plain(rule), detail=detail)
    decided_at, message = raised_at, ""
    for at, outcome, reason, channel, explanation, decision_id, _, route in reading.rows("decision", signal=signal_id):
        what = _ASKED.get(route, "outreach") if outcome == "sent" else f"{outcome}: {plain(reason)}"
        decided_at, message = at, messages.get(decision_id, "")
        yield Entry(at=at, role=Role.DECISION, what=what, channel=channel or None, detail=explanation)
    for status, channel, adapter, carried, target in reading.rows("delivery", signal=signal_id):
        # A delivery carries the wall clock; on history that is another year: it belongs to its decision.
        notice = carried == "notice"
        what = f"notice to {plain(target.partition(':')[2])}" if notice else "message"
        what += " in the outbox" if status == "outbox" else f" {plain(status)} ({adapter})"
        yield Entry(
            at=decided_at, role=Role.DELIVERY, what=what, channel=None if notice else channel,
            detail="" if notice else quoted(message),
        )  # fmt: skip
    for raised_at, status, rule, *_ in changes[1:]:
        yield Entry(at=raised_at, role=Role.SIGNAL, what=f"{plain(rule)}: {status}")
