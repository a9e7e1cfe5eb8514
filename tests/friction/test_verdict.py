"""Why a condition holds or not: the verdict is what the rules' own code came to, and says which values met it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.friction.support import START, touchpoint
from tests.friction.test_contradiction import CONDITIONS, VALUES
from touchline.pipeline.friction.code import Listener, build_dispatch
from touchline.pipeline.friction.verdict import judge
from touchline.pipeline.friction.where import parse_where


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, VALUES, VALUES, st.sampled_from([True, False, None, "yes"]))
def test_the_verdict_is_that_of_the_rules_and_not_turns_it_round(text: str, x: Any, y: Any, v: Any) -> None:
    attributes = {name: value for name, value in (("x", x), ("y", y), ("v", v)) if value is not None}
    event = touchpoint("e-1", "call.ended", START, attributes=attributes)
    condition = parse_where(text)
    hits: list[tuple[int, int]] = []
    build_dispatch([Listener(0, "r", 1, condition)])(event, hits, lambda _rule, _field: False)
    verdict, opposite = judge(condition, event, {}), judge(parse_where(f"not ({text})"), event, {})
    assert (verdict.holds is True) == bool(hits)
    assert opposite.holds == (None if verdict.holds is None else not verdict.holds)
    assert verdict.because
    assert {None, False, True} >= {one.holds for one in verdict.because}
    assert verdict.holds in {one.holds for one in verdict.because}


@pytest.mark.parametrize(
    ("text", "holds", "because"),
    [
        ("wait_seconds >= 600", False, ["wait_seconds >= 600 is false: wait_seconds is 120.0"]),
        ("transfers > 2", None, ["transfers > 2 is unknown: transfers is '3'"]),
        ("not transfers > 2", None, ["transfers <= 2 is unknown: transfers is '3'"]),
        ("gone == 1", None, ["gone == 1 is unknown: gone is missing"]),
        ("vip", True, ["vip is true: vip is True"]),
        ("wait_seconds > 600 and gone == 1", False, ["wait_seconds > 600 is false: wait_seconds is 120.0"]),
        ("wait_seconds > 60 and gone == 1", None, ["gone == 1 is unknown: gone is missing"]),
        ("wait_seconds > 60 or gone == 1", True, ["wait_seconds > 60 is true: wait_seconds is 120.0"]),
        (
            "wait_seconds > 600 or gone == 1",
            None,
            ["wait_seconds > 600 is false: wait_seconds is 120.0", "gone == 1 is unknown: gone is missing"],
        ),
        ("'refund' in text", False, ["'refund' in text is false: text is there (not shown)"]),
        ("email == 'a@b.example'", False, ["email == 'a@b.example' is false: email is there (not shown)"]),
        ("topic == s.topic", False, ["topic == s.topic is false: topic is 'bill', s.topic is 'tv'"]),
        ("order == '7'", True, ["order == '7' is true: order is '7'"]),
    ],
)
def test_what_decided_it_is_told_with_its_value(text: str, holds: bool | None, because: list[str]) -> None:
    given_ = {"transfers": "3", "vip": True, "email": "c@d.example", "topic": "bill"}
    event = touchpoint(
        "e-1", "call.ended", START, attributes=given_, text="my secret", wait_seconds=120.0, subjects=("order:7",)
    )
    verdict = judge(parse_where(text, {"s"}), event, {"s": {"topic": "tv"}})
    assert (verdict.holds, [str(one) for one in verdict.because]) == (holds, because)
