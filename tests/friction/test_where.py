"""Conditions: what they mean, what they refuse and where."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.friction.support import START, touchpoint
from touchline.pipeline.friction.code import Listener, build_dispatch, build_pairing
from touchline.pipeline.friction.rules import Tally
from touchline.pipeline.friction.where import MAX_DEPTH, WhereError, parse_where
from touchline.schemas.touchpoint import EnrichedTouchpoint, Score
from touchline.schemas.vocabulary import Channel, ScoreScale


def holds(text: str, event: EnrichedTouchpoint, tally: Tally | None = None) -> bool:
    hits: list[tuple[int, int]] = []
    build_dispatch([Listener(0, "r", 1, parse_where(text))])(event, hits, tally or Tally())
    return hits == [(0, 1)]


EVENT = touchpoint(
    "e", "order.delayed", START, channel=Channel.CHAT, text="Where is my refund?", wait_seconds=30.0, sentiment=-0.5,
    score=Score(scale=ScoreScale.CSAT, value=2), subjects=("order:17", "ticket:9"),
    attributes={"hours": 30, "vip": True, "blocked": False, "code": "E1", "ratio": 0.5, "nothing": None},
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "hours > 24",
        "24 < hours",
        "20 < hours <= 30",
        "hours == 30.0",
        "ratio >= 0.5 and hours != 3",
        "vip",
        "not blocked",
        "vip == True",
        "vip == true and blocked == false",
        "blocked != True",
        "code == 'E1'",
        "code in ('E1', 'E2')",
        "code not in ['E3']",
        "hours in {30, 31}",
        "'refund' in text",
        "'Refund' not in text",
        "channel == 'chat'",
        "channel in ('chat', 'web')",
        "channel != 'web'",
        "stage == 'support' and actor == 'customer' and party == 'own' and source == 'shop'",
        "kind == 'order.delayed'",
        "score <= 2 and score_scale == 'csat'",
        "sentiment < 0 and sentiment > -1",
        "wait_seconds >= 30 or duration_seconds > 5",
        "order == '17' and ticket == '9'",
        "hours > ratio",
        "code != order",
        "not (hours < 24 or code == 'E2')",
        "(hours > 100 or\n   vip)",
    ],
)
def test_true(text: str) -> None:
    assert holds(text, EVENT)
    assert not holds(f"not ({text})", EVENT)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("minutes > 3", "minutes"),  # is not there
        ("nothing == 'x'", "nothing"),
        ("code > 3", "code"),  # text
        ("hours == 'x'", "hours"),  # a number
        ("vip == 1", "vip"),  # true is no number
        ("hours", "hours"),  # neither true nor false
        ("'a' in hours", "hours"),
        ("code < hours", "code"),
        ("vip == hours", "vip"),
        ("duration_seconds > 0", "duration_seconds"),
        ("invoice == '3'", "invoice"),  # no such subject
    ],
)
def test_unknown_is_never_a_match_and_is_counted(text: str, field: str) -> None:
    for written in (text, f"not ({text})", f"not (not ({text}))", f"({text}) and vip", f"({text}) or blocked"):
        tally = Tally()
        assert not holds(written, EVENT, tally)
        assert tally.drain() == {("r", field): 1}
    assert holds(f"({text}) or vip", EVENT)
    assert holds(f"not (({text}) and blocked)", EVENT)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("hours >", 1, 8, "is no condition"),
        ("hours > 24 && vip", 1, 13, "is no condition"),
        ("len(code) > 3", 1, 1, "a call is not allowed"),
        ("__import__('os').system('x')", 1, 1, "a call is not allowed"),
        ("hours > 2 ** 99", 1, 9, "arithmetic is not allowed"),
        ("code.upper == 'E1'", 1, 1, 'no event is called "code" here'),
        ("a.b.c == 1", 1, 1, "an attribute of an object is not allowed"),
        ("[x for x in code]", 1, 1, "a comprehension is not allowed"),
        ("vip or\n  code[0] == 'E'", 2, 3, "an index is not allowed"),
        ("f'{code}' == code", 1, 1, "a formatted string is not allowed"),
        ("(lambda: 1)", 1, 2, "a function is not allowed"),
        ("hours if vip else 1", 1, 1, "a choice is not allowed"),
        ("code is 'E1'", 1, 9, '"is" is not allowed'),
        ("1 < 2", 1, 1, "compares no field"),
        ("3", 1, 1, "is no condition"),
        ("code in ()", 1, 9, "one or more constants"),
        ("code in ('a', 1)", 1, 9, "constants of one type"),
        ("code == ('a', 'b')", 1, 9, "a list can only stand after"),
        ("code in 'E1'", 1, 1, '"in" wants'),
        ("'E1' > code", 1, 1, "has no order"),
        ("wait_seconds > '24'", 1, 16, '"wait_seconds" is a number'),
        ("channel == 3", 1, 12, '"channel" is text'),
        ("channel == 'chatt'", 1, 12, 'did you mean "chat"?'),
        ("channel in ('chat', 'emial')", 1, 12, 'did you mean "email"?'),
        ("channel", 1, 1, '"channel" is text, not true or false'),
        ("hours > 24 # much", 1, 12, "a comment"),
        ("größe > 3", 1, 1, "is no name of a field"),
        ("'ü' in text and len(text) > 3", 1, 17, "a call"),
        ("hours > 99999999999999999999", 1, 9, "is too large a number"),
        ("x == 1j", 1, 6, "is not allowed here"),
        ("-vip == 3", 1, 2, "is not allowed here"),
        ("not " * 40 + "vip", 1, 4 * (MAX_DEPTH + 1) + 1, "is too large"),
        ("(" * 300 + "vip" + ")" * 300, 1, 1, "is"),
        (" or ".join(["a == 1"] * 120), 1, 1, "is"),
        ("a" * 1_001, 1, 1, "longer than"),
        ("vip\0", 1, 4, "is no condition"),
        ("", 1, 1, "is no condition"),
    ],
)
def test_refused_with_its_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(WhereError) as raised:
        parse_where(text)
    assert message in raised.value.message
    assert raised.value.line == line
    if message != "is":
        assert raised.value.column == column


def test_a_condition_between_events_is_unknown_when_either_side_is() -> None:
    pairing = build_pairing("r", parse_where("s.order == order and s.hours < hours", {"s"}))
    tally = Tally()
    assert pairing({"order": "1", "hours": 3}, {"s": {"order": "1", "hours": 2}}, tally)
    assert not pairing({"order": "1", "hours": 3}, {"s": {"order": "2", "hours": 2}}, tally)
    assert not tally.drain()
    assert not pairing({"order": "1", "hours": 3}, {"s": {"order": "1"}}, tally)
    assert not pairing({"order": "1"}, {}, tally)
    assert sum(tally.drain().values()) == 2


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with suppress(WhereError):
        build_dispatch([Listener(0, "r", 1, parse_where(text))])(EVENT, [], Tally())


LEAVES = st.sampled_from(["a", "b == 1", "c == 'x'", "b > d", "'x' in c", "c != 'y'", "b in (1, 2)"])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"(not {t})"),
    ),
    max_leaves=8,
)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["x", "y", "xy"]))


def kleene(text: str, values: dict[str, Any]) -> bool | None:
    """The value by Kleene's tables, read from the text itself."""
    text = text.strip()
    if text.startswith("(not "):
        inner = kleene(text[5:-1], values)
        return None if inner is None else not inner
    if text.startswith("("):
        depth, cut = 0, 0
        for index, character in enumerate(text):
            depth += (character == "(") - (character == ")")
            if depth == 1 and (text.startswith(" and ", index) or text.startswith(" or ", index)):
                cut = index
                break
        left = kleene(text[1:cut], values)
        word, right = text[cut + 1 :].split(" ", 1)
        parts = (left, kleene(right[:-1], values))
        decisive = word == "or"
        return decisive if decisive in parts else None if None in parts else not decisive
    return _leaf(text, values)


def _leaf(text: str, values: dict[str, Any]) -> bool | None:
    a: Any = values.get("a")
    b: Any = values.get("b")
    c: Any = values.get("c")
    d: Any = values.get("d")

    def number(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    def words(value: Any) -> bool:
        return isinstance(value, str)

    known, value = {
        "a": (isinstance(a, bool), a),
        "b == 1": (number(b), b == 1),
        "c == 'x'": (words(c), c == "x"),
        "b > d": (number(b) and number(d), number(b) and number(d) and b > d),
        "'x' in c": (words(c), words(c) and "x" in c),
        "c != 'y'": (words(c), c != "y"),
        "b in (1, 2)": (number(b), b in (1, 2)),
    }[text]
    return bool(value) if known else None


@settings(max_examples=500, deadline=None)
@given(TREES, st.dictionaries(st.sampled_from("abcd"), VALUES))
def test_the_code_is_true_exactly_where_kleene_is(text: str, values: dict[str, Any]) -> None:
    event = touchpoint("e", "a.b", START, attributes=values)
    assert holds(text, event) == (kleene(text, values) is True)
