"""The country of a phone number."""

import pytest

from touchline.pipeline.outreach.dialling import _TABLE, CODES, country_of_number
from touchline.pipeline.outreach.quiet import _countries


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+49 30 123456", "DE"),
        ("+4930123456", "DE"),
        ("+44 (0) 20 7946 0958", "GB"),
        ("+1-242-555-0100", "BS"),
        ("+1 809 555 0100", "DO"),
        ("+1 212 555 0100", None),  # the United States or Canada
        ("+7 701 123 45 67", "KZ"),
        ("+7 495 123 45 67", "RU"),
        ("+262 692 12 34 56", "RE"),
        ("+262 639 12 34 56", "YT"),
        ("+599 9 123 4567", "CW"),
        ("+800 1234 5678", None),
        ("0049 30 123456", None),
        ("030 123456", None),
        ("+49", None),
        ("device-1", None),
        ("", None),
    ],
)
def test_country(number: str, country: str | None) -> None:
    assert country_of_number(number) == country


def test_every_country_of_the_table_has_a_clock_and_hardly_one_is_missing() -> None:
    zones = set(_countries())
    assert set(CODES.values()) <= zones
    shares_a_code = {
        "US",
        "CA",
        "AX",
        "SJ",
        "GG",
        "JE",
        "IM",
        "CC",
        "CX",
        "EH",
        "BL",
        "MF",
        "GS",
        "AQ",
        "PN",
        "TF",
        "UM",
    }
    assert zones - set(CODES.values()) == shares_a_code


def test_a_code_says_one_country() -> None:
    assert all(code.isdigit() and code[0] != "0" and len(code) <= 6 for code in CODES)
    assert len(CODES) == _TABLE.count(",") + 1
