"""Who is told of an incident before it reaches them, and who is not."""

import os
import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.friction.support import LATENESS, START, last_of_each, tick, touchpoint
from tests.friction.test_incident import Fleet
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND, from_ms, to_ms
from touchline.pipeline.engine.store import NEVER
from touchline.pipeline.friction import outlook
from touchline.pipeline.friction.candidates import TICK_EVERY
from touchline.pipeline.friction.exposure import MAX_CHANGES, MAX_THINGS, Change, Exposure
from touchline.pipeline.friction.incidents import Known, KnownIncidents
from touchline.pipeline.friction.journey import JourneyProcessor
from touchline.pipeline.friction.load import parse_rules
from touchline.schemas.incident import Incident
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Control, Severity, SignalStatus
from touchline.schemas.yamlfile import FileError

CARRIER = """
schema: friction/1
rules:
- id: carrier_down
  version: 3
  scope: incident
  owner: logistics
  control: partner
  stage: delivery
  severity: high
  per: party
  detect: {affected: {by: {event: delivery.failed}, customers: 2, within: 1h}}
  resolve: {event: carrier.recovered}
  expires: 2d
  exposed: {event: order.shipped, by: order, unless: {event: delivery.scanned, where: status == 'delivered'}, UNTIL}
  evidence: "{customers} customers"
  action: Tell those who wait
""".replace("UNTIL", "within: 20d")

RELEASE = CARRIER.replace("per: party", "per: app_version").replace(
    "by: order, unless: {event: delivery.scanned, where: status == 'delivered'}, within: 20d", "within: 20d"
)


def event(n: int, kind: str, at: int, customer: int, **more: Any) -> EnrichedTouchpoint:
    fields = {"party": "dhl", "subjects": (f"order:{customer}",), **more}
    return touchpoint(f"e-{n}", kind, at, customer=f"c-{customer}", raw_offset=n, **fields)


def shipped(n: int, at: int, customer: int, **more: Any) -> EnrichedTouchpoint:
    return event(n, "order.shipped", at, customer, **more)


def failures(at: int, *, party: str = "dhl") -> list[EnrichedTouchpoint]:
    """What opens the incident."""
    return [event(900 + n, "delivery.failed", at, 90 + n, party=party) for n in range(2)]


def told(fleet: Fleet) -> list[tuple[str, int, str]]:
    return [(one.customer, one.revision, one.status.value) for one in fleet.exposed()]


def moved(fleet: Fleet, at: int) -> Fleet:
    """Time comes so far, for every agent in turn."""
    return fleet.feed(tick(at), tick(at + TICK_EVERY))


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(CARRIER).feed(tick(START))


def test_who_waits_for_the_same_carrier_is_told_once_when_the_incident_opens(fleet: Fleet) -> None:
    delivered = event(5, "delivery.scanned", START + 3, 3, attributes={"status": "delivered"})
    fleet.feed(shipped(1, START, 1), shipped(2, START + 1, 2, party="ups"), shipped(3, START + 2, 3), delivered)
    moved(fleet, START + MINUTE)
    assert fleet.exposed() == []  # nothing is wrong yet
    fleet.feed(*failures(START + HOUR))
    moved(fleet, START + HOUR)
    (signal,) = fleet.exposed()
    (incident,) = fleet.signals()
    assert (signal.customer, signal.group, signal.subjects) == ("c-1", "order:1", ("order:1",))
    assert (signal.rule, signal.rule_version, signal.polarity.value) == ("carrier_down", 3, "need")
    assert signal.severity.value == "medium"
    assert signal.values == {"incident": incident.signal_id, "cause": "party:dhl"}
    assert (signal.party, signal.control.value, signal.events) == ("dhl", "partner", ("e-1",))
    assert signal.evidence.startswith("Order 1 may be next: an incident stands since 2026-03-02 10:00 UTC")
    assert signal.at == signal.raised_at == incident.raised_at
    for hour in range(2, 6):
        moved(fleet, START + hour * HOUR)
    assert told(fleet) == [("c-1", 1, "opened")]


