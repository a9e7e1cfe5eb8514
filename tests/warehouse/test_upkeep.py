"""Proving the figures and mending them: what was tampered with is found, and a rebuild puts it right."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.warehouse import facts as make
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.clickhouse import BadQuery, WrongSchema
from touchline.agents.sinks.facts import ClickHouseSink, recount
from touchline.pipeline.engine.records import Outbox
from touchline.pipeline.warehouse.periods import DAY, MINUTE
from touchline.pipeline.warehouse.processor import WarehouseProcessor
from touchline.pipeline.warehouse.rows import minutes_of
from touchline.pipeline.warehouse.sqlfiles import migrations, statement
from touchline.pipeline.warehouse.tables import DECISIONS, DELIVERIES, SIGNALS, TOUCHPOINTS
from touchline.schemas.vocabulary import DeliveryStatus, Scope, SignalStatus

TOUCHES = [make.touchpoint(n, occurred_at=make.START + timedelta(seconds=20 * n)) for n in range(12)]
SIGNALLED = [make.signal(n, at=make.START + timedelta(minutes=n)) for n in range(4)]
WRITTEN = ("place", "minute", "hour", "day")
DECIDED = [make.decision(n) for n in range(4)]


async def write(settings: WarehouseSettings, *topics: tuple[str, Sequence[Any]], counted: bool = True) -> None:
    """Facts through the agent's own logic; not `counted`: the process ends before the minutes are."""
    sink = ClickHouseSink(settings)
    processor = WarehouseProcessor(sink)
    state = processor.new_state()
    for topic, facts in topics:
        processor.process(make.batch(topic, facts, now=1), state, Outbox())
        if not counted:
            for table in (TOUCHPOINTS, SIGNALS, DECISIONS):
                state.touched[MINUTE].counted(table.name, (), now=1, took=10)  # so the next is some seconds away
        await processor.flush(state)
    if counted:
        processor.process(make.batch(TOUCHPOINTS.topic, [], now=1), state, Outbox())
        await processor.flush(state)
    await sink.close()


@pytest.fixture
def filled(migrated: WarehouseSettings) -> WarehouseSettings:
    """Some of each fact, all counted."""
    parts = ((TOUCHPOINTS.topic, TOUCHES), (SIGNALS.topic, SIGNALLED), (DECISIONS.topic, DECIDED))
    asyncio.run(write(migrated, *parts))
    assert upkeep.verify(migrated) == []
    return migrated


@pytest.mark.parametrize(
    ("tampering", "table"),
    [
        ("ALTER TABLE fact_touchpoints DELETE WHERE event_id = 'e-3'", "touchpoints"),
        pytest.param("ALTER TABLE fact_touchpoints DELETE WHERE 1", "touchpoints", marks=pytest.mark.slow),
        ("ALTER TABLE fact_touchpoints UPDATE wait_seconds = 7 WHERE event_id = 'e-3'", "touchpoints"),
        pytest.param(
            "ALTER TABLE fact_touchpoints UPDATE channel = 'web' WHERE event_id = 'e-3'",
            "touchpoints",
            marks=pytest.mark.slow,
        ),
        ("ALTER TABLE minute_touchpoints UPDATE touchpoints = touchpoints + 1 WHERE 1", "touchpoints"),
        pytest.param(
            "ALTER TABLE minute_touchpoints UPDATE csat_answers = 9 WHERE 1", "touchpoints", marks=pytest.mark.slow
        ),
        pytest.param("ALTER TABLE minute_touchpoints DELETE WHERE 1", "touchpoints", marks=pytest.mark.slow),
        pytest.param("ALTER TABLE fact_signals DELETE WHERE signal_id = 's-2'", "signals", marks=pytest.mark.slow),
        ("ALTER TABLE minute_signals DELETE WHERE rule = 'repeated_contact'", "signals"),
        pytest.param("ALTER TABLE minute_decisions UPDATE delay_ms = 1 WHERE 1", "decisions", marks=pytest.mark.slow),
        ("ALTER TABLE hour_touchpoints UPDATE wait_ms = wait_ms + 1 WHERE 1", "touchpoints"),
        ("ALTER TABLE day_signals DELETE WHERE rule = 'repeated_contact'", "signals"),
        pytest.param("ALTER TABLE day_touchpoints DELETE WHERE 1", "touchpoints", marks=pytest.mark.slow),
        ("ALTER TABLE day_customers DELETE WHERE channel = ''", "touchpoints"),
        pytest.param("ALTER TABLE day_customers UPDATE touchpoints = 9 WHERE 1", "touchpoints", marks=pytest.mark.slow),
        pytest.param("ALTER TABLE hour_decisions UPDATE decisions = 9 WHERE 1", "decisions", marks=pytest.mark.slow),
        ("ALTER TABLE fact_decisions UPDATE reason = 'cooldown' WHERE decision_id = 'd-2'", "decisions"),
    ],
)
def test_what_was_tampered_with_is_found_and_mended(filled: WarehouseSettings, tampering: str, table: str) -> None:
    upkeep.query(filled, f"{tampering} SETTINGS mutations_sync = 2")
    found = upkeep.verify(filled)
    assert {difference.name for difference in found} == {table}
    assert all(difference.facts or difference.aggregate for difference in found)
    upkeep.rebuild(filled)
    assert upkeep.verify(filled) == []


