"""What all and any say of signals: which come together, how they end, and what is kept of them."""

import pytest

from tests.friction.support import HEAD, LATENESS, START, Run, last_of_each, rule, touchpoint
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE
from touchline.pipeline.friction.composite import MAX_MOMENTS, MAX_PARTS
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint

LATE = rule("late", "{absence: {after: {event: a.one}, expect: {event: b.two}, deadline: 1h}}", ", per: order")
ASKED = rule("asked", "{match: {event: c.three}}", ", per: order, resolve: {event: d.four}")
CHASED = (
    LATE
    + ASKED
    + rule("chased", "{all: {rules: [late, asked], within: 2d}}", ", per: order").replace("{at}", "{rules} ({count})")
)


def event(number: int, kind: str, hours: float, order: int = 7, **more: object) -> EnrichedTouchpoint:
    at = START + round(hours * HOUR)
    return touchpoint(str(number), kind, at, raw_offset=number, subjects=(f"order:{order}",), **more)


def told(rules: str, *events: tuple[str, float] | tuple[str, float, int]) -> Run:
    """One event after the other on the live clock: kind, hours after the start, order."""
    run = Run(HEAD + rules)
    for number, (kind, hours, *order) in enumerate(events):
        run.feed(event(number, kind, hours, *(int(n) for n in order))).advance(START + round(hours * HOUR))
    return run


def of(run: Run, name: str) -> list[Signal]:
    """The signals of a rule as they stand."""
    return [signal for signal in last_of_each(run.signals()).values() if signal.rule == name]


def chased(*events: tuple[str, float] | tuple[str, float, int]) -> Run:
    return told(CHASED, *events)


def test_signals_of_the_same_order_come_together_and_are_named() -> None:
    run = chased(("a.one", 0, 7), ("a.one", 0, 8), ("c.three", 3, 7))
    (signal,) = of(run, "chased")
    parts = {(s.rule, s.group): s.signal_id for s in run.signals()}
    assert signal.group == "order:7"
    assert signal.evidence == "late, asked (2)"
    assert signal.values["signals"] == f"{parts['late', 'order:7']}, {parts['asked', 'order:7']}"
    assert signal.events == ("0", "2")


def test_per_customer_signals_of_different_orders_come_together() -> None:
    rules = CHASED.replace("within: 2d}}, per: order", "within: 2d}}")
    (signal,) = of(told(rules, ("a.one", 0, 7), ("c.three", 3, 8)), "chased")
    assert (signal.group, signal.subjects) == ("c-1", ())


def test_it_is_resolved_with_its_parts() -> None:
    run = chased(("a.one", 0, 7), ("c.three", 3, 7), ("b.two", 5, 7))
    (signal,) = of(run, "chased")
    assert (signal.status, signal.values["closed_at"]) == ("resolved", "2026-03-02T14:00:00+00:00")
    assert run.feed(event(9, "c.three", 6)).told()[-1] == ("asked", 1, "opened")  # nothing is late any more


@pytest.mark.parametrize("wait", [0, 10 * DAY], ids=["within reach", "long afterwards"])
def test_what_comes_too_late_retracts_or_resolves_it_all_the_same(wait: int) -> None:
    for at, late, status in (
        (0.5, "retracted", "retracted"),
        (2, "resolved", "retracted"),
        (4, "resolved", "resolved"),
    ):
        run = chased(("a.one", 0, 7), ("c.three", 3, 7)).advance(START + 5 * HOUR + wait)
        run.feed(event(9, "b.two", at, late_seconds=3 * 3_600.0))
        assert [(name, end) for name, _, end in run.told()[-2:]] == [("late", late), ("chased", status)]
        assert len(of(run, "chased")) == 1


def test_an_answered_promise_is_not_chased() -> None:
    run = chased(("a.one", 0, 7), ("b.two", 3, 7), ("c.three", 4, 7))
    assert {name for name, _, _ in run.told()} == {"late", "asked"}


