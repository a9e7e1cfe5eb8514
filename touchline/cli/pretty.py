"""Records as lines for people."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
from rich.text import Text

from touchline.client.reader import ReadRecord
from touchline.schemas import codec, wire
from touchline.schemas.context import CustomerContext
from touchline.schemas.control import Control
from touchline.schemas.customer import Profile
from touchline.schemas.notice import Notice
from touchline.schemas.outreach import Decision, Delivery
from touchline.schemas.request import Request
from touchline.schemas.signal import Signal
from touchline.schemas.task import Task
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Outcome, Severity

_COLOURS: Final = {Severity.CRITICAL: "bold red", Severity.HIGH: "red", Severity.MEDIUM: "yellow", Severity.LOW: "cyan"}
_LONGEST: Final = 160
_LONGEST_VALUE: Final = 500
_POOR: Final = 50
_FAIR: Final = 80


def pretty(topic: str, record: ReadRecord) -> Text:
    """A record in a line for people; what can't be read is shown as it is."""
    if record.value is None:
        return Text(f"{_where(record)}  {_key(record)} deleted", style="dim")
    if record.is_tick:
        return Text(f"{_where(record)}  tick {record.value.decode()}", style="dim")
    show = _SHOW.get(topic)
    if show is not None:
        try:
            return show(record.value)
        except (codec.DecodeError, RecursionError):
            pass
    return _as_it_is(record)


def _as_it_is(record: ReadRecord) -> Text:
    text = (record.value or b"").decode("utf-8", "replace")
    return Text.assemble(
        (f"{_where(record)}  ", "dim"), f"{_key(record)}  ", text if len(text) <= 500 else text[:500] + "…"
    )


def _touchpoint(value: bytes) -> Text:
    it: EnrichedTouchpoint = codec.decode_touchpoint(value)
    text = Text.assemble((_time(it.occurred_at), "dim"), "  ", (f"{it.kind:<22}", "bold"), f" {it.customer}")
    text.append(f"  {it.channel} · {it.stage} · {it.party}", "dim")
    if it.score is not None:
        text.append(f"  {it.score.scale} {it.score.value:g}")
    if it.subjects:
        text.append(f"  {' '.join(it.subjects)}", "dim")
    if it.text:
        text.append(f"  “{_short(it.text)}”")
    if it.sentiment is not None:
        text.append(f" ({it.sentiment:+.2f})", "red" if it.sentiment < -0.3 else "dim")
    return text


def _signal(value: bytes) -> Text:
    it: Signal = codec.decode_signal(value)
    style = _COLOURS[it.severity] if it.is_open else "dim"
    text = Text.assemble((_time(it.raised_at), "dim"), "  ", (f"{it.severity} {it.rule} {it.status}", style))
    text.append(f" (revision {it.revision})" if it.revision > 1 else "", "dim")
    text.append(f"  {it.customer}" if it.group == it.customer else f"  {it.customer}, {it.group}")
    text.append(f"  for {it.owner}: ", "dim")
    return text.append(it.evidence)


def _decision(value: bytes) -> Text:
    it: Decision = codec.decode_decision(value)
    reason = "" if it.outcome is Outcome.SENT else f", {it.reason}"
    text = Text.assemble((_time(it.at), "dim"), "  ", (f"{it.outcome}{reason}", "bold"), f"  {it.customer}  {it.rule}")
    text.append(f"  by {it.channel}" if it.channel else "", "dim")
    text.append("  (observed: nothing is delivered)" if it.observed else "", "dim")
    return text.append(f"  “{_short(it.message.text)}”" if it.message else "")


def _delivery(value: bytes) -> Text:
    it: Delivery = codec.decode_delivery(value)
    text = Text.assemble((_time(it.at), "dim"), "  ", (it.status, "bold"), f"  {it.customer}  {it.rule}")
    text.append(f"  by {it.channel} ({it.adapter}), attempt {it.attempts}", "dim")
    return text.append(f": {it.error}" if it.error else "", "red")


def _request(value: bytes) -> Text:
    it: Request = codec.decode_request(value)
    asked = "withdrawn" if it.cancelled else "asked"
    text = Text.assemble((_time(it.at), "dim"), "  ", (asked, "bold"), f"  {it.target}  {it.signal.rule}")
    text.append(f"  {it.signal.customer}  priority {it.priority}", "dim")
    return text.append("  (observed)" if it.decision.observed else "", "dim")


def _task(value: bytes) -> Text:
    it: Task = codec.decode_task(value)
    style = _COLOURS[it.signal.severity] if it.status.is_open else "dim"
    text = Text.assemble((_time(it.at), "dim"), "  ", (f"{it.status:<9}", "bold"), f" {it.queue}")
    text.append(f"  {it.person}" if it.person else "")
    text.append(f"  {it.signal.severity} {it.signal.rule}", style).append(f"  {it.customer}")
    if it.status.is_open:
        text.append(f"  {'late, ' if it.late else ''}due {_time(it.due_at)}", "red" if it.late else "dim")
    return text.append(f"  {it.task_id}", "dim").append(f"  {it.why}")


def _notice(value: bytes) -> Text:
    it: Notice = codec.decode_notice(value)
    text = Text.assemble((_time(it.at), "dim"), "  ", (it.target, "bold"), f"  {'digest' if it.digest else 'at once'}")
    text.append(f"  by {it.means}", "dim").append("  (observed: nothing is delivered)" if it.observed else "", "dim")
    return text.append(f"  {it.message.subject}")


def _profile(value: bytes) -> Text:
    it: Profile = codec.decode_profile(value)
    consent = ", ".join(f"{purpose} {'given' if given else 'withdrawn'}" for purpose, given in it.consent.items())
    text = Text.assemble((_time(it.updated_at), "dim"), "  ", (it.customer, "bold"), f"  revision {it.revision}")
    return text.append(f"  {consent}" if consent else "")


def _context(value: bytes) -> Text:
    it: CustomerContext = codec.decode_context(value)
    style = "red" if it.health < _POOR else "yellow" if it.health < _FAIR else "green"
    text = Text.assemble((_time(it.at), "dim"), "  ", (it.customer, "bold"), "  ", (f"health {it.health}", style))
    if it.care:
        text.append(f"  care since {_time(it.care_since)}" if it.care_since else "  care", "bold")
    text.append(f"  {it.open_count} open" if it.open_count else "", "dim")
    return text.append("".join(f"  {cause.rule} -{cause.points:g} ({cause.words})" for cause in it.causes))


def _raw(value: bytes) -> Text:
    it = msgspec.json.decode(value)
    if not isinstance(it, dict):
        raise msgspec.DecodeError
    if it.keys() <= set(Control.__dataclass_fields__):
        return Text(f"control {value.decode()}", style="dim")
    text = value.decode("utf-8", "replace")
    return Text.assemble((str(it.get("occurred_at", "")), "dim"), "  ", _cut(text))


_SHOW: Final[dict[str, Callable[[bytes], Text]]] = {
    wire.RAW: _raw,
    wire.TOUCHPOINTS: _touchpoint,
    wire.SIGNALS: _signal,
    wire.DECISIONS: _decision,
    wire.DELIVERIES: _delivery,
    wire.REQUESTS: _request,
    wire.TASKS: _task,
    wire.NOTICES: _notice,
    wire.CUSTOMERS: _profile,
    wire.CONTEXT: _context,
}


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


def _where(record: ReadRecord) -> str:
    return f"{record.partition}:{record.offset}"


def _key(record: ReadRecord) -> str:
    return record.key.decode("utf-8", "replace") if record.key is not None else "-"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