def test_an_order_that_is_shipped_while_it_stands_is_told_too(fleet: Fleet) -> None:
    fleet.feed(*failures(START))
    moved(fleet, START + MINUTE)
    fleet.feed(shipped(1, START + HOUR, 1))
    moved(fleet, START + HOUR)
    assert [(s.customer, s.at, s.raised_at) for s in fleet.exposed()] == [
        ("c-1", shipped(1, START + HOUR, 1).occurred_at, shipped(1, START + HOUR, 1).occurred_at)
    ]


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (event(9, "delivery.scanned", START + 2 * HOUR, 1, attributes={"status": "delivered"}), "resolved"),
        (event(9, "carrier.recovered", START + 2 * HOUR, 50), "resolved"),
        (event(9, "delivery.failed", START + 2 * HOUR, 1), "resolved"),  # it reached them: they are affected now
        (event(9, "delivery.scanned", START + 2 * HOUR, 1, attributes={"status": "tried"}), None),
        (event(9, "delivery.scanned", START + 2 * HOUR, 2, attributes={"status": "delivered"}), None),
    ],
)
def test_it_ends_when_nobody_need_wait_for_it(fleet: Fleet, last: EnrichedTouchpoint, status: str | None) -> None:
    fleet.feed(shipped(1, START, 1), *failures(START + HOUR))
    moved(fleet, START + HOUR)
    fleet.feed(last)
    moved(fleet, START + 2 * HOUR)
    moved(fleet, START + 3 * HOUR)
    assert told(fleet) == [("c-1", 1, "opened"), *([("c-1", 2, status)] if status else [])]


def test_who_is_affected_before_or_counts_among_them_is_listed_there_and_not_told(fleet: Fleet) -> None:
    fleet.feed(shipped(1, START, 90), shipped(2, START, 91), shipped(3, START, 1), *failures(START + HOUR))
    moved(fleet, START + HOUR)
    assert told(fleet) == [("c-1", 1, "opened")]
    assert next(iter(fleet.table(0).values())).affected == ("c-90", "c-91")


def test_the_newest_of_a_customer_counts_where_no_thing_is_named() -> None:
    fleet = Fleet(RELEASE).feed(tick(START))
    for n, (customer, version) in enumerate([(1, "7.1"), (2, "7.1"), (2, "7.2"), (3, "7.2"), (3, "7.1")]):
        fleet.feed(shipped(n, START + n, customer, attributes={"app_version": version}))
    fleet.feed(
        *[event(900 + n, "delivery.failed", START + HOUR, 90 + n, attributes={"app_version": "7.1"}) for n in range(2)]
    )
    moved(fleet, START + HOUR)
    assert sorted(s.customer for s in fleet.exposed()) == ["c-1", "c-3"]
    assert {(s.group == s.customer, s.subjects, s.party) for s in fleet.exposed()} == {(True, (), "logistics")}


def test_nobody_is_exposed_longer_than_the_rule_says(fleet: Fleet) -> None:
    fleet.feed(shipped(1, START, 1), shipped(2, START + DAY, 2))
    moved(fleet, START + DAY)
    fleet.feed(*failures(START + 20 * DAY))
    moved(fleet, START + 20 * DAY)
    assert told(fleet) == [("c-2", 1, "opened")]
    moved(fleet, START + 21 * DAY)
    assert told(fleet) == [("c-2", 1, "opened"), ("c-2", 2, "resolved")]


def test_an_erased_customer_is_told_nothing(fleet: Fleet) -> None:
    fleet.feed(shipped(1, START, 1), event(2, "customer.erased", START + 1, 1), *failures(START + HOUR))
    moved(fleet, START + HOUR)
    assert told(fleet) == []


