"""What `journey` publishes of a relationship on customers.context, and when."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from tests.friction.support import LATENESS, START, Run, touchpoint
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, SECOND, from_ms, to_ms
from touchline.pipeline.engine.records import Output
from touchline.pipeline.friction.journey import JourneyOptions
from touchline.pipeline.friction.packing import packing
from touchline.pipeline.friction.relation import CONTACT_KINDS
from touchline.pipeline.friction.words import Words
from touchline.pipeline.measures.health import COUNTED, SPARE, HealthPolicy
from touchline.schemas.codec import decode_context, decode_profile, encode
from touchline.schemas.context import MAX_OPEN, CustomerContext
from touchline.schemas.vocabulary import Channel, Polarity, Severity
from touchline.schemas.wire import CONTEXT, CUSTOMERS

ADAPTER = TypeAdapter(CustomerContext)


def rule(name: str, event: str, severity: str = "high", polarity: str = "friction", more: str = "") -> str:
    return f"""
- id: {name}
  owner: care
  stage: support
  polarity: {polarity}
  severity: {severity}
  detect: {{match: {{event: {event}}}}}
  resolve: {{event: {event}.over}}
  evidence: "{{count}}"
  action: act
{more}
"""


def rules(*texts: str) -> str:
    return "schema: friction/1\nrules:" + "".join(texts)


HIGH = rule("late", "a.late")
LOW = rule("small", "a.small", "low")
CRITICAL = rule("outage", "a.outage", "critical", more="  expires: 2d")
GOOD = rule("praise", "a.praise", "low", "delight", "  expires: 5d")
NEED = rule("supply", "a.supply", "high", "need")
ALL = rules(HIGH, LOW, CRITICAL, GOOD, NEED)


def published(run: Run) -> list[CustomerContext | None]:
    """Every record of the customer, None for a tombstone."""
    found: list[Output] = [output for output in run.outputs if output.topic == CONTEXT]
    assert all(o.partition == 0 and o.key == b"c-1" for o in found)
    return [None if o.value is None else read(o.value) for o in found]


def read(value: bytes) -> CustomerContext:
    """A record, which is to the letter what the contract's own classes would have written."""
    context = decode_context(value)
    assert encode(context) == value
    assert ADAPTER.validate_json(value, strict=True) == context
    return context


def last(run: Run) -> CustomerContext:
    newest = published(run)[-1]
    assert newest is not None
    return newest


def event(number: int, kind: str, at: int, **more: Any) -> Any:
    return touchpoint(str(number), kind, at, raw_offset=number, **more)


def test_a_signal_brings_health_down_and_asks_for_care_until_it_is_mended() -> None:
    run = Run(ALL).feed(event(1, "a.late", START, party="carrier"))
    (opened,) = published(run)
    assert opened is not None
    assert (opened.customer, opened.revision, opened.at) == ("c-1", 1, from_ms(START))
    assert (opened.health, opened.care, opened.care_since) == (80, True, from_ms(START))
    (signal,), (cause,) = opened.open_signals, opened.causes
    assert (signal.signal_id, signal.since) == (run.signals()[0].signal_id, from_ms(START))
    assert (signal.rule, signal.severity, signal.polarity) == ("late", Severity.HIGH, Polarity.FRICTION)
    assert (signal.owner, signal.party, signal.group, opened.open_count) == ("care", "carrier", "c-1", 1)
    assert (cause.rule, cause.points, cause.words) == ("late", 20.0, "open since 2026-03-02 09:00 UTC")
    run.feed(event(2, "a.late.over", START + HOUR))
    mended = last(run)
    assert (mended.revision, mended.health, mended.care, mended.care_since) == (2, 80, False, from_ms(START + HOUR))
    assert (mended.open_signals, mended.open_count) == ((), 0)
    assert mended.causes[0].words == "ended 2026-03-02 10:00 UTC"


def test_time_alone_is_told_by_steps_until_there_is_nothing_to_tell() -> None:
    run = Run(ALL).feed(event(1, "a.late", START), event(2, "a.late.over", START + HOUR))
    run.advance(START + 300 * DAY)
    found = published(run)
    assert [context.health for context in found if context] == [80, 80, 85, 90, 95, 100]
    assert found[-1] is None
    assert None not in found[:-1]
    half = next(context for context in found if context and context.health == 90)
    assert abs(to_ms(half.at) - (START + HOUR + 14 * DAY)) < DAY  # 89.5 is told as 90
    assert run.counts["contexts.ended"] == 1
    assert len(run.shard.state.customers) == 0


