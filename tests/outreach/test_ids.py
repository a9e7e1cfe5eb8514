"""Ids are UUIDs of version 5."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from touchline.pipeline.outreach.ids import decision_id, delivery_id

NAMESPACE = UUID("5b0d7c1e-6a51-4f0e-9c6e-3f2f3d8f5a10")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0))
def test_they_are_those_of_the_standard_library(name: str, revision: int) -> None:
    assert decision_id(name) == str(uuid5(NAMESPACE, f"decision:{name}"))
    assert delivery_id(name, revision) == str(uuid5(NAMESPACE, f"delivery:{name}:{revision}"))
