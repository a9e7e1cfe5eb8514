"""An import that is run again: no count changes, also when it is larger than what `enrich` remembers of ids."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.flow_fleet import Crew
from tests.faults.flow_ledger import OUTPUTS, Ledger, Summary
from tests.faults.flow_run import INPUTS, Groups, Size, settings_of, settled, warehouse_in, warehouse_of
from touchline.agents.runtime.topics import create_topics, delete_topics
from touchline.agents.settings import Settings
from touchline.agents.sinks.upkeep import migrate
from touchline.client import Publisher
from touchline.importer import run_import
from touchline.schemas.wire import RAW, TOUCHPOINTS

ORDERS = 1_500
MAP = """\
schema: map/1
name: shop
zone: UTC
inputs:
- files: orders.csv
  touchpoints:
  - {kind: order.placed, at: "{placed}", id: "{id}:p", customer: "{who}", subjects: ["order:{id}"],
     attributes: {promised_at: {from: "{promised}", as: time}}}
  - {kind: order.shipped, at: "{shipped}", id: "{id}:s", customer: "{who}", subjects: ["order:{id}"], party: carrier,
     actor: partner, attributes: {promised_at: {from: "{promised}", as: time}}}
  - {kind: delivery.scanned, at: "{delivered}", id: "{id}:d", customer: "{who}", subjects: ["order:{id}"],
     party: carrier, actor: partner, attributes: {status: delivered}, when: {delivered: {present: true}}}
- files: contacts.csv
  touchpoints:
  - {kind: "{kind}", at: "{at}", id: "{id}", customer: "{who}", channel: "{channel}"}
- files: reviews.csv
  touchpoints:
  - {kind: survey.answered, at: "{at}", id: "{id}", customer: "{who}", score: {scale: csat, value: "{score}"}}
"""


@dataclass(frozen=True)
class Counted:
    """All that is counted of a run."""

    facts: dict[str, int]
    aggregates: dict[str, set[str]]
    states: dict[str, tuple[int, str, str]]
    verdicts: dict[str, tuple[int, str, str]]


def shop(folder: Path, seed: int = 1) -> list[Path]:
    """Orders, some late and some lost; contacts, some of them one after the other; reviews."""
    rng, start = random.Random(seed), datetime(2026, 9, 1, tzinfo=UTC)

    def day(low: float, high: float) -> timedelta:
        return timedelta(seconds=round(rng.uniform(low, high) * 86_400))

    orders, contacts, reviews = ["id,who,placed,shipped,delivered,promised"], ["id,who,at,kind,channel"], []
    for number in range(ORDERS):
        who, placed = f"c-{rng.randrange(ORDERS // 3)}", start + day(0, 30)
        shipped, promised = placed + day(0.5, 2), placed + timedelta(days=5)
        delivered = "" if rng.random() < 0.05 else (shipped + day(0.5, 6)).isoformat()
        orders.append(f"{number},{who},{placed.isoformat()},{shipped.isoformat()},{delivered},{promised.isoformat()}")
        if rng.random() < 0.3:
            at = placed + day(0, 4)
            for again in range(rng.randrange(1, 5)):
                kind, channel = rng.choice([("contact.opened", "voice"), ("email.received", "email"),
                                            ("chat.started", "chat"), ("follow_up.made", "voice")])  # fmt: skip
                contacts.append(f"k{number}-{again},{who},{(at := at + day(0.05, 1)).isoformat()},{kind},{channel}")
        if delivered and rng.random() < 0.3:
            reviews.append(f"r{number},{who},{(promised + day(2, 9)).isoformat()},{rng.randrange(1, 6)}")
    texts = {"orders": orders, "contacts": contacts, "reviews": ["id,who,at,score", *reviews]}
    for name, lines in texts.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "map.yaml").write_text(MAP, encoding="utf-8")
    return [folder / f"{name}.csv" for name in texts]


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("remembered", [1_000_000, 500])
def test_an_import_run_twice_changes_no_count(kafka: str, tmp_path: Path, remembered: int) -> None:
    files = shop(tmp_path)
    with warehouse_in(tmp_path) as warehouse:
        settings = settings_of(kafka, warehouse, Size(0), "twice", tmp_path)
        settings = settings.model_copy(
            update={"enrich": settings.enrich.model_copy(update={"duplicate_ids": remembered})}
        )
        migrate(settings.warehouse)

        def bring_in() -> int:
            with Publisher(kafka, environment=settings.environment) as publisher:
                return run_import(files, tmp_path / "map.yaml", publisher).published

        once, twice, summary, published, enriched = asyncio.run(_twice(settings, tmp_path / "crew", bring_in))
    assert published == once.facts["touchpoints"]
    assert (enriched == published) == (remembered > published)  # beyond the window they come through once more
    assert summary.absences > 60
    assert Counter(status for _, _, status in once.states.values())["resolved"] > 30
    assert twice.facts == once.facts
    assert twice.states == once.states
    assert twice.verdicts == once.verdicts
    for view, rows in once.aggregates.items():
        assert twice.aggregates[view] == rows, view


async def _twice(
    settings: Settings, folder: Path, bring_in: Callable[[], int]
) -> tuple[Counted, Counted, Summary, int, int]:
    await create_topics(settings)
    try:
        async with Ledger(settings, (RAW, *OUTPUTS)) as ledger, Groups(settings, ledger) as groups:
            with Crew(settings, folder, dict.fromkeys(INPUTS, 1)):
                counted, published = [], 0
                for _ in range(2):
                    published += await asyncio.to_thread(bring_in)
                    while not await groups.over(published):
                        await ledger.catch_up()
                    assert not await settled(settings)
                    counted.append(Counted(*warehouse_of(settings), dict(ledger.states), dict(ledger.verdicts)))
            return counted[0], counted[1], ledger.summary(), published // 2, ledger.counts[TOUCHPOINTS]
    finally:
        await delete_topics(settings)
