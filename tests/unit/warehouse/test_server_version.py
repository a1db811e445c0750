"""Which ClickHouse servers are recent enough."""

import pytest

from analytics.errors import EngineStartError
from analytics.warehouse.server import check_version


@pytest.mark.parametrize("version", ["26.3.1.1", "26.3.9.1-lts", "26.10.1.1", "26.9.2.10001.altinitystable", "27.1.1.1", "100.1"])
def test_a_recent_enough_server_is_taken(version: str) -> None:
    check_version(version)


@pytest.mark.parametrize("version", ["26.2.9.9", "25.12.1.1", "9.99.1.1", "3.26"])
def test_an_old_server_is_refused_with_the_version_that_is_needed(version: str) -> None:
    with pytest.raises(EngineStartError, match=rf"ClickHouse {version} is too old: 26\.3 or later"):
        check_version(version)


@pytest.mark.parametrize("version", ["", "main", "v26.3"])
def test_a_version_that_cannot_be_read_is_refused(version: str) -> None:
    with pytest.raises(EngineStartError, match="cannot be read"):
        check_version(version)
