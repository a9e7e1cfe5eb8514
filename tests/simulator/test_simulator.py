"""The simulated shop: the same plan gives the same stream, and the truth beside it is the truth."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from pydantic import TypeAdapter

from touchline.pipeline.engine.clock import HOUR, MINUTE, to_ms
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.schemas.touchpoint import Touchpoint
from touchline.schemas.vocabulary import Channel, Stage
from touchline.simulator import Event, Plan, PlanError, Reached, Truth, touchpoints

START = datetime(2026, 3, 1, tzinfo=UTC)
PLAN = Plan(customers=300, days=30, start=START, seed=5)
_TOUCHPOINT = TypeAdapter(Touchpoint)


def told(plan: Plan) -> tuple[list[Event], list[Truth]]:
    truths: list[Truth] = []
    return list(touchpoints(plan, truths.append)), truths


@pytest.fixture(scope="module")
def stream() -> list[Event]:
    return list(touchpoints(PLAN))


def test_the_same_plan_gives_the_same_bytes() -> None:
    assert told(PLAN) == told(replace(PLAN))
    assert told(PLAN) != told(replace(PLAN, seed=6))


def test_a_customer_s_life_does_not_depend_on_how_many_others_there_are() -> None:
    few, few_truths = told(replace(PLAN, customers=40))
    many, many_truths = told(replace(PLAN, customers=80))
    mine = {f"c-{index:06d}" for index in range(40)}
    assert [e for e in many if json.loads(e.value)["event_id"] < "000040"] == few
    assert [t for t in many_truths if t.customer in mine] == few_truths


def test_every_event_is_a_touchpoint_within_the_window_in_order_of_time(stream: list[Event]) -> None:
    end = START + timedelta(days=30)
    former, ids = START - timedelta(days=1), set()
    for event in stream:
        touchpoint = _TOUCHPOINT.validate_json(event.value)
        assert former <= touchpoint.occurred_at < end
        assert to_ms(touchpoint.occurred_at) == event.at
        assert event.key.decode() in {touchpoint.customer_id, touchpoint.identifiers.get("cookie")}
        former = touchpoint.occurred_at
        ids.add(touchpoint.event_id)
    assert len(ids) == len(stream) > 5_000


def test_addresses_are_fictional(stream: list[Event]) -> None:
    profiles = [e for event in stream if (e := json.loads(event.value))["kind"] == "profile.updated"]
    assert {e["identifiers"]["email"].split("@")[1] for e in profiles} == {"example.com"}
    ranges = ("+447700900", "+1202555", "+1213555", "+3363998", "+493023125")
    assert all(e["identifiers"]["phone"].startswith(ranges) for e in profiles)
    assert len({e["attributes"]["zone"] for e in profiles}) == 5


def test_what_is_dirty_is_added_as_asked() -> None:
    clean, truths = told(PLAN)
    dirty, same_truths = told(replace(PLAN, late=0.01, duplicates=0.02, broken=0.01))
    assert truths == same_truths
    late = [e for e in dirty if _valid(e) and e.at > to_ms(_TOUCHPOINT.validate_json(e.value).occurred_at)]
    repeats = len(dirty) - len({e.value for e in dirty})
    broken = sum(not _valid(e) for e in dirty)
    assert [e.at for e in dirty] == sorted(e.at for e in dirty)
    assert repeats / len(clean) == pytest.approx(0.02, rel=0.3)
    assert broken / len(clean) == pytest.approx(0.01, rel=0.3)
    assert (len(late) - repeats) / len(clean) == pytest.approx(0.01, rel=0.3)
    assert {e.value for e in dirty if _valid(e)} == {e.value for e in clean}


def _valid(event: Event) -> bool:
    try:
        _TOUCHPOINT.validate_json(event.value)
    except ValueError:
        return False
    return True


def test_complaints_in_the_stream_are_those_of_the_truth() -> None:
    events, truths = told(PLAN)
    complaints = Counter(
        (e["customer_id"], e["occurred_at"])
        for event in events
        if (e := json.loads(event.value))["kind"] == "complaint.made"
    )
    known = Counter((t.customer, _z(t.complained_at)) for t in truths if t.complained_at)
    assert complaints == known
    assert len(known) > 10


def _z(time: str) -> str:
    """As the stream writes it."""
    return str(msgspec.to_builtins(datetime.fromisoformat(time)))


def test_customers_complain_as_often_as_the_truth_says() -> None:
    _, truths = told(Plan(customers=3_000, days=30, start=START, seed=2))
    known = [t for t in truths if t.friction]
    assert len(known) > 500
    assert len({t.friction for t in known}) == 8
    for world, odds in (("complains", "probability"), ("complains_if_reached", "probability_if_reached")):
        expected = sum(getattr(t, odds) for t in known)
        happened = sum(getattr(t, world) for t in known)
        spread = sum(getattr(t, odds) * (1 - getattr(t, odds)) for t in known) ** 0.5
        assert abs(happened - expected) < 4 * spread
    assert all(t.complains or not t.complains_if_reached for t in known)


def test_outreach_prevents_exactly_the_complaints_that_the_truth_says_it_would() -> None:
    events, truths = told(PLAN)
    everybody = Reached({t.customer: tuple(range(PLAN.first, PLAN.end, HOUR)) for t in truths})
    helped_events, helped = told(replace(PLAN, reached=everybody))
    late_enough = [t for t in truths if _hours(t) > 1]
    prevented = [t for t in late_enough if t.complained_at and t.friction and not t.complains_if_reached]
    now_silent = {(t.episode, t.at) for t in helped if not t.complained_at}
    assert len(prevented) > 5
    assert {(t.episode, t.at) for t in prevented} <= now_silent
    assert [(t.episode, t.friction, t.complains) for t in helped] == [
        (t.episode, t.friction, t.complains) for t in truths
    ]
    assert {e.value for e in helped_events} < {e.value for e in events}


def _hours(truth: Truth) -> float:
    if truth.would_complain_at is None:
        return 0
    between = datetime.fromisoformat(truth.would_complain_at) - datetime.fromisoformat(truth.at)
    return between / timedelta(hours=1)


def test_reached_is_read_from_decisions(tmp_path: Path) -> None:
    file = tmp_path / "decisions.ndjson"
    file.write_text(
        '{"customer":"c-1","outcome":"sent","at":"2026-03-02T10:00:00Z","observed":false,"reason":"sent"}\n'
        '{"customer":"c-1","outcome":"suppressed","at":"2026-03-03T10:00:00Z","observed":false}\n'
        '{"customer":"c-2","outcome":"sent","at":"2026-03-03T10:00:00Z","observed":true}\n'
    )
    reached = Reached.read(file)
    ten = to_ms(datetime(2026, 3, 2, 10, tzinfo=UTC))
    assert reached.between("c-1", ten, ten + 1)
    assert not reached.between("c-1", ten + MINUTE, ten + 48 * HOUR)
    assert not reached.between("c-2", 0, 2 * ten)
    file.write_text('{"customer":"c-1","outcome":"sent","at":"2026-03-02T10:00:00Z"}\n{"customer":1}\n')
    with pytest.raises(PlanError, match=r"decisions.ndjson:2: is no decision"):
        Reached.read(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"customers": 0}, "at least one customer"),
        ({"start": datetime(2026, 1, 1)}, "needs an offset"),  # noqa: DTZ001
        ({"late": 0.9}, "late is a share"),
    ],
)
def test_a_senseless_plan_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        replace(PLAN, **change)  # type: ignore[arg-type]


def test_the_stream_speaks_the_catalogue_and_touches_every_stage_and_most_channels(stream: list[Event]) -> None:
    catalogue = Catalogue()
    channels: set[str] = set()
    stages: set[str] = set()
    for event in stream:
        touchpoint = _TOUCHPOINT.validate_json(event.value)
        entry = catalogue.kinds[touchpoint.kind]
        assert touchpoint.attributes.keys() <= entry.attributes.keys() | {"topic"}, touchpoint.kind
        channels.add(touchpoint.channel or entry.channel)
        stages.add(touchpoint.stage or entry.stage)
    assert stages == set(Stage)
    assert set(Channel) - channels <= {Channel.OTHER}
