"""The timeline of a rule test: what was expected beside what came."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter

from touchline.pipeline.friction.testdiff import Mark, timeline
from touchline.schemas.ruletestfile import Expected
from touchline.schemas.signal import Signal
from touchline.schemas.vocabulary import Control, Polarity, Severity, SignalStatus, Stage

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SIGNAL = Signal(
    signal_id="s-1", revision=1, status=SignalStatus.OPENED, rule="slow", rule_version=1, polarity=Polarity.FRICTION,
    severity=Severity.HIGH, owner="desk", control=Control.OWN, stage=Stage.SUPPORT, party="own", channel=None,
    customer="c-1", group="c-1", at=START + timedelta(hours=5), raised_at=START, evidence="too slow", action="act",
    events=("e-1",), values={"count": 3},
)  # fmt: skip


def wanted(rule: str, **fields: object) -> Expected:
    return TypeAdapter(Expected).validate_python({"rule": rule, **fields})


def lines(expected: list[Expected], signals: list[Signal]) -> list[tuple[Mark, tuple[str, ...]]]:
    found = timeline(expected, signals, round(START.timestamp() * 1_000))
    return [(line.mark, line.differs) for line in found]


def test_the_same_is_the_same() -> None:
    assert lines([wanted("slow", at="5h", count=3)], [SIGNAL]) == [(Mark.SAME, ())]


def test_what_says_little_does_not_take_what_another_needs() -> None:
    later = replace(SIGNAL, at=START + timedelta(hours=6))
    expected = [wanted("slow"), wanted("slow", at="5h")]
    assert lines(expected, [SIGNAL, later]) == [(Mark.SAME, ()), (Mark.SAME, ())]
    chain = [wanted("slow", count=3), wanted("slow", at="5h"), wanted("slow", customer="c-1")]
    assert lines(chain, [SIGNAL, later, replace(later, customer="c-2")]) == [(Mark.SAME, ())] * 3


def test_the_nearest_of_the_same_rule_is_told_with_its_fields() -> None:
    other = replace(SIGNAL, severity=Severity.LOW, at=START + timedelta(hours=9))
    expected = [wanted("slow", at="4h", severity=Severity.HIGH)]
    assert lines(expected, [other, SIGNAL]) == [(Mark.DIFFERS, ("at",)), (Mark.EXTRA, ())]
    (near, extra) = timeline(expected, [other, SIGNAL], round(START.timestamp() * 1_000))
    assert near.details == ("at: expected +4 h, found +5 h",)
    assert str(extra).startswith("+ +9 h      slow open  too much: customer: c-1")


def test_another_rule_is_missing_and_too_much() -> None:
    assert lines([wanted("quick", at="1h")], [SIGNAL]) == [(Mark.MISSING, ()), (Mark.EXTRA, ())]


def test_lines_stand_in_order_of_time_and_what_has_none_last() -> None:
    expected = [wanted("a"), wanted("b", at="9h"), wanted("c", at="1h")]
    found = timeline(expected, [SIGNAL], round(START.timestamp() * 1_000))
    assert [line.fields["rule"] for line in found] == ["c", "slow", "b", "a"]
    assert str(found[0]) == "- +60 min   c open  missing"
