"""Incidents: many customers with one cause, from their touchpoints to the table that every shard reads."""

import os
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.friction.support import LATENESS, START, last_of_each, tick, touchpoint
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND, to_ms
from touchline.pipeline.engine.local import LocalRun, LocalShard
from touchline.pipeline.engine.partition import partition_of
from touchline.pipeline.engine.records import PlainRecord
from touchline.pipeline.engine.ticks import tick_of
from touchline.pipeline.friction.affected import MAX_COUNTED
from touchline.pipeline.friction.candidates import TICK_EVERY, key_of
from touchline.pipeline.friction.cause import MAX_BYTES, MAX_RECENT, Cause, encode_cause
from touchline.pipeline.friction.fields import Value
from touchline.pipeline.friction.incident import IncidentProcessor
from touchline.pipeline.friction.journey import JourneyOptions, JourneyProcessor
from touchline.pipeline.friction.load import parse_rules
from touchline.pipeline.friction.roll import MAX_AFFECTED, Mark, Roll
from touchline.pipeline.friction.state import Item, Machine
from touchline.schemas.candidate import Candidate
from touchline.schemas.codec import decode_incident, decode_signal, encode
from touchline.schemas.control import Tick
from touchline.schemas.incident import MAX_LISTED, Incident
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Channel, Scope
from touchline.schemas.wire import CANDIDATES, INCIDENTS, SIGNALS, TICK_HEADER, TOUCHPOINTS
from touchline.schemas.yamlfile import FileError

PARTITIONS = 3
OPTIONS = JourneyOptions(lateness=LATENESS)

BY_EVENT = """
schema: friction/1
rules:
- id: app_incident
  scope: incident
  owner: digital
  control: own
  stage: use
  per: app_version
  detect: {affected: {by: {event: app.crashed, where: fatal}, customers: 3, within: 1h}}
  resolve: {event: app.released}
  expires: 6h
  evidence: "{count} customers within {within} with {group}, {customers} in all: {last.screen}"
  action: Withdraw the release
"""

BY_SIGNAL = """
schema: friction/1
rules:
- id: late
  owner: logistics
  control: partner
  stage: delivery
  per: order
  detect:
    absence:
      after: {as: s, event: order.shipped}
      expect: {event: delivery.scanned}
      deadline: s.promised_at
      grace: 2h
  evidence: late
  action: act
- id: carrier_incident
  scope: incident
  owner: logistics
  control: partner
  stage: delivery
  per: party
  detect: {affected: {signals: late, customers: 3, within: 6h}}
  covers: [late]
  evidence: "{customers} customers of {party}"
  action: act
"""

Log = Sequence[EnrichedTouchpoint | Tick]


class Fleet:
    """Shards of `journey` and `incident`, joined by topics in memory."""

    def __init__(self, rules: str, partitions: int = PARTITIONS, batch: int = 1_000, *, live: bool = True) -> None:
        self.live = live
        compiled = parse_rules(rules)
        processors: list[Any] = [JourneyProcessor(compiled, OPTIONS), IncidentProcessor(compiled, OPTIONS)]
        self.local = LocalRun(processors, partitions=partitions, batch=batch)
        self.partitions = partitions

    def feed(self, *log: EnrichedTouchpoint | Tick) -> "Fleet":
        for entry in log:
            if isinstance(entry, Tick):
                entry.wall = START if self.live else None  # the same for all, so that none seems to stand still
                for number in range(self.partitions):
                    record = PlainRecord(0, 0, None, encode(entry), ((TICK_HEADER, b"1"),))
                    self.local.topics.logs.setdefault((TOUCHPOINTS, number), []).append(record)
            else:
                self.local.publish(TOUCHPOINTS, entry.customer.encode(), encode(entry), 0)
        self.local.run(0)
        return self

    def restart(self) -> None:
        """Every worker crashes."""
        for row in self.local.shards:
            for one in row:
                one.restart()

    def signals(self) -> list[Signal]:
        found = [decode_signal(r.value or b"") for r in self.local.topics.all(SIGNALS) if r.key is not None]
        return [signal for signal in found if signal.scope is Scope.INCIDENT]

    def exposed(self) -> list[Signal]:
        """The signals of customers whom an incident may reach next."""
        found = [decode_signal(r.value or b"") for r in self.local.topics.all(SIGNALS) if r.key is not None]
        return [signal for signal in found if signal.scope is Scope.CUSTOMER and "incident" in signal.values]

    def told(self) -> list[tuple[str, int, str]]:
        return [(s.group, s.revision, s.status.value) for s in self.signals()]

    def table(self, partition: int) -> dict[str, Incident]:
        rows: dict[str, Incident] = {}
        for record in self.local.topics.read(INCIDENTS, partition):
            key = (record.key or b"").decode()
            if record.value is None:
                rows.pop(key, None)
            elif tick_of(record) is None:
                rows[key] = decode_incident(record.value)
        return rows


