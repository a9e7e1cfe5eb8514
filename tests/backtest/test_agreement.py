"""The live run and the back-test agree signal for signal: the same history through the embedded broker and its agents,
and through the engine in memory."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from touchline.agents.settings import Settings
from touchline.backtest.run import history_run, work_off
from touchline.backtest.sources import Lines
from touchline.client.connection import Connection
from touchline.client.ends import TopicEnds
from touchline.client.publisher import Publisher
from touchline.client.reader import TopicReader
from touchline.demo.progress import TOPICS, wait_until_through
from touchline.importer import ImportOptions, ImportReport
from touchline.importer.mapper import Made
from touchline.importer.run import publish_in_order
from touchline.pipeline.engine.clock import to_ms
from touchline.pipeline.friction.load import load_rules
from touchline.schemas.codec import decode_signal
from touchline.schemas.control import ClockMode
from touchline.schemas.signal import Signal
from touchline.schemas.wire import SIGNALS
from touchline.simulator import Plan, touchpoints
from touchline.up import Environment

PLAN = Plan(customers=150, days=14, start=datetime(2026, 3, 1, tzinfo=UTC), seed=11, late=0.03, duplicates=0.01)
SETTINGS = Settings(clock=ClockMode.LOG)
Said = dict[str, tuple[str, str, int, str, int, str]]
"""By the signal's id: rule, group, time, status, revision, evidence."""


def live(folder: Path, history: list[Made]) -> Said:
    """What stands in the end on `friction.signals` of a whole environment with four raw partitions."""
    with Environment(SETTINGS, folder) as environment:
        settings = environment.settings
        connection = Connection(settings.kafka.bootstrap, settings.environment)
        with TopicEnds(connection, TOPICS) as ends, Publisher(settings.kafka.bootstrap, linger=0.02) as publisher:
            assert publisher.partitions > 1
            report = ImportReport("history")
            publish_in_order(history, len(history), publisher, options=ImportOptions(), report=report)
            wait_until_through(environment, ends, lambda *_: None, limit=90)
        with TopicReader(connection, SIGNALS) as reader:
            signals = [decode_signal(r.value) for r in reader.read_all() if r.value and not r.is_tick]
    newest: dict[str, Signal] = {}
    for signal in signals:
        if signal.signal_id not in newest or signal.revision > newest[signal.signal_id].revision:
            newest[signal.signal_id] = signal
    return {
        found.signal_id: (found.rule, found.group, to_ms(found.at), found.status, found.revision, found.evidence)
        for found in newest.values()
    }


def on_history(path: Path) -> Said:
    """What the back-test finds on the same touchpoints in a file."""
    run = history_run(SETTINGS, [load_rules()], lambda event, at: None)
    work_off(Lines([path]), run, lambda *_: None)
    (trial,) = run.trials
    return {
        found.signal_id: (found.rule, found.group, found.at, found.status, found.revision, found.evidence)
        for found in trial.signals.values()
    }


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_agents_and_the_back_test_say_the_same_signals(tmp_path: Path) -> None:
    history = [Made(event.at, event.key, event.value) for event in touchpoints(PLAN)]
    path = tmp_path / "history.ndjson"
    path.write_bytes(b"".join(made.value + b"\n" for made in history))
    expected = on_history(path)
    assert len({rule for rule, *_ in expected.values()}) >= 4
    assert {status for *_, status, _, _ in expected.values()} >= {"opened", "resolved"}
    found = live(tmp_path / "data", history)
    assert found.keys() - expected.keys() == set()
    assert expected.keys() - found.keys() == set()
    assert found == expected
