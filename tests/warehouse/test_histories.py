"""Any history ends in the same figures: replays, duplicates, late facts, changes that move, writers side by side, and
crashes between an insert and its recount."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from tests.warehouse import facts as make
from tests.warehouse import servers
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.facts import ClickHouseSink
from touchline.pipeline.engine.local import restore
from touchline.pipeline.engine.processor import Retry
from touchline.pipeline.engine.records import Outbox
from touchline.pipeline.warehouse.periods import PERIODS, Period
from touchline.pipeline.warehouse.processor import Recounted, WarehouseProcessor, WarehouseState
from touchline.pipeline.warehouse.tables import COUNTED, DECISIONS, SIGNALS, TOUCHPOINTS, FactTable

MINUTES = 15
MANY = int(os.environ.get("TOUCHLINE_HISTORIES", "200"))
"""How many histories in CI: each takes a second or two, for whatever crashes is counted again."""

FAILS = 0.1 / len(PERIODS)
"""The share of recounts that find the server away, that never begin, and that nobody hears the end of: a step has one
of each period, so that it fails about as often as an insert, and most get done."""


class Crashed(Exception):
    """The process ended here."""


class FragileStore:
    """A sink whose process sometimes ends after an insert, before the recount, or whose server is sometimes away."""

    def __init__(self, sink: ClickHouseSink, random: Random) -> None:
        self._sink = sink
        self._random = random

    async def insert(self, facts: FactTable, columns: Sequence[list[Any]]) -> None:
        if self._random.random() < 0.1:
            raise Retry("away")
        await self._sink.insert(facts, columns)
        if self._random.random() < 0.1:
            raise Crashed

    async def recount(self, facts: FactTable, period: Period, starts: Sequence[int]) -> Recounted:
        luck = self._random.random()
        if luck < FAILS:
            raise Retry("away")
        if luck < 2 * FAILS:
            raise Crashed
        done = await self._sink.recount(facts, period, starts)
        if luck > 1 - FAILS:
            raise Crashed
        return done

    async def close(self) -> None:
        await self._sink.close()


@dataclass
class Shard:
    """One writer on one log of batches, which commits as the runtime does: state after flush, or not at all."""

    processor: WarehouseProcessor
    log: list[tuple[str, list[Any]]]
    random: Random

    def __post_init__(self) -> None:
        self.changelog: list[tuple[str, bytes, bytes | None]] = []
        self.position = 0
        self.now = 0

    def restored(self) -> WarehouseState:
        state = self.processor.new_state()
        restore(state.pieces, self.changelog)
        return state

    async def work(self) -> None:
        """Takes the whole log, some batches more than once, and then waits until nothing is left to count."""
        state = self.restored()
        while self.position < len(self.log) or self._has_to_count(state):
            self.now += self.random.choice([0, 300, 2_000])
            try:
                await self._step(state)
            except Crashed:
                state = self.restored()

    def _has_to_count(self, state: WarehouseState) -> bool:
        return any(touched.of(facts.name) for touched in state.touched.values() for facts in COUNTED)

    async def _step(self, state: WarehouseState) -> None:
        topic, facts = self.log[self.position] if self.position < len(self.log) else (TOUCHPOINTS.topic, [])
        self.processor.process(make.batch(topic, facts, self.now), state, Outbox())
        while True:
            try:
                await self.processor.flush(state)
                break
            except Retry:
                continue
        for name, piece in state.pieces.items():
            self.changelog.extend((name, key, value) for key, value in piece.changes())
        self.position = min(self.position + 1, len(self.log))
        if self.random.random() < 0.1:
            self.position = max(0, self.position - 2)  # the topic is read again from further back


def batches(random: Random, topic: str, facts: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """The facts cut into batches of some length."""
    cut, at = [], 0
    while at < len(facts):
        size = random.choice([1, 3, 20])
        cut.append((topic, list(facts[at : at + size])))
        at += size
    return cut


def mixed(random: Random, logs: Sequence[list[tuple[str, list[Any]]]]) -> list[tuple[str, list[Any]]]:
    """Batches of several topics, each topic's in order."""
    order = [index for index, log in enumerate(logs) for _ in log]
    random.shuffle(order)
    left = [iter(log) for log in logs]
    return [next(left[index]) for index in order]


