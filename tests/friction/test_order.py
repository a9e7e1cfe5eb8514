"""Any order of arrival within the lateness, any split into batches, any restart: the same crossings as the oracle's.

Histories of one customer over some hours, from up to three raw partitions that are worked off at paces of their own,
with ticks in band, duplicates and ties. Rules of every type with drawn numbers.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.friction.oracle import (
    AbsenceMeaning,
    ChainMeaning,
    Event,
    Meaning,
    MeasureMeaning,
    ScoreMeaning,
    Shown,
    Test,
    WindowMeaning,
    exact,
    percentile,
    shown_order,
)
from tests.friction.support import LATENESS, START, Run, last_of_each, tick, touchpoint
from touchline.pipeline.engine.clock import HOUR, MINUTE, SECOND, to_ms
from touchline.schemas.control import Tick
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Channel, SignalStatus

KINDS = ("a.one", "b.two", "c.three", "d.four")
CHANNELS = ("web", "chat", "voice", "email")
OPEN = {SignalStatus.OPENED, SignalStatus.UPDATED}
PARTITIONS = 3


@dataclass(frozen=True)
class Case:
    """A rule as text and as the oracle understands it."""

    yaml: str
    meaning: Meaning


def kind(name: str, least: int | None = None) -> Test:
    if least is None:
        return lambda e: e.kind == name
    return lambda e: e.kind == name and isinstance(e.get("x"), int) and e.get("x") >= least


def minutes(n: int) -> str:
    return f"{n}m"


def rule_text(detect: str, cooldown: int, expires: int, *, resolve: bool, per: str = "customer") -> str:
    return f"""
schema: friction/1
rules:
- id: r
  owner: care
  stage: support
  per: {per}
  detect: {detect}
  cooldown: {cooldown}m
  expires: {expires}m
{"  resolve: {event: d.four}" if resolve else ""}
  evidence: "{{count}}"
  action: act