def test_one_touchpoint_makes_one_record_and_what_nobody_sees_makes_none() -> None:
    both = rules(HIGH, rule("again", "a.late", "medium"))
    run = Run(both).feed(event(1, "a.late", START))
    assert [(c.health, [o.rule for o in c.open_signals]) for c in published(run) if c] == [(70, ["late", "again"])]
    count = "\n- id: many\n  owner: care\n  stage: use\n  detect: {count: {event: a.one, at_least: 2, within: 1d}}"
    count += '\n  evidence: "{count}"\n  action: act'
    run = Run(rules(count)).feed(*[event(n, "a.one", START + n * MINUTE) for n in range(1, 6)])
    assert run.told()[-1] == ("many", 4, "updated")
    assert len(published(run)) == 1


def test_low_friction_needs_and_delight_ask_for_no_care_unless_that_is_set() -> None:
    run = Run(ALL).feed(event(1, "a.small", START), event(2, "a.supply", START + 1), event(3, "a.praise", START + 2))
    assert [(c.health, c.care) for c in published(run) if c] == [(95, False), (95, False), (100, False)]
    assert [o.rule for o in last(run).open_signals] == ["small", "supply", "praise"]
    careful = JourneyOptions(lateness=LATENESS, health=HealthPolicy(care_from=Severity.LOW))
    assert last(Run(ALL, careful).feed(event(1, "a.small", START))).care


def test_care_ends_when_time_ends_the_signal() -> None:
    run = Run(ALL).feed(event(1, "a.outage", START)).advance(START + 2 * DAY + LATENESS)
    assert last(run).care
    run.advance(START + 2 * DAY + LATENESS + SECOND)
    assert (last(run).care, last(run).care_since) == (False, from_ms(START + 2 * DAY))
    assert last(run).at == from_ms(START + 2 * DAY + LATENESS + 1)


def test_delight_gives_back_what_is_missing_and_fades_as_well() -> None:
    fine = JourneyOptions(lateness=LATENESS, health=HealthPolicy(step=1))
    run = Run(ALL, fine).feed(event(1, "a.late", START), event(2, "a.praise", START + 1))
    assert last(run).health == 85
    run.advance(START + 25 * DAY)
    assert last(run).health == 82  # 20 days after it ended 1.86 of its 5 points are left
    assert [c.rule for c in last(run).causes] == ["late"]


def test_a_need_that_has_ended_leaves_nothing() -> None:
    run = Run(ALL).feed(event(1, "a.supply", START), event(2, "a.supply.over", START + HOUR))
    assert [c and c.health for c in published(run)] == [100, None]


def test_a_retracted_signal_was_none() -> None:
    absent = (
        "\n- id: r\n  owner: care\n  stage: use\n  severity: critical\n  detect: {sequence: {steps: [{event: a.one},"
    )
    absent += ' {event: b.two}], within: 1h, unless: {event: c.three}}}\n  evidence: "{count}"\n  action: act'
    run = Run(rules(absent)).feed(event(1, "a.one", START), event(3, "b.two", START + 2 * MINUTE))
    assert last(run).health == 60
    run.feed(event(2, "c.three", START + MINUTE, late_seconds=60.0))
    assert run.told()[-1] == ("r", 2, "retracted")
    assert published(run)[1:] == [None]


@pytest.mark.parametrize("known", [True, False])
def test_an_erased_customer_leaves_a_tombstone(known: bool) -> None:
    run = Run(ALL)
    if known:
        run.feed(event(1, "a.late", START))
    run.feed(event(2, "customer.erased", START + HOUR))
    assert published(run)[-1] is None
    assert run.shard.state.customers.get("c-1", 0).relation is None
    assert published(run.advance(START + 100 * DAY))[-1] is None
    again = last(run.feed(event(3, "a.late", START + 101 * DAY)))
    assert (again.revision, again.health) == (1, 80)
    assert any(output.topic == CUSTOMERS for output in run.outputs)


def test_who_is_erased_again_leaves_nothing_of_what_came_in_between() -> None:
    run = Run(ALL).feed(event(1, "customer.erased", START), event(2, "a.late", START + HOUR))
    run.feed(event(3, "customer.erased", START + 2 * HOUR), event(4, "a.small", START + HOUR))
    assert run.told() == [("late", 1, "opened"), ("late", 2, "expired")]
    assert [None if context is None else context.health for context in published(run)] == [None, 80, None]
    gone = [decode_profile(output.value or b"") for output in run.outputs if output.topic == CUSTOMERS]
    assert [(profile.erased, profile.updated_at) for profile in gone] == [
        (True, from_ms(START)),
        (True, from_ms(START + 2 * HOUR)),
    ]


def test_a_customer_who_is_forgotten_leaves_a_tombstone() -> None:
    short = JourneyOptions(lateness=LATENESS, customer_ttl=20 * DAY)
    run = Run(ALL, short).feed(event(1, "a.late", START), event(2, "a.late.over", START + HOUR))
    run.advance(START + 19 * DAY)
    assert last(run).health == 90
    run.advance(START + 20 * DAY + 2 * HOUR)
    assert published(run)[-1] is None


