"""Commands are tested on the embedded broker and on real Apache Kafka."""

from collections.abc import Iterator

import pytest

from tests.support.environments import BROKERS, address_of, new_environment


@pytest.fixture(params=BROKERS)
def bootstrap(request: pytest.FixtureRequest) -> str:
    """A broker's address."""
    return address_of(request.param, request)


@pytest.fixture
def environment(bootstrap: str) -> Iterator[str]:
    """An environment of this test's own."""
    with new_environment(bootstrap) as name:
        yield name