def crash(n: int, at: int, customer: str | None = None, version: str = "7.1", **more: Any) -> EnrichedTouchpoint:
    attributes = {"app_version": version, "fatal": True, "screen": f"screen-{n}"}
    who = customer or f"c-{n}"
    return touchpoint(f"e-{n}", "app.crashed", at, customer=who, raw_offset=n, attributes=attributes, **more)


def test_an_incident_opens_when_so_many_different_customers_have_the_cause_in_common() -> None:
    fleet = Fleet(BY_EVENT).feed(tick(START))
    fleet.feed(crash(1, START), crash(2, START + 1, "c-1"), crash(3, START + 2), crash(4, START + 3, version="7.2"))
    assert fleet.feed(tick(START + MINUTE)).signals() == []  # two customers of 7.1 and one of 7.2
    fleet.feed(crash(5, START + HOUR), tick(START + HOUR))
    (signal,) = fleet.signals()
    assert (signal.rule, signal.group, signal.customer) == ("app_incident", "app_version:7.1", "app_version:7.1")
    assert to_ms(signal.at) == START + HOUR
    assert signal.evidence == "3 customers within 60 min with app_version:7.1, 3 in all: screen-5"
    assert (signal.values["count"], signal.values["customers"], signal.values["threshold"]) == (3, 3, 3)
    assert signal.events == ("e-2", "e-3", "e-5")


def test_the_window_is_closed_and_a_customer_counts_once() -> None:
    fleet = Fleet(BY_EVENT).feed(crash(1, START), crash(2, START + 1), crash(3, START + HOUR + 1), tick(START + DAY))
    assert fleet.signals() == []
    fleet = Fleet(BY_EVENT).feed(crash(1, START + 1), crash(2, START + 1), crash(3, START + HOUR + 1))
    assert fleet.feed(tick(START + 2 * HOUR)).told() == [("app_version:7.1", 1, "opened")]


def test_every_partition_has_the_whole_table_with_the_customers_affected() -> None:
    fleet = Fleet(BY_EVENT).feed(*[crash(n, START + n) for n in (3, 1, 2)], tick(START + SECOND))
    fleet.feed(*[crash(n, START + 2 * SECOND) for n in range(10, 200)], tick(START + MINUTE))
    tables = [fleet.table(number) for number in range(PARTITIONS)]
    assert tables[0] == tables[1] == tables[2]
    assert all(record.key for record in fleet.local.topics.all(INCIDENTS))  # a compacted topic takes nothing else
    ((incident_id, row),) = tables[0].items()
    assert incident_id == fleet.signals()[-1].signal_id
    assert (row.group, row.customers, row.is_open, row.revision) == ("app_version:7.1", 193, True, 2)
    assert row.affected[:3] == ("c-1", "c-2", "c-3")
    assert len(row.affected) == MAX_LISTED


def test_an_event_of_resolve_ends_it_and_the_row_goes_once_nothing_can_change_it() -> None:
    fleet = Fleet(BY_EVENT).feed(*[crash(n, START + n) for n in range(3)], tick(START + SECOND))
    release = touchpoint("r", "app.released", START + MINUTE, raw_offset=9, attributes={"app_version": "7.1"})
    fleet.feed(release, tick(START + MINUTE))
    assert fleet.told() == [("app_version:7.1", 1, "opened"), ("app_version:7.1", 2, "resolved")]
    assert [row.is_open for row in fleet.table(0).values()] == [False]
    fleet.feed(tick(START + DAY))
    assert fleet.table(0) == {}
    assert all(len(shard.state.causes) == 0 for shard in fleet.local.shards[1])


def test_it_expires_when_nothing_is_added() -> None:
    fleet = Fleet(BY_EVENT).feed(*[crash(n, START + n) for n in range(3)], tick(START + SECOND))
    fleet.feed(tick(START + 2 + 6 * HOUR + LATENESS))
    assert fleet.told()[1:] == []
    fleet.feed(tick(START + 2 + 6 * HOUR + LATENESS + TICK_EVERY))
    assert fleet.told()[1:] == [("app_version:7.1", 2, "expired")]