def test_a_rebuild_writes_the_index_by_id_anew(filled: WarehouseSettings) -> None:
    of_signals, of_decisions = ([f"{what}_{name}" for what in WRITTEN] for name in ("signals", "decisions"))
    for table in (*of_signals, *of_decisions):
        upkeep.query(filled, f"TRUNCATE TABLE {table}")
    assert upkeep.query(filled, "SELECT count() FROM signals").rows == [(0,)]
    upkeep.rebuild(filled)
    assert upkeep.verify(filled) == []
    assert upkeep.query(filled, "SELECT count() FROM signals").rows == [(4,)]


BY_CUSTOMER = "SELECT customer, occurred_at, event_hash FROM customer_touchpoints FINAL ORDER BY ALL"
BY_FACT = "SELECT customer, occurred_at, cityHash64(source, event_id) FROM touchpoints ORDER BY ALL"


@pytest.mark.parametrize(
    "changes",
    [{"customer": "c-other"}, {"occurred_at": TOUCHES[3].occurred_at + timedelta(milliseconds=7)}],
    ids=["another customer", "another moment"],
)
def test_a_touchpoint_sent_again_leaves_no_row_of_its_old_customer_or_moment(
    filled: WarehouseSettings, changes: dict[str, Any]
) -> None:
    next_month = make.touchpoint(99, occurred_at=make.START + timedelta(days=40), customer="c-1")
    asyncio.run(write(filled, (TOUCHPOINTS.topic, [replace(TOUCHES[3], **changes), next_month])))
    found = upkeep.verify(filled)
    assert {(one.name, one.period, one.start.month, one.group) for one in found} == {
        ("touchpoints", "month", 3, ("customer_touchpoints",))
    }
    upkeep.rebuild(filled)
    assert upkeep.verify(filled) == []
    assert upkeep.query(filled, BY_CUSTOMER).rows == upkeep.query(filled, BY_FACT).rows
    assert upkeep.query(filled, "SELECT sum(touchpoints) FROM customer_360").rows == [(len(TOUCHES) + 1,)]


def test_touchpoints_by_customer_that_were_lost_are_written_anew(filled: WarehouseSettings) -> None:
    columns = "SELECT * FROM customer_touchpoints FINAL ORDER BY customer, occurred_at, event_hash"
    before = upkeep.query(filled, columns).rows
    upkeep.query(filled, "TRUNCATE TABLE customer_touchpoints")
    (lost,) = map(str, upkeep.verify(filled))
    assert lost.startswith("touchpoints, month 2026-03-01 00:00 (customer_touchpoints): facts have (12,")
    upkeep.rebuild(filled)
    assert upkeep.verify(filled) == []
    assert upkeep.query(filled, columns).rows == before


