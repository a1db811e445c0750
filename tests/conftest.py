"""Fixtures are plugins by subject, in tests/fixtures/."""

pytest_plugins = [
    "tests.fixtures.engines",
    "tests.fixtures.service",
    "tests.fixtures.clickhouse_server",
    "tests.fixtures.api",
    "tests.fixtures.door",
    "tests.fixtures.fence",
    "tests.fixtures.loopback",
    "tests.fixtures.mail_server",
]