@dataclass
class History:
    """What was published, as two shards got it: so many touchpoints, and a third as many signals."""

    seed: int
    size: int = 15

    def __post_init__(self) -> None:
        random = Random(self.seed)
        # Over the end of an hour, and each third history over the end of a day.
        hours = 14 if self.seed % 3 == 0 else self.seed // 20
        start = make.START + timedelta(days=self.seed % 20, hours=hours, minutes=50)
        self.touchpoints = make.random_touchpoints(random, self.size, start, MINUTES)
        repeated = random.sample(self.touchpoints, self.size // 4)
        self.signals = make.random_signals(random, self.size // 3, start, MINUTES)
        self.decisions = make.decisions_on(random, self.signals)
        self.logs = []
        for shard in range(2):
            own = [fact for fact in (*self.touchpoints, *repeated) if int(fact.customer[2:]) % 2 == shard]
            signals = [fact for fact in self.signals if int(fact.customer[2:]) % 2 == shard]
            decisions = [fact for fact in self.decisions if int(fact.customer[2:]) % 2 == shard]
            parts = ((TOUCHPOINTS.topic, own), (SIGNALS.topic, signals), (DECISIONS.topic, decisions))
            self.logs.append(mixed(random, [batches(random, topic, facts) for topic, facts in parts]))


async def run(settings: WarehouseSettings, history: History) -> None:
    """Both shards at once, each with a connection of its own, as in two processes."""
    random = Random(history.seed)
    sinks = [ClickHouseSink(settings), ClickHouseSink(settings)]
    processors = [WarehouseProcessor(FragileStore(sink, random)) for sink in sinks]
    shards = [Shard(processor, log, random) for processor, log in zip(processors, history.logs, strict=True)]
    await asyncio.gather(*(shard.work() for shard in shards))
    for sink in sinks:
        await sink.close()


def check(settings: WarehouseSettings, histories: Sequence[History]) -> None:
    """Aggregates equal the facts, and both equal what plain Python counts."""
    assert upkeep.verify(settings) == []
    touchpoints = [fact for history in histories for fact in history.touchpoints]
    signals = make.latest([fact for history in histories for fact in history.signals], "signal_id")
    decisions = make.latest([fact for history in histories for fact in history.decisions], "decision_id")
    assert upkeep.query(settings, "SELECT count() FROM touchpoints").rows == [(len(touchpoints),)]
    rows = upkeep.query(settings, "SELECT signal_id, status, revision FROM signals").rows
    assert sorted(map(tuple, rows)) == sorted((fact.signal_id, fact.status.value, fact.revision) for fact in signals)
    for unit in ("minute", "hour", "day"):
        assert figures(settings, TOUCHPOINT_FIGURES, unit, 3) == make.touchpoint_figures(touchpoints, unit)
        assert figures(settings, SIGNAL_FIGURES, unit, 3) == make.signal_figures(signals, unit)
        assert figures(settings, DECISION_FIGURES, unit, 6) == make.decision_figures(decisions, unit)


TOUCHPOINT_FIGURES = """SELECT toDateTime({unit}, 'UTC'), channel, kind, touchpoints, customers, waits,
    toInt64(round(wait_seconds * 1000)), csat_answers, csat_satisfied FROM touchpoints_by_{unit}"""
SIGNAL_FIGURES = "SELECT toDateTime({unit}, 'UTC'), rule, status, signals, customers FROM signals_by_{unit}"
DECISION_FIGURES = """SELECT toDateTime({unit}, 'UTC'), rule, channel, outcome, route, arm, decisions, customers,
    delay_seconds
    FROM decisions_by_{unit}"""


def figures(settings: WarehouseSettings, sql: str, unit: str, keys: int) -> make.Figures:
    """What a query gives: the first columns (a time first) to the others."""
    rows = upkeep.query(settings, sql.format(unit=unit)).rows
    found = {(row[0].replace(tzinfo=None), *row[1:keys]): tuple(row[keys:]) for row in rows}
    assert len(found) == len(rows)
    return found


def test_random_histories_end_in_the_figures_of_the_facts(migrated: WarehouseSettings) -> None:
    histories = [History(seed=3, size=30)]
    for history in histories:
        asyncio.run(run(migrated, history))
    check(migrated, histories)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(100, 100 + MANY, 20))
def test_many_random_histories(migrated: WarehouseSettings, first: int) -> None:
    """Every second one over a line that is cut now and then in the middle of an insert or a recount."""
    histories = [History(seed) for seed in range(first, first + 20)]
    for history in histories:
        if history.seed % 2:
            asyncio.run(run(migrated, history))
        else:
            with servers.serving(servers.cutting_at_times(migrated.port, Random(history.seed))) as port:
                asyncio.run(run(migrated.model_copy(update={"port": port}), history))
    check(migrated, histories)
