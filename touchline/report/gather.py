"""Reads the figures of a report from the warehouse's views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks.upkeep import verify
from touchline.report.figures import (
    Access,
    ChannelRow,
    Check,
    DayRow,
    Figures,
    Lead,
    ReasonRow,
    RuleRow,
    StageRow,
)
from touchline.report.foresight import promises
from touchline.report.journeys import journeys
from touchline.report.outcomes import Looked, looked_for
from touchline.report.reading import Reading
from touchline.report.words import number
from touchline.schemas.vocabulary import Stage

COMPLAINTS = ("complaint.made",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What `enrich` counted of the records that were published."""

    published: int
    enriched: int
    duplicates: int
    rejected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the warehouse can't know about the run. `complaints`: the kinds that count as one. `messages`: what the
    customer read, in a line, by decision id."""

    source: str
    seconds: float
    intake: Intake | None = None
    complaints: Sequence[str] = COMPLAINTS
    access: Access | None = None
    checks: Sequence[Check] = ()
    messages: Mapping[str, str] = field(default_factory=dict)


def gather(settings: WarehouseSettings, told: Told) -> Figures:
    """The whole report.

    Raises: Retry, Fatal."""
    reading = Reading(settings)
    try:
        touchpoints, customers, since, until = reading.row("totals")
        looked = looked_for(reading, told.complaints)
        rules, lead = _rules(reading, looked)
        return Figures(
            title=f"What {number(touchpoints)} touchpoints said",
            source=told.source,
            since=since if touchpoints else None,
            until=until if touchpoints else None,
            seconds=told.seconds,
            touchpoints=touchpoints,
            customers=customers,
            channels=[
                ChannelRow(channel=channel, touchpoints=n, customers=who, sentiment=sentiment)
                for channel, n, who, sentiment in reading.rows("channels")
            ],
            stages=_stages(reading),
            rules=rules,
            reasons=[ReasonRow(outcome=o, reason=r, decisions=n) for o, r, n in reading.rows("reasons")],
            days=[DayRow(day=day, touchpoints=t, signals=s) for day, t, s in reading.rows("days")],
            journeys=journeys(reading, looked, told.messages),
            lead=lead,
            checks=[*_checks(reading, settings, told.intake), *told.checks],
            side_by_side=promises(reading),
            access=told.access,
        )
    finally:
        reading.close()


def _stages(reading: Reading) -> list[StageRow]:
    found = {stage: (n, who) for stage, n, who in reading.rows("stages")}
    return [
        StageRow(stage=stage.value, touchpoints=found.get(stage, (0, 0))[0], customers=found.get(stage, (0, 0))[1])
        for stage in Stage
    ]


def _rules(reading: Reading, looked: Looked) -> tuple[list[RuleRow], Lead]:
    leads = {rule: (n, median) for rule, n, median in reading.rows("leads", **looked.parameters)}
    rows = []
    for rule, owner, control, severity, signals, customers, resolved, retracted in reading.rows("rules"):
        complained, median = leads.get(rule, (0, None))
        rows.append(
            RuleRow(
                rule=rule,
                owner=owner,
                control=control,
                severity=severity,
                signals=signals,
                customers=customers,
                resolved=resolved,
                retracted=retracted,
                complained=complained,
                lead_seconds=median if complained else None,
            )
        )
    before, median = leads.get("", (0, None))
    signals = sum(row.signals for row in rows)
    lead = Lead(signals=signals, before=before, median_seconds=median if before else None, outcomes=looked.name)
    return rows, lead


def _checks(reading: Reading, settings: WarehouseSettings, intake: Intake | None) -> list[Check]:
    stored, signals, decisions, undecided, strays, minutes = reading.row("sums")
    checks = []
    if intake is not None:
        whole = intake.enriched + intake.duplicates + intake.rejected
        parts = f"{number(intake.enriched)} + {number(intake.duplicates)} + {number(intake.rejected)}"
        checks = [
            Check(
                title="Published = enriched + duplicates + rejected",
                numbers=f"{number(intake.published)} = {parts}",
                holds=intake.published == whole,
            ),
            Check(
                title="Rows in ClickHouse = enriched",
                numbers=f"{number(stored)} = {number(intake.enriched)}",
                holds=stored == intake.enriched,
            ),
        ]
    different = len(verify(settings))
    numbers = f"{number(minutes)} minutes counted again, {number(different)} differences"
    return [
        *checks,
        Check(title="Every aggregate = its facts", numbers=numbers, holds=different == 0),
        Check(
            title="One decision for each signal",
            numbers=f"{number(signals)} : {number(decisions)}",
            holds=undecided == strays == 0 and signals == decisions,
        ),
    ]
