"""What a rule did with a customer's events, step by step on the engine itself, and the reasons of a silence."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.friction.support import LATENESS, START, Run, compiled, last_of_each, touchpoint
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE
from touchline.pipeline.friction.journey import JourneyOptions
from touchline.pipeline.friction.trace import Step, Tracer
from touchline.pipeline.friction.whynot import Silence
from touchline.schemas.touchpoint import EnrichedTouchpoint

RULES = """
schema: friction/1
rules:
- id: often
  owner: desk
  stage: support
  detect:
    count: {event: contact.opened, where: channel != 'store', at_least: 3, within: 72h}
  resolve: {event: follow_up.made}
  cooldown: 2d
  evidence: "{count}"
  action: call
- id: overdue
  owner: shop
  stage: delivery
  per: order
  detect:
    absence:
      after: {as: s, event: order.shipped}
      expect: {event: delivery.scanned, where: status == 'delivered'}
      unless: {event: order.cancelled}
      deadline: s.promised_at
      grace: 2h
  evidence: "{s.order}"
  action: call
- id: failed_then_asked
  owner: web
  stage: support
  detect:
    sequence:
      steps:
      - {as: tried, event: self_service.failed}
      - {as: asked, event: chat.started, where: topic == tried.topic}
      within: 24h
  evidence: "{tried.topic}"
  action: call
- id: many_topics
  owner: web
  stage: support
  detect:
    distinct: {event: chat.started, value: topic, at_least: 2, within: 24h}
  evidence: "{values}"
  action: call
