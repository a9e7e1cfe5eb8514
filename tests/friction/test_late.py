"""What comes too late opens nothing; it may resolve or retract. A replay of what was there changes nothing."""

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.friction.support import LATENESS, START, Run, last_of_each, tick, touchpoint
from tests.friction.test_order import DRAWN, PARTITIONS, Case, arrivals, cases, enriched, history, is_live, shown
from touchline.pipeline.engine.clock import HOUR, MINUTE, SECOND
from touchline.schemas.control import Tick
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import SignalStatus


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases(), DRAWN, st.integers(0, 2**32))
def test_a_replay_of_everything_changes_nothing(case: Case, drawn: Any, seed: int) -> None:
    """The raw topic is written a second time: offsets go on, and almost all is too late by now."""
    events, rng = history(drawn, seed), random.Random(seed)
    end = max((e.at for e in events), default=START) + rng.choice([0, 0, 5, 300]) * MINUTE
    run = Run(case.yaml).feed(*arrivals(events, seed, end, rng))
    before = list(run.outputs)
    again: list[EnrichedTouchpoint | Tick] = []
    for number, event in enumerate(sorted(events, key=lambda e: e.order)):
        moved = enriched(event, (end - event.at) / SECOND)
        moved.raw_offset = 1_000 + number
        again.append(moved)
        if rng.random() < 0.3:
            again.append(tick(end, event.partition, PARTITIONS, START if is_live(seed) else None))
    assert run.feed(*again).outputs == before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases(), DRAWN, DRAWN, st.integers(0, 2**32))
def test_what_is_too_late_opens_nothing(case: Case, drawn: Any, late: Any, seed: int) -> None:
    events, rng = history(drawn, seed), random.Random(seed)
    end = START + 300 * MINUTE
    run = Run(case.yaml).feed(*arrivals(events, seed, end, rng))
    stood = {id_: signal.status for id_, signal in last_of_each(run.signals()).items()}
    known: dict[int, int] = {}
    for at, _, _, number, _ in shown(run.signals()):
        known[at] = max(number, known.get(at, 0))
    old = [enriched(event, (end - event.at) / SECOND) for event in history(late, seed)]
    for number, event in enumerate(old):
        event.event_id = f"late{number}"
    run.feed(*old)
    newest = last_of_each(run.signals())
    assert newest.keys() == stood.keys()
    # What one signal took together may lose a part (an expectation met after all); nothing is added to it.
    assert all(number <= known.get(at, 0) for at, _, _, number, _ in shown(run.signals()))
    ended = {SignalStatus.RESOLVED, SignalStatus.RETRACTED}
    assert all(s.status in ended for id_, s in newest.items() if s.status != stood[id_])


SEQUENCE = """
schema: friction/1
rules:
- id: r
  owner: care
  stage: support
  detect: {sequence: {steps: [{event: a.one}, {event: b.two}], within: 2h, unless: {event: c.three}}}
  resolve: {event: d.four}
  evidence: "twice"
  action: act
"""


def test_a_late_event_breaks_a_sequence_or_resolves_it() -> None:
    def run() -> Run:
        log = [touchpoint("1", "a.one", START), touchpoint("2", "b.two", START + HOUR, raw_offset=1)]
        return Run(SEQUENCE).feed(*log).advance(START + 5 * HOUR)

    late = {"late_seconds": 4 * 3_600.0}
    broken = run().feed(touchpoint("3", "c.three", START + MINUTE, raw_offset=2, **late))
    assert broken.told() == [("r", 1, "opened"), ("r", 2, "retracted")]
    assert "Disproved" in broken.signals()[-1].evidence
    after = run().feed(touchpoint("3", "c.three", START + 2 * HOUR, raw_offset=2, **late))
    assert after.told() == [("r", 1, "opened")]
    resolved = run().feed(touchpoint("4", "d.four", START + 2 * HOUR, raw_offset=2, **late))
    assert resolved.told() == [("r", 1, "opened"), ("r", 2, "resolved")]
    assert resolved.counts["too_late"] == 1


def test_a_late_mark_survives_a_restart_and_an_event_out_of_order() -> None:
    text = SEQUENCE.replace("within: 2h", "within: 30d")
    run = Run(text).feed(
        touchpoint("1", "a.one", START),
        touchpoint("2", "b.two", START + HOUR, raw_offset=1),
        touchpoint("3", "c.three", START + MINUTE, raw_offset=2, late_seconds=3_000.0, source="slow"),
    )
    run.shard.restart()
    run.feed(touchpoint("4", "a.one", START + HOUR - MINUTE, raw_offset=3, late_seconds=60.0))
    assert run.told() == [("r", 1, "opened"), ("r", 2, "retracted"), ("r", 3, "updated")]


def test_a_source_may_have_a_lateness_of_its_own() -> None:
    run = Run(SEQUENCE)
    run.options = type(run.options)(lateness=LATENESS, source_lateness={"files": 24 * HOUR})
    run.__post_init__()
    run.feed(touchpoint("2", "b.two", START + HOUR, raw_offset=1), tick(START + 12 * HOUR))
    run.feed(touchpoint("1", "a.one", START, source="files", raw_offset=2, late_seconds=12 * 3_600.0))
    assert run.told() == [("r", 1, "opened")]
