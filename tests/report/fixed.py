"""Figures that do not change, with everything that a report can show."""

from datetime import UTC, date, datetime, timedelta

from touchline.report.figures import (
    Access,
    ChannelRow,
    Check,
    DayRow,
    Entry,
    Figures,
    Journey,
    Lead,
    Predictor,
    ReasonRow,
    Role,
    RuleRow,
    SideBySide,
    StageRow,
)

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
HOSTILE = '<script src="https://evil.example/x.js">alert(1)</script> & "quoted"'


def figures() -> Figures:
    """A report in which a customer tried to write HTML."""
    entries = [
        Entry(at=START, role=Role.TOUCHPOINT, what="product.viewed", channel="web", times=5),
        Entry(at=START + timedelta(days=5), role=Role.SIGNAL, what="promise broken", detail=HOSTILE),
        Entry(at=START + timedelta(days=5), role=Role.DECISION, what="outreach", channel="email", detail="Sent."),
        Entry(at=START + timedelta(days=5), role=Role.DELIVERY, what="message in the outbox", channel="email"),
        Entry(at=START + timedelta(days=6), role=Role.COMPLAINT, what="complaint.made", detail=HOSTILE),
    ]
    return Figures(
        title="What 1,234 touchpoints said",
        source="a file named <b>.csv",
        since=START,
        until=START + timedelta(days=30),
        seconds=41.2,
        touchpoints=1_234,
        customers=321,
        channels=[ChannelRow(channel="self_service", touchpoints=1_200, customers=300)],
        stages=[StageRow(stage="support", touchpoints=34, customers=20)],
        rules=[
            RuleRow(
                rule="promise_broken",
                owner="logistics",
                control="partner",
                severity="high",
                signals=40,
                customers=39,
                complained=12,
                lead_seconds=100_000,
            )
        ],
        reasons=[
            ReasonRow(outcome="sent", reason="sent", decisions=30),
            ReasonRow(outcome="suppressed", reason="no_consent", decisions=10),
        ],
        days=[DayRow(day=date(2026, 3, day), touchpoints=40 + day, signals=day % 3) for day in range(1, 31)],
        journeys=[Journey(customer="c-1", title="Promise broken (c-1)", entries=entries)],
        lead=Lead(signals=40, before=12, median_seconds=100_000),
        checks=[
            Check(title="Rows in ClickHouse = enriched", numbers="1,234 = 1,234", holds=True),
            Check(title="Every aggregate = its facts", numbers="2 differences", holds=False),
        ],
        side_by_side=[
            SideBySide(
                title="Rule and query",
                population="900 orders",
                outcomes=100,
                rows=[Predictor(name="rule", cases=90, hits=81, precision=0.9, recall=0.81, median_lead_seconds=7_200)],
            )
        ],
        access=Access(bootstrap="127.0.0.1:1", warehouse="127.0.0.1:2", query="q <x>", tail="t", own_event="try 'x'"),
    )
