"""What a context tells of promises."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.friction.support import START, Run, touchpoint
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, from_ms
from touchline.pipeline.friction.relation import Relation, Told
from touchline.schemas.codec import decode_context
from touchline.schemas.context import MAX_PROMISES
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.wire import CONTEXT

SILENT = """
schema: friction/1
rules:
- id: silent
  owner: logistics
  stage: delivery
  per: order
  detect:
    absence:
      after: {as: s, event: order.shipped}
      expect: {event: delivery.scanned, where: status == 'delivered'}
      deadline: s.promised_at + 24h
  evidence: "x"
  action: act
- {id: cross, owner: care, stage: support, detect: {match: {event: a.cross}}, evidence: "x", action: act}
- id: many
  owner: care
  stage: delivery
  detect:
    count:
      event: [order.placed, order.delayed, order.cancelled, pickup.promised, pickup.collected, delivery.scanned]
      at_least: 50
      within: 1d
  evidence: "x"
  action: act
"""
"""Promises are read from the kinds that rules wait for."""


def iso(ms: int) -> str:
    return from_ms(ms).isoformat()


def at(number: int, kind: str, when: int, order: str = "order:1", **attributes: Any) -> EnrichedTouchpoint:
    return touchpoint(str(number), kind, when, raw_offset=number, subjects=(order,), attributes=attributes)


def promised(run: Run) -> list[tuple[tuple[str, int], ...]]:
    """Subject and hours after START, of each record."""
    contexts = [decode_context(o.value) for o in run.outputs if o.topic == CONTEXT and o.value]
    return [
        tuple((p.subject, round((p.promised_at - from_ms(START)).total_seconds() / 3_600)) for p in context.promises)
        for context in contexts
    ]


def test_a_promise_made_before_the_first_signal_is_known_from_what_the_signal_rests_on() -> None:
    run = Run(SILENT).feed(at(1, "order.shipped", START, promised_at=iso(START + DAY)))
    assert promised(run) == []  # nothing is told of a customer without signals
    run.advance(START + 3 * DAY)
    assert promised(run) == [(("order:1", 24),)]


def test_promises_since_the_first_signal_are_told_the_newest_first_until_they_are_kept() -> None:
    run = Run(SILENT).feed(at(1, "a.cross", START))
    run.feed(at(2, "order.placed", START + 1, promised_at=iso(START + 48 * HOUR)))
    run.feed(at(3, "pickup.promised", START + 2, "order:2", promised_at=iso(START + 5 * HOUR)))
    run.feed(at(4, "order.delayed", START + 3, promised_at=iso(START + 72 * HOUR)))
    run.feed(at(5, "order.delayed", START + 4, promised_at="soon"))
    run.feed(at(6, "pickup.collected", START + HOUR, "order:2"))
    run.feed(at(7, "delivery.scanned", START + 60 * HOUR, status="in_transit"))
    run.feed(at(8, "delivery.scanned", START + 70 * HOUR, status="delivered"))
    run.feed(at(9, "order.placed", START + 71 * HOUR, "order:3", promised_at=iso(START + 90 * HOUR)))
    run.feed(at(10, "order.cancelled", START + 72 * HOUR, "order:3"))
    assert promised(run) == [
        (),
        (("order:1", 48),),
        (("order:2", 5), ("order:1", 48)),
        (("order:1", 72), ("order:2", 5)),
        (("order:1", 72),),
        (),
        (("order:3", 90),),
        (),
    ]


def test_a_promise_since_the_signal_goes_before_the_one_that_the_signal_rests_on() -> None:
    run = Run(SILENT).feed(at(1, "order.shipped", START, promised_at=iso(START + DAY))).advance(START + 3 * DAY)
    run.feed(at(2, "order.delayed", START + 3 * DAY, promised_at=iso(START + 5 * DAY)))
    assert promised(run) == [(("order:1", 24),), (("order:1", 120),)]


def test_only_so_many_promises_are_told_and_the_next_one_when_one_of_them_is_kept() -> None:
    run = Run(SILENT).feed(at(0, "a.cross", START))
    for n in range(1, MAX_PROMISES + 3):
        run.feed(at(n, "order.placed", START + n, f"order:{n}", promised_at=iso(START + n * HOUR)))
    newest = [(f"order:{n}", n) for n in range(MAX_PROMISES + 2, 1, -1)]
    assert promised(run)[-1] == tuple(newest[:MAX_PROMISES])
    run.feed(at(50, "order.cancelled", START + MINUTE, f"order:{MAX_PROMISES + 2}"))
    assert promised(run)[-1] == tuple(newest[1:])


def test_a_promise_that_was_long_ago_is_told_no_more() -> None:
    run = Run(SILENT).feed(at(1, "a.cross", START), at(2, "order.placed", START + 1, promised_at=iso(START + DAY)))
    run.feed(at(3, "a.cross", START + 20 * DAY))
    assert promised(run)[1:] == [(("order:1", 24),), ()]


TOLD = st.tuples(st.integers(1, 9), st.sampled_from([f"order:{n}" for n in range(7)]), st.integers(0, 3))


@given(st.lists(TOLD, max_size=12), st.randoms())
def test_what_is_kept_of_promises_does_not_depend_on_their_order(told: list[Told], rng: Any) -> None:
    one, other = Relation(promises=[]), Relation(promises=[])
    for promise in told:
        one.promise(promise)
    shuffled = list(told)
    rng.shuffle(shuffled)
    for promise in shuffled:
        other.promise(promise)
    assert one.promises == other.promises
    newest = {subject: max(t for t in told if t[1] == subject) for _, subject, _ in told}
    assert one.promises == sorted(newest.values(), reverse=True)[: MAX_PROMISES + 1]  # one more than is told
