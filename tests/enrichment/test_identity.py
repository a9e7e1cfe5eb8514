"""Who a touchpoint is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.pipeline.enrichment.identity import ORDER, customer_key, normalised, pseudonym


def test_an_id_goes_before_any_identifier() -> None:
    assert customer_key("c-1042", {"email": "c-1042@example.com"}) == "c-1042"


@pytest.mark.parametrize("place", range(len(ORDER)))
def test_identifiers_are_taken_in_order_then_by_name(place: int) -> None:
    there = {name: f"value of {name}" for name in reversed(ORDER[place:])}
    assert customer_key(None, {"alias": "a", **there}) == pseudonym(ORDER[place], f"value of {ORDER[place]}")
    assert customer_key(None, {"handle": "h", "alias": "a"}) == pseudonym("alias", "a")


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("email", " C-1042@Example.com ", "c-1042@example.com"),
        ("phone", "+1 (202) 555-0142", "+12025550142"),
        ("phone", "0044 20 7946 0958", "+442079460958"),
        ("phone", "+44 (0)20 7946 0958", "+442079460958"),
        ("device", " k-1 ", "k-1"),
    ],
)
def test_one_address_in_two_spellings_is_one_customer(name: str, one: str, other: str) -> None:
    assert customer_key(None, {name: one}) == customer_key(None, {name: other})


def test_case_matters_where_it_may() -> None:
    assert customer_key(None, {"account": "Ab"}) != customer_key(None, {"account": "ab"})


@given(st.sampled_from([*ORDER, "handle"]), st.text(min_size=1, max_size=128))
def test_a_key_holds_no_address_and_fits(name: str, value: str) -> None:
    key = customer_key(None, {name: value})
    head, _, digits = key.partition(":")
    assert head == f"~{name}"
    assert len(digits) == 16
    assert set(digits) <= set("0123456789abcdef")
    assert normalised(name, normalised(name, value)) == normalised(name, value)
