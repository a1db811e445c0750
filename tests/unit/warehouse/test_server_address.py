"""URLs of ClickHouse servers."""

import pytest
from pydantic import ValidationError

from analytics.settings import Settings
from analytics.warehouse.server_address import ServerAddress, parse_server_url

WELL = [
    ("http://u:p@db:8123/analytics", ServerAddress("http", "db", 8123, "u", "p", "analytics", {})),
    ("http://db", ServerAddress("http", "db", 8123, None, "", None, {})),
    ("https://u:p@db/analytics", ServerAddress("https", "db", 8443, "u", "p", "analytics", {})),
    ("https://u:p@db:9440/", ServerAddress("https", "db", 9440, "u", "p", None, {})),
    ("http://u:p%40ss%2Fword%3A@[::1]:80/a%20b", ServerAddress("http", "::1", 80, "u", "p@ss/word:", "a b", {})),
    (
        "https://db/x?verify=false&ca_cert=/ca.pem",
        ServerAddress("https", "db", 8443, None, "", "x", {"verify": "false", "ca_cert": "/ca.pem"}),
    ),
]
WRONG = [
    ("clickhouse://u:hidden@db:9000/x", "must begin with http:// or https://"),
    ("db:8123", "must begin with http:// or https://"),
    ("http://", "names no host"),
    ("http://u:hidden@/x", "names no host"),
    ("http://u:hid/den@db:8123/x", "no readable port"),
    ("http://u:hidden@db:99999/x", "no readable port"),
    ("http://u:hidden@db/x/y", "one database"),
    ("http://u:hidden@db/x?async_insert=1", "unknown option 'async_insert'"),
]


@pytest.mark.parametrize(("url", "address"), WELL)
def test_a_url_is_read_into_its_parts(url: str, address: ServerAddress) -> None:
    assert parse_server_url(url) == address


@pytest.mark.parametrize(("url", "reason"), WRONG)
@pytest.mark.parametrize("setting", ["clickhouse_url", "clickhouse_readonly_url"])
def test_a_url_that_cannot_be_read_stops_the_start_and_is_not_shown(setting: str, url: str, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({setting: url})
    (error,) = caught.value.errors()
    assert error["loc"] == (setting,)
    assert reason in error["msg"]
    assert "hidden" not in error["msg"]
    assert "hid/den" not in error["msg"]


@pytest.mark.parametrize("setting", ["postgres_url", "redis_url"])
def test_the_url_of_another_kind_of_store_stops_the_start(setting: str) -> None:
    with pytest.raises(ValidationError, match="must begin with"):
        Settings.model_validate({setting: "mysql://u:hidden@db/x"})


def test_a_password_is_not_in_what_an_address_shows() -> None:
    assert "hidden" not in repr(parse_server_url("http://u:hidden@db/x"))
