"""all and any: a function of the signals that stand in the end, whatever the order of arrival, batches and restarts."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.friction.oracle import LinkMeaning, Part
from tests.friction.support import HEAD, LATENESS, START, Run, last_of_each, rule
from tests.friction.test_order import DRAWN, OPEN, arrivals, history
from touchline.pipeline.engine.clock import MINUTE, to_ms
from touchline.pipeline.friction.journey import JourneyOptions
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import SignalStatus

PARTS = (
    rule("one", "{match: {event: a.one}}", ", resolve: {event: d.four}, expires: 400m")
    + rule("two", "{count: {event: b.two, at_least: 2, within: 30m}}", ", expires: 20m, resolve: {event: c.three}")
    + rule(
        "three",
        "{absence: {after: {event: a.one}, expect: {event: b.two}, deadline: 20m, grace: 15m}}",
        ", expires: 400m",
    )
)
FIRST = ((("one",), ("two",), ("three",)), (("one", "three"), ("two",)), (("three",), ("one",)))
SECOND = (("c",), ("two",))


def composite_text(name: str, meaning: LinkMeaning, per: str) -> str:
    """As a rule: `all` where all are needed."""
    rules = ", ".join(side[0] if len(side) == 1 else f"[{', '.join(side)}]" for side in meaning.sides)
    kind = "all: {" if meaning.at_least == len(meaning.sides) else f"any: {{at_least: {meaning.at_least}, "
    detect = f"{{{kind}rules: [{rules}], within: {meaning.within // MINUTE}m}}}}"
    times = f", expires: {meaning.expires // MINUTE}m, cooldown: {meaning.cooldown // MINUTE}m"
    return rule(name, detect, f"{times}, per: {per}")


def ended(signal: Signal) -> int | None:
    closed = signal.values.get("closed_at")
    return to_ms(signal.at.fromisoformat(str(closed))) if signal.status is SignalStatus.RESOLVED else None


def linked(signal: Signal) -> frozenset[str]:
    return frozenset(str(signal.values["signals"]).split(", "))


def check_groups(name: str, signals: Sequence[Signal], meaning: LinkMeaning, per: str, end: int) -> Any:
    """What a rule says of each group against the oracle."""
    if per == "customer":
        return check_meaning(name, signals, meaning, end)
    groups = sorted({s.group for s in signals if s.group != s.customer})
    return [check_meaning(name, [s for s in signals if s.group == group], meaning, end) for group in groups]


def check_meaning(name: str, signals: Sequence[Signal], meaning: LinkMeaning, end: int) -> Any:
    """What a rule says against the oracle, which goes by the signals of the rules that it names."""
    rules = {rule for side in meaning.sides for rule in side}
    parts = [Part(s.signal_id, s.rule, to_ms(s.at), ended(s)) for s in signals if s.rule in rules]
    ours = sorted((s for s in signals if s.rule == name), key=lambda s: s.at)
    expected = meaning.crossings(parts, end - LATENESS)
    found = [(to_ms(s.at), "open" if s.status in OPEN else s.status.value, ended(s)) for s in ours]
    assert found == [shown[:3] for shown in expected]
    for signal, (_, _, _, links) in zip(ours, expected, strict=True):
        assert signal.values["count"] == len(links)
        assert linked(signal) == links if len(links) <= 20 else linked(signal) < links
        told = {event for s in signals if s.signal_id in links for event in s.events}
        assert set(signal.events) <= told
    return [(*shown, s.events, s.evidence, s.values["rules"]) for shown, s in zip(found, ours, strict=True)]


def meanings(*sides: tuple[tuple[str, ...], ...]) -> st.SearchStrategy[LinkMeaning]:
    drawn = st.builds(
        LinkMeaning,
        sides=st.sampled_from(sides),
        at_least=st.integers(1, 3),
        within=st.sampled_from([5 * MINUTE, 40 * MINUTE, 120 * MINUTE]),
        cooldown=st.sampled_from([0, 0, 20 * MINUTE, 90 * MINUTE]),
        expires=st.sampled_from([MINUTE, 30 * MINUTE, 300 * MINUTE]),
        grace=st.just(15 * MINUTE + 1),
    )
    return drawn.map(lambda meaning: replace(meaning, at_least=min(meaning.at_least, len(meaning.sides))))


@dataclass(frozen=True)
class Case:
    """A rule on rules, and one on that. `per`: what the rules below them count by, and what they do. `slow`: a source
    that may be later than the others, so that the horizon is further behind. `more`: minutes after the last event."""

    lower: LinkMeaning
    upper: LinkMeaning
    per: tuple[str, str]
    slow: bool
    more: int

    @property
    def text(self) -> str:
        below, above = self.per
        rules = composite_text("d", self.upper, above) + composite_text("c", self.lower, above)
        return HEAD + rules + PARTS.replace(", expires:", f", per: {below}, expires:")

    def run(self) -> Run:
        source_lateness = {"nightly": 6 * LATENESS} if self.slow else {}
        return Run(self.text, JourneyOptions(lateness=LATENESS, source_lateness=source_lateness))


CASES = st.builds(
    Case,
    meanings(*FIRST),
    meanings(SECOND),
    per=st.sampled_from([("customer", "customer"), ("x", "customer"), ("x", "x")]),
    slow=st.booleans(),
    more=st.sampled_from([1, 20, 300]),
)


def check(drawn: Any, seed: int, case: Case) -> None:
    """Two orders of arrival against the oracle and each other, and each against itself in other batches and with
    restarts."""
    events, rng = history(drawn, seed), random.Random(seed)
    end = START + 241 * MINUTE + case.more * MINUTE
    seen = []
    for _ in range(2):
        log = arrivals(events, seed, end, rng)
        whole = case.run().feed(*log)
        stand = [s for s in last_of_each(whole.signals()).values() if s.status is not SignalStatus.RETRACTED]
        sets = (("c", case.lower), ("d", case.upper))
        seen.append([check_groups(name, stand, meaning, case.per[1], end) for name, meaning in sets])
        assert not whole.counts.get("evicted")
        pieces = case.run()
        while log:
            size = rng.randint(1, 8)
            pieces.feed(*log[:size])
            del log[:size]
            if rng.random() < 0.4:
                pieces.shard.restart()
        assert pieces.outputs == whole.outputs
    assert seen[0] == seen[1]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DRAWN, st.integers(0, 2**32), CASES)
def test_any_order_of_arrival_gives_what_the_final_signals_say(drawn: Any, seed: int, case: Case) -> None:
    check(drawn, seed, case)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=3_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DRAWN, st.integers(0, 2**32), CASES)
def test_thousands_of_orders_of_arrival(drawn: Any, seed: int, case: Case) -> None:
    check(drawn, seed, case)