def test_a_signal_that_expired_counts_until_it_is_out_of_reach() -> None:
    rules = CHASED.replace("deadline: 1h}}", "deadline: 1h}}, expires: 1h")
    run = told(rules, ("a.one", 0, 7), ("c.three", 48, 7))
    assert [s.status for s in of(run, "late")] == ["expired"]
    assert len(of(run, "chased")) == 1
    assert of(told(rules, ("a.one", 0, 7), ("c.three", 49.1, 7)), "chased") == []


def test_the_first_rule_that_is_named_says_whose_it_is() -> None:
    run = Run(HEAD + CHASED)
    run.feed(event(0, "c.three", 0, party="own"), event(1, "a.one", 0, party="carrier-east")).advance(START + 2 * HOUR)
    run.feed(event(2, "c.three", 3, party="own"))
    (signal,) = of(run, "chased")
    assert (signal.values["count"], signal.party, signal.control) == (3, "carrier-east", "partner")


ONE_OF = rule("x", "{match: {event: a.one}}", ", resolve: {event: c.three}") + rule("y", "{match: {event: b.two}}")


def test_of_those_in_a_list_of_their_own_one_is_enough_and_two_are_not_more() -> None:
    third = rule("z", "{match: {event: c.three}}")
    rules = ONE_OF + third + rule("both", "{all: {rules: [[x, y], z], within: 2d}}")
    assert of(told(rules, ("a.one", 0), ("b.two", 1)), "both") == []
    assert len(of(told(rules, ("b.two", 1), ("c.three", 2)), "both")) == 1


@pytest.mark.parametrize("backwards", [False, True])
def test_an_event_that_ends_one_signal_and_begins_the_other_is_no_moment_of_both(backwards: bool) -> None:
    rules = [rule("x", "{match: {event: a.one}}", ", resolve: {event: b.two}"), rule("y", "{match: {event: b.two}}")]
    both = rule("both", "{all: {rules: [x, y], within: 2d}}")
    text = "".join(reversed(rules)) if backwards else "".join(rules)
    assert "both" not in {name for name, _, _ in told(text + both, ("a.one", 0), ("b.two", 1)).told()}


def test_a_cooldown_holds_others_back_and_adds_to_what_is_open() -> None:
    both = rule("both", "{all: {rules: [x, y], within: 1h}}", ", cooldown: 6h")
    run = told(ONE_OF + both, ("a.one", 0), ("b.two", 0.5), ("a.one", 3), ("b.two", 3.5))
    assert [(s.values["count"], s.revision) for s in of(run, "both")] == [(4, 2)]
    run = told(ONE_OF + both, ("a.one", 0), ("b.two", 0.5), ("a.one", 7), ("b.two", 7.5))
    assert [s.values["count"] for s in of(run, "both")] == [2, 2]
    ended = (("a.one", 0), ("b.two", 0.5), ("c.three", 0.8), ("a.one", 3), ("b.two", 3.5))
    assert [s.status for s in of(told(ONE_OF + both, *ended), "both")] == ["resolved"]


def test_it_begins_anew_when_it_was_not_true_in_between() -> None:
    both = rule("both", "{all: {rules: [x, y], within: 1h}}")
    run = told(ONE_OF + both, ("a.one", 0), ("b.two", 0.5), ("a.one", 3), ("b.two", 3.5))
    assert [s.values["count"] for s in of(run, "both")] == [2, 2]


def test_it_expires_after_what_it_rests_on_and_nothing_is_kept() -> None:
    both = rule("both", "{any: {rules: [x, y], at_least: 1, within: 1h}}", ", expires: 1d")
    run = told(ONE_OF + both, ("a.one", 0))
    run.advance(START + DAY + LATENESS + 2)
    assert [(s.rule, s.status) for s in last_of_each(run.signals()).values()] == [("x", "opened"), ("both", "expired")]
    run.advance(START + 40 * DAY).feed(touchpoint("9", "b.two", START + 40 * DAY, raw_offset=9))
    run.advance(START + 200 * DAY)  # until what it cost the relationship has faded
    assert len(run.shard.state.customers) == 0