def late_orders(*promised: int) -> list[EnrichedTouchpoint]:
    return [
        touchpoint(
            f"s-{n}", "order.shipped", START + n, customer=f"c-{n}", raw_offset=n, party="dhl",
            subjects=(f"order:{n}",), attributes={"promised_at": _iso(at)},
        )
        for n, at in enumerate(promised)
    ]  # fmt: skip


def _iso(at: int) -> str:
    from touchline.pipeline.engine.clock import from_ms

    return from_ms(at).isoformat()


def test_signals_of_customers_add_up_to_an_incident_of_their_party() -> None:
    promised = [START + HOUR, START + 2 * HOUR, START + 7 * HOUR]
    fleet = Fleet(BY_SIGNAL).feed(*late_orders(*promised), tick(START))
    fleet.feed(*[tick(START + n * HOUR) for n in range(1, 24)])
    assert fleet.told() == [("party:dhl", 1, "opened")]
    (signal,) = fleet.signals()
    assert (signal.evidence, signal.party, signal.control.value) == ("3 customers of dhl", "dhl", "partner")
    assert to_ms(signal.at) == promised[-1]
    assert next(iter(fleet.table(0).values())).covers == ("late",)
    apart = [START + HOUR, START + 2 * HOUR, START + 7 * HOUR + 1]
    fleet = Fleet(BY_SIGNAL).feed(*late_orders(*apart), tick(START), tick(START + DAY))
    assert fleet.told() == []


def test_a_signal_that_is_retracted_takes_its_incident_along() -> None:
    promised = [START + HOUR] * 3
    fleet = Fleet(BY_SIGNAL).feed(*late_orders(*promised), tick(START))
    fleet.feed(tick(START + 3 * HOUR + LATENESS + 1))
    assert fleet.told() == [("party:dhl", 1, "opened")]
    scan = touchpoint(
        "scan", "delivery.scanned", START + HOUR, customer="c-1", raw_offset=99, subjects=("order:1",), party="dhl",
        late_seconds=(2 * HOUR + LATENESS + 1) / SECOND,
    )  # fmt: skip
    fleet.feed(scan, tick(START + 3 * HOUR + LATENESS + MINUTE))
    assert fleet.told() == [("party:dhl", 1, "opened"), ("party:dhl", 2, "retracted")]


def test_a_candidate_goes_to_the_partition_of_its_rule_and_group_and_so_does_time() -> None:
    fleet = Fleet(BY_EVENT).feed(crash(1, START), tick(START))
    key = key_of("app_incident", "app_version:7.1").encode()
    for number in range(PARTITIONS):
        records = fleet.local.topics.read(CANDIDATES, number)
        assert [r.key for r in records if r.key] == ([key] if number == partition_of(key, PARTITIONS) else [])
        assert len([r for r in records if r.key is None]) == PARTITIONS  # a tick of every shard of journey


def test_rules_about_customers_alone_send_no_candidates_and_no_ticks() -> None:
    rules = BY_SIGNAL[: BY_SIGNAL.index("- id: carrier_incident")]
    assert Fleet(rules).feed(*late_orders(START), tick(START), tick(START + DAY)).local.topics.all(CANDIDATES) == []


# The contract of a processor, and order


def candidate(n: int, at: int, customer: str) -> Candidate:
    return Candidate(
        rule="app_incident", group="app_version:7.1", customer=customer, event=f"e-{n}", at=at, partition=0, offset=n,
        roles=1, party="own", channel=Channel.APP,
    )  # fmt: skip


def shard() -> LocalShard:
    return LocalShard(IncidentProcessor(parse_rules(BY_EVENT), OPTIONS), 0, 1)


def records(*entries: Candidate | Tick) -> list[PlainRecord]:
    found = []
    for offset, entry in enumerate(entries):
        headers = ((TICK_HEADER, b"1"),) if isinstance(entry, Tick) else ()
        found.append(PlainRecord(offset, 0, None if headers else b"k", encode(entry), headers))
    return found


