"""Timelines, sessions, journeys, paths, funnels and the view of a customer, against plain Python."""

# ruff: noqa: S608 - queries are made of this file's own constants
from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import cycle, groupby, pairwise
from random import Random
from statistics import median_high
from typing import Any

import pytest

from tests.warehouse import facts as make
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import upkeep
from touchline.agents.sinks.clickhouse import BadQuery
from touchline.agents.sinks.facts import ClickHouseSink
from touchline.embedded import EmbeddedWarehouse
from touchline.pipeline.warehouse.sqlfiles import migrations
from touchline.pipeline.warehouse.tables import DECISIONS, DELIVERIES, SIGNALS, TOUCHPOINTS
from touchline.schemas.touchpoint import EnrichedTouchpoint, Score
from touchline.schemas.vocabulary import Actor, Channel, Outcome, ScoreScale, SignalStatus

KINDS = ("page.viewed", "cart.added", "checkout.started", "order.placed", "order.shipped", "contact.received")
SPAN = "from = '2026-03-01 00:00:00', to = '2026-03-15 00:00:00'"
SINCE, UNTIL = make.START.replace(hour=0), make.START.replace(hour=0) + timedelta(days=14)


def lives(random: Random) -> list[EnrichedTouchpoint]:
    """A month of some customers: visits of a few touchpoints minutes apart, many of them about an order."""
    made: list[EnrichedTouchpoint] = []
    for customer in range(25):
        for _ in range(random.randrange(1, 8)):
            at = make.START + timedelta(seconds=random.randrange(30 * 86_400))
            order = f"order:{customer}-{random.randrange(2)}"
            for _ in range(random.randrange(1, 9)):
                at += timedelta(milliseconds=random.choice([0, 1, 1_000, 60_000, 1_799_999, 1_800_000, 1_800_001]))
                made.append(
                    make.touchpoint(
                        len(made),
                        occurred_at=at,
                        customer=f"c-{customer}",
                        kind=random.choice(KINDS),
                        channel=random.choice([Channel.WEB, Channel.VOICE, Channel.EMAIL]),
                        actor=random.choice([Actor.CUSTOMER, Actor.HUMAN]),
                        party=random.choice(["own", "dhl"]),
                        subjects=random.choice([(), (order,), (order, "ticket:7")]),
                        score=random.choice(
                            [None, None, Score(scale=ScoreScale.CSAT, value=random.randrange(1, 6)),
                             Score(scale=ScoreScale.NPS, value=random.randrange(11))]
                        ),
                    )
                )  # fmt: skip
    return made


TOUCHES = lives(Random(3))
SIGNALLED = [
    make.signal(
        n, at=touch.occurred_at, raised_at=touch.occurred_at, customer=touch.customer, group=touch.customer,
        subjects=touch.subjects, status=status,
    )
    for n, (touch, status) in enumerate(
        zip(TOUCHES[::7], cycle([SignalStatus.OPENED, SignalStatus.RESOLVED, SignalStatus.RETRACTED]), strict=False)
    )
]  # fmt: skip
DECIDED = [
    make.decision(
        n, signal_id=signal.signal_id, customer=signal.customer, at=signal.at + timedelta(minutes=1), outcome=outcome,
        signal_at=signal.at,
    )
    for n, (signal, outcome) in enumerate(zip(SIGNALLED, cycle([Outcome.SENT, Outcome.SUPPRESSED]), strict=False))
]  # fmt: skip
DELIVERED = [
    make.delivery(n, decision_id=made.decision_id, customer=made.customer, at=made.at + timedelta(minutes=1))
    for n, made in enumerate(DECIDED)
    if made.outcome is Outcome.SENT
]


@pytest.fixture(scope="module")
def filled(warehouse: EmbeddedWarehouse) -> Iterator[WarehouseSettings]:
    settings = WarehouseSettings(host=warehouse.host, port=warehouse.port, database="test_journeys", batch_wait=0)
    upkeep.migrate(settings)

    async def store() -> None:
        sink = ClickHouseSink(settings)
        await sink.insert(TOUCHPOINTS, TOUCHPOINTS.as_columns(TOUCHES))
        await sink.insert(TOUCHPOINTS, TOUCHPOINTS.as_columns(TOUCHES[::3]))  # a replay
        await sink.insert(SIGNALS, SIGNALS.as_columns(SIGNALLED))
        await sink.insert(DECISIONS, DECISIONS.as_columns(DECIDED))
        await sink.insert(DELIVERIES, DELIVERIES.as_columns(DELIVERED))
        await sink.close()

    asyncio.run(store())
    yield settings
    upkeep.query(settings, f"DROP DATABASE {settings.database} SYNC")


def ask(settings: WarehouseSettings, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in upkeep.query(settings, sql).rows]


def by_customer(touches: Sequence[EnrichedTouchpoint]) -> dict[str, list[EnrichedTouchpoint]]:
    """Those of the two weeks that are asked for, in their order."""
    found: dict[str, list[EnrichedTouchpoint]] = defaultdict(list)
    for touch in sorted(touches, key=lambda t: (t.occurred_at, t.kind, t.channel)):
        if SINCE <= touch.occurred_at < UNTIL:
            found[touch.customer].append(touch)
    return found