MS = 1 / HOUR


def test_lengths_of_time_are_closed() -> None:
    both = rule("both", "{all: {rules: [x, y], within: 1h}}", ", expires: 30m, cooldown: 2h")
    plain = ONE_OF.replace(", resolve: {event: c.three}", "")

    def counts(*events: tuple[str, float]) -> list[object]:
        return [signal.values["count"] for signal in of(told(plain + both, *events), "both")]

    assert (counts(("a.one", 0), ("b.two", 1)), counts(("a.one", 0), ("b.two", 1 + MS))) == ([2], [])
    assert counts(("a.one", 0), ("b.two", 0), ("b.two", 0.5)) == [3]
    assert counts(("a.one", 0), ("b.two", 0), ("b.two", 0.5 + MS)) == [2]  # expired, and the cooldown is not over
    again = (("a.one", 0), ("b.two", 0), ("a.one", 1.5))
    assert (counts(*again, ("b.two", 2)), counts(*again, ("b.two", 2 - MS))) == ([2, 2], [2])


def test_a_signal_that_is_resolved_the_moment_it_began_never_stood() -> None:
    first = rule("first", "{any: {rules: [x, y], within: 1h}}")
    run = told(ONE_OF + first, ("a.one", 0), ("c.three", 0), ("b.two", 1))
    assert [(s.status, s.values["rules"]) for s in of(run, "first")] == [("retracted", "x"), ("opened", "y")]


def test_who_is_erased_has_nothing_open_and_begins_anew() -> None:
    run = chased(("a.one", 0, 7), ("c.three", 3, 7))
    run.feed(touchpoint("e", "customer.erased", START + 4 * HOUR, raw_offset=8)).advance(START + 4 * HOUR)
    assert {s.status for s in last_of_each(run.signals()).values()} == {"expired"}
    run.feed(event(9, "c.three", 5)).advance(START + 9 * HOUR)
    assert [s.status for s in of(run, "chased")] == ["expired"]


def test_of_more_signals_than_are_kept_the_oldest_counts_no_more() -> None:
    both = rule("both", "{all: {rules: [x, y], within: 30d}}")
    rules = ONE_OF.replace(", resolve: {event: c.three}", "") + both
    many = [("b.two", n / 60) for n in range(1, MAX_PARTS)]
    run = told(rules, ("a.one", 0), *many)
    assert [s.values["count"] for s in of(run, "both")] == [MAX_PARTS]
    assert not run.counts.get("evicted")
    run = told(rules, *[("b.two", n / 60) for n in range(MAX_PARTS + 1)], ("a.one", 2), ("b.two", 3))
    (signal,) = of(run, "both")
    assert (signal.values["count"], len(str(signal.values["signals"]).split(", "))) == (MAX_PARTS + 1, 20)
    assert run.counts["evicted"] == 3
    run = told(rules, ("a.one", 0), *[("b.two", n / 60) for n in range(1, 2 * MAX_PARTS)])
    assert [s.status for s in of(run, "both")] == ["updated"]  # until the first is out of the window of them
    assert of(run, "both")[0].values["count"] == MAX_PARTS


def test_more_moments_than_can_be_put_in_order_are_given_up_and_counted() -> None:
    both = rule("both", "{all: {rules: [x, y], within: 30d}}")
    rules = HEAD + ONE_OF.replace(", resolve: {event: c.three}", "") + both
    run = Run(rules)  # no tick: nobody knows yet what may still come
    run.feed(*[touchpoint(str(n), "a.one", START + n * MINUTE // 20, raw_offset=n) for n in range(MAX_MOMENTS + 5)])
    assert run.counts["evicted"] >= 5
    run.feed(touchpoint("b", "b.two", START + 8 * MINUTE, raw_offset=999))
    assert len(of(run, "both")) == 1
