"""Rules that change under load, on running workers: nothing is lost or doubled, and a broken set changes nothing."""

import asyncio
import logging
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.harness import publish
from tests.friction.support import START, last_of_each, records, tick, touchpoint
from tests.runtime.bench import Place, make_settings, on_a_broker
from touchline.agents.runtime.rulestopic import publish_rules
from touchline.agents.runtime.supervisor import EXIT_FATAL
from touchline.agents.runtime.worker import Worker
from touchline.agents.settings import Checkpointing, JourneySettings, RuleHome, Settings
from touchline.pipeline.engine.clock import DAY, MINUTE
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.partition import partition_of
from touchline.pipeline.friction.journey import JourneyProcessor
from touchline.pipeline.friction.load import compile_texts, parse_rules
from touchline.schemas.codec import decode_signal, encode
from touchline.schemas.ruleset import RuleText
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import SignalStatus
from touchline.schemas.wire import SIGNALS, TICK_HEADER, TOUCHPOINTS

PARTITIONS = 4
CUSTOMERS = 150
EACH = 12
PHASES = 4

STEADY = """\
schema: friction/1
rules:
- id: window
  owner: care
  stage: support
  detect: {count: {event: a.one, at_least: 5, within: 30d}}
  cooldown: 1h
  evidence: "{count}"
  action: act
- id: waiting
  owner: care
  stage: support
  per: order
  detect: {absence: {after: {as: s, event: a.one}, expect: {event: b.two}, deadline: 10h}}
  evidence: "{s.order}"
  action: act
"""
MOVING = """\
- id: moving
  version: 1
  owner: billing
  severity: high
  stage: support
  detect: {match: {event: a.one}}
  evidence: "{last.n}"
  action: act
"""
FIRST = STEADY + MOVING
SECOND = FIRST.replace("version: 1", "version: 2")
BROKEN = SECOND.replace("severity: high", "severity: hihg")


