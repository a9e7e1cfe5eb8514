"""sum, average, percentile, ratio, score: single points of their definitions, and the mistakes in them."""

from typing import Any

import pytest

from tests.friction.support import START, Run, touchpoint
from tests.friction.test_detectors import rule
from touchline.pipeline.engine.clock import DAY, HOUR
from touchline.pipeline.enrichment.kinds import Catalogue
from touchline.pipeline.friction.aggregates import Limit, SumDetector, millionths, shown_number
from touchline.pipeline.friction.cost import cost_of
from touchline.pipeline.friction.load import parse_rules
from touchline.pipeline.friction.positive import Timing
from touchline.pipeline.friction.state import EMPTY, Machine
from touchline.schemas.yamlfile import FileError

SUM = "{sum: {event: a.one, value: x, at_least: 0.8, within: 2h}}"
TWELVE = (
    "{score: {points: [{event: a.good, points: 1}, {event: a.bad, points: -12}], "
    "half_life: 400d, below: -0.5, rearm_above: -0.25}}"
)


def values(text: str, *given: Any, kind: str = "a.one", hours: float = 0.1) -> Run:
    """Events with the attribute `x`, each with a tick."""
    found = Run(text)
    for n, x in enumerate(given):
        at = START + round(n * hours * HOUR)
        found.feed(touchpoint(str(n), kind, at, raw_offset=n, attributes={} if x is None else {"x": x})).advance(at)
    return found


def told(run: Run) -> list[tuple[str, Any]]:
    return [(s.status.value, s.values["value"]) for s in run.signals()]


def test_decimals_add_up_as_they_are_written() -> None:
    assert 0.7 + 0.1 < 0.8
    assert told(values(rule(SUM), 0.7, 0.1)) == [("opened", 0.8)]
    assert told(values(rule(SUM), *[0.1] * 8)) == [("opened", 0.8)]
    assert told(values(rule(SUM), 0.7, 0.099999)) == []


@pytest.mark.parametrize("x", [None, True, "0.7", 1_000_000_000_001, -1e300])
def test_what_is_no_usable_number_does_not_count_and_is_counted_as_unknown(x: Any) -> None:
    run = values(rule(SUM), 0.7, x, 0.1)
    assert told(run) == [("opened", 0.8)]
    assert run.signals()[0].values["n"] == 2
    assert run.counts["unknown.r.x"] == 1


def test_an_event_that_resolves_needs_no_number() -> None:
    run = values(rule(SUM, ", resolve: {event: b.done}"), 5)
    run.feed(touchpoint("9", "b.done", START + HOUR, raw_offset=9))
    assert told(run) == [("opened", 5), ("resolved", 5)]
    assert "unknown.r.x" not in run.counts


def test_the_words_of_the_evidence() -> None:
    average = "{average: {event: a.one, value: x, at_least: 1000.5, min_events: 2, within: 2h}}"
    text = rule(average).replace("{party}", "{value} of {n}, at least {threshold} in {within}, last {last.x}")
    assert values(text, 1000, 1001.25).signals()[0].evidence == "1000.62 of 2, at least 1000.5 in 2 h, last 1001.25"
    part = "part: {as: p, event: a.one, where: x > 1}"
    ratio = f"{{ratio: {{of: {{event: 'a.*'}}, {part}, at_least: 0.5, min_events: 3, within: 2h}}}}"
    text = rule(ratio).replace("{party}", "{count} of {n} ({value}), {p.x} and {last.x}")
    assert values(text, 1, 2, 3, 0.5).signals()[-1].evidence == "2 of 4 (0.5), 3 and 0.5"


def test_a_window_of_too_many_numbers_gives_up_the_oldest_and_counts_it() -> None:
    run = values(rule("{sum: {event: a.one, value: x, at_least: 64, within: 10d}}"), 5, *[1] * 64)
    assert run.counts["evicted"] == 1
    assert run.signals()[-1].values["value"] == 64


def test_a_signal_names_at_most_twenty_events_and_says_how_many_there_were() -> None:
    (signal,) = values(rule("{sum: {event: a.one, value: x, at_least: 30, within: 10d}}"), *[1] * 30).signals()
    assert (len(signal.events), signal.values["events"]) == (20, 30)


def test_what_is_not_ready_for_the_next_crossing_is_kept() -> None:
    detector = SumDetector(Timing(HOUR, 0, HOUR), "last", Limit(millionths(1), at_most=False), 1, "x")
    assert detector.idle(EMPTY, START)
    assert not detector.idle(Machine(armed=False), START)


def test_numbers_as_they_are_shown() -> None:
    assert shown_number((millionths(7), 1)) == 7
    assert shown_number((millionths(-1.5), 1)) == -1.5
    assert shown_number((millionths(10), 3)) == 3.333333


def score(text: str, *kinds: str, hours: float = 1) -> Run:
    found = Run(text)
    for n, kind in enumerate(kinds):
        found.feed(touchpoint(str(n), kind, START + round(n * hours * HOUR), raw_offset=n))
    return found


def test_twelve_good_ones_make_up_for_a_bad_one() -> None:
    bad = ["a.bad"]
    assert len(score(rule(TWELVE), *["a.good"] * 12, *bad).signals()) == 0
    assert len(score(rule(TWELVE), *["a.good"] * 11, *bad).signals()) == 1
    again = score(rule(TWELVE), *bad, *["a.good"] * 11, *bad)
    assert len({s.signal_id for s in again.signals()}) == 1
    again = score(rule(TWELVE), *bad, *["a.good"] * 12, *bad)
    assert len({s.signal_id for s in again.signals()}) == 2