def test_differences_say_where_and_what(filled: WarehouseSettings) -> None:
    upkeep.query(filled, "ALTER TABLE minute_decisions UPDATE decisions = 9 WHERE 1 SETTINGS mutations_sync = 2")
    facts_have, aggregate_has = map(str, upkeep.verify(filled))
    group = "repeated_contact, high, service, own, email, service, sent, sent, False, customer, , none"
    place = f"decisions, minute 2026-03-01 09:00 ({group})"
    assert {facts_have, aggregate_has} == {
        f"{place}: facts have (4,1,20000), the other side has not",
        f"{place}: aggregate has (9,1,20000), the other side has not",
    }


def test_no_more_differences_are_listed_than_asked_for(filled: WarehouseSettings) -> None:
    upkeep.query(filled, "ALTER TABLE minute_touchpoints DELETE WHERE 1 SETTINGS mutations_sync = 2")
    assert len(upkeep.verify(filled, limit=2)) == 2


def test_facts_whose_recount_was_lost_are_counted_by_refresh(migrated: WarehouseSettings) -> None:
    asyncio.run(write(migrated, (TOUCHPOINTS.topic, TOUCHES), (SIGNALS.topic, SIGNALLED), counted=False))
    assert {d.period for d in upkeep.verify(migrated)} == {"minute", "hour", "day"}
    steps: list[tuple[int, int]] = []
    assert upkeep.refresh(migrated, lambda done, total: steps.append((done, total))) == 8
    assert steps[-1] == (12, 12)  # two hours and two days with them
    assert upkeep.verify(migrated) == []


def test_what_a_refresh_counted_is_not_counted_again_by_the_next(migrated: WarehouseSettings) -> None:
    asyncio.run(write(migrated, (TOUCHPOINTS.topic, TOUCHES), (SIGNALS.topic, SIGNALLED), counted=False))
    upkeep.refresh(migrated)
    steps: list[tuple[int, int]] = []
    assert upkeep.refresh(migrated, lambda done, total: steps.append((done, total))) == 0
    assert steps == []
    late = make.touchpoint(99, occurred_at=TOUCHES[0].occurred_at, kind="order.placed")
    asyncio.run(write(migrated, (TOUCHPOINTS.topic, [late]), counted=False))
    assert upkeep.refresh(migrated, lambda done, total: steps.append((done, total))) == 1
    assert steps[-1] == (3, 3)  # with its hour and its day
    assert upkeep.verify(migrated) == []


@pytest.mark.parametrize("period", ["minute", "hour"])
def test_what_may_have_been_under_way_at_a_recount_is_counted_by_refresh(
    filled: WarehouseSettings, period: str
) -> None:
    """A version was taken by somebody else before what it should count was written, though that was begun earlier."""
    upkeep.refresh(filled)
    asyncio.run(write(filled, (TOUCHPOINTS.topic, [make.touchpoint(99, kind="order.placed")]), counted=False))
    table = f"{period}_touchpoints"
    if period == "hour":
        with upkeep.connected(filled) as connection:
            recount(connection, TOUCHPOINTS, MINUTE, [int(make.START.timestamp())])
    upkeep.query(
        filled,
        f"""INSERT INTO {table}
        SELECT * REPLACE (toUInt64(toUnixTimestamp64Nano(now64(9))) + 1000000000 AS version) FROM {table} FINAL
        WHERE {period} = '2026-03-01 09:00:00'""",  # noqa: S608 - our own names
    )
    upkeep.refresh(filled)
    assert upkeep.verify(filled) == []


def test_a_clock_that_was_put_back_settles_nothing(filled: WarehouseSettings) -> None:
    tomorrow = "toUInt64(toUnixTimestamp64Nano(now64(9) + INTERVAL 1 DAY))"
    upkeep.query(filled, f"INSERT INTO settled SELECT arrayJoin(['minute', 'hour', 'day']), {tomorrow}")
    assert upkeep.refresh(filled) == 9
    assert upkeep.refresh(filled) == 0


def test_rebuild_counts_minutes_that_have_figures_and_no_facts(filled: WarehouseSettings) -> None:
    upkeep.query(filled, "TRUNCATE TABLE fact_touchpoints")
    upkeep.rebuild(filled)
    left = """SELECT count() FROM (
        SELECT kind FROM touchpoints_by_minute UNION ALL SELECT kind FROM touchpoints_by_hour
        UNION ALL SELECT kind FROM touchpoints_by_day)"""
    assert upkeep.query(filled, left).rows == [(0,)]