def test_many_are_looked_through_in_portions_and_a_crash_loses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlook, "PORTION", 7)
    monkeypatch.setattr(JourneyProcessor, "has_work", lambda *_: False)  # no portion follows another at once
    fleet = Fleet(CARRIER, partitions=1).feed(tick(START), *[shipped(n, START + n, n) for n in range(50)])
    moved(fleet, START + MINUTE)
    fleet.feed(*failures(START + HOUR))
    moved(fleet, START + HOUR)
    first = len(fleet.exposed())
    assert 7 <= first < 50
    fleet.restart()
    for _ in range(20):
        before = len(fleet.exposed())
        fleet.local.idle(0)
        assert len(fleet.exposed()) - before <= 7
    assert {(s.customer, s.revision) for s in fleet.exposed()} == {(f"c-{n}", 1) for n in range(50)}


def test_by_what_somebody_is_exposed_does_not_depend_on_what_was_let_go_of_before() -> None:
    exposure, day = Exposure(), {"r": 7 * DAY}
    for at, name in ((START, "e1"), (START + HOUR, "e2"), (START + 3 * HOUR, "e3")):
        exposure.change("r", "order:1", Change(at, 0, at, name, "r party:a"))
    known = Known("i", "r", "party:a", START + 2 * HOUR, START + 2 * HOUR, NEVER, "opened")
    found = exposure.span("r", "r party:a", known, 7 * DAY)
    exposure.forget(day, START + 90 * MINUTE, START, KnownIncidents())
    assert [change.event for change in exposure.things["r"]["order:1"]] == ["e2", "e3"]
    assert exposure.span("r", "r party:a", known, 7 * DAY) == found
    assert found is not None
    assert (found.since, found.event) == (known.opened, "e2")


def test_by_what_somebody_is_exposed_does_not_depend_on_what_is_still_to_come() -> None:
    """Two orders wait when the incident opens. Whether it is known by then that one arrives sooner depends on
    how far the journeys were read."""
    exposure = Exposure()
    for order in ("order:1", "order:2"):
        exposure.change("r", order, Change(START, 0, 1, f"shipped {order}", "r party:a"))
    known = Known("i", "r", "party:a", START + HOUR, START + HOUR, NEVER, "opened")
    before = exposure.span("r", "r party:a", known, 7 * DAY)
    exposure.change("r", "order:2", Change(START + 2 * HOUR, 0, 2, "delivered", ""))
    after = exposure.span("r", "r party:a", known, 7 * DAY)
    assert before is not None
    assert after == before
    assert after.thing == "order:1"


def test_who_was_affected_is_known_as_long_as_the_incident_is() -> None:
    """However late they are looked at again: nobody is told of an incident that they were among the first of."""
    row, exposure = row_of_a_day(), Exposure()
    incidents = KnownIncidents()
    incidents.take(row)
    cause, (known,) = f"{row.rule} {row.group}", incidents.all()
    exposure.change("r", "order:1", Change(START - DAY, 0, 1, "shipped", cause))
    exposure.count(cause, known.first)
    late = START + 30 * DAY
    exposure.forget({"r": 60 * DAY}, late, late, incidents)
    assert exposure.span("r", cause, known, 60 * DAY) is None
    incidents.forget(late)
    exposure.forget({"r": 60 * DAY}, late, late, incidents)
    assert not exposure.affected


def row_of_a_day() -> Incident:
    """An incident as its topic tells of it, that has ended after a day."""
    at, later = from_ms(START), from_ms(START + DAY)
    return Incident(
        incident_id="i", revision=2, status=SignalStatus.EXPIRED, rule="r", rule_version=1, group="party:a", party="a",
        control=Control.PARTNER, severity=Severity.HIGH, owner="logistics", covers=(), customers=2, affected=(),
        first=at, at=at, last=at, opened_at=at, raised_at=later, evidence="2 customers",
    )  # fmt: skip


