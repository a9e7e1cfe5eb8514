"""Single points of the detectors' definitions, where a random history seldom comes."""

import pytest

from tests.friction.support import START, Run, touchpoint
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, to_ms


def rule(detect: str, more: str = "") -> str:
    return f"""
schema: friction/1
rules:
- {{id: r, owner: care, stage: support, evidence: "{{party}}", action: act, detect: {detect}{more}}}
"""


def run(text: str, *events: tuple[str, float], **fields: object) -> Run:
    """Events as (kind, hours), each with a tick."""
    found = Run(text)
    for n, (kind, hours) in enumerate(events):
        at = START + round(hours * HOUR)
        found.feed(touchpoint(str(n), kind, at, raw_offset=n, channel=["web", "chat", "voice"][n % 3], **fields))
        found.advance(at)
    return found


@pytest.mark.parametrize(
    "detect",
    [
        "{count: {event: a.one, at_least: 3, within: 2h}}",
        "{distinct: {event: a.one, value: channel, at_least: 3, within: 2h}}",
        "{sequence: {steps: [{event: a.one}, {event: a.one}, {event: a.one}], within: 2h}}",
    ],
)
def test_a_window_is_closed_at_both_ends(detect: str) -> None:
    events = [("a.one", 0), ("a.one", 1), ("a.one", 2)]
    assert run(rule(detect), *events).told() == [("r", 1, "opened")]
    # Something older lies in the window, so that it is pruned at all.
    assert run(rule(detect), ("a.one", -0.5), *events).told()[-1][0] == "r"
    assert run(rule(detect), events[0], events[1], ("a.one", 2.001)).told() == []


def test_unless_breaks_a_sequence_only_between_its_steps() -> None:
    text = rule("{sequence: {steps: [{event: a.one}, {event: b.two}], within: 9h, unless: {event: c.three}}}")
    assert run(text, ("a.one", 0), ("c.three", 1), ("b.two", 2)).told() == []
    assert run(text, ("c.three", 0), ("a.one", 1), ("b.two", 2), ("c.three", 3)).told() == [("r", 1, "opened")]


def test_the_newest_context_before_the_deadline_says_whose_it_is() -> None:
    text = rule("{absence: {after: {event: a.one}, expect: {event: b.two}, deadline: 5h, context: {event: c.three}}}")
    found = Run(text)
    for n, (kind, hours, party) in enumerate(
        [("a.one", 0, "own"), ("c.three", 1, "first"), ("c.three", 5, "second"), ("c.three", 6, "third")]
    ):
        found.feed(touchpoint(str(n), kind, START + hours * HOUR, raw_offset=n, party=party))
    (signal,) = found.advance(START + DAY).signals()
    assert (signal.party, signal.evidence, signal.events) == ("second", "second", ("0", "2"))


def test_a_cooldown_outlives_the_signal_that_began_it() -> None:
    text = rule(
        "{absence: {after: {event: a.one}, expect: {event: b.two}, deadline: 1h}}", ", cooldown: 10h, expires: 1h"
    )
    events = [("a.one", 0), ("a.one", 5), ("a.one", 8), ("a.one", 11), ("x.y", 40)]
    assert [(to_ms(s.at) - START) // HOUR for s in run(text, *events).signals() if s.revision == 1] == [1, 12]


@pytest.mark.parametrize(("after", "opened"), [(24 * HOUR, 2), (24 * HOUR - 1, 1)])
def test_a_cooldown_ends_exactly(after: int, opened: int) -> None:
    found = Run(rule("{match: {event: a.one}}", ", cooldown: 24h"))
    found.feed(touchpoint("1", "a.one", START), touchpoint("2", "a.one", START + after, raw_offset=1))
    assert len({s.signal_id for s in found.signals()}) == opened


def test_a_state_opens_again_only_after_it_was_false() -> None:
    text = rule("{count: {event: a.one, at_least: 2, within: 1h}}")
    found = run(text, ("a.one", 0), ("a.one", 1), ("a.one", 2), ("a.one", 4), ("a.one", 5))
    assert [(s.revision, (to_ms(s.at) - START) // MINUTE) for s in found.signals()] == [(1, 60), (2, 60), (1, 300)]
