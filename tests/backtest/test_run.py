"""History through the rules: the same signals whether it comes raw or enriched, and as the rule tests say."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.friction.support import START, touchpoint
from touchline.agents.enrich import build as build_enrich
from touchline.agents.settings import Settings
from touchline.backtest.run import history_run
from touchline.pipeline.backtest import run as subject
from touchline.pipeline.backtest.run import HistoryRun, PastSignal
from touchline.pipeline.engine.clock import HOUR, MINUTE, SECOND, to_ms
from touchline.pipeline.engine.local import LocalRun
from touchline.pipeline.engine.processor import Processor
from touchline.pipeline.engine.records import Output
from touchline.pipeline.friction.journey import JourneyProcessor
from touchline.pipeline.friction.load import load_rules
from touchline.schemas.codec import decode_signal, decode_touchpoint, encode
from touchline.schemas.control import ClockMode, Control
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import SignalStatus
from touchline.schemas.wire import CONTROL_HEADER, RAW, SIGNALS, TOUCHPOINTS
from touchline.simulator import Plan, touchpoints

PLAN = Plan(customers=100, days=14, start=datetime(2026, 3, 1, tzinfo=UTC), seed=5, late=0.05, duplicates=0.01)


@pytest.fixture(scope="module")
def history() -> list[bytes]:
    return [event.value for event in touchpoints(PLAN)]


def new_run() -> tuple[HistoryRun, list[EnrichedTouchpoint]]:
    seen: list[EnrichedTouchpoint] = []
    run = history_run(Settings(), [load_rules()], lambda event, at: seen.append(event))
    return run, seen


def told(run: HistoryRun) -> list[tuple[object, ...]]:
    (trial,) = run.trials
    return sorted(_told(signal) for signal in trial.signals.values())


def _told(signal: PastSignal) -> tuple[object, ...]:
    return (signal.signal_id, signal.at, signal.raised_at, signal.status, signal.revision, signal.evidence)


def from_raw(values: Sequence[bytes]) -> tuple[HistoryRun, list[EnrichedTouchpoint]]:
    run, seen = new_run()
    for value in values:
        run.raw(value)
    run.finish()
    return run, seen


def live(values: Sequence[bytes], partitions: int) -> list[tuple[str, int, int, str, int]]:
    """The last revision of each signal of the processors as the runtime joins them, on several partitions."""
    kafka = Settings().kafka.model_copy(update={"partitions": partitions, "raw_partitions": partitions})
    settings = Settings().model_copy(update={"kafka": kafka, "clock": ClockMode.LOG})
    processors: list[Processor[Any]] = [build_enrich(settings), JourneyProcessor(load_rules())]
    run = LocalRun(processors, partitions=partitions, batch=100)
    for value in values:
        run.publish(RAW, decode_key(value), value, 0)
    run.run(0)
    (until,) = {max(to_ms(decode_touchpoint(r.value or b"").occurred_at) for r in run.topics.all(TOUCHPOINTS) if r.key)}
    for partition in range(partitions):
        control = Output(RAW, None, encode(Control(high=until)), partition, ((CONTROL_HEADER, b"1"),))
        run.topics.append(control, 0)
    run.run(0)
    newest: dict[str, Signal] = {}
    first: dict[str, int] = {}
    for record in run.topics.all(SIGNALS):
        if record.key is not None:
            signal = decode_signal(record.value or b"")
            first.setdefault(signal.signal_id, to_ms(signal.raised_at))
            newest[signal.signal_id] = signal
    return sorted((i, to_ms(s.at), first[i], s.status.value, s.revision) for i, s in newest.items())


def decode_key(value: bytes) -> bytes:
    return str(msgspec.json.decode(value).get("customer_id") or value[:20]).encode()


def test_raw_and_enriched_history_give_the_same_signals(history: list[bytes]) -> None:
    run, seen = from_raw(history)
    assert run.touchpoints == len(seen) > 1_000
    assert run.counts["duplicates"] > 0
    again, _ = new_run()
    for event in seen:
        again.enriched(decode_touchpoint(encode(event)))
    again.finish()
    assert len(told(run)) > 10
    assert told(again) == told(run)
    assert (again.since, again.until, again.too_late) == (run.since, run.until, run.too_late)


@pytest.mark.parametrize("batch", [1, 7, 100_000])
def test_how_history_is_cut_into_batches_changes_nothing(
    history: list[bytes], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = told(from_raw(history)[0])
    monkeypatch.setattr(subject, "BATCH", batch)
    assert told(from_raw(history)[0]) == expected


def test_how_much_of_what_is_remembered_stays_decoded_changes_nothing(
    history: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = told(from_raw(history)[0])
    monkeypatch.setattr(subject, "CACHED", 3)
    assert told(from_raw(history)[0]) == expected


@pytest.mark.parametrize("partitions", [1, 3])
def test_the_processors_of_the_live_run_say_the_same_on_any_number_of_partitions(
    history: list[bytes], partitions: int
) -> None:
    (trial,) = from_raw(history)[0].trials
    signals = trial.signals.values()
    assert live(history, partitions) == sorted(
        (s.signal_id, s.at, s.raised_at, s.status.value, s.revision) for s in signals
    )


def test_time_ends_with_the_last_touchpoint_so_later_deadlines_stay_open(history: list[bytes]) -> None:
    run, _ = from_raw(history)
    assert run.until is not None
    (trial,) = run.trials
    assert max(signal.raised_at for signal in trial.signals.values()) <= run.until


def test_several_sets_of_rules_see_the_same_history(history: list[bytes]) -> None:
    run = history_run(Settings(), [load_rules(), load_rules()], lambda event, at: None)
    for value in history:
        run.raw(value)
    run.finish()
    first, second = run.trials
    assert first.signals.keys() == second.signals.keys() != set()


def test_what_came_too_late_is_counted_and_what_can_not_be_read_is_rejected() -> None:
    run, seen = new_run()
    for number, minute in enumerate((0, 30, 19.9, 20)):
        moment = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() + minute * MINUTE / SECOND
        fields = {"event_id": f"e{number}", "source": "s", "kind": "page.viewed", "customer_id": "c"}
        run.raw(encode(fields | {"occurred_at": datetime.fromtimestamp(moment, UTC)}))
    run.raw(b"{}")
    run.finish()
    assert (len(seen), run.too_late) == (4, 1)
    assert sum(n for what, n in run.counts.items() if what.startswith("rejected.")) == 1


def test_nothing_at_all_is_a_history_too() -> None:
    run, _ = new_run()
    run.finish()
    assert (run.since, run.until, run.middle(), run.touchpoints) == (None, None, None, 0)


def test_a_signal_keeps_what_was_known_when_it_was_raised() -> None:
    run, _ = new_run()
    for hour in range(5):
        run.enriched(touchpoint(f"e{hour}", "contact.opened", START + hour * HOUR))
    run.finish()
    (trial,) = run.trials
    (signal,) = trial.signals.values()
    assert (signal.rule, signal.revision, signal.status) == ("repeated_contact", 3, SignalStatus.UPDATED)
    assert signal.events == ("e0", "e1", "e2")
    assert signal.at == signal.raised_at == START + 2 * HOUR
    assert signal.evidence.startswith("5 contacts")