def sessions_of(touches: Sequence[EnrichedTouchpoint]) -> list[tuple[str, list[EnrichedTouchpoint]]]:
    """Cut where more than half an hour lies between."""
    found = []
    for customer, steps in by_customer(touches).items():
        session = [steps[0]]
        for before, step in pairwise(steps):
            if step.occurred_at - before.occurred_at > timedelta(minutes=30):
                found.append((customer, session))
                session = []
            session.append(step)
        found.append((customer, session))
    return found


def journeys_of(touches: Sequence[EnrichedTouchpoint]) -> dict[tuple[str, str], list[EnrichedTouchpoint]]:
    found: dict[tuple[str, str], list[EnrichedTouchpoint]] = defaultdict(list)
    for customer, steps in by_customer(touches).items():
        for step in steps:
            for subject in step.subjects:
                found[customer, subject].append(step)
    return found


def seconds(first: EnrichedTouchpoint, last: EnrichedTouchpoint) -> int:
    """Whole seconds between, as the calendar counts them: how often the second hand moved on."""
    return int(last.occurred_at.timestamp() // 1) - int(first.occurred_at.timestamp() // 1)


def moves_of(steps: Sequence[EnrichedTouchpoint]) -> list[EnrichedTouchpoint]:
    """Without the repetitions of a step."""
    return [next(group) for _, group in groupby(steps, key=lambda step: step.kind)]


def naive(touch: EnrichedTouchpoint) -> Any:
    return touch.occurred_at.replace(tzinfo=None)


def test_sessions(filled: WarehouseSettings) -> None:
    expected = sorted(
        (
            customer, naive(steps[0]), naive(steps[-1]), seconds(steps[0], steps[-1]), len(steps),
            list(dict.fromkeys(str(step.channel) for step in steps)), [step.kind for step in steps],
        )
        for customer, steps in sessions_of(TOUCHES)
    )  # fmt: skip
    found = [
        (row[0], row[1].replace(tzinfo=None), row[2].replace(tzinfo=None), *row[3:])
        for row in ask(filled, f"SELECT * FROM sessions({SPAN})")
    ]
    assert sorted(found) == expected
    assert len(expected) > 60


def test_journeys(filled: WarehouseSettings) -> None:
    signals: Counter[tuple[str, str]] = Counter()
    for signal in SIGNALLED:
        if signal.status is not SignalStatus.RETRACTED:
            signals.update((signal.customer, subject) for subject in {*signal.subjects, signal.group})
    expected = {
        key: (
            key[1].partition(":")[0], seconds(steps[0], steps[-1]), len(steps),
            sorted({str(step.channel) for step in steps}), sorted({step.party for step in steps}),
            sum(step.actor is Actor.HUMAN for step in steps), [step.kind for step in steps], signals[key],
        )
        for key, steps in journeys_of(TOUCHES).items()
    }  # fmt: skip
    rows = ask(
        filled,
        "SELECT customer, subject, subject_type, seconds, touchpoints, channels, parties, people, path, signals "
        f"FROM journeys({SPAN})",
    )
    assert {(row[0], row[1]): row[2:] for row in rows} == expected
    assert any(count for *_, count in expected.values())


@pytest.mark.parametrize("kind", ["order", "ticket", "session"])
def test_edges_and_paths(filled: WarehouseSettings, kind: str) -> None:
    if kind == "session":
        all_steps = [(customer, steps) for customer, steps in sessions_of(TOUCHES)]
    else:
        all_steps = [(c, steps) for (c, subject), steps in journeys_of(TOUCHES).items() if subject.startswith(kind)]
    journeys = [(customer, moves_of(steps)) for customer, steps in all_steps]
    edges: dict[tuple[int, str, str], list[tuple[str, int]]] = defaultdict(list)
    for customer, moves in journeys:
        for number, (move, follower) in enumerate(zip(moves, [*moves[1:], None], strict=True), 1):
            target, took = ("", 0) if follower is None else (follower.kind, seconds(move, follower))
            edges[number, move.kind, target].append((customer, took))
    found = ask(filled, f"SELECT * FROM journey_edges({SPAN}, type = '{kind}')")
    assert {row[:3]: row[3:] for row in found} == {
        key: (len(took), len({c for c, _ in took}), None if not key[2] else median_high(sorted(t for _, t in took)))
        for key, took in edges.items()
    }
    paths: dict[tuple[str, ...], list[list[EnrichedTouchpoint]]] = defaultdict(list)
    for _, moves in journeys:
        paths[tuple(move.kind for move in moves[:3])].append(moves)
    found = ask(filled, f"SELECT * FROM journey_paths({SPAN}, type = '{kind}', steps = 3)")
    assert {tuple(row[0]): row[1:] for row in found} == {
        path: (
            len(those),
            pytest.approx(len(those) / len(journeys), abs=1e-4),
            sum(len(moves) <= 3 for moves in those),
            sum(len({move.kind for move in moves}) < len(moves) for moves in those),
            median_high(sorted(seconds(moves[0], moves[-1]) for moves in those)),
        )
        for path, those in paths.items()
    }


@pytest.mark.parametrize("days", [1, 7])
def test_a_funnel(filled: WarehouseSettings, days: int) -> None:
    steps = ["page.viewed", "cart.added", "order.placed"]

    def level(touches: Sequence[EnrichedTouchpoint]) -> int:
        """The longest chain from any beginning: no step before the one that precedes it, all within the window."""
        best = 0
        for start in (touch for touch in touches if touch.kind == steps[0]):
            reached, at = 1, start.occurred_at
            for touch in touches:
                late = touch.occurred_at - start.occurred_at > timedelta(days=days)
                if reached < len(steps) and touch.kind == steps[reached] and touch.occurred_at >= at and not late:
                    reached, at = reached + 1, touch.occurred_at
            best = max(best, reached)
        return best

    levels = [level(touches) for touches in by_customer(TOUCHES).values()]
    counts = [sum(found >= step for found in levels) for step in (1, 2, 3)]
    found = ask(filled, f"SELECT step, name, customers FROM funnel({SPAN}, days = {days}, steps = {steps})")
    assert found == [(n, name, count) for n, (name, count) in enumerate(zip(steps, counts, strict=True), 1)]
    assert counts[0] > counts[2] > 0


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (["order.placed", "order.placed"], "each step once: one touchpoint would count for both"),
        (["page.viewed", "order.placed", "page.viewed"], "each step once"),
        ([f"kind.{n}" for n in range(8)] + ["page.viewed"], "at most eight steps"),
    ],
)
def test_a_funnel_that_can_not_be_counted_is_refused(filled: WarehouseSettings, steps: list[str], says: str) -> None:
    with pytest.raises(BadQuery, match=says):
        ask(filled, f"SELECT * FROM funnel({SPAN}, days = 30, steps = {steps})")


