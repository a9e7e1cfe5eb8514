"""What the API keeps of topics: the newest, whatever order topics are read in, and nothing of the erased."""

import json
import random
from dataclasses import fields
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests.api.support import context, decision, delivery, erased
from touchline.agents.api.view import View, neutral
from touchline.pipeline.engine.clock import DAY, HOUR, MINUTE, from_ms
from touchline.schemas.answer import MAX_MESSAGES, CustomerAnswer
from touchline.schemas.codec import encode
from touchline.schemas.vocabulary import DeliveryStatus, Outcome, Reason, Route
from touchline.schemas.wire import CONTEXT, CUSTOMERS, DECISIONS, DELIVERIES

NOW = 1_790_000_000_000
WITHIN = 14 * DAY


def fed(*records: tuple[str, bytes | None], customer: str = "c-1", now: int = NOW) -> View:
    view = View(WITHIN)
    for topic, value in records:
        view.take(topic, customer.encode(), value, now)
    return view


def messages(view: View, customer: str = "c-1", now: int = NOW) -> list[tuple[str, str | None]]:
    return [(one["decision_id"], one["status"]) for one in json.loads(view.find(customer, now)[1])]


def test_a_context_is_told_to_the_letter_until_a_tombstone() -> None:
    old, new = context(health=40), context(health=60)
    assert fed((CONTEXT, old), (CONTEXT, new)).find("c-1", NOW) == (new, b"[]")
    assert fed((CONTEXT, old), (CONTEXT, None)).find("c-1", NOW) == (None, b"[]")
    assert fed((CONTEXT, old)).find("c-2", NOW) == (None, b"[]")


@pytest.mark.parametrize("customer", ["c-1", "Zoë 12", '"quoted"', "1970-01-01T00:00:00Z"])
def test_what_is_told_of_nobody_is_an_answer_as_its_contract_says(customer: str) -> None:
    body = neutral(customer)[:-1] + b',"known":false,"as_of":"2026-01-01T00:00:00Z","messages":[]}'
    answer = TypeAdapter(CustomerAnswer).validate_json(body, strict=True)
    assert msgspec.json.decode(body, type=CustomerAnswer).customer == answer.customer == customer
    assert (answer.health, answer.care, answer.known, answer.at, answer.open_signals) == (100, False, False, None, ())
    assert json.loads(body).keys() == {field.name for field in fields(CustomerAnswer)}


def test_only_messages_that_really_go_to_the_customer_are_told() -> None:
    others = [
        decision(at=NOW - HOUR, decision_id="held", outcome=Outcome.HELD, reason=Reason.QUIET_HOURS),
        decision(at=NOW - HOUR, decision_id="not", outcome=Outcome.SUPPRESSED, reason=Reason.COOLDOWN),
        decision(at=NOW - HOUR, decision_id="observed", observed=True),
        decision(at=NOW - HOUR, decision_id="task", route=Route.PERSON),
    ]
    seen = delivery(at=NOW - HOUR, decision_id="observed", status=DeliveryStatus.OBSERVED)
    care = encode(delivery(at=NOW - HOUR, decision_id="care"))[:-1] + b',"what":"care"}'
    records = [(DECISIONS, encode(one)) for one in others] + [(DELIVERIES, encode(seen)), (DELIVERIES, care)]
    view = fed(*records, (DECISIONS, encode(decision(at=NOW - HOUR))))
    assert messages(view) == [("d-1", None)]
    assert json.loads(view.find("c-1", NOW)[1]) == [
        {
            "decision_id": "d-1", "rule": "long_wait", "channel": "email", "purpose": "service",
            "at": from_ms(NOW - HOUR).isoformat().replace("+00:00", "Z"), "status": None,
        }
    ]  # fmt: skip


def test_an_erased_customer_is_gone_at_once_and_what_is_older_does_not_bring_them_back() -> None:
    old = [
        (CONTEXT, context(at=from_ms(NOW - 2 * HOUR))),
        (DECISIONS, encode(decision(at=NOW - 2 * HOUR))),
        (DELIVERIES, encode(delivery(at=NOW - 2 * HOUR))),
    ]
    gone = (CUSTOMERS, erased(at=NOW - HOUR))
    for records in ([*old, gone], [gone, *old]):
        assert fed(*records).find("c-1", NOW) == (None, b"[]")
    back = context(at=from_ms(NOW - MINUTE))
    assert fed(*old, gone, (CONTEXT, back)).find("c-1", NOW)[0] == back