def some_log(seed: int, wall: int | None) -> list[Candidate | Tick]:
    rng = random.Random(seed)
    at, log = START, list[Candidate | Tick]()
    for n in range(120):
        at += rng.choice([0, 1, MINUTE, 20 * MINUTE])
        log.append(candidate(n, at - rng.choice([0, 0, MINUTE, LATENESS]), f"c-{rng.randrange(6)}"))
        if rng.random() < 0.3:
            log.append(tick(at, wall=wall))
    return [*log, tick(at + DAY, wall=wall)]


@pytest.mark.parametrize("wall", [None, START])
@pytest.mark.parametrize("seed", range(5))
def test_the_same_input_gives_the_same_output_however_it_is_split_and_restarted(seed: int, wall: int | None) -> None:
    log = records(*some_log(seed, wall))
    whole = shard().process(CANDIDATES, log, 0)
    assert any(output.topic == INCIDENTS for output in whole)
    one_by_one, outputs = shard(), []
    for record in log:
        outputs.extend(one_by_one.process(CANDIDATES, [record], 0))
        one_by_one.restart()
    assert outputs == whole


@pytest.mark.parametrize("wall", [None, START])
@pytest.mark.parametrize("seed", range(5))
def test_a_replay_adds_nothing(seed: int, wall: int | None) -> None:
    log = records(*some_log(seed, wall))
    done = shard()
    told = {(o.key, o.value) for o in done.process(CANDIDATES, log, 0)}
    done.restart()
    again = [o for o in done.process(CANDIDATES, log, 0) if o.value is not None]
    assert {(o.key, o.value) for o in again} <= told


def crossings(signals: Sequence[Signal]) -> set[tuple[str, int, str, object, object]]:
    newest = last_of_each(signals).values()
    return {
        (s.group, to_ms(s.at), s.status.value, s.values["customers"], s.values["count"])
        for s in newest
        if s.status.value != "retracted"
    }


SIGNALS_OF_ORDERS = """
schema: friction/1
rules:
- id: twice
  owner: logistics
  stage: delivery
  per: order
  detect: {count: {event: app.crashed, at_least: 2, within: 1h}}
  resolve: {event: app.fixed}
  cooldown: 2h
  evidence: e
  action: act
- id: broken
  owner: logistics
  stage: delivery
  per: order
  detect: {sequence: {steps: [{event: app.crashed}, {event: app.crashed}], within: 30m, unless: {event: app.fixed}}}
  evidence: e
  action: act
- id: many
  scope: incident
  owner: digital
  stage: use
  per: party
  detect: {affected: {signals: [twice, broken], customers: 3, within: 2h}}
  resolve: {event: app.released}
  cooldown: 3h
  expires: 6h
  evidence: "{customers} {count}"
  action: act
"""
CASES = int(os.environ.get("TOUCHLINE_INCIDENT_CASES", "40"))


@st.composite
def journeys(draw: st.DrawFn) -> list[EnrichedTouchpoint]:
    """Events of some customers on several raw partitions, many of them at the same millisecond."""
    steps = st.sampled_from([0, 0, 1, 2 * MINUTE, 25 * MINUTE, HOUR, 7 * HOUR])
    at, found = START, list[EnrichedTouchpoint]()
    for n, step in enumerate(draw(st.lists(steps, min_size=5, max_size=40))):
        at += step
        number = draw(st.integers(0, 5))
        kind = draw(st.sampled_from(["app.crashed"] * 8 + ["app.fixed", "app.released"]))
        found.append(
            touchpoint(
                f"e-{n}", kind, at, customer=f"c-{number}", raw_partition=number % 2, raw_offset=n, party="dhl",
                subjects=(f"order:{number}",), attributes={"app_version": "7.1", "fatal": True},
            )
        )  # fmt: skip
    return found


@pytest.mark.parametrize("rules", [BY_EVENT, SIGNALS_OF_ORDERS], ids=["events", "signals"])
@settings(max_examples=CASES, deadline=None)
@given(events=journeys(), seed=st.integers(0, 2**32))
def test_any_order_within_the_lateness_gives_the_same_incidents(
    rules: str, events: list[EnrichedTouchpoint], seed: int
) -> None:
    rng, end = random.Random(seed), to_ms(events[-1].occurred_at) + 3 * DAY
    straight = Fleet(rules)
    for event in events:
        event.late_seconds = 0
        straight.feed(event, *ticks(to_ms(event.occurred_at)))
    straight.feed(*ticks(end))
    for live in (True, False):
        shuffled = Fleet(rules, batch=rng.choice([1, 7, 1_000]), live=live)
        arrivals = [(to_ms(e.occurred_at) + rng.choice([0, rng.randint(0, LATENESS), LATENESS]), e) for e in events]
        high = START
        for arrives, event in sorted(arrivals, key=lambda pair: pair[0]):
            high = max(high, arrives)
            event.late_seconds = (high - to_ms(event.occurred_at)) / SECOND
            shuffled.feed(*ticks(high), event)
            if rng.random() < 0.1:
                shuffled.restart()
        shuffled.feed(*ticks(end))
        assert crossings(shuffled.signals()) == crossings(straight.signals()), live


