"""Facts for tests, and the figures that they must end in, counted in plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from touchline.pipeline.engine.records import Batch, PlainRecord
from touchline.schemas.codec import encode
from touchline.schemas.notice import Means, Notice, NoticeItem
from touchline.schemas.outreach import Decision, Delivery, Message
from touchline.schemas.request import Skill
from touchline.schemas.signal import Signal
from touchline.schemas.staff import queue_key
from touchline.schemas.task import Task, TaskStatus
from touchline.schemas.touchpoint import EnrichedTouchpoint, Score
from touchline.schemas.vocabulary import (
    Actor,
    Arm,
    Channel,
    Control,
    DeliveryStatus,
    Outcome,
    Polarity,
    Purpose,
    Reason,
    Route,
    ScoreScale,
    Severity,
    SignalStatus,
    Stage,
)

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
Fact = EnrichedTouchpoint | Signal | Decision | Delivery | Task | Notice


def touchpoint(number: int = 1, **changes: Any) -> EnrichedTouchpoint:
    """A plain touchpoint; `changes` overrides its fields."""
    plain = EnrichedTouchpoint(
        event_id=f"e-{number}",
        source="desk",
        occurred_at=START,
        kind="call.completed",
        customer="c-1",
        channel=Channel.VOICE,
        stage=Stage.SUPPORT,
        party="own",
        actor=Actor.CUSTOMER,
        received_at=START + timedelta(seconds=1),
        raw_partition=0,
        raw_offset=number,
    )
    return replace(plain, **changes)


def signal(number: int = 1, **changes: Any) -> Signal:
    """A plain signal; `changes` overrides its fields."""
    plain = Signal(
        signal_id=f"s-{number}",
        revision=1,
        status=SignalStatus.OPENED,
        rule="repeated_contact",
        rule_version=1,
        polarity=Polarity.FRICTION,
        severity=Severity.HIGH,
        owner="service",
        control=Control.OWN,
        stage=Stage.SUPPORT,
        party="own",
        channel=Channel.VOICE,
        customer="c-1",
        group="c-1",
        at=START,
        raised_at=START,
        evidence="3 contacts within 72 h",
        action="Call back",
        events=("e-1", "e-2"),
        values={"contacts": 3, "within": 72.5, "again": True, "nothing": None},
    )
    return replace(plain, **changes)


def decision(number: int = 1, **changes: Any) -> Decision:
    """A plain decision; `changes` overrides its fields."""
    plain = Decision(
        decision_id=f"d-{number}",
        revision=1,
        signal_id=f"s-{number}",
        signal_revision=1,
        rule="repeated_contact",
        severity=Severity.HIGH,
        owner="service",
        control=Control.OWN,
        customer="c-1",
        group="c-1",
        outcome=Outcome.SENT,
        reason=Reason.SENT,
        observed=False,
        purpose=Purpose.SERVICE,
        channel=Channel.EMAIL,
        message=Message(to="somebody@example.com", subject="About your call", text="We are sorry"),
        explanation="no reason against it",
        signal_at=START,
        at=START + timedelta(seconds=5),
    )
    return replace(plain, **changes)


def delivery(number: int = 1, **changes: Any) -> Delivery:
    """A plain delivery; `changes` overrides its fields."""
    plain = Delivery(
        delivery_id=f"l-{number}",
        revision=1,
        decision_id=f"d-{number}",
        signal_id=f"s-{number}",
        rule="repeated_contact",
        customer="c-1",
        channel=Channel.EMAIL,
        adapter="smtp",
        status=DeliveryStatus.ATTEMPTED,
        attempts=1,
        at=START + timedelta(seconds=6),
    )
    return replace(plain, **changes)


def task(number: int = 1, **changes: Any) -> Task:
    """A task that is offered to somebody; `changes` overrides its fields."""
    of = signal(number)
    plain = Task(
        task_id=f"t-{number}",
        revision=1,
        queue="service",
        person="anna",
        status=TaskStatus.ASSIGNED,
        customer=changes.get("customer", "c-1"),
        decision_id=f"d-{number}",
        signal=of,
        priority=50,
        at=START + timedelta(seconds=9),
        opened_at=START + timedelta(seconds=8),
        due_at=START + timedelta(hours=4),
        late=False,
        language="de",
        skill=Skill(language="de"),
        channel=None,
        suggestion="We are sorry",
        journey=("09:00 call.completed by voice",),
        linked=(),
        why="has the skill (de)",
    )
    return replace(plain, **changes)


def notice(number: int = 1, **changes: Any) -> Notice:
    """A notice about one signal; of `changes`, a customer goes into its item."""
    of = signal(number)
    item = NoticeItem(
        signal_id=of.signal_id,
        status=of.status,
        rule=of.rule,
        severity=of.severity,
        customer=changes.pop("customer", "c-1"),
        group=of.group,
        at=of.at,
        evidence=of.evidence,
        action=of.action,
    )
    plain = Notice(
        notice_id=f"n-{number}",
        target="owner:service",
        digest=False,
        means=Means.EMAIL,
        message=Message(to="somebody@example.com", subject="High: repeated contact", text="3 contacts"),
        items=(item,),
        count=1,
        at=START + timedelta(seconds=10),
    )
    return replace(plain, **changes)


def key_of(fact: Fact) -> str:
    """What keys its record."""
    if isinstance(fact, Task):
        return queue_key(fact.queue)
    return fact.target if isinstance(fact, Notice) else fact.customer


def batch(topic: str, facts: Iterable[Fact], now: int = 0) -> Batch:
    """Facts as a batch of records."""
    records = [PlainRecord(n, 0, key_of(fact).encode(), encode(fact)) for n, fact in enumerate(facts)]
    return Batch(topic, 0, 1, now, records)


def random_touchpoints(random: Random, count: int, start: datetime, minutes: int) -> list[EnrichedTouchpoint]:
    """Touchpoints of few customers within so many minutes, in no order."""
    scales = [(ScoreScale.CSAT, (1, 5)), (ScoreScale.NPS, (0, 10)), (ScoreScale.CES, (1, 7))]

    def score() -> Score | None:
        if random.random() < 0.7:
            return None
        scale, (low, high) = random.choice(scales)
        return Score(scale=scale, value=random.randint(low, high))

    return [
        touchpoint(
            number,
            event_id=f"{start:%d%H}-{number}",
            source=random.choice(["desk", "shop"]),
            occurred_at=start + timedelta(milliseconds=random.randrange(minutes * 60_000)),
            kind=random.choice(["call.completed", "order.shipped", "survey.answered"]),
            customer=f"c-{random.randrange(12)}",
            channel=random.choice([Channel.VOICE, Channel.WEB]),
            score=score(),
            wait_seconds=random.choice([None, 0.0, random.uniform(0, 900)]),
            duration_seconds=random.choice([None, random.uniform(0, 90)]),
            sentiment=random.choice([None, random.uniform(-1, 1)]),
        )
        for number in range(count)
    ]


def random_signals(random: Random, count: int, start: datetime, minutes: int) -> list[Signal]:
    """Changes of signals, each signal's in order; `at` moves with some."""
    changes = []
    for number in range(count):
        now = signal(
            number,
            signal_id=f"{start:%d%H}-{number}",
            customer=f"c-{random.randrange(12)}",
            rule=random.choice(["repeated_contact", "long_wait"]),
            at=start + timedelta(seconds=random.randrange(minutes * 60)),
        )
        changes.append((random.random(), now))
        for revision in range(2, random.randrange(2, 5)):
            moved = timedelta(minutes=random.choice([0, 0, -3, 7]))
            status = random.choice([SignalStatus.UPDATED, SignalStatus.RESOLVED, SignalStatus.RETRACTED])
            now = replace(now, revision=revision, status=status, at=now.at + moved)
            changes.append((changes[-1][0] + random.random(), now))
    return [change for _, change in sorted(changes, key=lambda pair: pair[0])]


