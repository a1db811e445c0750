"""Fixtures are plugins by subject, in tests/fixtures/."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# An example takes as long as it takes: neither is a rule, and the machine may be busy.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

pytest_plugins = [
    "tests.fixtures.last_words",
    "tests.fixtures.disk_calls",
    "tests.fixtures.engines",
    "tests.fixtures.service",
    "tests.fixtures.clickhouse_server",
    "tests.fixtures.api",
    "tests.fixtures.door",
    "tests.fixtures.world",
    "tests.fixtures.fence",
    "tests.fixtures.loopback",
    "tests.fixtures.mail_server",
    "tests.fixtures.oidc_provider",
]

# What takes longest begins first: else one of these is still at it when all else is done.
LONGEST_FILES = (
    "faults/test_kills.py",
    "faults/test_service_processes.py",
    "faults/test_rollup_kills.py",
    "api/test_erasures.py",
    "faults/test_server_mode.py",
    "faults/test_repeats.py",
    "isolation/test_matrix.py",
    "api/test_sql_stuck.py",
    "stores/test_server_reconcile.py",
    "faults/test_durability.py",
    "fence/test_rights_attacks.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(LONGEST_FILES)}
    items.sort(key=lambda item: places.get(item.path, len(places)))
