"""Nothing in this folder talks to a store."""

from collections.abc import Iterator

import pytest

from tests.fixtures.no_connections import connections_forbidden


@pytest.fixture(autouse=True)
def no_connections() -> Iterator[None]:
    """Fails the test on any connection attempt."""
    with connections_forbidden() as attempts:
        yield
    assert not attempts, f"a unit test opened connections: {attempts}"