@pytest.fixture(params=["broker", pytest.param("kafka", marks=pytest.mark.kafka)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Rules in a folder, and workers that look at it often; exactly once where the broker can."""
    form = Checkpointing.TRANSACTIONAL if request.param == "kafka" else Checkpointing.IDEMPOTENT
    session = 6_000 if request.param == "kafka" else 1_000
    made = make_settings(
        request.getfixturevalue(request.param), partitions=PARTITIONS, records=50, checkpoint=form,
        session_timeout=session,
    )  # fmt: skip
    folder = tmp_path / "rules"
    folder.mkdir()
    return made.model_copy(update={"journey": JourneySettings(builtin_rules=False, rules=(folder,), reload=50)})


def events() -> list[EnrichedTouchpoint]:
    """Of each customer as many, a minute apart, some of them of another kind; in random order over customers."""
    chance = random.Random(7)
    turns = [n for n in range(CUSTOMERS) for _ in range(EACH)]
    chance.shuffle(turns)
    return [
        touchpoint(
            str(number), chance.choice(["a.one", "a.one", "a.one", "b.two"]), START + number * MINUTE // 10,
            raw_offset=number, customer=f"c-{customer}", subjects=(f"order:{customer}",), attributes={"n": number},
        )
        for number, customer in enumerate(turns)
    ]  # fmt: skip


END = tick(START + 2 * DAY)


def undisturbed(log: list[EnrichedTouchpoint]) -> Counter[tuple[object, ...]]:
    """What the rules that do not change say of the log."""
    found: list[Signal] = []
    for partition in range(PARTITIONS):
        shard = LocalShard(JourneyProcessor(parse_rules(STEADY)), partition, PARTITIONS)
        mine = [event for event in log if partition_of(event.customer.encode(), PARTITIONS) == partition]
        sent = shard.process(TOUCHPOINTS, records([*mine, END]), 0)
        found += [decode_signal(o.value or b"") for o in sent if o.topic == SIGNALS and o.key is not None]
    return said(found)


def said(signals: list[Signal]) -> Counter[tuple[object, ...]]:
    """Signals of the rules that do not change, with all that they say but the name of the set."""
    return Counter(
        (s.signal_id, s.revision, s.status, s.at, s.raised_at, s.evidence, s.events, s.customer)
        for s in signals
        if s.rule != "moving"
    )


def in_force(worker: Worker, text: str) -> bool:
    labels = {"agent": "journey", "hash": parse_rules(text).hash}
    return worker.metrics.registry.get_sample_value("touchline_rules_info", labels) == 1


def signals_of(place: Place) -> list[Signal]:
    return [decode_signal(r.value) for r in place.reading.records.get(SIGNALS, []) if r.key is not None]


async def tick_all(place: Place) -> None:
    """Says on every partition that time has come to END."""
    assert place._producer is not None
    for partition in range(PARTITIONS):
        await place._producer.send_and_wait(
            place.settings.topic(TOUCHPOINTS), encode(END), partition=partition, headers=[(TICK_HEADER, b"1")]
        )


def test_a_reload_in_mid_stream_loses_and_doubles_nothing(settings: Settings) -> None:
    (folder,) = settings.journey.rules
    file = folder / "rules.yaml"
    file.write_text(FIRST)
    log = events()
    ones = [event.event_id for event in log if event.kind == "a.one"]
    size = len(log) // PHASES

    async def load(place: Place, phase: int) -> None:
        part = log[phase * size : (phase + 1) * size if phase < PHASES - 1 else None]
        rows = ((event.customer.encode(), encode(event)) for event in part)
        await publish(place.settings, TOUCHPOINTS, rows, PARTITIONS)

    async def scenario(place: Place) -> None:
        await place.publish(TOUCHPOINTS, 0)  # connects
        async with place.worker(None) as one, place.worker(None) as two:
            workers = (one, two)
            await place.until(lambda: all(w.is_ready() for w in workers), "both are ready")
            await load(place, 0)
            await place.until(lambda: opened(place), "the first")
            file.write_text(SECOND)  # while the first quarter is being worked off
            await load(place, 1)
            await place.until(lambda: all(in_force(w, SECOND) for w in workers), "the second set")
            await load(place, 2)
            file.write_text(BROKEN)
            await load(place, 3)
            await place.until(lambda: all(w.metrics.rules_refused._value.get() for w in workers), "it is refused")
            assert all(in_force(w, SECOND) for w in workers)
            await place.until(lambda: opened(place) == len(ones), "all are opened")
            file.write_text(STEADY)
            await place.until(lambda: all(in_force(w, STEADY) for w in workers), "the rule is gone")
            await place.until(lambda: ended(place) >= len(ones), "what it had open is ended")
            await tick_all(place)
            await place.until(lambda: len(said(signals_of(place))) >= len(want), "all of the rules that did not change")
        got = signals_of(place)
        assert said(got) == want  # each once, in the same words, with windows that reach over the reloads
        last_of_each(got)
        moving = [s for s in got if s.rule == "moving"]
        assert Counter(s.events for s in moving if s.status is SignalStatus.OPENED) == Counter((e,) for e in ones)
        assert {s.rule_version for s in moving} == {1, 2}
        assert Counter(s.status for s in moving) == {SignalStatus.OPENED: len(ones), SignalStatus.EXPIRED: len(ones)}

    def opened(place: Place) -> int:
        return sum(s.rule == "moving" and s.status is SignalStatus.OPENED for s in signals_of(place))

    def ended(place: Place) -> int:
        return sum(s.rule == "moving" and s.status is SignalStatus.EXPIRED for s in signals_of(place))

    want = undisturbed(log)
    assert len(want) > CUSTOMERS
    on_a_broker(settings, [SIGNALS], scenario)


def test_what_is_published_comes_to_every_worker_also_to_one_that_starts_later(settings: Settings) -> None:
    (folder,) = settings.journey.rules
    (folder / "rules.yaml").write_text(STEADY)
    settings = with_topic(settings)

    async def put(text: str) -> None:
        files = [RuleText(name="shop.yaml", text=text)]
        await publish_rules(settings, compile_texts(files).hash, files)

    async def scenario(place: Place) -> None:
        async with place.worker(None) as one:
            await place.until(lambda: in_force(one, STEADY), "the files of the settings, until something is published")
            await put(FIRST)
            await place.until(lambda: in_force(one, FIRST), "what was published")
            (folder / "rules.yaml").write_text(SECOND)  # goes unnoticed
            async with place.worker(None) as two:
                await place.until(lambda: in_force(two, FIRST), "the same on another worker")
                await publish_rules(settings, "?", [RuleText(name="shop.yaml", text=BROKEN)])
                await place.until(lambda: both(one, two), "it is refused")
                assert in_force(one, FIRST)
                assert in_force(two, FIRST)
                await put(SECOND)
                await place.until(lambda: in_force(one, SECOND) and in_force(two, SECOND), "the next")

    def both(*workers: Worker) -> bool:
        return all(w.metrics.rules_refused._value.get() == 1 for w in workers)

    on_a_broker(settings, [SIGNALS], scenario)


def with_topic(settings: Settings) -> Settings:
    journey = settings.journey.model_copy(update={"rules_from": RuleHome.TOPIC})
    return settings.model_copy(update={"journey": journey})


@pytest.mark.parametrize("value", [BROKEN, None], ids=["with a mistake", "no set at all"])
def test_a_worker_does_not_start_on_published_rules_with_mistakes(
    broker: str, tmp_path: Path, value: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    journey = JourneySettings(builtin_rules=False, rules_from=RuleHome.TOPIC)
    settings = make_settings(broker).model_copy(update={"journey": journey})

    async def scenario(place: Place) -> None:
        if value is None:
            await place.publish("rules", 0, (b"rules", b'{"hash": "x", "files": 3}'))
        else:
            await publish_rules(settings, "?", [RuleText(name="shop.yaml", text=value)])
        with caplog.at_level(logging.CRITICAL):
            assert await asyncio.wait_for(Worker(settings, "journey").run(), 30) == EXIT_FATAL
        expected = "topic rules:1:1: " if value is None else "shop.yaml:20:13: rules.2.severity: "
        assert expected in caplog.text

    on_a_broker(settings, [SIGNALS], scenario)