def test_the_customer_in_one_row(filled: WarehouseSettings) -> None:
    rows = ask(filled, "SELECT * FROM customer_360 ORDER BY customer")
    assert len(rows) == len({touch.customer for touch in TOUCHES})
    names = [name for name, _ in upkeep.query(filled, "SELECT * FROM customer_360 LIMIT 0").columns]
    row = dict(zip(names, rows[3], strict=True))
    own = [touch for touch in TOUCHES if touch.customer == row["customer"]]
    standing = [s for s in SIGNALLED if s.customer == row["customer"] and s.status is not SignalStatus.RETRACTED]
    sent = [made for made in DECIDED if made.customer == row["customer"] and made.outcome is Outcome.SENT]
    csat = [t for t in own if t.score is not None and t.score.scale == ScoreScale.CSAT]
    last = max(csat, key=lambda touch: touch.occurred_at)
    assert last.score is not None
    assert (
        row
        | {
            "touchpoints": len(own),
            "channels": sorted({str(touch.channel) for touch in own}),
            "orders": len({subject for touch in own for subject in touch.subjects if subject.startswith("order:")}),
            "last_csat": last.score.value,
            "friction": len(standing),
            "open_friction": sum(signal.is_open for signal in standing),
            "messages": len(sent),
        }
        == row
    )
    assert row["first_seen"].replace(tzinfo=None) == min(naive(touch) for touch in own)
    assert row["last_seen"].replace(tzinfo=None) == max(naive(touch) for touch in own)


def test_a_timeline_holds_everything_in_its_order(filled: WarehouseSettings) -> None:
    customer = SIGNALLED[0].customer
    rows = ask(filled, f"SELECT at, what, name FROM customer_timeline(customer = '{customer}')")
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert Counter(row[1] for row in rows) == {
        "touchpoint": sum(touch.customer == customer for touch in TOUCHES),
        "signal": sum(signal.customer == customer for signal in SIGNALLED),
        "decision": sum(made.customer == customer for made in DECIDED),
        "delivery": sum(made.customer == customer for made in DELIVERED),
    }
    assert ask(filled, "SELECT * FROM customer_timeline(customer = 'nobody')") == []


def test_what_was_stored_before_is_taken_over(empty: WarehouseSettings) -> None:
    """The migration on a warehouse that has facts; run again, it adds nothing."""
    before = [migration for migration in migrations() if migration.number < 20]
    (journeys,) = [migration for migration in migrations() if migration.number == 20]
    upkeep.migrate(empty, known=before)

    async def store(columns: Sequence[Any]) -> None:
        sink = ClickHouseSink(empty)
        await sink.insert(TOUCHPOINTS, columns)
        await sink.close()

    asyncio.run(store(TOUCHPOINTS.as_columns(TOUCHES[:40])))
    upkeep.migrate(empty, known=[*before, journeys])
    asyncio.run(store(TOUCHPOINTS.as_columns(TOUCHES[30:60])))
    for text in journeys.statements:
        upkeep.query(empty, text)
    assert ask(empty, "SELECT count() FROM customer_touchpoints FINAL") == [(60,)]


def test_times_beside_each_other_do_not_make_a_replay_of_two_touchpoints(filled: WarehouseSettings) -> None:
    assert ask(filled, "SELECT count() FROM customer_touchpoints FINAL") == [(len(TOUCHES),)]
