"""History on several raw partitions: how fast each is read changes nothing of what is said and decided, byte for byte.

Without Kafka: the partitions' enriched records are mixed in many ways, which is all that pace can do to them.
"""

import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.workload import Workload
from touchline.agents import enrich, incident, journey, outreach
from touchline.agents.settings import Settings
from touchline.pipeline.engine.local import LocalRun, LocalShard
from touchline.pipeline.engine.partition import partition_of
from touchline.pipeline.engine.records import Output, PlainRecord
from touchline.schemas.codec import decode_decision, decode_signal
from touchline.schemas.vocabulary import Scope
from touchline.schemas.wire import CONTROL_HEADER, DECISIONS, RAW, SIGNALS, TOUCHPOINTS

RAW_PARTITIONS = 3
SETTINGS = Settings.model_validate(
    {"clock": "log", "kafka": {"partitions": 1, "raw_partitions": RAW_PARTITIONS}, "outreach": {"mode": "live"}}
)


def records(outputs: Sequence[Output]) -> list[PlainRecord]:
    """What was sent, as it would stand in a topic."""
    return [PlainRecord(n, 0, out.key, out.value, out.headers) for n, out in enumerate(outputs)]


@pytest.fixture(scope="module")
def enriched() -> list[list[Output]]:
    """What `enrich` made of each raw partition."""
    workload = Workload(5_000)
    logs: list[list[Output]] = [[] for _ in range(RAW_PARTITIONS)]
    for key, value in workload.rows():
        logs[partition_of(key, RAW_PARTITIONS)].append(Output(RAW, key, value))
    found = []
    for number, log in enumerate(logs):
        log.append(Output(RAW, None, workload.end(), headers=((CONTROL_HEADER, b"1"),)))
        found.append(LocalShard(enrich.build(SETTINGS), number, RAW_PARTITIONS).process(RAW, records(log), 0))
    return found


def mixed(logs: Sequence[Sequence[Output]], stride: int, seed: int) -> list[Output]:
    """One log with runs of each of up to `stride` records."""
    rng, left, found = random.Random(seed), [list(reversed(log)) for log in logs], []
    while any(left):
        log = rng.choice([log for log in left if log])
        found += [log.pop() for _ in range(min(len(log), rng.randint(1, stride)))]
    return found


def said(touchpoints: Sequence[Output], settings: Settings = SETTINGS) -> tuple[list[bytes], list[bytes]]:
    """Signals and decisions, sorted."""
    run = LocalRun([agent.build(settings) for agent in (journey, incident, outreach)])
    for out in touchpoints:
        run.publish(TOUCHPOINTS, out.key, out.value, 0, out.headers)
    run.run(0)
    signals = [record.value or b"" for record in run.topics.all(SIGNALS) if record.key is not None]
    return sorted(signals), sorted(record.value or b"" for record in run.topics.all(DECISIONS))


def test_pace_changes_nothing(enriched: list[list[Output]]) -> None:
    signals, decisions = said(mixed(enriched, 50, seed=0))
    assert len(signals) > 60
    assert len(decisions) > 40
    for stride, seed in ((50, 1), (1_000, 2), (100_000, 3)):
        again, decided = said(mixed(enriched, stride, seed))
        assert again == signals
        assert decided == decisions


_PROFILE = re.compile(rb'"profile_revision":[0-9]+,')

INCIDENTS = """
schema: friction/1
rules:
- id: many_late
  scope: incident
  owner: logistics
  control: partner
  stage: delivery
  per: party
  detect: {affected: {signals: [promise_broken, repeated_contact], customers: 2, within: 2d}}
  covers: [promise_broken, repeated_contact]
  exposed: {event: order.shipped, by: order, unless: {event: delivery.scanned, where: status == 'delivered'}}
  expires: 3d
  evidence: "{customers} customers"
  action: act
"""


def test_pace_changes_nothing_of_incidents_and_what_they_explain(enriched: list[list[Output]], tmp_path: Path) -> None:
    (tmp_path / "incidents.yaml").write_text(INCIDENTS)
    settings = SETTINGS.model_copy(update={"journey": SETTINGS.journey.model_copy(update={"rules": (tmp_path,)})})
    runs = []
    for stride, seed in ((50, 0), (1_000, 2), (100_000, 3)):
        signals, decisions = said(mixed(enriched, stride, seed), settings)
        told = [signal for signal in map(decode_signal, signals) if signal.scope is Scope.INCIDENT]
        exposed = {signal.signal_id for signal in map(decode_signal, signals) if "incident" in signal.values}
        runs.append(
            (
                # Of whom an incident may reach next, all but the profile of the moment.
                sorted(_PROFILE.sub(b"", signal) if b'"incident":' in signal else signal for signal in signals),
                [one for one in decisions if decode_decision(one).signal_id not in exposed],
            )
        )
        assert len({one.signal_id for one in told}) >= 2
        assert len(exposed) > 5
        assert sum(decode_decision(one).reason == "incident" for one in decisions) > 2
    assert runs[0] == runs[1] == runs[2]