def test_nothing_is_kept_once_all_is_over(fleet: Fleet) -> None:
    fleet.feed(shipped(1, START, 1), *failures(START + HOUR))
    for day in range(1, 40):
        moved(fleet, START + day * DAY)
    for one in fleet.local.shards[0]:
        assert len(one.state.outlook.customers) == 0
        assert len(one.state.outlook.incidents) == 0
    assert told(fleet) == [("c-1", 1, "opened"), ("c-1", 2, "resolved")]


def test_in_history_what_is_as_late_as_may_be_still_counts() -> None:
    fleet = Fleet(CARRIER, live=False).feed(tick(START), *failures(START), tick(START + HOUR))
    at = START + 2 * HOUR
    delivered = event(2, "delivery.scanned", at, 1, attributes={"status": "delivered"}, late_seconds=LATENESS / SECOND)
    fleet.feed(shipped(1, at, 1), tick(at + LATENESS))
    fleet.feed(delivered, tick(at + HOUR), tick(at + 2 * HOUR))
    assert len(fleet.signals()) == 1
    assert told(fleet) == []


def test_rules_without_exposure_keep_nothing() -> None:
    rules = "\n".join(line for line in CARRIER.split("\n") if "exposed" not in line)
    fleet = Fleet(rules).feed(tick(START), shipped(1, START, 1), *failures(START + HOUR), tick(START + DAY))
    assert all(len(one.state.outlook.customers) == 0 for one in fleet.local.shards[0])


CASES = int(os.environ.get("TOUCHLINE_INCIDENT_CASES", "60"))


@st.composite
def stories(draw: st.DrawFn) -> list[EnrichedTouchpoint]:
    steps = st.sampled_from([0, 0, 1, 20 * MINUTE, HOUR, 9 * HOUR])
    at, found = START, list[EnrichedTouchpoint]()
    for n, step in enumerate(draw(st.lists(steps, min_size=5, max_size=35))):
        at += step
        kind = draw(
            st.sampled_from(
                ["order.shipped"] * 4 + ["delivery.scanned"] * 2 + ["delivery.failed"] * 3 + ["carrier.recovered"]
            )
        )
        customer, order = draw(st.integers(0, 4)), draw(st.integers(0, 1))
        found.append(
            touchpoint(
                f"e-{n}", kind, at, customer=f"c-{customer}", raw_partition=customer % 2, raw_offset=n,
                party=draw(st.sampled_from(["dhl", "dhl", "ups"])), subjects=(f"order:{customer}{order}",),
                attributes={"status": "delivered"},
            )
        )  # fmt: skip
    return found


@settings(max_examples=CASES, deadline=None)
@given(stories(), st.integers(0, 2**32))
def test_who_is_told_is_what_exposure_means_in_any_order_of_history(
    events: list[EnrichedTouchpoint], seed: int
) -> None:
    rng, end = random.Random(seed), to_ms(events[-1].occurred_at) + 4 * DAY
    runs = []
    for _ in range(2):
        fleet = Fleet(CARRIER, live=False, partitions=rng.choice([1, 2, 3]), batch=rng.choice([1, 9, 1_000]))
        arrivals = [(to_ms(e.occurred_at) + rng.choice([0, rng.randint(0, LATENESS), LATENESS]), e) for e in events]
        high = START
        for arrives, one in sorted(arrivals, key=lambda pair: pair[0]):
            high = max(high, arrives)
            one.late_seconds = (high - to_ms(one.occurred_at)) / SECOND
            fleet.feed(*[tick(high, partition, 2) for partition in range(2)], one)
            if rng.random() < 0.1:
                fleet.restart()
        fleet.feed(*[tick(end, partition, 2) for partition in range(2)])
        for _ in range(3):
            fleet.local.idle(0)
        last_of_each(fleet.exposed())
        runs.append(shown(fleet.exposed()))
        assert runs[-1] == meant(events, fleet.signals())
    assert runs[0] == runs[1]


