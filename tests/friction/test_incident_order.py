"""Incidents against their meaning, whatever order candidates come in: the agent `incident` alone, on both clocks."""

import os
import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.friction.incident_oracle import Happening, Rule, Shown, incidents
from tests.friction.support import LATENESS, START, last_of_each
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, to_ms
from touchline.pipeline.engine.local import LocalShard
from touchline.pipeline.engine.records import Output, PlainRecord
from touchline.pipeline.friction.incident import IncidentProcessor
from touchline.pipeline.friction.journey import JourneyOptions
from touchline.pipeline.friction.load import parse_rules
from touchline.schemas.candidate import Candidate
from touchline.schemas.codec import decode_signal, encode
from touchline.schemas.control import Tick
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Channel
from touchline.schemas.wire import CANDIDATES, SIGNALS, TICK_HEADER

CASES = int(os.environ.get("TOUCHLINE_INCIDENT_CASES", "150"))
OPTIONS = JourneyOptions(lateness=LATENESS)
END = 3 * DAY

RULES = """
schema: friction/1
rules:
- id: single
  owner: o
  stage: use
  detect: {match: {event: a.b}}
  evidence: e
  action: a
- id: many
  scope: incident
  owner: o
  stage: use
  per: thing
  detect: {affected: {COUNTED, customers: CUSTOMERS, within: 1h}}
  resolve: {event: a.c}
  cooldown: COOLDOWNm
  expires: 3h
  evidence: "{customers} {count}"
  action: a
"""


