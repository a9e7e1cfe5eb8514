"""A ledger as a timeline for people, and as JSON."""

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from touchline.explain.ledger import Answer, DecisionChange, DeliveryChange, Entry, Ledger, SignalChange
from touchline.pipeline.engine.clock import SECOND, from_ms
from touchline.pipeline.friction.evidence import shown_length
from touchline.schemas.vocabulary import Channel, DeliveryStatus, Outcome, SignalStatus

_LONGEST = 160
_OPEN = frozenset({SignalStatus.OPENED, SignalStatus.UPDATED})
_WENT = frozenset({DeliveryStatus.SENT, DeliveryStatus.OUTBOX})
_WRONG = frozenset({DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN})
_WORDS = {
    "message.sent": "carried from the outbox",
    "message.bounced": "bounced",
    "message.opened": "opened",
    "message.clicked": "clicked",
    "message.replied": "replied",
    "message.complained": "marked as spam",
    "survey.answered": "answered the survey",
    "consent.withdrawn": "unsubscribed",
}


def timeline(ledger: Ledger, now: int) -> Iterator[Text]:
    """Line by line. `now`: milliseconds since 1970 UTC, for how long nothing has come back."""
    open_ = sum(entry.last.status in _OPEN for entry in ledger.entries)
    sent = sum(any(one.status in _WENT for one in entry.deliveries) for entry in ledger.entries)
    back = sum(len(entry.answers) for entry in ledger.entries) + len(ledger.loose)
    head = f": {_many(len(ledger.entries), 'signal')} since {from_ms(ledger.since):%Y-%m-%d}, {open_} open"
    yield Text.assemble((ledger.customer, "bold"), f"{head}; {_many(sent, 'message')} sent, {_many(back, 'answer')}")
    for entry in ledger.entries:
        yield Text()
        yield from _entry(entry, ledger.customer)
        silent = silence(entry, now)
        if silent is not None:
            yield _line(now, "silence", f"nothing has come back for {shown_length(silent)}", "yellow")
    if ledger.loose:
        yield Text()
        yield Text("answers to earlier messages", "bold")
        yield from (_line(*_answer(answer)) for answer in ledger.loose)


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _entry(entry: Entry, customer: str) -> Iterator[Text]:
    last = entry.last
    style = "red" if last.status in _OPEN else "dim"
    about = "" if last.group == customer else f", {last.group}"
    words = f" ({last.severity} {last.polarity}, {last.owner}{about})  "
    yield Text.assemble((last.rule, "bold"), words, (last.status, style))
    told: list[tuple[int, int, tuple[int, str, str, str]]] = []
    told += [(one.raised_at, 0, _signal(one)) for one in entry.changes]
    told += [(one.at, 1, _decision(one)) for one in entry.decisions]
    told += [(one.at, 2, _delivery(one)) for one in entry.deliveries]
    told += [(one.at, 3, _answer(one)) for one in entry.answers]
    for _, _, line in sorted(told, key=lambda one: one[:2]):
        yield _line(*line)


def silence(entry: Entry, now: int) -> int | None:
    """How long ago the last message went, in milliseconds, when nothing has come back; None when something has, or
    nothing was sent."""
    went = [one.at for one in entry.deliveries if one.status in _WENT]
    return max(now - max(went), 0) if went and not entry.answers else None


def _line(at: int, what: str, words: str, style: str) -> Text:
    return Text.assemble((f"  {from_ms(at):%Y-%m-%d %H:%M:%S}  ", "dim"), f"{what:<9} ", (words, style))


def _signal(it: SignalChange) -> tuple[int, str, str, str]:
    return it.raised_at, "signal", f"{it.status}: {_short(it.evidence)}", "red" if it.status in _OPEN else ""


def _decision(it: DecisionChange) -> tuple[int, str, str, str]:
    observed = " (observed: nothing is delivered)" if it.observed else ""
    words = f"{it.outcome}{'' if it.outcome == Outcome.SENT else f', {it.reason}'}{observed}: {it.explanation}"
    return it.at, "decision", words, "green" if it.outcome == Outcome.SENT else ""


def _delivery(it: DeliveryChange) -> tuple[int, str, str, str]:
    words = f"{it.status} by {it.channel} ({it.adapter}), attempt {it.attempts}"
    style = "green" if it.status in _WENT else "red" if it.status in _WRONG else ""
    return it.at, "delivery", words + (f": {it.error}" if it.error else ""), style


def _answer(it: Answer) -> tuple[int, str, str, str]:
    words = _WORDS.get(it.kind, it.kind)
    if it.channel != Channel.SURVEY:
        words += f" by {it.channel}"
    if it.attributes.get("hard") == "true":
        words += ", for good"
    if it.attributes.get("link"):
        words += f", {it.attributes['link']}"
    if it.score is not None:
        words += f", {it.scale} {it.score:g}"
    return it.at, "answer", words + (f": “{_short(it.text)}”" if it.text else ""), "cyan"


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"


def ledger_json(ledger: Ledger, now: int) -> dict[str, Any]:
    """For a program: times as ISO 8601."""
    return {
        "customer": ledger.customer,
        "since": _iso(ledger.since),
        "newest_touchpoint": None if ledger.newest is None else _iso(ledger.newest),
        "signals": [_entry_json(entry, now) for entry in ledger.entries],
        "other_answers": [_fields(answer) for answer in ledger.loose],
    }


def _entry_json(entry: Entry, now: int) -> dict[str, Any]:
    last = entry.last
    kept = ("signal_id", "rule", "severity", "polarity", "owner", "party", "group", "status")
    return {
        **{name: getattr(last, name) for name in kept},
        "changes": [
            {"revision": one.revision, "status": one.status, "at": _iso(one.at), "raised_at": _iso(one.raised_at)}
            | {"evidence": one.evidence}
            for one in entry.changes
        ],
        "decisions": [_fields(one) for one in entry.decisions],
        "deliveries": [_fields(one) for one in entry.deliveries],
        "answers": [_fields(one) for one in entry.answers],
        "silent_seconds": None if (silent := silence(entry, now)) is None else silent // SECOND,
    }


def _fields(row: DecisionChange | DeliveryChange | Answer) -> dict[str, Any]:
    return {name: _iso(value) if name == "at" else value for name, value in row._asdict().items()}


def _iso(ms: int) -> str:
    return from_ms(ms).isoformat()