"""


Common = tuple[int, int, Test]


@st.composite
def cases(draw: Callable[[Any], Any]) -> Case:
    """A rule of any type."""
    cooldown = draw(st.sampled_from([0, 0, 20, 90]))
    expires = draw(st.sampled_from([1, 45, 150, 10_000]))
    resolve = draw(st.booleans())
    shape = draw(st.sampled_from(list(_SHAPES)))
    resolves = kind("d.four") if resolve else (lambda _: False)
    common = (cooldown * MINUTE, expires * MINUTE, resolves)
    detect, meaning = _SHAPES[shape](draw, common)
    return Case(rule_text(detect, cooldown, expires, resolve=resolve), meaning)


def _match(draw: Callable[[Any], Any], common: Common) -> tuple[str, Meaning]:
    least = draw(st.integers(0, 4))
    meaning = ChainMeaning(*common, steps=(kind("a.one", least),), within=0)
    return f"{{match: {{event: a.one, where: x >= {least}}}}}", meaning


def _count(draw: Callable[[Any], Any], common: Common) -> tuple[str, Meaning]:
    n, within = draw(st.integers(2, 4)), draw(st.sampled_from([5, 30, 120]))
    either = draw(st.booleans())
    events = "[a.one, b.two]" if either else "a.one"
    counts = (lambda e: e.kind in {"a.one", "b.two"}) if either else kind("a.one")
    meaning = WindowMeaning(*common, counts=counts, at_least=n, within=within * MINUTE)
    return f"{{count: {{event: {events}, at_least: {n}, within: {within}m}}}}", meaning


def _distinct(draw: Callable[[Any], Any], common: Common) -> tuple[str, Meaning]:
    n, within = draw(st.integers(2, 3)), draw(st.sampled_from([5, 30, 120]))
    meaning = WindowMeaning(
        *common, counts=kind("a.one"), at_least=n, within=within * MINUTE, value=lambda e: e.channel
    )
    return f"{{distinct: {{event: a.one, value: channel, at_least: {n}, within: {within}m}}}}", meaning


def _sequence(draw: Callable[[Any], Any], common: Common) -> tuple[str, Meaning]:
    within, three = draw(st.sampled_from([10, 60, 200])), draw(st.booleans())
    unless, paired = draw(st.booleans()), draw(st.booleans())
    middle = ", {event: a.one, where: x < 3}" if three else ""
    last = "{event: b.two, where: s.x == x}" if paired else "{event: b.two}"
    steps = (kind("a.one"), lambda e: e.kind == "a.one" and isinstance(e.get("x"), int) and e.get("x") < 3)
    meaning = ChainMeaning(
        *common,
        steps=(*steps[: 2 if three else 1], kind("b.two")),
        within=within * MINUTE,
        unless=kind("c.three") if unless else (lambda _: False),
        pair=(lambda f, e: f.get("x") is not None and f.get("x") == e.get("x")) if paired else None,
    )
    extra = ", unless: {event: c.three}" if unless else ""
    return (
        f"{{sequence: {{steps: [{{as: s, event: a.one}}{middle}, {last}], within: {within}m{extra}}}}}",
        meaning,
    )


def _absence(draw: Callable[[Any], Any], common: Common) -> tuple[str, Meaning]:
    wait, grace = draw(st.sampled_from([0, 15, 60])), draw(st.sampled_from([0, 20]))
    told, paired = draw(st.booleans()), draw(st.booleans())
    unless, context = draw(st.booleans()), draw(st.booleans())
    expect = "{event: b.two, where: x == s.x}" if paired else "{event: b.two}"
    parts = [
        "after: {as: s, event: a.one}",
        f"expect: {expect}",
        f"deadline: {'s.due + ' if told else ''}{wait}m",
        f"grace: {grace}m",
        *(["unless: {event: c.three}"] if unless else []),
        *(["context: {event: c.three, as: k}"] if context and not unless else []),
    ]

    def deadline(event: Event) -> int | None:
        if not told:
            return int(event.at + wait * MINUTE)
        due: int | None = event.get("due_at")
        return None if due is None else int(due + wait * MINUTE)

    meaning = AbsenceMeaning(
        *common,
        after=kind("a.one"),
        expects=lambda s, e: (
            e.kind == "b.two" and (not paired or (s.get("x") is not None and s.get("x") == e.get("x")))
        ),
        deadline=deadline,
        grace=grace * MINUTE,
        unless=kind("c.three") if unless else (lambda _: False),
        context=kind("c.three") if context and not unless else (lambda _: False),
    )
    return "{absence: {" + ", ".join(parts) + "}}", meaning


def number(event: Event) -> float | None:
    """The value of `y` where it is a number."""
    y = event.get("y")
    return y if isinstance(y, int | float) and not isinstance(y, bool) else None


def _limit(draw: Callable[[Any], Any], values: Sequence[float]) -> tuple[str, Any, bool]:
    limit, at_most = draw(st.sampled_from(values)), draw(st.booleans())
    return f"{'at_most' if at_most else 'at_least'}: {limit}", exact(limit), at_most


def _measured(name: str) -> Any:
    def shape(draw: Callable[[Any], Any], common: Common) -> tuple[str, Meaning]:
        least, within = draw(st.integers(1, 4)), draw(st.sampled_from([5, 30, 120]))
        text, limit, at_most = _limit(draw, [-2, 0.1, 0.8, 2.5, 3, 7.3])
        p = draw(st.sampled_from([1, 10, 50, 75, 99]))
        measures: dict[str, Callable[[list[Fraction]], Fraction]] = {
            "sum": lambda values: sum(values, Fraction(0)),
            "average": lambda values: sum(values, Fraction(0)) / len(values),
            "percentile": lambda values: percentile(values, p),
        }
        meaning = MeasureMeaning(
            *common,
            counts=lambda e: e.kind in {"a.one", "b.two"} and number(e) is not None,
            measure=lambda window: measures[name]([exact(e.get("y")) for e in window]),
            limit=limit, at_most=at_most, min_events=least, within=within * MINUTE,
        )  # fmt: skip
        extra = f", p: {p}" if name == "percentile" else ""
        events = f"event: [a.one, b.two], value: y, min_events: {least}, within: {within}m"
        return f"{{{name}: {{{events}, {text}{extra}}}}}", meaning

    return shape


def _ratio(draw: Callable[[Any], Any], common: Common) -> tuple[str, Meaning]:
    least, within = draw(st.integers(1, 4)), draw(st.sampled_from([5, 30, 120]))
    text, limit, at_most = _limit(draw, [0.25, 1 / 3, 0.5, 0.75])
    part = kind("b.two", 2)
    meaning = MeasureMeaning(
        *common,
        counts=lambda e: e.kind in {"a.one", "b.two"},
        measure=lambda window: Fraction(sum(part(e) for e in window), len(window)),
        limit=round(limit, 6), at_most=at_most, min_events=least, within=within * MINUTE,
    )  # fmt: skip
    patterns = "of: {event: [a.one, b.two]}, part: {event: [b.two, c.three], where: kind == 'b.two' and x >= 2}"
    return f"{{ratio: {{{patterns}, {text}, min_events: {least}, within: {within}m}}}}", meaning


def _score(draw: Callable[[Any], Any], common: Common) -> tuple[str, Meaning]:
    good, bad, half = draw(st.sampled_from([1, 0.7, 3])), draw(st.sampled_from([-12, -1, -2.2])), st.integers(1, 90)
    half_life, linear, rising = draw(half), draw(st.booleans()), draw(st.booleans())
    limit = draw(st.sampled_from([-3, -0.5, 0, 0.3, 1, 2.5]))
    rearm = limit + draw(st.sampled_from([0, 0.5, 4])) * (-1 if rising else 1)
    high = kind("b.two", 3)
    meaning = ScoreMeaning(
        *common,
        counts=lambda e: e.kind in {"a.one", "b.two"},
        points=lambda e: good if e.kind == "a.one" else round(bad + (0.5 if high(e) else 0), 6),
        half_life=half_life * MINUTE, linear=linear, limit=limit, rearm=rearm, rising=rising,
    )  # fmt: skip
    entries = f"{{event: a.one, points: {good}}}, {{event: b.two, points: {bad}}}, "
    entries += "{event: b.*, where: x >= 3, points: 0.5}"
    limits = f"above: {limit}, rearm_below: {rearm}" if rising else f"below: {limit}, rearm_above: {rearm}"
    decay = f"half_life: {half_life}m, decay: {'linear' if linear else 'exponential'}"
    return f"{{score: {{points: [{entries}], {decay}, {limits}}}}}", meaning


_SHAPES = {
    "match": _match,
    "count": _count,
    "distinct": _distinct,
    "sequence": _sequence,
    "absence": _absence,
    "sum": _measured("sum"),
    "average": _measured("average"),
    "percentile": _measured("percentile"),
    "ratio": _ratio,
    "score": _score,
}

DRAWN = st.lists(
    st.tuples(
        st.integers(0, 240),  # minutes after the start
        st.sampled_from([0, 0, 1, 30_000]),  # and milliseconds
        st.sampled_from(KINDS[:2] * 2 + KINDS[2:]),
        st.sampled_from(CHANNELS),
        st.sampled_from([None, 1, 2, 3, 4]),  # x
        st.sampled_from([None, 0, 10, 60]),  # minutes until due
        st.integers(0, PARTITIONS - 1),
        st.sampled_from([None, True, "12", 1, 3, -2, 0.1, 0.7, 12.5]),  # y
    ),
    max_size=24,
)


def is_live(seed: int) -> bool:
    """Half of the cases run on the live clock, half on the log clock."""
    return seed % 2 == 0


def history(drawn: Sequence[Any], seed: int) -> list[Event]:
    """The drawn events. The offset in the raw partition goes by the number, so that ties have one order however they
    arrive. On the log clock a customer's events come from one raw partition, which is their time."""
    found = []
    for number, (minute, ms, name, channel, x, due, drawn_partition, y) in enumerate(drawn):
        partition = drawn_partition if is_live(seed) else 1
        at = START + minute * MINUTE + ms
        attributes: list[tuple[str, Any]] = [("x", x)] if x is not None else []
        if y is not None:
            attributes.append(("y", y))
        if due is not None:
            attributes.append(("due_at", at // SECOND * SECOND + due * MINUTE))
        found.append(Event(f"e{number}", name, at, partition, number, channel, tuple(attributes)))
    return found


def enriched(event: Event, late: float = 0.0) -> EnrichedTouchpoint:
    attributes = dict(event.attributes)
    due = attributes.pop("due_at", None)
    if due is not None:
        attributes["due"] = f"{(due - START) // SECOND}"
        attributes["due"] = touchpoint("t", "a.b", due).occurred_at.isoformat()
    return touchpoint(
        event.id, event.kind, event.at, raw_partition=event.partition, raw_offset=event.offset,
        channel=Channel(event.channel), attributes=attributes, late_seconds=late,
    )  # fmt: skip


def arrivals(events: Sequence[Event], seed: int, end: int, rng: random.Random) -> list[EnrichedTouchpoint | Tick]:
    """One log of `touchpoints`: each raw partition's events shuffled within the lateness, with its ticks among them;
    the partitions mixed, evenly or one far ahead of the others. Some events come twice."""
    streams: list[list[EnrichedTouchpoint | Tick]] = []
    wall = START if is_live(seed) else None
    for partition in range(PARTITIONS):
        mine = [(e.at + rng.randint(0, LATENESS), n, e) for n, e in enumerate(events) if e.partition == partition]
        mine += [(e.at + rng.randint(0, LATENESS), n, e) for _, n, e in mine if rng.random() < 0.1]
        high = START - HOUR
        stream: list[EnrichedTouchpoint | Tick] = [tick(high, partition, PARTITIONS, wall)]
        for _, _, event in sorted(mine, key=lambda entry: entry[:2]):
            late = max(0, high - event.at) / SECOND
            assert late * SECOND <= LATENESS
            high = max(high, event.at)
            stream.append(enriched(event, late))
            if rng.random() < 0.5:
                stream.append(tick(high, partition, PARTITIONS, wall))
        streams.append([*stream, tick(end, partition, PARTITIONS, wall)])
    weights = [rng.choice([1, 1, 50]) for _ in streams]
    log: list[EnrichedTouchpoint | Tick] = []
    while any(streams):
        index = rng.choices(range(PARTITIONS), [w if s else 0 for w, s in zip(weights, streams, strict=True)])[0]
        log.append(streams[index].pop(0))
    return log


def shown(signals: Sequence[Signal]) -> list[Shown]:
    """What is left standing of the signals, as the oracle shows it."""
    found: list[Shown] = []
    for signal in last_of_each(signals).values():
        if signal.status is SignalStatus.RETRACTED:
            continue
        end = "open" if signal.status in OPEN else signal.status.value
        closed = signal.values.get("closed_at") if end == "resolved" else None
        at = to_ms(touchpoint("t", "a.b", START).occurred_at.fromisoformat(str(closed))) if closed else None
        events = signal.values["events"]
        assert isinstance(events, int)
        assert len(signal.events) == min(events, 20)
        value = signal.values.get("value")
        assert value is None or isinstance(value, int | float)
        found.append((to_ms(signal.at), end, at, events, None if value is None else round(float(value), 4)))
    return sorted(found, key=shown_order)


def check(case: Case, drawn: Sequence[Any], seed: int, more: int) -> None:
    """Two orders of arrival against the oracle, and each against itself in other batches and with restarts."""
    events, rng = history(drawn, seed), random.Random(seed)
    end = START + 241 * MINUTE + more * MINUTE
    expected = case.meaning.crossings(events, end - LATENESS)
    for _ in range(2):
        log = arrivals(events, seed, end, rng)
        whole = Run(case.yaml).feed(*log)
        assert shown(whole.signals()) == expected
        pieces = Run(case.yaml)
        while log:
            size = rng.randint(1, 8)
            pieces.feed(*log[:size])
            del log[:size]
            if rng.random() < 0.4:
                pieces.shard.restart()
        assert pieces.outputs == whole.outputs


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases(), DRAWN, st.integers(0, 2**32), st.sampled_from([0, 20, 300]))
def test_any_order_of_arrival_gives_the_oracles_crossings(case: Case, drawn: Any, seed: int, more: int) -> None:
    check(case, drawn, seed, more)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases(), DRAWN, st.integers(0, 2**32), st.sampled_from([0, 20, 300]))
def test_ten_thousand_orders_of_arrival(case: Case, drawn: Any, seed: int, more: int) -> None:
    check(case, drawn, seed, more)