def test_messages_are_told_for_as_long_as_the_settings_say_and_then_take_no_memory() -> None:
    view = fed((DECISIONS, encode(decision(at=NOW - WITHIN - 1))))
    assert messages(view) == []
    view = fed((DECISIONS, encode(decision(at=NOW - HOUR))))
    assert messages(view, now=NOW + WITHIN) == []
    for days in (0, 15, 30):  # two generations: the third drops the first
        at = NOW + days * DAY
        view.take(DECISIONS, b"c-%d" % days, encode(decision(f"c-{days}", at)), at)
    assert [len(messages(view, f"c-{days}", NOW + days * DAY)) for days in (0, 15, 30)] == [0, 1, 1]


def test_what_can_not_be_read_is_counted_and_changes_nothing() -> None:
    view = fed((DECISIONS, b"{"), (DELIVERIES, b'{"decision_id": 3}'), (CUSTOMERS, b'{"erased":true}'))
    view.take(DECISIONS, None, b'{"tick": 1}', NOW)
    assert (view.undecodable, messages(view)) == (3, [])


@given(st.integers(1, 6), st.randoms())
def test_the_order_in_which_topics_are_read_changes_nothing(count: int, rng: random.Random) -> None:
    records: list[tuple[str, Any]] = []
    for n in range(count):
        at, name = NOW - (count - n) * HOUR, f"d-{n}"
        records.append((DECISIONS, encode(decision(at=at, decision_id=name))))
        states = [(1, DeliveryStatus.ATTEMPTED), (2, DeliveryStatus.SENT)]
        # What came within an hour of the decision, so a later decision is newer than it.
        records += [
            (DELIVERIES, encode(delivery(at=at + MINUTE, decision_id=name, revision=r, status=s))) for r, s in states
        ]
    rng.shuffle(records)
    expected = [(f"d-{n}", "sent") for n in reversed(range(count))][:MAX_MESSAGES]
    assert [name for name, _ in messages(fed(*records))] == [name for name, _ in expected]
    if count <= MAX_MESSAGES:  # nothing was pushed out meanwhile
        assert messages(fed(*records)) == expected


@given(st.integers(0, MAX_MESSAGES), st.booleans(), st.randoms())
def test_whenever_an_erasure_is_read_what_is_newer_stays_and_what_is_older_goes(
    before: int, under_way: bool, rng: random.Random
) -> None:
    """`under_way`: what was decided last before the erasure was delivered after it."""
    gone, since = NOW - 10 * HOUR, MAX_MESSAGES - before
    times = [gone - n * HOUR for n in range(1, before + 1)] + [gone + n * HOUR for n in range(1, since + 1)]
    records: list[tuple[str, bytes | None]] = [(CUSTOMERS, erased(at=gone))] * 3  # with each touchpoint after it
    records.append((CUSTOMERS, erased(at=gone - 20 * HOUR)))
    for at in times:
        name = f"d-{at}"
        sent = gone + MINUTE if under_way and at == gone - HOUR else at + MINUTE
        records.append((DECISIONS, encode(decision(at=at, decision_id=name))))
        states = [(1, at + 1, DeliveryStatus.ATTEMPTED), (2, sent, DeliveryStatus.SENT)]
        records += [(DELIVERIES, encode(delivery(at=t, decision_id=name, revision=r, status=s))) for r, t, s in states]
    rng.shuffle(records)
    contexts = [context(at=from_ms(gone + n * MINUTE), health=health) for n, health in ((-9, 40), (0, 50), (7, 60))]
    places = sorted(rng.choices(range(len(records) + 1), k=len(contexts)))
    for place, value in reversed(list(zip(places, contexts, strict=True))):  # a topic is in order
        records.insert(place, (CONTEXT, value))
    view = fed(*records)
    expected = [(f"d-{at}", "sent") for at in sorted(times, reverse=True) if at > gone]
    assert messages(view) == expected + ([(f"d-{gone - HOUR}", "sent")] if under_way and before else [])
    assert view.find("c-1", NOW)[0] == contexts[-1]
    view.take(CONTEXT, b"c-1", contexts[0], NOW)
    assert view.find("c-1", NOW)[0] is None