def test_hours_and_days_whose_recount_was_lost_are_counted_by_refresh(filled: WarehouseSettings) -> None:
    upkeep.query(filled, "TRUNCATE TABLE hour_touchpoints")
    upkeep.query(filled, "TRUNCATE TABLE day_signals")
    upkeep.refresh(filled)
    assert upkeep.verify(filled) == []


def test_the_migration_fills_hours_and_days_from_the_minutes_that_are_there(empty: WarehouseSettings) -> None:
    upkeep.migrate(empty, known=[migration for migration in migrations() if migration.number < 40])
    with upkeep.connected(empty) as connection:
        for facts, some in ((TOUCHPOINTS, TOUCHES), (SIGNALS, SIGNALLED), (DECISIONS, DECIDED)):
            columns = facts.as_columns(some)
            connection.insert(statement(f"insert_{facts.name}"), columns)
            recount(connection, facts, MINUTE, minutes_of(columns[facts.time_column]))
    upkeep.migrate(empty)
    assert upkeep.verify(empty) == []
    assert upkeep.query(empty, "SELECT sum(touchpoints), sum(csat_answers) FROM touchpoints_by_day").rows == [(12, 0)]


def test_a_signal_that_moves_to_another_day_leaves_its_old_one(filled: WarehouseSettings) -> None:
    moved = replace(SIGNALLED[2], revision=2, at=make.START + timedelta(days=1, hours=1))
    asyncio.run(write(filled, (SIGNALS.topic, [moved])))
    hours = "SELECT toString(hour), signals FROM signals_by_hour ORDER BY hour"
    assert upkeep.query(filled, hours).rows == [("2026-03-01 09:00:00", 3), ("2026-03-02 10:00:00", 1)]
    days = "SELECT toString(day), signals, customers FROM signals_by_day ORDER BY day"
    assert upkeep.query(filled, days).rows == [("2026-03-01", 3, 1), ("2026-03-02", 1, 1)]


def test_a_signal_that_moves_leaves_its_old_minute(filled: WarehouseSettings) -> None:
    moved = replace(SIGNALLED[2], revision=2, status=SignalStatus.RESOLVED, at=make.START + timedelta(minutes=40))
    asyncio.run(write(filled, (SIGNALS.topic, [moved])))
    rows = upkeep.query(filled, "SELECT toMinute(minute), status, signals FROM signals_by_minute ORDER BY minute").rows
    assert rows == [(0, "opened", 1), (1, "opened", 1), (3, "opened", 1), (40, "resolved", 1)]
    asyncio.run(write(filled, (SIGNALS.topic, SIGNALLED)))  # a replay of what was before brings nothing back
    assert (
        upkeep.query(filled, "SELECT toMinute(minute), status, signals FROM signals_by_minute ORDER BY minute").rows
        == rows
    )
    assert upkeep.query(filled, "SELECT count() FROM signal_changes").rows == [(5,)]
    assert upkeep.query(filled, "SELECT status, is_open FROM signals WHERE signal_id = 's-2'").rows == [
        ("resolved", False)
    ]


@pytest.mark.parametrize("view", ["signals", "signal_changes"])
def test_a_signal_is_of_a_customer_unless_its_values_say_of_an_incident(migrated: WarehouseSettings, view: str) -> None:
    incident = make.signal(2, scope=Scope.INCIDENT, customer="party:dhl")
    asyncio.run(write(migrated, (SIGNALS.topic, [make.signal(1), incident])))
    with upkeep.connected(migrated) as connection:  # as rows are that were written when there were no incidents
        connection.insert_rows("INSERT INTO fact_signals (signal_id, at) VALUES", [("s-0", make.START)])
    scopes = f"SELECT signal_id, scope FROM {view} ORDER BY signal_id"  # noqa: S608 - our own name
    expected = [("s-0", "customer"), ("s-1", "customer"), ("s-2", "incident")]
    assert upkeep.query(migrated, scopes).rows == expected


