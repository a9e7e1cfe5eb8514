"""The agent: its settings, its time, and what it costs while nobody asks anything of people."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.desk.cases import shard
from tests.outreach.cases import NOON, profile, record, signal
from touchline.agents import desk
from touchline.agents.registry import AGENTS, build
from touchline.agents.runtime.topics import plan
from touchline.agents.settings import Settings, load_settings
from touchline.pipeline.desk.processor import DeskProcessor
from touchline.pipeline.desk.routes import Every, Route, When
from touchline.pipeline.desk.tasks import QueuePolicy
from touchline.pipeline.engine.clock import DAY, MINUTE, SECOND
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import Output, PlainRecord
from touchline.pipeline.engine.ticks import tick_of
from touchline.schemas.control import Tick
from touchline.schemas.notice import Means
from touchline.schemas.vocabulary import Severity
from touchline.schemas.wire import CUSTOMERS, DECISIONS, REQUESTS, SIGNALS, STAFF, TASKS
from touchline.schemas.yamlfile import FileError


def load(text: str, folder: Path) -> Settings:
    path = folder / "touchline.yaml"
    path.write_text(text)
    return load_settings(path, {})


def test_the_settings_become_a_policy(tmp_path: Path) -> None:
    text = """
outreach: {mode: live}
desk: {most_waiting: 9, due: 2h, aging: 1m, keep: 2d}
owners:
  logistics: {means: email, to: a@example.com, when: digest, every: hour, at: "00:15", zone: Europe/Berlin, budget: 3}
parties:
  dhl: {means: webhook, to: dhl, least: high}
"""
    policy = desk.build(load(text, tmp_path)).policy
    assert policy.queues == QueuePolicy(aging=MINUTE, most_waiting=9, due=120 * MINUTE, keep=2 * 1_440 * MINUTE)
    assert policy.owners.of("owner:logistics") == Route(
        Means.EMAIL, "a@example.com", When.DIGEST, Every.HOUR, 15, ZoneInfo("Europe/Berlin"), 3, Severity.LOW
    )
    assert policy.owners.of("party:dhl") == Route(Means.WEBHOOK, "dhl", zone=ZoneInfo("UTC"), least=Severity.HIGH)
    assert policy.owners.of("owner:dhl") == Route()
    assert not policy.owners.observe
    assert policy.live


def test_observe_mode_is_the_default_and_the_defaults_are_one() -> None:
    policy = desk.build(Settings()).policy
    assert policy.owners.observe
    assert policy.queues == QueuePolicy(observe=True)
    assert policy.owners.default == Route()


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("owners: {a: {means: email}}", "owners.a: `means: email` needs one address in `to`"),
        ("owners: {a: {means: email, to: 'a@b, c@d'}}", "needs one address"),
        ("owners: {a: {means: webhook, to: 'https://x'}}", "needs the name of a webhook"),
        ("owners: {a: {to: a@example.com}}", "leave `to` out"),
        ("owners: {a: {at: '8:00'}}", "owners.a.at"),
        ("owners: {a: {zone: Mars/Olympus}}", '"Mars/Olympus" is no time zone'),
        ("owners: {a: {least: urgent}}", "owners.a.least"),
        ("owners: {a: {budget: -1}}", "owners.a.budget"),
        ("parties: {'d h l': {}}", "parties"),
        ("desk: {most_waiting: 0}", "desk.most_waiting"),
        ("desk: {due: 1s}", "desk.due"),
    ],
)
def test_a_mistake_has_its_place(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(FileError) as error:
        load(text, tmp_path)
    assert mistake in str(error.value)


def test_the_agent_is_one_of_all_and_its_topics_are_planned() -> None:
    assert "desk" in AGENTS
    assert isinstance(build("desk", Settings()), DeskProcessor)
    plans = {one.name: one for one in plan(Settings())}
    assert len({plans[name].partitions for name in (REQUESTS, STAFF, TASKS, "touchline.desk.state")}) == 1
    assert plans[STAFF].config["message.timestamp.type"] == "LogAppendTime"


def outreach(partition: int = 0, partitions: int = 2) -> LocalShard:
    return LocalShard(build("outreach", Settings()), partition, partitions)


def ticks(outputs: list[Output]) -> list[tuple[int | None, Tick]]:
    """Those for the desk, with their partition."""
    found = []
    for output in outputs:
        if output.topic == REQUESTS:
            tick = tick_of(PlainRecord(0, 0, output.key, output.value, output.headers))
            assert tick is not None
            found.append((output.partition, tick))
    return found


def tick(high: int, *, live: bool = True) -> PlainRecord:
    return record(Tick(partition=0, partitions=1, high=high, wall=high if live else None))


def test_outreach_tells_the_desk_how_far_it_is_after_what_it_decided() -> None:
    shard = outreach(1)
    shard.process(CUSTOMERS, [record(profile())], 0)
    outputs = shard.process(SIGNALS, [record(signal()), tick(NOON + SECOND)], 0)
    decided = [number for number, output in enumerate(outputs) if output.topic == DECISIONS]
    told = [number for number, output in enumerate(outputs) if output.topic == REQUESTS]
    assert decided
    assert max(decided) < min(told)
    expected = Tick(partition=1, partitions=2, high=NOON + SECOND, wall=NOON + SECOND)
    assert ticks(outputs) == [(0, expected), (1, expected)]


@pytest.mark.parametrize(("live", "every"), [(True, 5 * SECOND), (False, MINUTE)])
def test_outreach_tells_it_seldom(live: bool, every: int) -> None:
    shard = outreach()
    shard.process(CUSTOMERS, [tick(NOON + DAY, live=live)], 0)  # which in history must have come as far
    found = [ticks(shard.process(SIGNALS, [tick(NOON, live=live)], 0))]
    found.append(ticks(shard.process(SIGNALS, [tick(NOON + every - 1, live=live)], 0)))
    shard.restart()
    found.append(ticks(shard.process(SIGNALS, [tick(NOON + every, live=live)], 0)))
    assert [len(some) for some in found] == [2, 0, 2]


def test_a_desk_that_nobody_asks_anything_of_sends_nothing_and_keeps_only_the_time() -> None:
    idle = shard()
    for number in range(50):
        assert idle.process(REQUESTS, [tick(NOON + number * 5 * SECOND)], 0) == []
    assert {name for name, _, _ in idle.changelog} == {"w"}
    assert idle.counts == {}
