"""One event through the whole logic in memory: nothing is read from or sent to anywhere."""

from collections.abc import Iterable
from typing import Any

from touchline.agents.registry import build
from touchline.agents.settings import OutreachMode, Settings
from touchline.agents.texts import harmless
from touchline.pipeline.engine.local import LocalRun
from touchline.pipeline.engine.processor import Processor
from touchline.pipeline.engine.records import PlainRecord, header
from touchline.pipeline.engine.ticks import tick_of
from touchline.schemas import codec
from touchline.schemas.control import ClockMode, Control
from touchline.schemas.wire import (
    CONTROL_HEADER,
    DECISIONS,
    ERROR_CLASS,
    ERROR_FIELD,
    ERROR_MESSAGE,
    RAW,
    REJECTED,
    SIGNALS,
    TOUCHPOINTS,
)
from touchline.trial.event import TrialEvent
from touchline.trial.outcome import Outcome, Refusal

_AGENTS = ("enrich", "journey", "incident", "outreach")


def try_in_memory(
    settings: Settings, event: TrialEvent, history: Iterable[TrialEvent] = (), *, wait: int | None = None
) -> Outcome:
    """What would come of an event after the history, on the log clock and as if outreach were live.

    Args:
        settings: rules, policy and catalogue are taken from them.
        event: the event.
        history: what happened before, in the order of arrival.
        wait: milliseconds that pass after it without anything else happening; None: no time passes.

    Raises: FileError (rules), Fatal."""
    run = LocalRun([_processor(agent, settings) for agent in _AGENTS], partitions=1)
    now = event.at or 0
    for earlier in history:
        run.publish(RAW, earlier.key, earlier.value, now)
    run.run(now)
    before = {topic: len(_records(run, topic)) for topic in (TOUCHPOINTS, REJECTED, SIGNALS, DECISIONS)}
    run.publish(RAW, event.key, event.value, now)
    run.run(now)
    outcome = _outcome(run, before)
    # Time that passes lets what waits be decided, such as the end of quiet hours; without it only this moment counts.
    run.publish(RAW, None, codec.encode(Control(high=now + (wait or 0))), now, ((CONTROL_HEADER, b"1"),))
    run.run(now)
    _follow(run, before, outcome)
    return outcome


def _processor(agent: str, settings: Settings) -> Processor[Any]:
    one = settings.kafka.model_copy(update={"partitions": 1, "raw_partitions": 1})
    live = harmless(settings.outreach).model_copy(update={"mode": OutreachMode.LIVE})
    return build(agent, settings.model_copy(update={"clock": ClockMode.LOG, "kafka": one, "outreach": live}))


def _records(run: LocalRun, topic: str) -> list[PlainRecord]:
    return [record for record in run.topics.all(topic) if record.value is not None and tick_of(record) is None]


def _outcome(run: LocalRun, before: dict[str, int]) -> Outcome:
    outcome = Outcome()
    for record in _records(run, TOUCHPOINTS)[before[TOUCHPOINTS] :]:
        outcome.touchpoint = codec.decode_touchpoint(record.value or b"")
    for record in _records(run, REJECTED)[before[REJECTED] :]:
        outcome.refusal = refusal_of(record)
    return outcome


def _follow(run: LocalRun, before: dict[str, int], outcome: Outcome) -> None:
    new = [codec.decode_signal(r.value or b"") for r in _records(run, SIGNALS)[before[SIGNALS] :]]
    customer = outcome.touchpoint.customer if outcome.touchpoint else None
    outcome.signals = [signal for signal in new if signal.customer == customer]
    decided = [codec.decode_decision(r.value or b"") for r in _records(run, DECISIONS)[before[DECISIONS] :]]
    outcome.decisions = [decision for decision in decided if decision.customer == customer]


def refusal_of(record: Any) -> Refusal:
    """Why a record on `touchpoints.rejected` was refused."""
    code, field, message = (
        (header(record, name) or b"").decode() for name in (ERROR_CLASS, ERROR_FIELD, ERROR_MESSAGE)
    )
    return Refusal(code, field, message)
