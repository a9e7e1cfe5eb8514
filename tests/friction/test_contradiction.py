"""Conditions that can never be true, and those that say nothing. What is called impossible is tried on events."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.friction.support import START, touchpoint
from touchline.pipeline.friction.code import Listener, build_dispatch
from touchline.pipeline.friction.contradiction import dead_ways, says_nothing, shown
from touchline.pipeline.friction.where import parse_where
from touchline.schemas.vocabulary import Channel


def never(text: str, kinds: tuple[str, ...] | None = None) -> bool:
    dead, ways = dead_ways(parse_where(text).tree, kinds)
    return ways > 0 and len(dead) == ways


@pytest.mark.parametrize(
    "text",
    [
        "x > 5 and x < 3",
        "x > 5 and x <= 5",
        "x >= 5 and x <= 5 and x != 5",
        "3 > x > 5",
        "channel == 'web' and channel == 'app'",
        "channel in ('web', 'app') and channel not in ('app', 'web')",
        "channel == 'web' and channel != 'web'",
        "vip and not vip",
        "x == 'a' and x > 3",
        "x == 2 and x > 3",
        "x in (1, 2) and x > 2",
        "'refund' in text and 'fund' not in text",
        "topic == 'bill' and 'refund' in topic",
        "x < y and x > y",
        "x == y and y != x",
        "(x > 5 or x > 7) and x < 3",
        "not (x > 5 or x <= 5)",
        "actor not in ('customer', 'human', 'bot', 'system', 'partner')",
    ],
)
def test_it_can_never_be_true(text: str) -> None:
    assert never(text)


@pytest.mark.parametrize(
    "text",
    [
        "x > 3 and x < 5",
        "x >= 5 and x <= 5",
        "x > 5 or x < 3",
        "channel != 'web' and channel != 'app'",
        "x <= y and x >= y",
        "x > 3 and y < 3",
        "'refund' in text and 'bill' not in text",
        "x in (1, 2) and x in (2, 3)",
    ],
)
def test_it_can_be_true(text: str) -> None:
    assert not never(text)
    assert not says_nothing(parse_where(text).tree)


def test_a_kind_that_the_pattern_does_not_wait_for_is_never_true() -> None:
    assert never("kind == 'bot.ended'", ("chat.ended",))
    assert not never("kind == 'bot.ended'", ("chat.ended", "bot.ended"))
    assert not never("kind == 'bot.ended'")
    assert says_nothing(parse_where("kind in ('bot.ended', 'chat.ended')").tree, ("bot.ended",))


@pytest.mark.parametrize(
    "text", ["x > 5 or x <= 5", "vip or not vip", "x != 1 or x != 2", "actor != 'bot' or actor == 'bot'"]
)
def test_it_says_nothing(text: str) -> None:
    assert says_nothing(parse_where(text).tree)


def test_one_side_of_an_or_is_told_as_it_might_have_been_written() -> None:
    dead, ways = dead_ways(parse_where("x > 9 or (channel == 'web' and not vip and channel in ('app', 'sms'))").tree)
    assert ways == 2
    assert [shown(way) for way in dead] == ["channel == 'web' and not vip and channel in ('app', 'sms')"]


def test_what_is_too_large_to_look_into_is_let_be() -> None:
    text = " and ".join(f"(a{n} == 1 or b{n} == 1)" for n in range(12))
    assert dead_ways(parse_where(text).tree) == ([], 0)


_COMPARISON = st.one_of(
    st.tuples(st.sampled_from("xy"), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers(0, 3)).map(
        lambda c: f"{c[0]} {c[1]} {c[2]}"
    ),
    st.tuples(st.sampled_from(["in", "not in"]), st.sets(st.integers(0, 3), min_size=1)).map(
        lambda c: f"x {c[0]} {sorted(c[1])}"
    ),
    st.sampled_from(["x < y", "x == y", "y <= x", "x != y", "v", "not v", "channel == 'web'", "channel != 'web'"]),
)
CONDITIONS = st.recursive(
    _COMPARISON,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda c: f"({c[0]} {c[1]} {c[2]})")
        | inner.map(lambda c: f"not ({c})")
    ),
    max_leaves=6,
)
VALUES = st.integers(-1, 4) | st.sampled_from([0.5, 2.5, None, "a"])


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, st.lists(st.tuples(VALUES, VALUES, st.booleans(), st.sampled_from(["web", "app"])), min_size=8))
def test_no_event_makes_true_what_is_called_impossible(text: str, events: list[tuple[Any, Any, bool, str]]) -> None:
    condition = parse_where(text)
    dispatch = build_dispatch([Listener(0, "r", 1, condition)])
    impossible, empty = never(text), says_nothing(condition.tree)
    for x, y, v, channel in events:
        hits: list[tuple[int, int]] = []
        seen = touchpoint("e-1", "call.ended", START, attributes={"x": x, "y": y, "v": v}, channel=Channel(channel))
        dispatch(seen, hits, lambda _rule, _field: False)
        if impossible:
            assert not hits
        if empty and None not in (x, y) and "a" not in (x, y):
            assert hits