def ticks(high: int) -> list[Tick]:
    """How far both raw partitions are."""
    return [tick(high, partition, 2) for partition in range(2)]


def test_what_is_kept_is_bounded_and_what_is_given_up_is_counted() -> None:
    some = shard()
    some.process(CANDIDATES, records(tick(START, wall=START)), 0)
    for start in range(0, MAX_RECENT + 1_000, 1_000):
        some.process(CANDIDATES, records(*[candidate(n, START + n, f"c-{n}") for n in range(start, start + 1_000)]), 0)
    outputs = some.process(CANDIDATES, records(tick(START + SECOND, wall=START)), 0)
    row = next(decode_incident(o.value or b"") for o in outputs if o.topic == INCIDENTS)
    assert row.customers == MAX_AFFECTED
    assert some.counts["evicted.recent"] == 1_000


def test_a_cause_is_never_longer_than_a_record_may_be() -> None:
    long, some = "x" * 100, shard()
    some.process(CANDIDATES, records(tick(START, wall=START)), 0)
    for start in range(0, 2 * MAX_RECENT, 1_000):
        batch = [candidate(n, START + n, f"{long}{n}") for n in range(start, start + 1_000)]
        for one in batch:
            one.event, one.facts = f"{long}{one.event}", {"screen": long, "code": long}
        some.process(CANDIDATES, records(*batch, tick(START + start, wall=START)), 0)
        assert max(len(value or b"") for _, _, value in some.changelog) <= MAX_BYTES + 16
    some.restart()
    outputs = some.process(CANDIDATES, records(tick(START + DAY, wall=START)), 0)
    assert [decode_signal(o.value or b"").status for o in outputs if o.topic == SIGNALS] == ["expired"]


def test_with_ids_of_usual_length_nothing_is_shortened() -> None:
    window = tuple(_item(n) for n in range(MAX_COUNTED))
    who = {f"customer-{n:012d}": Mark(START + n, (f"{n:036d}",)) for n in range(MAX_AFFECTED)}
    full = Cause(
        "carrier_incident:01234567", Roll(Machine(window), {"1 e": who}), [_item(n) for n in range(MAX_RECENT)]
    )
    assert len(encode_cause(full)) < MAX_BYTES
    assert len(full.recent) == MAX_RECENT


def _item(n: int) -> Item:
    facts: dict[str, Value] = {"code": "E" * 20, "version": "7.1.4"}
    return Item(START + n, 3, 10**7 + n, f"{n:036d}", f"customer-{n:012d}", 1, "carrier-north", "delivery", facts)


# Mistakes


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("signals: late,", "signals: lat,", 'there is no rule "lat" about a customer, did you mean "late"?'),
        ("covers: [late]", "covers: [late, carrier_incident]", 'there is no rule "carrier_incident" about a customer'),
        ("customers: 3,", "customer: 3,", 'is not a field here, did you mean "customers"?'),
        ("signals: late,", "signals: late, by: {event: a.b},", 'exactly one of "by" and "signals"'),
        ("  scope: incident\n", "", '"scope: incident" and "detect: affected" go together'),
        ("per: party", "per: customer", 'an incident needs "per"'),
        ("per: party", "per: email", '"email" is personal and is no cause'),
        (
            "  evidence: late\n",
            "  covers: late\n  evidence: late\n",
            '"covers" belongs to a rule with "scope: incident"',
        ),
        ("{customers} customers of", "{custmers} of", '"{custmers}" is not known'),
        ("{party}", "{last.party}", 'no event is called "last" in this rule'),
    ],
)
def test_a_mistake_is_told_with_its_place(old: str, new: str, message: str) -> None:
    assert old in BY_SIGNAL
    with pytest.raises(FileError) as caught:
        parse_rules(BY_SIGNAL.replace(old, new))
    assert any(message in str(mistake.message) and mistake.line > 1 for mistake in caught.value.mistakes), str(
        caught.value
    )