"""
OPTIONS = JourneyOptions(lateness=LATENESS)
SHIPPED = {"subjects": ("order:7",), "attributes": {"promised_at": "2026-03-04T09:00:00Z"}}
Happened = tuple[int, str, dict[str, Any]]


def events(happened: list[Happened]) -> list[EnrichedTouchpoint]:
    """Events at hours after the start, in the order of arrival."""
    return [
        touchpoint(f"e-{n}", kind, START + hours * HOUR, raw_offset=n, **more)
        for n, (hours, kind, more) in enumerate(happened)
    ]


def steps_of(rule: str, happened: list[Happened], until: int) -> list[Step]:
    rules = compiled(RULES)
    return Tracer(rules, rules.by_id[rule], OPTIONS).trace(events(happened), until)


CONTACT: tuple[str, dict[str, Any]] = ("contact.opened", {})
THREE: list[Happened] = [(n, *CONTACT) for n in range(3)]


@pytest.mark.parametrize(
    ("rule", "happened", "hours", "reasons"),
    [
        ("often", [(0, "page.viewed", {})], 1, [("no_events", "of 1 events of the customer none is of a kind")]),
        ("often", [(0, *CONTACT), (1, *CONTACT)], 2, [("threshold", "at 2026-03-02 10:00 UTC: 2 of 3 within 3 d")]),
        ("often", [(0, *CONTACT), (1, *CONTACT), (80, *CONTACT)], 90, [("threshold", "2 of 3 within 3 d")]),
        ("often", [(0, "contact.opened", {"channel": "store"})], 1,
         [("condition", "does not count: channel != 'store' is false: channel is 'store'")]),
        ("often", [*THREE, (3, "follow_up.made", {}), (4, *CONTACT), (5, *CONTACT), (6, *CONTACT)], 9,
         [("fired", "it was not silent: signal"), ("resolved", "was resolved at 2026-03-02 12:00 UTC"),
          ("cooldown", "3 events fell into the cooldown, which lasts until 2026-03-04 11:00 UTC")]),
        ("often", [(0, "contact.opened", {"late_seconds": 601.0})], 1, [("too_late", "601 s late: too late to open")]),
        ("overdue", [(0, "order.shipped", SHIPPED)], 24, [("waiting", "waits since e-0 until 2026-03-04 09:00 UTC")]),
        ("overdue", [(0, "order.shipped", SHIPPED)], 49,
         [("grace", "deadline 2026-03-04 09:00 UTC is over; with its grace (2 h) and the lateness (10 min) it is")]),
        ("overdue", [(0, "order.shipped", SHIPPED)], 52, [("fired", "it was not silent")]),
        ("overdue", [(0, "order.shipped", SHIPPED), (9, "order.cancelled", SHIPPED)], 72,
         [("called_off", "order.cancelled e-1 of 2026-03-02 18:00 UTC called it off")]),
        ("overdue", [(0, "order.shipped", SHIPPED),
                     (9, "delivery.scanned", {"subjects": ("order:7",), "attributes": {"status": "delivered"}})], 72,
         [("met", "delivery.scanned e-1 of 2026-03-02 18:00 UTC is what was expected, in time")]),
        ("overdue", [(0, "order.shipped", {"subjects": ("order:7",)})], 72, [("deadline", "has no promised_at")]),
        ("overdue", [(0, "order.shipped", {"subjects": ("order:7",), "attributes": {"promised_at": "soon"}})], 72,
         [("deadline", "the promised_at of order.shipped e-0 of 2026-03-02 09:00 UTC is no time")]),
        ("overdue", [(0, "order.shipped", {})], 72, [("group", "does not count: it has no order")]),
        ("many_topics", [(0, "chat.started", {})], 72, [("group", "does not count: it has no topic")]),
        ("failed_then_asked", [(0, "self_service.failed", {"attributes": {"topic": "bill"}})], 72,
         [("sequence", "at 2026-03-02 09:00 UTC: seen so far: tried")]),
        ("failed_then_asked", [(0, "self_service.failed", {"attributes": {"topic": "bill"}}),
                               (1, "chat.started", {"attributes": {"topic": "tv"}})], 72,
         [("sequence", "seen so far: tried"),
          ("condition", "topic == tried.topic is false: topic is 'tv', tried.topic is 'bill'")]),
        ("failed_then_asked", [(1, "chat.started", {"attributes": {"topic": "tv"}})] * 2, 72,
         [("unknown", "topic == tried.topic is unknown: topic is 'tv', tried.topic is missing")] * 2
         + [("unknown", "topic is 'tv', tried.topic is missing in 2 events")]),
    ],
)  # fmt: skip
def test_a_silence_has_its_reasons(
    rule: str, happened: list[Happened], hours: int, reasons: list[tuple[str, str]]
) -> None:
    until = START + hours * HOUR
    found = Silence(compiled(RULES).by_id[rule], steps_of(rule, happened, until), until, OPTIONS).reasons()
    assert [reason.code for reason in found] == [code for code, _ in reasons], found
    assert all(said in reason.message for reason, (_, said) in zip(found, reasons, strict=True)), found


def test_what_had_not_arrived_by_then_is_not_seen() -> None:
    late = [(0, "contact.opened", {"late_seconds": 7_200.0}), (1, *CONTACT)]
    seen = [step.event.event_id for step in steps_of("often", late, START + HOUR) if step.event is not None]
    assert seen == ["e-1"]


_EVENT = st.tuples(
    st.integers(0, 96),
    st.sampled_from(["contact.opened", "follow_up.made", "order.shipped", "delivery.scanned", "order.cancelled",
                     "self_service.failed", "chat.started"]),
    st.sampled_from([SHIPPED, {"subjects": ("order:8",), "attributes": {"status": "delivered", "topic": "a"}},
                     {"attributes": {"topic": "b"}}, {"late_seconds": 300.0}]),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(_EVENT, min_size=1, max_size=12), st.sampled_from(["often", "overdue", "failed_then_asked"]))
def test_the_trace_says_what_the_live_run_says(happened: list[Happened], rule: str) -> None:
    ordered = sorted(happened, key=lambda one: one[0])
    until = START + 9 * DAY
    run = Run(RULES).feed(*events(ordered)).advance(until)
    live = {i: s for i, s in last_of_each(run.signals()).items() if s.rule == rule}
    said = [signal for step in steps_of(rule, ordered, until) for signal in step.signals]
    traced = last_of_each(said)
    assert {(i, s.status.value in {"opened", "updated"}, s.at, s.events) for i, s in traced.items()} == {
        (i, s.status.value in {"opened", "updated"}, s.at, s.events) for i, s in live.items()
    }


def test_a_step_tells_the_state_before_and_after() -> None:
    first, second, third = steps_of("often", [(0, *CONTACT), (1, *CONTACT), (2, *CONTACT)], START + 2 * HOUR)
    assert [len(m.window) for m in first.after.values()] == [1]
    assert ([len(m.window) for m in second.before.values()], [len(m.window) for m in second.after.values()]) == (
        [1],
        [2],
    )
    assert [signal.status.value for signal in third.signals] == ["opened"]
    (opened,) = third.after.values()
    assert [crossing.at for crossing in opened.crossings] == [START + 2 * HOUR]
    assert all(step.counts for step in (first, second, third))
    (passed,) = [s for s in steps_of("overdue", [(0, "order.shipped", SHIPPED)], START + 72 * HOUR) if s.event is None]
    assert passed.at == START + 50 * HOUR + LATENESS + MINUTE // 60_000


def test_after_the_grace_the_lateness_is_waited_for() -> None:
    until = START + 50 * HOUR + LATENESS
    found = Silence(
        compiled(RULES).by_id["overdue"], steps_of("overdue", [(0, "order.shipped", SHIPPED)], until), until, OPTIONS
    ).reasons()
    assert [reason.code for reason in found] == ["grace"]
    assert found[0].message.endswith("it is told after 2026-03-04 11:10 UTC")


def test_deadlines_that_fall_due_between_two_events_are_told_each_at_its_time() -> None:
    def shipped(order: str, day: int) -> dict[str, Any]:
        return {"subjects": (f"order:{order}",), "attributes": {"promised_at": f"2026-03-{day:02}T09:00:00Z"}}

    happened: list[Happened] = [
        (0, "order.shipped", shipped("7", 4)),
        (1, "order.shipped", shipped("8", 6)),
        (500, "page.viewed", {}),
    ]
    passed = [step for step in steps_of("overdue", happened, START + 501 * HOUR) if step.event is None]
    told = 2 * HOUR + LATENESS + 1  # the first millisecond at which it can be told
    assert [(step.at, [one.group for one in step.signals]) for step in passed] == [
        (START + 2 * DAY + told, ["order:7"]),
        (START + 4 * DAY + told, ["order:8"]),
    ]