def test_deliveries_show_their_latest_state_and_their_life(migrated: WarehouseSettings) -> None:
    first = make.delivery(1)
    sent = replace(first, revision=2, status=DeliveryStatus.SENT, at=first.at + timedelta(minutes=3))
    asyncio.run(write(migrated, (DELIVERIES.topic, [first, sent, first])))
    assert upkeep.query(migrated, "SELECT status FROM deliveries").rows == [("sent",)]
    assert upkeep.query(migrated, "SELECT status FROM delivery_changes ORDER BY revision").rows == [
        ("attempted",),
        ("sent",),
    ]


def test_hours_and_days_are_the_minutes_merged(migrated: WarehouseSettings) -> None:
    spread = [
        make.touchpoint(n, occurred_at=make.START + timedelta(minutes=7 * n), customer=f"c-{n % 3}", wait_seconds=n)
        for n in range(20)
    ]
    asyncio.run(write(migrated, (TOUCHPOINTS.topic, spread)))
    hours = "SELECT toHour(hour), touchpoints, customers, wait_seconds FROM touchpoints_by_hour ORDER BY hour"
    assert upkeep.query(migrated, hours).rows == [(9, 9, 3, 36.0), (10, 9, 3, 117.0), (11, 2, 2, 37.0)]
    days = "SELECT toString(day), touchpoints, customers, wait_seconds, wait_p50 FROM touchpoints_by_day"
    ((day, touchpoints, customers, seconds, median),) = upkeep.query(migrated, days).rows
    assert (day, touchpoints, customers, seconds) == ("2026-03-01", 20, 3, 190.0)
    assert median == pytest.approx(9, rel=0.06)


def test_customers_of_a_day_are_counted_once_and_by_channel(filled: WarehouseSettings) -> None:
    rows = upkeep.query(filled, "SELECT count(), uniq(customer) FROM touchpoints GROUP BY toDate(minute)").rows
    assert upkeep.query(filled, "SELECT touchpoints, customers FROM customers_by_day").rows == rows
    rows = upkeep.query(
        filled, "SELECT channel, count(), uniq(customer) FROM touchpoints GROUP BY channel ORDER BY 1"
    ).rows
    found = "SELECT channel, touchpoints, customers FROM customers_by_day_and_channel ORDER BY channel"
    assert upkeep.query(filled, found).rows == rows
    upkeep.query(filled, "ALTER TABLE fact_touchpoints DELETE WHERE 1 SETTINGS mutations_sync = 2")
    upkeep.rebuild(filled)
    assert upkeep.query(filled, "SELECT * FROM customers_by_day").rows == []
    assert upkeep.query(filled, found).rows == []


def test_who_clears_a_day_that_another_is_just_counting_leaves_its_customers_alone(filled: WarehouseSettings) -> None:
    """The other one has written the day's figures, and merges its customers next."""
    counted = "SELECT channel, touchpoints, customers FROM customers_by_day_and_channel ORDER BY channel"
    before = upkeep.query(filled, counted).rows
    with upkeep.connected(filled) as connection:
        asked = {"starts": str(int(make.START.timestamp()) // DAY.seconds * DAY.seconds)}
        take_version = statement("version", facts="touchpoints", period="day")
        newer = {**asked, "version": connection.query(take_version, asked).rows[0][0]}
        connection.query(statement("merge_touchpoints", period="day", part="hour"), newer)
        connection.query(statement("clear_day_customers"), asked)
        assert connection.query(counted).rows == before != []


def test_a_query_tells_its_mistake_and_a_missing_table_how_to_make_it(empty: WarehouseSettings) -> None:
    with pytest.raises(BadQuery, match="Syntax error"):
        upkeep.query(empty, "SELEC 1")
    with pytest.raises(WrongSchema, match="`touchline warehouse migrate`"):
        upkeep.query(empty, "SELECT count() FROM touchpoints")


def test_a_query_tells_columns_and_their_types(tables: WarehouseSettings) -> None:
    result = upkeep.query(tables, "SELECT 1 AS one, 'x' AS two;")
    assert (result.columns, list(result.rows)) == ((("one", "UInt8"), ("two", "String")), [(1, "x")])