def decisions_on(random: Random, signals: Sequence[Signal]) -> list[Decision]:
    """A decision on each signal, some held and released later."""
    decisions = []
    for first in (change for change in signals if change.revision == 1):
        held = random.random() < 0.3
        made = decision(
            1,
            decision_id=f"d-{first.signal_id}",
            signal_id=first.signal_id,
            customer=first.customer,
            rule=first.rule,
            outcome=Outcome.HELD if held else Outcome.SENT,
            reason=Reason.QUIET_HOURS if held else Reason.SENT,
            channel=random.choice([None, Channel.EMAIL]),
            experiment="spring",
            arm=random.choice([Arm.TREATED, Arm.HELD_OUT]),
            route=random.choice([Route.CUSTOMER, Route.PERSON]),
            signal_at=first.at,
            at=first.at + timedelta(seconds=random.randrange(100)),
        )
        decisions.append(made)
        if held:
            later = made.at + timedelta(minutes=9)
            decisions.append(replace(made, revision=2, outcome=Outcome.SENT, reason=Reason.SENT, at=later))
    return decisions


def minute_of(time: datetime) -> datetime:
    """The start of its minute, naive UTC as ClickHouse's client gives it without a zone of its own."""
    return start_of(time, "minute")


def start_of(time: datetime, unit: str) -> datetime:
    """The start of its minute, hour or day, naive UTC."""
    fields = {"minute": 0, "hour": 0} if unit == "day" else {"minute": 0} if unit == "hour" else {}
    return time.astimezone(UTC).replace(second=0, microsecond=0, tzinfo=None, **fields)


