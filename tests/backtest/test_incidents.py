"""Incidents in a back-test: how many there were of each rule, how many customers, and who might have been told."""

from collections.abc import Iterator
from pathlib import Path

from tests.backtest.support import at, event
from touchline.agents.settings import Settings
from touchline.backtest.run import BackTest, compare_rules
from touchline.backtest.sources import OnProgress
from touchline.pipeline.backtest.cases import Question
from touchline.pipeline.backtest.filters import parse_outcome
from touchline.pipeline.friction.outlook import PORTION
from touchline.schemas.touchpoint import EnrichedTouchpoint

RULES = """
schema: friction/1
rules:
- id: crashes
  owner: app
  stage: use
  detect: {count: {event: app.crashed, at_least: 2, within: 1h}}
  evidence: e
  action: a
- id: release
  scope: incident
  owner: app
  stage: use
  per: version
  detect: {affected: {by: {event: app.crashed}, customers: CUSTOMERS, within: 2h}}
  exposed: {event: app.opened, within: 7d}
  expires: 3h
  evidence: "{customers}"
  action: a
"""


class Given:
    name = "given"

    def __init__(self, *events: EnrichedTouchpoint) -> None:
        self.events = sorted(events, key=lambda one: one.occurred_at)
        self.left_out: dict[str, int] = {}

    def entries(self, on_progress: OnProgress) -> Iterator[bytes | EnrichedTouchpoint]:
        yield from self.events


def history() -> Given:
    opened = [
        event("app.opened", 0, event_id=f"o{n}", customer=f"c-{n}", attributes={"version": "7"}) for n in range(5)
    ]
    crashed = [
        event("app.crashed", hour, event_id=f"x{n}-{hour}", customer=f"c-{n}", attributes={"version": "7"})
        for hour in (10, 40)
        for n in range(3 if hour == 10 else 4)
    ]
    last = [event("app.opened", 60, event_id="last", customer="c-9", attributes={"version": "8"})]
    return Given(*opened, *crashed, *last)


def rules(folder: Path, customers: int = 3) -> Path:
    path = folder / f"rules{customers}.yaml"
    path.write_text(RULES.replace("CUSTOMERS", str(customers)))
    return path


def test_incidents_are_counted_with_their_customers_and_who_was_told_beside_them(tmp_path: Path) -> None:
    asked = Question(outcome=parse_outcome("kind=app.crashed within=48h"))
    for question in (Question(), asked):
        run = BackTest(settings=Settings(), rules=[rules(tmp_path)], builtin=False, question=question)
        report, signals = run.run(history(), lambda _what, _done, _total: None)
        (part,) = report.parts
        found = {row.rule: (row.signals, row.customers, row.retracted) for row in part.rules}
        assert found["release"] == (2, 3 + 4, 0)
        assert found["release.exposed"] == (3, 2, 0)  # c-3 and c-4, then c-4 again
        assert report.rules == 2
        assert {one.customer for one in signals if one.rule == "release"} == {"version:7"}
    exposed = next(row for row in part.rules if row.rule == "release.exposed")
    assert (exposed.warned, exposed.hits) == (2, 1)  # c-3 was told, and it came


def test_whom_an_incident_may_reach_is_found_for_all_customers_also_at_the_end_of_history(tmp_path: Path) -> None:
    """A batch looks through a portion of them; there are more than two."""
    many = 2 * PORTION + 7
    version = {"version": "7"}
    opened = [event("app.opened", 0, event_id=f"o{n}", customer=f"c-{n}", attributes=version) for n in range(many)]
    crashed = [event("app.crashed", 10, event_id=f"x{n}", customer=f"c-{n}", attributes=version) for n in range(3)]
    last = event("app.opened", 11, event_id="last", customer="c-last", attributes={"version": "8"})
    run = BackTest(settings=Settings(), rules=[rules(tmp_path)], builtin=False)
    _, signals = run.run(Given(*opened, *crashed, last), lambda _what, _done, _total: None)
    assert sum(one.rule == "release.exposed" for one in signals) == many - 3


def test_what_another_threshold_changes_is_told_of_incidents_too(tmp_path: Path) -> None:
    old, new = rules(tmp_path, 3), rules(tmp_path, 4)
    found, _ = compare_rules(Settings(), (old, False), (new, False), history(), lambda _what, _done, _total: None)
    rows = {row.rule: (row.before, row.after) for row in found.rules}
    assert rows["release"] == (2, 1)


def test_the_end_of_history_is_told_of_as_well(tmp_path: Path) -> None:
    ending = Given(*[one for one in history().events if one.occurred_at.timestamp() * 1_000 <= at(10)])
    run = BackTest(settings=Settings(), rules=[rules(tmp_path)], builtin=False)
    report, _ = run.run(ending, lambda _what, _done, _total: None)
    assert {row.rule: row.signals for row in report.parts[0].rules}["release"] == 1
