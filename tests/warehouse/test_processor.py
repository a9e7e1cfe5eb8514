"""The warehouse's logic on a store in memory: what is stored, when minutes are counted, what survives a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse import facts as make
from touchline.pipeline.engine.local import restore
from touchline.pipeline.engine.processor import Retry
from touchline.pipeline.engine.records import Batch, Outbox, Output, PlainRecord
from touchline.pipeline.engine.ticks import send_tick
from touchline.pipeline.warehouse.periods import DAY, HOUR, MINUTE, MOST_AT_ONCE, PERIODS, Period, TouchedPeriods
from touchline.pipeline.warehouse.processor import Recounted, WarehouseProcessor, WarehouseState
from touchline.pipeline.warehouse.tables import DELIVERIES, FACTS, SIGNALS, TOUCHPOINTS, FactTable
from touchline.schemas.control import Tick


class MemoryStore:
    """Keeps what it was told; `failing` calls from now on raise Retry. `before`: minutes in which what moved stood."""

    def __init__(self, took: float = 0.01, before: Sequence[int] = ()) -> None:
        self.rows: dict[str, list[tuple[Any, ...]]] = {facts.name: [] for facts in FACTS}
        self.counted: dict[Period, list[tuple[str, list[int]]]] = {period: [] for period in PERIODS}
        self.before = before
        self.failing = 0
        self.took = took

    async def insert(self, facts: FactTable, columns: Sequence[list[Any]]) -> None:
        self._fail()
        self.rows[facts.name].extend(map(tuple, zip(*columns, strict=True)))

    @property
    def recounts(self) -> list[tuple[str, list[int]]]:
        """Of minutes."""
        return self.counted[MINUTE]

    async def recount(self, facts: FactTable, period: Period, starts: Sequence[int]) -> Recounted:
        self._fail()
        self.counted[period].append((facts.name, list(starts)))
        return Recounted(self.took, frozenset([*starts, *(self.before if period is MINUTE else ())]))

    async def close(self) -> None:
        return

    def _fail(self) -> None:
        if self.failing:
            self.failing -= 1
            raise Retry("away")


def take(processor: WarehouseProcessor, state: WarehouseState, batch: Batch) -> Outbox:
    """As the runtime does it: process, flush until it works, commit."""
    out = Outbox()
    processor.process(batch, state, out)
    while True:
        try:
            asyncio.run(processor.flush(state))
        except Retry:
            continue
        return out


def start(**options: Any) -> tuple[MemoryStore, WarehouseProcessor, WarehouseState]:
    store = MemoryStore(**options)
    processor = WarehouseProcessor(store)
    return store, processor, processor.new_state()


def test_it_reads_all_facts_touchpoints_first() -> None:
    _, processor, _ = start()
    assert list(processor.inputs) == [
        *("touchpoints", "friction.signals", "outreach.decisions", "outreach.deliveries"),
        *("outreach.tasks", "outreach.notices"),
    ]


def test_ticks_and_tombstones_are_skipped_and_what_can_not_be_read_is_counted() -> None:
    store, processor, state = start()
    ticks = Outbox()
    send_tick(ticks, TOUCHPOINTS.topic, 0, Tick(partition=0, partitions=1, high=1))
    tick: Output = ticks.records[0]
    good = make.batch(TOUCHPOINTS.topic, [make.touchpoint()]).records[0]
    records = [
        PlainRecord(0, 0, None, tick.value, tick.headers),
        PlainRecord(1, 0, b"c-1", None),
        PlainRecord(2, 0, b"c-1", b"{"),
        PlainRecord(3, 0, b"c-1", good.value, (("traceparent", b"x"),)),
    ]
    out = take(processor, state, Batch(TOUCHPOINTS.topic, 0, 1, 0, records))
    assert len(store.rows["touchpoints"]) == 1
    assert out.counts == {"unreadable": 1, "facts": 1}


@given(st.lists(st.integers(1, 7), min_size=1, max_size=6))
def test_split_batches_store_the_same(sizes: list[int]) -> None:
    facts = [make.touchpoint(n, occurred_at=make.START + timedelta(seconds=17 * n)) for n in range(sum(sizes))]
    whole, processor, state = start()
    take(processor, state, make.batch(TOUCHPOINTS.topic, facts))
    split, processor, state = start()
    at = 0
    for size in sizes:
        take(processor, state, make.batch(TOUCHPOINTS.topic, facts[at : at + size]))
        at += size
    assert split.rows == whole.rows


@pytest.mark.parametrize("failing", range(1, 8))
def test_a_retry_neither_loses_nor_repeats(failing: int) -> None:
    store, processor, state = start()
    store.failing = failing
    take(processor, state, make.batch(TOUCHPOINTS.topic, [make.touchpoint(n) for n in range(3)]))
    assert len(store.rows["touchpoints"]) == 3
    assert store.recounts == [("touchpoints", [int(make.START.timestamp())])]


def test_minutes_wait_for_a_second_and_are_counted_once() -> None:
    store, processor, state = start()
    for now in range(0, 1_000, 100):
        take(processor, state, make.batch(TOUCHPOINTS.topic, [make.touchpoint(now)], now))
    assert len(store.recounts) == 1  # the first at once, the others wait
    take(processor, state, make.batch(TOUCHPOINTS.topic, [make.touchpoint(2_000)], MINUTE.least_wait))
    assert len(store.recounts) == 2
    assert not state.touched[MINUTE].of("touchpoints")


def test_an_idle_shard_counts_what_waits() -> None:
    store, processor, state = start()
    take(processor, state, make.batch(TOUCHPOINTS.topic, [make.touchpoint(1)], 0))
    take(processor, state, make.batch(TOUCHPOINTS.topic, [make.touchpoint(2)], 1))
    assert state.touched[MINUTE].of("touchpoints")
    take(processor, state, make.batch(TOUCHPOINTS.topic, [], 2))
    assert not state.touched[MINUTE].of("touchpoints")
    assert len(store.recounts) == 2


def test_hours_wait_longer_than_minutes_and_days_longer_than_hours() -> None:
    store, processor, state = start()
    for now in range(0, 20_000, 500):
        take(processor, state, make.batch(TOUCHPOINTS.topic, [make.touchpoint(now)], now))
    assert [len(store.counted[period]) for period in PERIODS] == [20, 4, 2]
    assert store.counted[HOUR][0] == ("touchpoints", [int(make.START.timestamp())])
    assert store.counted[DAY][0] == ("touchpoints", [int(make.START.replace(hour=0).timestamp())])
    take(processor, state, make.batch(TOUCHPOINTS.topic, [], 20_000))
    assert not any(state.touched[period].of("touchpoints") for period in PERIODS)


def test_the_hours_of_minutes_that_were_counted_beside_those_that_were_asked_for_are_counted() -> None:
    store, processor, state = start(before=[60])
    take(processor, state, make.batch(SIGNALS.topic, [make.signal()]))
    assert [sorted(starts) for _, starts in store.counted[HOUR]] == [[0, int(make.START.timestamp())]]
    assert [len(starts) for _, starts in store.counted[DAY]] == [2]


def test_hours_and_days_survive_a_crash_in_the_changelog() -> None:
    _, processor, state = start()
    for now in (0, MINUTE.least_wait):  # the second minute is counted, its hour and its day wait
        late = make.touchpoint(now, occurred_at=make.START - timedelta(days=9 * now))
        take(processor, state, make.batch(TOUCHPOINTS.topic, [late], now))
    assert not state.touched[MINUTE].of("touchpoints")
    changelog = [(name, key, value) for name, piece in state.pieces.items() for key, value in piece.changes()]
    store, processor, state = start()
    restore(state.pieces, changelog)
    take(processor, state, make.batch(TOUCHPOINTS.topic, [], 2))
    assert [len(store.counted[period]) for period in PERIODS] == [0, 1, 1]


def test_a_recount_that_takes_long_is_made_less_often() -> None:
    store, processor, state = start(took=0.2)
    for now in range(0, 8_001, 500):
        take(processor, state, make.batch(TOUCHPOINTS.topic, [make.touchpoint(now)], now))
    assert len(store.recounts) == 3  # at 0, 4 and 8 s: a twentieth of the time
    assert MINUTE.most_wait == 10_000


def test_a_wall_clock_that_is_put_back_holds_nothing_up() -> None:
    store, processor, state = start()
    take(processor, state, make.batch(TOUCHPOINTS.topic, [make.touchpoint(1)], 3_600_000))
    take(processor, state, make.batch(TOUCHPOINTS.topic, [make.touchpoint(2)], 1))
    assert len(store.recounts) == 2


def test_many_minutes_do_not_pile_up() -> None:
    store, processor, state = start()
    spread = [make.touchpoint(n, occurred_at=make.START + timedelta(hours=n)) for n in range(MOST_AT_ONCE + 1)]
    take(processor, state, make.batch(TOUCHPOINTS.topic, spread[:1]))
    take(processor, state, make.batch(TOUCHPOINTS.topic, spread[1:]))
    assert [len(minutes) for _, minutes in store.recounts] == [1, MOST_AT_ONCE]


def test_deliveries_are_stored_and_not_counted() -> None:
    store, processor, state = start()
    take(processor, state, make.batch(DELIVERIES.topic, [make.delivery()]))
    assert len(store.rows["deliveries"]) == 1
    assert store.recounts == []


def test_minutes_survive_a_crash_in_the_changelog() -> None:
    _, processor, state = start()
    take(processor, state, make.batch(TOUCHPOINTS.topic, [make.touchpoint(1)], 0))
    late = make.touchpoint(2, occurred_at=make.START - timedelta(days=9))
    take(processor, state, make.batch(TOUCHPOINTS.topic, [late], 1))
    changelog = [(name, key, value) for name, piece in state.pieces.items() for key, value in piece.changes()]
    store, processor, state = start()
    restore(state.pieces, changelog)
    take(processor, state, make.batch(TOUCHPOINTS.topic, [], 2))
    assert store.recounts == [("touchpoints", [int(late.occurred_at.timestamp())])]
    assert [value for _, value in state.touched[MINUTE].changes()] == [None]


@given(st.lists(st.tuples(st.sampled_from(["touchpoints", "signals"]), st.sets(st.integers(0, 2**32 - 1), max_size=9))))
def test_the_changelog_holds_the_minutes(steps: list[tuple[str, set[int]]]) -> None:
    minutes, copy = TouchedPeriods(), TouchedPeriods()
    for number, (name, touched) in enumerate(steps):
        minutes.add(name, touched)
        if number % 3 == 2:
            due = minutes.due(name, 0, idle=True)
            minutes.counted(name, due[: len(due) // 2], 0, 0.0)
        for key, value in minutes.changes():
            copy.load(key, value)
        for which in ("touchpoints", "signals"):
            assert sorted(copy.of(which)) == sorted(minutes.of(which))


def test_signals_touch_the_minute_of_their_time() -> None:
    store, processor, state = start()
    take(processor, state, make.batch(SIGNALS.topic, [make.signal(at=make.START + timedelta(seconds=61))]))
    assert store.recounts == [("signals", [int(make.START.timestamp()) + 60])]
