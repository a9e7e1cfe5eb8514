"""The report's queries on a real warehouse, filled by the real logic from the simulated shop."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from touchline.agents.registry import build
from touchline.agents.settings import OutreachMode, OutreachSettings, Settings, WarehouseSettings
from touchline.agents.sinks.facts import ClickHouseSink
from touchline.agents.sinks.upkeep import migrate, rebuild
from touchline.embedded import EmbeddedWarehouse
from touchline.pipeline.engine.local import LocalRun
from touchline.pipeline.engine.records import Batch, Outbox
from touchline.pipeline.warehouse.processor import WarehouseProcessor
from touchline.report.figures import Figures, Role
from touchline.report.gather import Intake, Told, gather
from touchline.schemas import wire
from touchline.schemas.control import ClockMode, Control
from touchline.simulator import Plan, Truth, touchpoints

PLAN = Plan(customers=150, days=20, start=datetime(2026, 3, 1, tzinfo=UTC), seed=3)
TOPICS = (wire.TOUCHPOINTS, wire.SIGNALS, wire.DECISIONS, wire.DELIVERIES)


@pytest.fixture(scope="module")
def truths() -> list[Truth]:
    return []


@pytest.fixture(scope="module")
def run(truths: list[Truth]) -> LocalRun:
    settings = Settings(clock=ClockMode.LOG, outreach=OutreachSettings(mode=OutreachMode.LIVE))
    one = settings.kafka.model_copy(update={"partitions": 1, "raw_partitions": 1})
    settings = settings.model_copy(update={"kafka": one})
    run = LocalRun([build(agent, settings) for agent in ("enrich", "journey", "incident", "outreach")])
    for event in touchpoints(PLAN, truths.append):
        run.publish(wire.RAW, event.key, event.value, event.at)
    end = msgspec.json.encode(Control(high=PLAN.end + settings.journey.lateness))
    run.publish(wire.RAW, None, end, PLAN.end, ((wire.CONTROL_HEADER, b"1"),))
    run.run(PLAN.end)
    return run


@pytest.fixture
def figures(run: LocalRun, warehouse: EmbeddedWarehouse, database: str) -> Figures:
    settings = WarehouseSettings(host=warehouse.host, port=warehouse.port, database=database)
    migrate(settings)
    asyncio.run(_store(run, settings))
    rebuild(settings)
    count = len(run.topics.all(wire.RAW)) - 1
    intake = Intake(published=count, enriched=count, duplicates=0, rejected=0)
    return gather(settings, Told(source="test", seconds=1.0, intake=intake))


async def _store(run: LocalRun, settings: WarehouseSettings) -> None:
    sink = ClickHouseSink(settings)
    processor = WarehouseProcessor(sink)
    state = processor.new_state()
    for topic in TOPICS:
        processor.process(Batch(topic, 0, 1, PLAN.end, run.topics.all(topic)), state, Outbox())
    await processor.flush(state)
    await sink.close()


def test_the_report_of_a_simulated_shop(figures: Figures, truths: list[Truth]) -> None:
    assert [(check.title, check.numbers) for check in figures.checks if not check.holds] == []
    assert len(figures.checks) == 4
    assert figures.touchpoints == sum(row.touchpoints for row in figures.channels) > 2_000
    assert figures.touchpoints == sum(row.touchpoints for row in figures.stages)
    assert figures.touchpoints == sum(row.touchpoints for row in figures.days)
    assert [row.stage for row in figures.stages][:3] == ["awareness", "consideration", "purchase"]
    assert figures.signals == sum(row.decisions for row in figures.reasons) == sum(row.signals for row in figures.days)
    assert {row.rule: (row.owner, row.control) for row in figures.rules}["promise_broken"] == ("logistics", "partner")
    complaints = sum(truth.complained_at is not None for truth in truths)
    assert 0 < figures.lead.before <= figures.signals
    assert complaints > 5
    assert figures.lead.before == sum(row.complained for row in figures.rules)
    assert figures.lead.median_seconds is not None
    assert 0 < figures.lead.median_seconds < 14 * 86_400


def test_the_journeys_of_a_simulated_shop(figures: Figures) -> None:
    assert len(figures.journeys) == 3
    assert len({journey.customer for journey in figures.journeys}) == 3
    for journey in figures.journeys:
        roles = [entry.role for entry in journey.entries]
        assert roles.count(Role.DECISION) >= 1
        assert Role.SIGNAL in roles
        times = [entry.at for entry in journey.entries]
        assert times == sorted(times)
    assert Role.COMPLAINT in {entry.role for entry in figures.journeys[0].entries}
