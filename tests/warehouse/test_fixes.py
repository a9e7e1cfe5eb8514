"""Changes and what became of the friction: the page, its commands, and the figures against plain Python."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.warehouse import facts as make
from touchline.agents.settings import WarehouseSettings
from touchline.agents.sinks import fixes, upkeep
from touchline.agents.sinks.facts import ClickHouseSink
from touchline.cli import main
from touchline.pipeline.measures.effect import Day, Finding, effect
from touchline.pipeline.warehouse.tables import SIGNALS, TOUCHPOINTS
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import SignalStatus

PAGE = Path(__file__).parents[2] / "docs" / "fixes.md"
CHANGE = datetime(2026, 3, 2, tzinfo=UTC)
BY_INCIDENT = "carrier_incident party:dhl"


async def store(settings: WarehouseSettings, touchpoints: Sequence[Any], signals: Sequence[Signal]) -> None:
    sink = ClickHouseSink(settings)
    await sink.insert(TOUCHPOINTS, TOUCHPOINTS.as_columns(touchpoints))
    await sink.insert(SIGNALS, SIGNALS.as_columns(signals))
    await sink.close()
    upkeep.refresh(settings)


def history(random: Random) -> tuple[list[Any], list[Signal]]:
    """Five weeks on either side of the change, half the friction after it; some is retracted, some of other rules."""
    touchpoints: list[Any] = []
    signals: list[Signal] = []
    for day in range(-35, 35):
        for _ in range(40):
            at = CHANGE + timedelta(days=day, seconds=random.randrange(86_400))
            touchpoints.append(make.touchpoint(len(touchpoints), occurred_at=at))
        for _ in range(8 if day < 0 else 4):
            at = CHANGE + timedelta(days=day, seconds=random.randrange(86_400))
            signals.append(
                make.signal(
                    len(signals),
                    at=at,
                    raised_at=at,
                    customer=f"c-{random.randrange(50)}",
                    rule=random.choice(["promise_broken", "promise_broken", "long_wait"]),
                    status=random.choice([SignalStatus.OPENED] * 5 + [SignalStatus.RETRACTED]),
                    causes=random.choice([(), (BY_INCIDENT,), (BY_INCIDENT, "app_incident version:3")]),
                )
            )
    return touchpoints, signals


def days_of(touchpoints: Sequence[Any], signals: Sequence[Signal], at: datetime) -> list[Day]:
    """The days around a change, counted by hand."""

    def day_of(time: datetime) -> int:
        return (time - at) // timedelta(days=1)

    counts = {day: [0, 0] for day in range(-56, 56)}
    for fact in touchpoints:
        counts[day_of(fact.occurred_at)][1] += 1
    for signal in signals:
        counts[day_of(signal.at)][0] += 1
    return [Day(day, raised, touched) for day, (raised, touched) in counts.items()]


def test_the_figures_are_those_of_the_facts(migrated: WarehouseSettings) -> None:
    touchpoints, signals = history(Random(5))
    asyncio.run(store(migrated, touchpoints, signals))
    whole = fixes.record(migrated, "promise_broken", "", "logistics", "Orders leave at once", CHANGE)
    later = CHANGE + timedelta(hours=7)
    caused = fixes.record(migrated, "carrier_incident", "party:dhl", "logistics", "Another carrier", later)
    assert fixes.fixes(migrated) == [caused, whole]
    standing = [signal for signal in signals if signal.status is not SignalStatus.RETRACTED]
    expected = [
        (caused, [signal for signal in standing if BY_INCIDENT in signal.causes]),
        (whole, [signal for signal in standing if signal.rule == "promise_broken"]),
    ]
    for weeks in (1, 4):
        found = fixes.effects(migrated, weeks)
        for (fix, became), (wanted, meant) in zip(found, expected, strict=True):
            assert fix == wanted
            # Touchpoints are told by the minute, and both changes are at the full hour.
            assert became == effect(days_of(touchpoints, meant, fix.at), weeks)
    assert fixes.effects(migrated, 4)[1][1].finding is Finding.FELL


def test_the_same_twice_is_one_and_what_was_withdrawn_is_gone(migrated: WarehouseSettings) -> None:
    first, again = (fixes.record(migrated, "long_wait", "", "service", "More staff", CHANGE) for _ in range(2))
    assert first == again
    assert fixes.fixes(migrated) == [first]
    with pytest.raises(fixes.NoSuchFix, match="no change with an id that begins with"):
        fixes.withdraw(migrated, "zz")
    fixes.withdraw(migrated, first.fix_id[:6])
    assert fixes.fixes(migrated) == []


@pytest.fixture
def settings(migrated: WarehouseSettings, tmp_path: Path) -> Path:
    path = tmp_path / "touchline.yaml"
    path.write_text(f"warehouse: {{port: {migrated.port}, database: {migrated.database}}}\n", encoding="utf-8")
    return path


def run(settings: Path, *arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, ["--settings", str(settings), *arguments])


def test_the_page(settings: Path, migrated: WarehouseSettings) -> None:
    asyncio.run(store(migrated, *history(Random(5))))
    text = PAGE.read_text(encoding="utf-8")
    outputs = []
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.strip().splitlines():
            result = run(settings, *shlex.split(line)[1:])
            assert result.exit_code == 0, (line, result.output)
            outputs.append(result.output)
    assert "promise_broken" in outputs[-1]
    assert "fell" in outputs[-1]
    for block in re.findall(r"```sql\n(.*?)```", text, re.DOTALL):
        rows = upkeep.query(migrated, block).rows
        assert {row[1] for row in rows} == {"Orders leave the day they come", "Another carrier in the south"}
        assert all(before > after > 0 for _, _, before, after in rows)


def test_commands_for_programs_and_mistakes(settings: Path) -> None:
    assert "no change is recorded" in run(settings, "fixes", "list").output
    assert "no change is recorded" in run(settings, "fixes", "effect").output
    added = run(
        settings, "fixes", "add", "--rule", "long_wait", "--owner", "s", "--what", "x", "--at", "2026-03-02", "--json"
    )
    assert json.loads(added.output)["at"] == "2026-03-02T00:00:00Z"
    (line,) = run(settings, "fixes", "effect", "--json").output.splitlines()
    assert json.loads(line)["effect"]["finding"] == "too_few"
    for arguments, says in (
        (("--rule", "long_wiat"), 'there is no rule "long_wiat", did you mean "long_wait"?'),
        (("--rule", "long_wait", "--cause", "party:dhl"), "long_wait is no rule for incidents"),
        (("--rule", "long_wait", "--at", "soon"), '"soon" is no date'),
        (("--rule", "long_wait", "--at", "2026-03-02T10:00:00"), "no ISO 8601 time with its offset: write 2026-01-31"),
    ):
        wrong = run(settings, "fixes", "add", *arguments, "--owner", "s", "--what", "x")
        assert wrong.exit_code == 2
        assert says in wrong.output, wrong.output
    fix_id = json.loads(added.output)["fix_id"]
    assert run(settings, "fixes", "withdraw", fix_id).output == f"withdrawn {fix_id}: x\n"
    assert run(settings, "fixes", "withdraw", fix_id).exit_code == 1
