"""Facts as columns: what follows from the contract, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse import facts as make
from touchline.pipeline.engine.clock import from_ms, to_ms
from touchline.pipeline.warehouse.rows import minutes_of
from touchline.pipeline.warehouse.scalars import PERSONAL, public_attributes
from touchline.pipeline.warehouse.tables import (
    DECISIONS,
    DELIVERIES,
    FACTS,
    NOTICES,
    SIGNALS,
    TASKS,
    TOUCHPOINTS,
    FactTable,
)
from touchline.schemas.codec import DecodeError, encode
from touchline.schemas.touchpoint import Score
from touchline.schemas.types import EARLIEST, Scalar
from touchline.schemas.vocabulary import ScoreScale

ONE_OF_EACH = {
    "touchpoints": make.touchpoint,
    "signals": make.signal,
    "decisions": make.decision,
    "deliveries": make.delivery,
    "tasks": make.task,
    "notices": make.notice,
}


def row(facts: FactTable, fact: Any) -> dict[str, Any]:
    """A fact as its row, by column."""
    return {name: values[0] for name, values in zip(facts.columns, facts.as_columns([fact]), strict=True)}


def test_a_touchpoint_becomes_its_row() -> None:
    fact = make.touchpoint(
        occurred_at=datetime(2026, 3, 1, 10, 0, 59, 123_999, tzinfo=timezone(timedelta(hours=1))),
        subjects=("order:1", "ticket:2"),
        score=Score(scale=ScoreScale.CES, value=2.5, upper=7, low_is_good=True),
        attributes={"status": "paid", "value": 12.5, "items": 3, "gift": False, "coupon": None},
    )
    found = row(TOUCHPOINTS, fact)
    assert found["occurred_at"] == to_ms(datetime(2026, 3, 1, 9, 0, 59, 123_000, tzinfo=UTC))
    assert found["subjects"] == ("order:1", "ticket:2")
    assert (found["score_scale"], found["score"], found["score_upper"], found["score_low_is_good"]) == (
        "ces",
        2.5,
        7,
        True,
    )
    assert found["attributes"] == {"status": "paid", "value": "12.5", "items": "3", "gift": "false"}


def test_absent_values_are_null_or_empty() -> None:
    found = row(TOUCHPOINTS, make.touchpoint())
    assert (found["text"], found["wait_seconds"], found["score"], found["score_scale"]) == (None, None, None, "")
    assert row(SIGNALS, make.signal(channel=None))["channel"] == ""
    assert row(DECISIONS, make.decision(channel=None, message=None))["channel"] == ""
    assert row(DECISIONS, make.decision())["release_at"] is None
    assert row(DELIVERIES, make.delivery())["error"] == ""
    waiting = row(TASKS, make.task(person=None, language=None))
    assert (waiting["person"], waiting["language"], waiting["outcome"]) == ("", "", "")


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts.name)
def test_rows_are_the_same_however_the_facts_are_batched(facts: FactTable) -> None:
    some = [ONE_OF_EACH[facts.name](n, customer=f"c-{n}") for n in range(5)]
    apart = [facts.as_columns([fact]) for fact in some]
    assert facts.as_columns(some) == [[value for one in column for value in one] for column in zip(*apart, strict=True)]


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts.name)
def test_what_was_written_is_read(facts: FactTable) -> None:
    fact = ONE_OF_EACH[facts.name]()
    assert facts.as_columns([facts.decode(encode(fact))]) == facts.as_columns([fact])


def test_rows_read_without_the_contract_are_those_of_the_contract() -> None:
    some = [
        replace(fact, text="Where is it?", subjects=("order:1",), attributes={"tries": 3, "paid": True, "note": None})
        for fact in make.random_touchpoints(Random(1), 200, make.START, 60)
    ]
    read = [TOUCHPOINTS.decode(encode(replace(fact, identifiers={"email": "a@example.com"}))) for fact in some]
    assert TOUCHPOINTS.as_columns(read) == TOUCHPOINTS.as_columns(some)
    assert not hasattr(read[0], "identifiers")
    with pytest.raises(DecodeError):
        TOUCHPOINTS.decode(b'{"event_id": "e-1"}')


@given(st.datetimes(EARLIEST.replace(tzinfo=None), datetime(2199, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_time_fits_into_the_warehouse(time: datetime) -> None:
    ms = row(TOUCHPOINTS, make.touchpoint(occurred_at=time))["occurred_at"]
    assert 0 <= ms < 2**32 * 1_000
    assert ms == row(DECISIONS, make.decision(release_at=time))["release_at"]
    if time.year < 2106:
        assert from_ms(ms) == time.replace(microsecond=time.microsecond // 1_000 * 1_000)
    assert minutes_of([ms]) == {to_ms(from_ms(ms).replace(second=0, microsecond=0)) // 1_000}


@pytest.mark.parametrize("name", sorted(PERSONAL))
def test_personal_attributes_are_left_out(name: str) -> None:
    kept = public_attributes("order.placed", {name: "x", name.title(): "y", "order_value": 3})
    assert kept == {"order_value": "3"}


@pytest.mark.parametrize("text", ["jo@example.com", "write to Jo <jo.doe@mail.example.com> please"])
def test_values_with_an_address_in_them_are_left_out(text: str) -> None:
    assert public_attributes("contact.opened", {"topic": text, "handle": "@brand", "at": "5 @ 3"}) == {
        "handle": "@brand",
        "at": "5 @ 3",
    }


def test_of_profile_events_only_what_is_no_address_is_kept() -> None:
    given_attributes: dict[str, Scalar] = {
        "sms_number": "0170",
        "locale": "de",
        "zone": "Europe/Berlin",
        "nickname": "jo",
        "value": 12.0,
    }
    assert public_attributes("profile.updated", given_attributes) == {
        "locale": "de",
        "zone": "Europe/Berlin",
        "value": "12.0",
    }


def test_addresses_and_messages_reach_no_column() -> None:
    secret = "somebody@example.com"
    touched = make.touchpoint(identifiers={"email": secret}, attributes={"email": secret})
    decided = make.decision()
    assert decided.message is not None
    asked, told = make.task(), make.notice()
    found: Sequence[Any] = [row(TOUCHPOINTS, touched), row(DECISIONS, decided), row(TASKS, asked), row(NOTICES, told)]
    assert secret not in repr(found)
    for text in (decided.message.text, asked.suggestion, told.message.text, *asked.journey):
        assert text not in repr(found)


def test_lineage_differs_after_a_replay_from_another_topic_and_nothing_else() -> None:
    first = make.touchpoint()
    again = replace(
        first, raw_offset=99, raw_partition=3, late_seconds=7.0, received_at=first.received_at + timedelta(days=1)
    )
    before, after = row(TOUCHPOINTS, first), row(TOUCHPOINTS, again)
    assert {name for name in before if before[name] != after[name]} == {
        "received_at",
        "late_seconds",
        "raw_partition",
        "raw_offset",
    }
