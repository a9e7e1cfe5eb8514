"""Why a rule on rules was silent, and that its trace says what the live run says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.friction.support import HEAD, LATENESS, START, Run, compiled, last_of_each, rule, touchpoint
from touchline.pipeline.engine.clock import DAY, HOUR
from touchline.pipeline.friction.journey import JourneyOptions
from touchline.pipeline.friction.trace import Step, Tracer
from touchline.pipeline.friction.whynot import Silence

RULES = (
    HEAD
    + rule("late", "{absence: {after: {event: a.one}, expect: {event: b.two}, deadline: 1h}}", ", per: order")
    + rule("risk", "{match: {event: a.risk}}", ", per: order")
    + rule("asked", "{match: {event: c.three}}", ", per: order, resolve: {event: d.four}")
    + rule("chased", "{all: {rules: [[late, risk], asked], within: 2d}}", ", per: order, cooldown: 9d")
    + rule("many", "{any: {rules: [chased, asked], at_least: 2, within: 2d}}")
)
OPTIONS = JourneyOptions(lateness=LATENESS)
Happened = tuple[float, str, int]


def steps_of(name: str, happened: list[Happened], until: int) -> list[Step]:
    events = [
        touchpoint(f"e-{n}", kind, START + round(hours * HOUR), raw_offset=n, subjects=(f"order:{order}",))
        for n, (hours, kind, order) in enumerate(happened)
    ]
    rules = compiled(RULES)
    return Tracer(rules, rules.by_id[name], OPTIONS).trace(events, until)


@pytest.mark.parametrize(
    ("happened", "reasons"),
    [
        ([(0, "x.y", 7)],
         [("missing", "no signal of late or risk: why-not --rule late tells"), ("missing", "no signal of asked")]),
        ([(0, "a.one", 7)], [("missing", "no signal of asked"),
                             ("threshold", "03-02 10:00 UTC of order:7: 1 of 2 within 2 d: late; missing: asked")]),
        ([(0, "a.one", 7), (3, "c.three", 8)], [("threshold", "1 of 2 within 2 d: late; missing: asked")]),
        ([(0, "a.risk", 7), (50, "c.three", 7)], [("threshold", "1 of 2 within 2 d: risk; missing: asked")]),
        ([(0, "c.three", 7), (3, "d.four", 7), (4, "a.risk", 7)],
         [("threshold", "1 of 2 within 2 d: asked; missing: late or risk"),
          ("resolved", "asked of 2026-03-02 09:00 UTC was resolved at 2026-03-02 12:00 UTC and stands no more since")]),
        ([(0, "a.risk", 7), (1, "c.three", 7)], [("fired", "it was not silent: signal")]),
        ([(0, "a.risk", 7), (1, "c.three", 7), (2, "d.four", 7), (50, "a.risk", 7), (51, "c.three", 7)],
         [("fired", "it was not silent"), ("resolved", "was resolved at"),
          ("resolved", "asked of 2026-03-02 10:00 UTC was resolved"),
          ("cooldown", "2 signals fell into the cooldown, which lasts until 2026-03-11 10:00 UTC")]),
    ],
)  # fmt: skip
def test_a_silence_has_its_reasons(happened: list[Happened], reasons: list[tuple[str, str]]) -> None:
    until = START + 5 * DAY
    found = Silence(compiled(RULES).by_id["chased"], steps_of("chased", happened, until), until, OPTIONS).reasons()
    assert [reason.code for reason in found] == [code for code, _ in reasons], found
    assert all(said in reason.message for reason, (_, said) in zip(found, reasons, strict=True)), found


_EVENT = st.tuples(st.integers(0, 96), st.sampled_from(["a.one", "b.two", "c.three", "d.four", "a.risk"]),
                   st.sampled_from([7, 8]))  # fmt: skip


@settings(max_examples=100)
@given(st.lists(_EVENT, min_size=1, max_size=12), st.sampled_from(["chased", "many"]))
def test_the_trace_says_what_the_live_run_says(happened: list[Happened], name: str) -> None:
    ordered = sorted(happened, key=lambda one: one[0])
    until = START + 9 * DAY
    run = Run(RULES)
    for n, (hours, kind, order) in enumerate(ordered):
        at = START + round(hours * HOUR)
        run.advance(at).feed(touchpoint(f"e-{n}", kind, at, raw_offset=n, subjects=(f"order:{order}",)))
    run.advance(until)
    live = {i: s for i, s in last_of_each(run.signals()).items() if s.rule == name and s.status != "retracted"}
    steps = steps_of(name, ordered, until)
    traced = last_of_each([signal for step in steps for signal in step.signals])
    assert {(i, s.status.value in {"opened", "updated"}, s.at, s.events) for i, s in live.items()} == {
        (i, s.status.value in {"opened", "updated"}, s.at, s.events)
        for i, s in traced.items()
        if s.status != "retracted"
    }
    known = {signal.signal_id for step in steps for signal in step.linked}
    assert all(known >= set(str(s.values["signals"]).split(", ")) for s in traced.values())