Figures = dict[tuple[Any, ...], tuple[Any, ...]]


def touchpoint_figures(facts: Iterable[EnrichedTouchpoint], unit: str = "minute") -> Figures:
    """(start, channel, kind) to (touchpoints, customers, waits, milliseconds waited, CSAT answers, satisfied)."""
    groups: dict[tuple[Any, ...], dict[tuple[str, str], EnrichedTouchpoint]] = defaultdict(dict)
    for fact in facts:
        key = (start_of(fact.occurred_at, unit), str(fact.channel), fact.kind)
        groups[key][fact.source, fact.event_id] = fact
    return {key: _figures(list(group.values())) for key, group in groups.items()}


def signal_figures(signals: Iterable[Signal], unit: str = "minute") -> Figures:
    """(start, rule, status) to (signals, customers), of signals in their latest state."""
    groups: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for fact in signals:
        groups[start_of(fact.at, unit), fact.rule, fact.status.value].append(fact.customer)
    return {key: (len(customers), len(set(customers))) for key, customers in groups.items()}


def decision_figures(decisions: Iterable[Decision], unit: str = "minute") -> Figures:
    """(start, rule, channel, outcome, route, arm) to (decisions, customers, seconds of delay), of those in force."""
    groups: dict[tuple[Any, ...], list[Decision]] = defaultdict(list)
    for fact in decisions:
        channel = str(fact.channel or "")
        key = (start_of(fact.at, unit), fact.rule, channel, fact.outcome.value, fact.route.value, fact.arm.value)
        groups[key].append(fact)
    return {
        key: (
            len(group),
            len({fact.customer for fact in group}),
            sum((fact.at - fact.signal_at).total_seconds() for fact in group),
        )
        for key, group in groups.items()
    }


def _figures(group: Sequence[EnrichedTouchpoint]) -> tuple[Any, ...]:
    waits = [fact.wait_seconds for fact in group if fact.wait_seconds is not None]
    csat = [fact.score.value for fact in group if fact.score is not None and fact.score.scale == ScoreScale.CSAT]
    return (
        len(group),
        len({fact.customer for fact in group}),
        len(waits),
        sum(round(wait * 1_000) for wait in waits),
        len(csat),
        sum(value >= 4 for value in csat),
    )


def latest(changes: Iterable[Any], name: str) -> list[Any]:
    """The change with the highest revision of each."""
    found: dict[str, Any] = {}
    for change in changes:
        key = getattr(change, name)
        if key not in found or change.revision > found[key].revision:
            found[key] = change
    return list(found.values())
