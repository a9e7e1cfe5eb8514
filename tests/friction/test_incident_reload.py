"""Rules for incidents that change while the stream goes on, or come where there were none."""

import pytest

from tests.friction.support import START, tick, touchpoint
from tests.friction.test_incident import BY_EVENT, BY_SIGNAL, Fleet, crash
from touchline.pipeline.engine.clock import HOUR, MINUTE, SECOND
from touchline.pipeline.friction.incident import IncidentProcessor
from touchline.pipeline.friction.load import parse_rules
from touchline.schemas.wire import CANDIDATES

NONE = BY_SIGNAL[: BY_SIGNAL.index("- id: carrier_incident")]


def reload(fleet: Fleet, rules: str) -> Fleet:
    compiled = parse_rules(rules)
    for row in fleet.local.shards:
        for one in row:
            one.processor.put_in_force(compiled)  # type: ignore[attr-defined]
    fleet.local.idle(0)
    return fleet


def opened(fleet: Fleet) -> Fleet:
    return fleet.feed(*[crash(n, START + n) for n in range(3)], tick(START + MINUTE))


def test_a_set_without_rules_for_incidents_becomes_one_with_them_and_back() -> None:
    fleet = Fleet(NONE).feed(tick(START), crash(9, START, "c-9"), tick(START + 10 * SECOND))
    assert fleet.local.topics.all(CANDIDATES) == []
    reload(fleet, NONE + BY_EVENT.split("rules:\n")[1])
    assert opened(fleet).told() == [("app_version:7.1", 1, "opened")]
    reload(fleet, NONE)
    assert fleet.told() == [("app_version:7.1", 1, "opened"), ("app_version:7.1", 2, "expired")]
    assert fleet.table(0) == {}
    sent = len(fleet.local.topics.all(CANDIDATES))
    fleet.feed(crash(20, START + HOUR), tick(START + HOUR))
    assert len(fleet.local.topics.all(CANDIDATES)) == sent


@pytest.mark.parametrize("restarted", [False, True])
def test_another_logic_ends_what_stands_in_the_words_of_the_former_rule_and_starts_afresh(restarted: bool) -> None:
    fleet = opened(Fleet(BY_EVENT))
    reload(fleet, BY_EVENT.replace("customers: 3", "customers: 2").replace("owner: digital", "owner: apps"))
    if restarted:
        fleet.restart()
    first, last = fleet.signals()
    assert (last.status, last.revision, last.owner, last.evidence) == ("expired", 2, "digital", first.evidence)
    fleet.feed(crash(10, START + 2 * MINUTE), crash(11, START + 2 * MINUTE), tick(START + 3 * MINUTE))
    newest = fleet.signals()[-1]
    assert (newest.revision, newest.status, newest.owner, newest.values["customers"]) == (1, "opened", "apps", 2)


def test_other_words_go_on_where_they_were() -> None:
    fleet = Fleet(BY_EVENT).feed(crash(0, START), crash(1, START), tick(START + MINUTE))
    reload(fleet, BY_EVENT.replace("owner: digital", "owner: apps"))
    fleet.feed(crash(2, START + 2 * MINUTE), tick(START + 3 * MINUTE))
    (signal,) = fleet.signals()
    assert (signal.owner, signal.values["customers"]) == ("apps", 3)


def test_a_candidate_of_other_rules_than_those_in_force_is_counted() -> None:
    fleet = Fleet(BY_EVENT)
    for one in fleet.local.shards[1]:
        one.processor = IncidentProcessor(parse_rules(NONE))
    opened(fleet)
    assert sum(one.counts.get("rules.unknown", 0) for one in fleet.local.shards[1]) == 3
    assert fleet.told() == []


def test_what_exposes_changes_and_what_was_told_ends_with_the_rule() -> None:
    exposing = BY_EVENT.replace("  expires: 6h\n", "  expires: 6h\n  exposed: {event: app.opened}\n")
    fleet = Fleet(exposing)
    fleet.feed(touchpoint("o", "app.opened", START, customer="c-9", attributes={"app_version": "7.1"}))
    opened(fleet).feed(tick(START + 2 * MINUTE))
    assert [(s.customer, s.status.value) for s in fleet.exposed()] == [("c-9", "opened")]
    reload(fleet, NONE)
    fleet.local.idle(0)
    assert [(s.customer, s.status.value) for s in fleet.exposed()] == [("c-9", "opened"), ("c-9", "expired")]