def processor(rule: Rule) -> IncidentProcessor:
    counted = "signals: single" if rule.of_signals else "by: {event: a.b}"
    text = RULES.replace("COUNTED", counted).replace("CUSTOMERS", str(rule.customers))
    return IncidentProcessor(parse_rules(text.replace("COOLDOWN", str(rule.cooldown // MINUTE))), OPTIONS)


def candidate(one: Happening, rule: Rule, found: Sequence[Happening]) -> Candidate:
    at = next(other.at for other in found if other.id == one.id)  # of a signal that was none, when it had been true
    return Candidate(
        rule="many", group="thing:x", customer=one.customer, event=one.id, at=at, partition=one.order[0],
        offset=one.order[1], roles={"counts": 1, "ends": 1 << 20, "was none": 0}[one.what], party="own",
        channel=Channel.APP, by_signal=rule.of_signals and one.what != "ends", noticed=one.at,
    )  # fmt: skip


Entry = Candidate | Tick


def records(entries: Sequence[Entry]) -> list[PlainRecord]:
    found = []
    for offset, entry in enumerate(entries):
        headers = ((TICK_HEADER, b"1"),) if isinstance(entry, Tick) else ()
        found.append(PlainRecord(offset, 0, None if headers else b"k", encode(entry), headers))
    return found


def fed(rule: Rule, batches: Sequence[Sequence[Entry]], *, restarts: bool) -> list[Output]:
    shard = LocalShard(processor(rule), 0, 1)
    outputs: list[Output] = []
    for batch in batches:
        outputs += shard.process(CANDIDATES, records(batch), 0)
        if restarts:
            shard.restart()
    assert len(shard.state.causes) == 0  # nothing is kept once all is over
    return outputs


def signals(outputs: Sequence[Output]) -> list[Signal]:
    return [decode_signal(o.value or b"") for o in outputs if o.topic == SIGNALS]


def shown(outputs: Sequence[Output]) -> list[Shown]:
    newest = last_of_each(signals(outputs)).values()
    names = {"opened": "open", "updated": "open"}
    return sorted(
        (to_ms(s.at), names.get(s.status, s.status.value), number(s, "customers"), number(s, "count"))
        for s in newest
        if s.status.value != "retracted"
    )


def number(signal: Signal, name: str) -> int:
    return int(signal.values[name] or 0)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Rule, list[Happening]]:
    of_signals = draw(st.booleans())
    rule = Rule(draw(st.integers(2, 4)), HOUR, draw(st.sampled_from([0, 90 * MINUTE])), 3 * HOUR, of_signals)
    steps = st.sampled_from([0, 0, 1, MINUTE, 25 * MINUTE, HOUR, 4 * HOUR])
    at, found = START, list[Happening]()
    partitions = draw(st.integers(1, 3))
    for number, step in enumerate(draw(st.lists(steps, min_size=3, max_size=22))):
        at += step
        customer = f"c-{draw(st.integers(0, 5))}"
        kind = draw(st.integers(0, 9))
        earlier = [one for one in found if one.what == "counts"]
        # A signal is none from a time on that is beyond the lateness; one within it is as if it had never been.
        if of_signals and kind <= 2 and earlier:
            wrong = draw(st.sampled_from(earlier))
            then = max(at, wrong.at + LATENESS + 1)
            if all(one.id != wrong.id or one.what == "counts" for one in found):
                found.append(Happening("was none", then, wrong.order, wrong.id, wrong.customer))
            continue
        what = "ends" if kind == 3 else "counts"
        # A higher partition may have lower offsets, and what has both equal does not happen.
        found.append(Happening(what, at, (draw(st.integers(0, partitions - 1)), number), f"e-{number}", customer))
    return rule, found


def arrivals(rule: Rule, found: Sequence[Happening], rng: random.Random, *, live: bool, journeys: int) -> list[Entry]:
    """Candidates as several shards of `journey` send them, each within the lateness of its own time, and their ticks:
    together by the minute on the live clock, apart by whole runs in history."""
    logs: list[list[Entry]] = []
    late = {one.id: rng.choice([0, rng.randint(0, LATENESS), LATENESS]) for one in found}
    for shard in range(journeys):
        mine = [one for one in found if int(one.customer[2:]) % journeys == shard]
        log: list[tuple[int, int, Entry]] = []
        for one in mine:
            arrives = one.at if one.what == "was none" else one.at + late[one.id]
            told = candidate(one, rule, found)
            told.noticed = arrives
            log.append((arrives, 1, told))
        moments = {START - DAY, START + END, *(when for when, _, _ in log), *rng_times(rng, live=live)}
        for moment in moments:
            wall = moment if live else None
            log.append((moment, 0, Tick(partition=shard, partitions=journeys, high=moment, wall=wall)))
        logs.append([entry for _, _, entry in sorted(log, key=lambda one: one[:2])])
    if live:
        whole = [(_time(entry), n, entry) for log in logs for n, entry in enumerate(log)]
        return [entry for _, _, entry in sorted(whole, key=lambda one: one[:2])]
    mixed: list[Entry] = []
    while any(logs):
        some = rng.choice([log for log in logs if log])
        size = rng.randint(1, 30)
        mixed += some[:size]
        del some[:size]
    return mixed


def rng_times(rng: random.Random, *, live: bool) -> list[int]:
    every = 10 * MINUTE if live else 2 * HOUR
    return [START + n * every + rng.randint(0, MINUTE) for n in range(END // every)]


def _time(entry: Entry) -> int:
    return entry.high if isinstance(entry, Tick) else entry.noticed


def split(rng: random.Random, entries: Sequence[Entry]) -> list[list[Entry]]:
    found, left = [], list(entries)
    while left:
        size = rng.choice([1, 3, 50])
        found.append(left[:size])
        left = left[size:]
    return found


@settings(max_examples=CASES, deadline=None)
@given(cases(), st.integers(0, 2**32))
def test_incidents_are_what_their_meaning_says_in_any_order_on_either_clock(
    case: tuple[Rule, list[Happening]], seed: int
) -> None:
    rule, found = case
    rng = random.Random(seed)
    expected = sorted(incidents(rule, found, START + END))
    told: list[list[tuple[str, str | None, bytes | None]]] = []
    for live in (True, False):
        for journeys in (1, 2):
            entries = arrivals(rule, found, rng, live=live, journeys=journeys)
            outputs = fed(rule, split(rng, entries), restarts=rng.random() < 0.3)
            assert shown(outputs) == expected, (live, journeys)
            if not live:
                told.append([(o.topic, repr(o.key), o.value) for o in outputs if not o.headers])
    assert told[0] == told[1]  # in history to the byte