Shown = tuple[str, str, int, str, int | None]


def shown(signals: Iterable[Signal]) -> list[Shown]:
    """Customer, incident, since when, how it stands and until when."""
    newest = last_of_each(list(signals)).values()
    return sorted(
        (s.customer, str(s.values["incident"]), to_ms(s.at), s.status.value, None if s.is_open else to_ms(s.raised_at))
        for s in newest
    )


def meant(events: Sequence[EnrichedTouchpoint], incidents: Sequence[Signal]) -> list[Shown]:
    """Exposure as directly as possible, from the incidents as they were told: each millisecond at which something
    happens is looked at by itself."""
    newest = last_of_each(incidents)
    opened = {s.signal_id: to_ms(s.raised_at) for s in reversed(incidents) if s.revision == 1}
    ordered = sorted(events, key=lambda e: (to_ms(e.occurred_at), e.raw_partition, e.raw_offset))
    found: list[Shown] = []
    for name, last in newest.items():
        ends = None if last.is_open else to_ms(last.raised_at)
        failed = [e for e in ordered if e.kind == "delivery.failed" and f"party:{e.party}" == last.group]
        first = min(to_ms(e.occurred_at) for e in failed if e.event_id in last.events)
        for customer in {e.customer for e in ordered}:
            mine = [e for e in ordered if e.customer == customer]
            hit = [
                at for e in failed if e.customer == customer
                and (at := to_ms(e.occurred_at)) >= first and (ends is None or at < ends)
            ]  # fmt: skip
            until = min([*hit, *([] if ends is None else [ends])], default=None)
            moments = sorted({opened[name], *(to_ms(e.occurred_at) for e in mine), *([until] if until else [])})
            began = over = None
            for now in moments:
                waits = now >= opened[name] and (until is None or now < until) and _waits(mine, now, last.group)
                if waits and began is None:
                    began = now
                if not waits and began is not None and over is None:
                    over = now
            if began is not None:
                ended = "retracted" if last.status == "retracted" and over == ends else "resolved"
                found.append((customer, name, began, "opened" if over is None else ended, over))
    return sorted(found)


def _waits(mine: Sequence[EnrichedTouchpoint], now: int, group: str) -> bool:
    newest = {
        e.subjects: e for e in mine if to_ms(e.occurred_at) <= now and e.kind in {"order.shipped", "delivery.scanned"}
    }
    return any(e.kind == "order.shipped" and f"party:{e.party}" == group for e in newest.values())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("event: order.shipped,", "event: order.shipped, as: s,", "nothing to name"),
        ("by: order,", "by: email,", '"email" is personal'),
        ("where: status == 'delivered'", "where: status === 'delivered'", "exposed.unless"),
        ("within: 20d", "within: 20", "is no length of time"),
    ],
)
def test_a_mistake_is_told_with_its_place(old: str, new: str, message: str) -> None:
    assert old in CARRIER
    with pytest.raises(FileError) as caught:
        parse_rules(CARRIER.replace(old, new))
    assert any(message in f"{one.where} {one.message}" and one.line > 1 for one in caught.value.mistakes), caught.value


def test_what_is_kept_of_a_customer_is_bounded_and_what_is_given_up_is_counted() -> None:
    fleet = Fleet(CARRIER, partitions=1).feed(tick(START))
    fleet.feed(*[shipped(n, START + n, 1, subjects=(f"order:{n}",)) for n in range(MAX_THINGS + 3)])
    fleet.feed(*[shipped(100 + n, START + n, 2) for n in range(MAX_CHANGES + 2)])
    assert fleet.local.shards[0][0].counts["evicted.exposure"] == 5
    fleet.feed(*failures(START + HOUR))
    moved(fleet, START + HOUR)
    assert sorted(told(fleet)) == [("c-1", 1, "opened"), ("c-2", 1, "opened")]