def test_contacts_are_those_since_the_first_signal_the_newest_first() -> None:
    follow = "\n".join(
        rule(f"kind{n}", kind, "low", more="  cooldown: 300d")
        for n, kind in enumerate(("call.started", "email.answered", "page.viewed"))
    )
    run = Run(rules(HIGH, follow))
    run.feed(event(1, "call.started", START, channel=Channel.VOICE))
    assert [(c.kind, c.channel, c.at) for c in last(run).contacts] == [("call.started", Channel.VOICE, from_ms(START))]
    run.feed(
        event(3, "page.viewed", START + 3),
        event(5, "email.answered", START + 5, channel=Channel.EMAIL),
        event(4, "call.started", START + 4, channel=Channel.VOICE),
        event(4, "call.started", START + 4, channel=Channel.VOICE),
        event(6, "call.started", START + 6, channel=Channel.CHAT),
        event(7, "a.late", START + 7),
    )
    assert [(c.kind, c.at) for c in last(run).contacts] == [
        ("call.started", from_ms(START + 6)), ("email.answered", from_ms(START + 5)),
        ("call.started", from_ms(START + 4)),
    ]  # fmt: skip


def test_kinds_of_contact_keep_their_places() -> None:
    """They are stored by number: only the end of the tuple may grow."""
    assert CONTACT_KINDS[:29] == (
        "contact.opened", "call.started", "call.completed", "call.abandoned", "call.made", "chat.started",
        "chat.ended", "chat.abandoned", "bot.started", "bot.ended", "ivr.completed", "email.received",
        "email.answered", "sms.received", "sms.sent", "push.sent", "social.posted", "ticket.opened",
        "ticket.answered", "ticket.reopened", "complaint.made", "follow_up.made", "desk.visited", "store.visited",
        "self_service.failed", "survey.sent", "survey.answered", "contact.resolved", "ticket.resolved",
    )  # fmt: skip


def test_what_is_published_and_kept_is_bounded() -> None:
    per = [rule(f"r{n}", f"a.k{n}", "low", more="  expires: 40d") for n in range(20)]
    run = Run(rules(*per)).feed(*[event(n, f"a.k{n}", START + n) for n in range(20)])
    context = last(run)
    assert (context.open_count, len(context.open_signals), len(context.causes)) == (20, MAX_OPEN, 3)
    assert context.health == 0
    run.feed(*[event(50 + n, f"a.k{n}.over", START + HOUR + n) for n in range(20)])
    relation = run.shard.state.customers.get("c-1", 0).relation
    assert len(relation.ended) == COUNTED + SPARE
    assert last(run).health == 60
    run.advance(START + 10 * DAY)
    assert len(run.shard.state.customers.get("c-1", 0).relation.ended) == COUNTED


def test_of_a_customer_without_a_signal_one_byte_is_kept_and_of_others_little() -> None:
    quiet = Run(rules(HIGH, rule("never", "a.one", more="")).replace("{match: {event: a.one}}", COUNT))
    quiet.feed(event(1, "a.one", START))
    customer = quiet.shard.state.customers.get("c-1", 0)
    assert customer.relation is None
    assert published(quiet) == []
    run = Run(ALL).feed(event(1, "a.late", START))
    customer = run.shard.state.customers.get("c-1", 0)
    assert _size(customer) - _without(customer) < 50
    run.feed(event(2, "a.late.over", START + HOUR))
    assert _size(customer) - _without(customer) < 80


COUNT = "{count: {event: a.one, at_least: 2, within: 1d}}"


def _size(customer: Any) -> int:
    return len(packing(Words())[0](customer))


def _without(customer: Any) -> int:
    kept, customer.relation = customer.relation, None
    size = _size(customer)
    customer.relation = kept
    return size


def test_where_only_signals_are_asked_for_nothing_is_written_or_kept() -> None:
    run = Run(ALL, JourneyOptions(lateness=LATENESS, health=None))
    run.feed(event(1, "a.late", START), event(2, "customer.erased", START + 1)).advance(START + 50 * DAY)
    assert published(run) == []
    assert run.told() == [("late", 1, "opened"), ("late", 2, "expired")]


def test_timers_of_health_survive_a_restart_and_a_reader_of_several_batches_sees_the_same() -> None:
    log = [event(1, "a.late", START), event(2, "a.praise", START + 1), event(3, "a.late.over", START + HOUR)]
    whole = Run(ALL).feed(*log).advance(START + 300 * DAY)
    pieces = Run(ALL)
    for one in log:
        pieces.feed(one)
        pieces.shard.restart()
    for day in range(301):
        pieces.advance(START + day * DAY)
        if day % 7 == 0:
            pieces.shard.restart()
    assert published(pieces) == published(whole)
