"""all and any: a function of the signals that stand in the end, whatever the order of arrival; and their mistakes."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.friction.oracle import LinkMeaning, Part
from tests.friction.support import LATENESS, START, Run, last_of_each, touchpoint
from tests.friction.test_order import DRAWN, OPEN, arrivals, history
from touchline.pipeline.engine.clock import HOUR, MINUTE, to_ms
from touchline.pipeline.friction.load import parse_rules
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import SignalStatus
from touchline.schemas.yamlfile import FileError

HEAD = "schema: friction/1\nrules:\n"


def rule(name: str, detect: str, more: str = "") -> str:
    return f'- {{id: {name}, owner: care, stage: support, evidence: "{{at}}", action: act, detect: {detect}{more}}}\n'


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


def composite_text(name: str, meaning: LinkMeaning) -> str:
    """As a rule: `all` where all are needed."""
    rules = ", ".join(side[0] if len(side) == 1 else f"[{', '.join(side)}]" for side in meaning.sides)
    kind = "all: {" if meaning.at_least == len(meaning.sides) else f"any: {{at_least: {meaning.at_least}, "
    detect = f"{{{kind}rules: [{rules}], within: {meaning.within // MINUTE}m}}}}"
    return rule(name, detect, f", expires: {meaning.expires // MINUTE}m, cooldown: {meaning.cooldown // MINUTE}m")


def ended(signal: Signal) -> int | None:
    closed = signal.values.get("closed_at")
    return to_ms(signal.at.fromisoformat(str(closed))) if signal.status is SignalStatus.RESOLVED else None


def linked(signal: Signal) -> frozenset[str]:
    return frozenset(str(signal.values["signals"]).split(", "))


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


LOWER, UPPER = meanings(*FIRST), meanings(SECOND)


def check(drawn: Any, seed: int, lower: LinkMeaning, upper: LinkMeaning, more: int) -> None:
    """A rule on rules, and one on that: two orders of arrival against the oracle and each other, and each against
    itself in other batches and with restarts."""
    text = HEAD + composite_text("d", upper) + composite_text("c", lower) + PARTS
    events, rng = history(drawn, seed), random.Random(seed)
    end = START + 241 * MINUTE + more * MINUTE
    seen = []
    for _ in range(2):
        log = arrivals(events, seed, end, rng)
        whole = Run(text).feed(*log)
        stand = [s for s in last_of_each(whole.signals()).values() if s.status is not SignalStatus.RETRACTED]
        seen.append((check_meaning("c", stand, lower, end), check_meaning("d", stand, upper, end)))
        assert not whole.counts.get("evicted")
        pieces = Run(text)
        while log:
            size = rng.randint(1, 8)
            pieces.feed(*log[:size])
            del log[:size]
            if rng.random() < 0.4:
                pieces.shard.restart()
        assert pieces.outputs == whole.outputs
    assert seen[0] == seen[1]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DRAWN, st.integers(0, 2**32), LOWER, UPPER, st.sampled_from([1, 20, 300]))
def test_any_order_of_arrival_gives_what_the_final_signals_say(
    drawn: Any, seed: int, lower: LinkMeaning, upper: LinkMeaning, more: int
) -> None:
    check(drawn, seed, lower, upper, more)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=3_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DRAWN, st.integers(0, 2**32), LOWER, UPPER, st.sampled_from([1, 20, 300]))
def test_thousands_of_orders_of_arrival(
    drawn: Any, seed: int, lower: LinkMeaning, upper: LinkMeaning, more: int
) -> None:
    check(drawn, seed, lower, upper, more)


CHASED = (
    HEAD
    + rule("late", "{absence: {after: {event: a.one}, expect: {event: b.two}, deadline: 1h}}", ", per: order")
    + rule("asked", "{match: {event: c.three}}", ", per: order")
    + rule("chased", "{all: {rules: [late, asked], within: 2d}}", ", per: order").replace("{at}", "{rules} ({count})")
)


def chased(*events: tuple[str, float, int]) -> Run:
    run = Run(CHASED)
    for n, (kind, hours, order) in enumerate(events):
        at = START + round(hours * HOUR)
        run.feed(touchpoint(str(n), kind, at, raw_offset=n, subjects=(f"order:{order}",))).advance(at)
    return run


def test_signals_of_the_same_order_come_together_and_are_named() -> None:
    run = chased(("a.one", 0, 7), ("a.one", 0, 8), ("c.three", 3, 7))
    newest = {(s.rule, s.group): s for s in run.signals()}
    signal = newest["chased", "order:7"]
    parts = [newest["late", "order:7"].signal_id, newest["asked", "order:7"].signal_id]
    assert (signal.evidence, signal.values["signals"]) == ("late, asked (2)", ", ".join(parts))
    assert set(signal.events) == {"0", "2"}
    assert ("chased", "order:8") not in newest


def test_it_is_resolved_or_retracted_with_its_parts() -> None:
    run = chased(("a.one", 0, 7), ("c.three", 3, 7), ("b.two", 5, 7))
    assert run.told()[-1] == ("chased", 2, "resolved")
    run = chased(("a.one", 0, 7), ("c.three", 3, 7))
    late = touchpoint("9", "b.two", START + 1, raw_offset=9, subjects=("order:7",), late_seconds=3 * 3_600.0)
    assert [told for told in run.feed(late).told() if told[2] == "retracted"] == [
        ("late", 2, "retracted"),
        ("chased", 2, "retracted"),
    ]


def test_an_answered_promise_is_not_chased() -> None:
    run = chased(("a.one", 0, 7), ("b.two", 3, 7), ("c.three", 4, 7))
    assert {name for name, _, _ in run.told()} == {"late", "asked"}


def test_another_logic_of_a_part_is_another_logic_of_the_whole() -> None:
    before, after = parse_rules(CHASED), parse_rules(CHASED.replace("deadline: 1h", "deadline: 2h"))
    assert before.by_id["chased"].key != after.by_id["chased"].key
    assert before.by_id["asked"].key == after.by_id["asked"].key


def tower(levels: int) -> str:
    found = HEAD + rule("base", "{match: {event: a.one}}") + rule("l0", "{match: {event: a.one}}")
    for n in range(1, levels + 1):
        found += rule(f"l{n}", f"{{all: {{rules: [base, l{n - 1}], within: 1h}}}}")
    return found


def test_four_levels_stand_on_each_other() -> None:
    run = Run(tower(4)).feed(touchpoint("1", "a.one", START))
    assert {name for name, _, _ in run.told()} == {"base", "l0", "l1", "l2", "l3", "l4"}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (tower(5), "9:", "stands on 5 levels of rules, at most 4"),
        (CHASED.replace("[late, asked]", "[late, askd]"), "5:", 'no rule is called "askd", did you mean "asked"?'),
        (CHASED.replace("[late, asked]", "[late, chased]"), "5:", "goes in a circle: chased → chased"),
        (tower(2).replace("[base, l0]", "[base, l2]"), "6:", "goes in a circle: l1 → l2 → l1"),
        (CHASED.replace(", per: order", "", 1), "5:", '"late" is per customer, and this rule per order'),
        (CHASED.replace("[late, asked]", "[late, late]"), "5:", "names a rule twice"),
        (CHASED.replace("{all: {rules: [late, asked]", "{any: {at_least: 3, rules: [late, asked]"), "5:", "of 2 rules"),
        (
            CHASED.replace("within: 2d}}", "within: 2d}}, resolve: {event: a.b}"),
            "5:",
            "it is resolved when its signals",
        ),
    ],
)
def test_a_mistake_is_told(text: str, place: str, message: str) -> None:
    with pytest.raises(FileError) as raised:
        parse_rules(text, "x.yaml")
    assert message in str(raised.value)
    assert f"x.yaml:{place}" in str(raised.value)
