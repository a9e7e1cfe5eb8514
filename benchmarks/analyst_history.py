"""The history that `benchmarks.analysts` asks about: a simulated shop, copied within the warehouse."""

import itertools
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from touchline.agents import enrich
from touchline.agents.settings import Settings, WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.clickhouse import Connection
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import PlainRecord
from touchline.pipeline.warehouse.sqlfiles import statement
from touchline.pipeline.warehouse.tables import TOUCHPOINTS
from touchline.schemas import wire
from touchline.simulator import Plan, touchpoints

BATCH = 4_000
ROWS_AN_INSERT = 100_000
EVENTS_A_CUSTOMER = 40
DAYS = 180
SPAN = DAYS * 86_400

COPY = """
INSERT INTO fact_touchpoints (
    occurred_at, source, event_id, customer, kind, channel, stage, party, actor, subjects, text, sentiment,
    score_scale, score, score_upper, score_low_is_good, wait_seconds, duration_seconds, attributes, received_at,
    late_seconds, raw_partition, raw_offset
)
SELECT
    occurred_at + toIntervalSecond(%(shift)s), source, concat(event_id, %(mark)s), concat(customer, %(mark)s), kind,
    channel, stage, party, actor, arrayMap(subject -> concat(subject, %(mark)s), subjects), text, sentiment,
    score_scale, score, score_upper, score_low_is_good, wait_seconds, duration_seconds, attributes,
    occurred_at + toIntervalSecond(%(shift)s) + toIntervalMillisecond(100 + cityHash64(event_id) %% 900), late_seconds,
    raw_partition, raw_offset
FROM fact_touchpoints
WHERE NOT endsWith(customer, '+') AND minute >= toDateTime(%(first)s, 'UTC') AND minute < toDateTime(%(last)s, 'UTC')
SETTINGS max_partitions_per_insert_block = 0, max_insert_threads = 1
"""

SIGNALS = """
INSERT INTO fact_signals (
    signal_id, revision, status, rule, rule_version, polarity, severity, owner, control, stage, party, channel,
    customer, counted_by, at, raised_at, evidence, action, events, values, subjects, profile_revision, provisional,
    ruleset
)
WITH
    ['repeated_contact', 'long_wait', 'promise_broken', 'parcel_stuck', 'score_collapse'] AS rules,
    ['customer_service', 'logistics', 'shop'] AS owners
SELECT
    hex(sipHash128(source, event_id)) AS signal_id,
    arrayJoin(if(cityHash64(event_id) % 80 = 0, [1], [1, 2])) AS revision, if(revision = 1, 'opened', 'resolved'),
    rules[cityHash64(kind) % 5 + 1] AS rule, 1, 'friction', ['low', 'medium', 'high'][cityHash64(customer) % 3 + 1],
    owners[cityHash64(rule) % 3 + 1], 'own', stage, party, channel, customer, customer, occurred_at, occurred_at,
    '3 contacts within 3 d, the newest by voice', 'Call back', [event_id], map('contacts', '3', 'within', '72.5'),
    subjects, 1, false, 'a1b2c3'
FROM fact_touchpoints
WHERE cityHash64(event_id) % 40 = 0
SETTINGS max_partitions_per_insert_block = 0
"""

DECISIONS = """
INSERT INTO fact_decisions (
    decision_id, revision, signal_id, signal_revision, rule, severity, owner, control, customer, counted_by, outcome,
    reason, observed, purpose, channel, explanation, signal_at, at, profile_revision
)
SELECT
    concat('d-', signal_id), 1, signal_id, 1, rule, severity, owner, control, customer, customer,
    if(cityHash64(signal_id) % 5 = 0, 'suppressed', 'sent') AS outcome,
    if(outcome = 'sent', 'sent', ['cooldown', 'no_consent', 'frequency_cap'][cityHash64(customer) % 3 + 1]),
    false, 'service', 'email', 'no reason against it', at, at + toIntervalSecond(4), 1
FROM fact_signals
WHERE revision = 1
SETTINGS max_partitions_per_insert_block = 0
"""


def make(settings: WarehouseSettings, connection: Connection, wanted: int, simulated: int) -> None:
    """Fills the warehouse up to so many touchpoints, and counts them."""
    have = stored(connection)
    if not have:
        with timed(f"simulated {simulated:,}"):
            for rows in in_lumps(shop(simulated), ROWS_AN_INSERT):
                connection.insert(
                    statement("insert_touchpoints"), TOUCHPOINTS.as_columns(list(map(TOUCHPOINTS.decode, rows)))
                )
        have = stored(connection)
    if have * 2 <= wanted:
        with timed(f"copied up to {wanted:,}"):
            multiply(connection, have, wanted)
    if not connection.query("SELECT count() FROM fact_signals").rows[0][0]:
        with timed("signals and decisions"):
            connection.query(SIGNALS)
            connection.query(DECISIONS)
    if not connection.query("SELECT count() FROM day_touchpoints").rows[0][0]:
        with timed("rebuild"):
            minutes = upkeep.rebuild(settings)
            print(f"  {minutes:,} minutes", flush=True)
        with timed("merged"):
            for (table,) in connection.query(TABLES).rows:
                connection.query(f"OPTIMIZE TABLE {table} FINAL")


TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"


def stored(connection: Connection) -> int:
    """How many touchpoints there are."""
    return int(connection.query("SELECT count() FROM fact_touchpoints").rows[0][0])


def shop(count: int) -> Iterator[bytes]:
    """Touchpoints of the simulated shop, as `enrich` writes them."""
    settings = Settings.model_validate({"clock": "log", "kafka": {"raw_partitions": 1, "partitions": 1}})
    shard = LocalShard(enrich.build(settings), 0, 1)
    plan = Plan(customers=max(count // EVENTS_A_CUSTOMER, 100), seed=7, days=DAYS)
    records = (PlainRecord(n, 0, one.key, one.value) for n, one in enumerate(touchpoints(plan)))
    for batch in in_lumps(itertools.islice(records, count), BATCH):
        for output in shard.process(wire.RAW, batch, 0):
            if output.topic == wire.TOUCHPOINTS and not output.headers:
                yield output.value or b""


def multiply(connection: Connection, have: int, wanted: int) -> None:
    """Copies what there is until there are so many; a day at a time, so that little memory is used."""
    ((first, last),) = connection.query(
        "SELECT toUnixTimestamp(min(minute)), toUnixTimestamp(max(minute)) + 60 FROM fact_touchpoints"
    ).rows
    copies = round(wanted / have) - 1
    step = max(SPAN - (last - first), 0) // copies
    for copy in range(1, copies + 1):
        for day in range(first, last, 86_400):
            asked = {
                "shift": copy * step + 37 * copy,
                "mark": f"-{copy}+",
                "first": day,
                "last": min(day + 86_400, last),
            }
            connection.query(COPY, asked)


def in_lumps(things: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of so many things."""
    rest = iter(things)
    while lump := list(itertools.islice(rest, size)):
        yield lump


@contextmanager
def timed(title: str) -> Iterator[None]:
    """Prints how long a step took."""
    started = time.perf_counter()
    yield
    print(f"{title}: {time.perf_counter() - started:,.1f} s", flush=True)