@pytest.mark.parametrize(("decay", "left"), [("exponential", -2), ("linear", 0)])
def test_half_is_left_after_the_half_life(decay: str, left: float) -> None:
    points = "points: [{event: a.bad, points: -8}, {event: a.good, points: 0.000001}]"
    text = rule(f"{{score: {{{points}, half_life: 1d, decay: {decay}, below: 0, rearm_above: 1}}}}")
    found = Run(text)
    for n, (kind, days) in enumerate([("a.bad", 0), ("a.good", 1), ("a.good", 2)]):
        found.feed(touchpoint(str(n), kind, START + days * DAY, raw_offset=n))
    seen = [s.values["value"] for s in found.signals()]
    assert [round(float(str(v))) for v in seen] == [-8, -4, left]


def test_a_score_that_begins_beyond_its_threshold_has_first_to_come_to_the_other_side() -> None:
    text = rule(TWELVE.replace("below: -0.5, rearm_above: -0.25", "below: 1.5"))
    assert score(text, "a.good", "a.bad").told() == []
    assert score(text, "a.good", "a.good", "a.bad").told() == [("r", 1, "opened")]


def test_the_value_of_a_signal_does_not_depend_on_the_order_of_arrival() -> None:
    text = rule(TWELVE.replace("-0.5", "-3").replace("400d", "6h"))
    log = [touchpoint(str(n), kind, START + n, raw_offset=n) for n, kind in enumerate(["a.good", "a.good", "a.bad"])]
    late = touchpoint("1", "a.good", START + 1, raw_offset=1, late_seconds=0.001)
    in_order, other = Run(text).feed(*log), Run(text).feed(log[0], log[2], late)
    assert in_order.signals()[-1].values["value"] == other.signals()[-1].values["value"] == -10


@pytest.mark.parametrize(
    ("detect", "message"),
    [
        ("{sum: {event: a.one, value: x, within: 1h}}", "needs one threshold: at_least or at_most"),
        ("{sum: {event: a.one, value: x, at_least: 1, at_most: 2, within: 1h}}", "needs one threshold"),
        ("{sum: {event: a.one, value: x, at_least: .inf, within: 1h}}", "finite"),
        ("{sum: {event: a.one, value: x, at_least: '1', within: 1h}}", 'expected a number, not "1"'),
        ("{sum: {event: a.one, value: channel, at_least: 1, within: 1h}}", '"channel" is text, and numbers are needed'),
        ("{sum: {event: a.one, value: phone, at_least: 1, within: 1h}}", '"phone" is personal and is not kept'),
        ("{average: {event: a.one, value: x, at_least: 1, within: 1h}}", "min_events: is needed"),
        (
            "{percentile: {event: a.one, value: x, at_least: 1, min_events: 2, within: 1h, p: 100}}",
            "expected at most 99, not 100",
        ),
        (
            "{ratio: {of: {event: a.b}, part: {event: a.c}, at_least: 60, min_events: 2, within: 1h}}",
            "60 is no share: write 0.6 for 60 %",
        ),
        (
            "{ratio: {of: {as: p, event: a.b}, part: {as: p, event: a.c}, at_least: 0.6, min_events: 2, within: 1h}}",
            '"p" is the name of the other event',
        ),
        ("{score: {points: {event: a.b, points: -1}, half_life: 1d}}", "needs one threshold: below or above"),
        ("{score: {points: {event: a.b, points: 1}, half_life: 1d, below: 0}}", "no points lead there"),
        ("{score: {points: {event: a.b, points: -1}, half_life: 1d, above: 1}}", "no points lead there"),
        (
            "{score: {points: {event: a.b, points: -1}, half_life: 1d, below: 0, rearm_above: -1}}",
            "rearm_above lies on the wrong side of below",
        ),
        (
            "{score: {points: {event: a.b, points: 1}, half_life: 1d, above: 3, rearm_below: 4}}",
            "rearm_below lies on the wrong side of above",
        ),
        (
            "{score: {points: {event: a.b, points: 1}, half_life: 1d, above: 3, rearm_above: 4}}",
            '"above" goes with rearm_below',
        ),
        (
            "{score: {points: {event: a.b, where: x + 1, points: 1}, half_life: 1d, above: 3}}",
            "arithmetic is not allowed",
        ),
    ],
)
def test_a_mistake_is_told(detect: str, message: str) -> None:
    with pytest.raises(FileError) as raised:
        parse_rules(rule(detect))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "detect",
    [
        "{sum: {event: call.completed, value: wait_seconds, at_least: 1800, min_events: 3, within: 7d}}",
        "{percentile: {event: call.completed, value: transfers, p: 9, at_most: 2.5, min_events: 3, within: 7d}}",
        "{ratio: {of: {event: 'call.*'}, part: {event: call.abandoned}, at_least: 0.5, min_events: 3, within: 7d}}",
    ],
)
def test_what_it_costs_is_measured_just_before_it_fires(detect: str) -> None:
    catalogue = Catalogue()
    three, ten = (
        cost_of(parse_rules(rule(detect.replace("min_events: 3", f"min_events: {least}"))).rules[0], catalogue)
        for least in (3, 10)
    )
    assert 0 < three.bytes_per_key < ten.bytes_per_key < ten.bytes_most
