"""Fixtures are plugins by subject, in tests/fixtures/."""

from hypothesis import HealthCheck, settings

# An example takes as long as it takes: neither is a rule, and the machine may be busy.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

pytest_plugins = [
    "tests.fixtures.last_words",
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
