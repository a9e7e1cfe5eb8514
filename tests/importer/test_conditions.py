"""Conditions, one table."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from touchline.importer.conditions import FIRST, compile_when
from touchline.importer.report import RowFault
from touchline.schemas.mapfile import Condition

ROW: dict[str, Any] = {
    "status": "open",
    "n": "5",
    "empty": "",
    "flag": True,
    "count": 7,
    "nothing": None,
    "previous.status": "new",
    "previous.n": "5",
    FIRST: False,
}


def holds(when: dict[str, Any], row: dict[str, Any] = ROW) -> bool:
    return compile_when(TypeAdapter(Condition).validate_python(when))(row)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"status": "open"}, True),
        ({"status": "Open"}, False),
        ({"n": 5}, True),
        ({"count": "7"}, True),
        ({"flag": True}, True),
        ({"flag": "true"}, True),
        ({"status": ["new", "open"]}, True),
        ({"status": {"in": ["new"]}}, False),
        ({"empty": ""}, True),
        ({"nothing": ""}, True),
        ({"empty": {"present": False}}, True),
        ({"nothing": {"present": True}}, False),
        ({"missing": {"present": False}}, True),
        ({"status": {"present": True, "like": "o*"}}, True),
        ({"status": {"like": "o?"}}, False),
        ({"n": {"above": 4.5, "below": 6}}, True),
        ({"n": {"above": 5}}, False),
        ({"empty": {"above": 0}}, False),
        ({"not": {"status": "open"}}, False),
        ({"not": {"status": "open", "n": 6}}, True),
        ({"any": [{"status": "x"}, {"n": 5}]}, True),
        ({"any": []}, False),
        ({"all": [{"status": "open"}, {"n": 6}]}, False),
        ({"status": "open", "n": 6}, False),
        ({"first": False}, True),
        ({"first": True}, False),
        ({"changed": ["status"]}, True),
        ({"changed": ["n"]}, False),
        ({"changed": ["n", "status"]}, True),
        ({"previous.status": "new"}, True),
        ({}, True),
    ],
)
def test_conditions(when: dict[str, Any], expected: bool) -> None:
    assert holds(when) is expected


def test_the_first_row_of_a_key_has_changed() -> None:
    assert holds({"changed": ["n"]}, {"n": "5", FIRST: True})


def test_what_must_be_compared_and_is_no_number_fails_the_row() -> None:
    with pytest.raises(RowFault, match='status: "open" is no number'):
        holds({"status": {"above": 1}})


def test_a_hostile_pattern_is_answered_at_once() -> None:
    assert not holds({"status": {"like": "*a" * 40 + "b"}}, {"status": "a" * 20_000})
