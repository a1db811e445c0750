"""Each right of the analysts' user on a server, wrong alone, is found by the self-test: SQL is then off, and the fault is named.

All wrong users stand beside each other on one server, whose users file is the printed one with a piece taken out or put in.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

import pytest

from analytics.fence.server_rights import OWN_ROWS, ServerRights
from analytics.warehouse.client import Warehouse
from tests.fixtures.clickhouse_server import PASSWORD, USER, ClickHouseServer
from tests.fixtures.fence import DATABASE, PROJECTS, door_of, fill_events, running_server, warehouse_of, without_files


def granted(right: str) -> Callable[[str], str]:
    return lambda file: file.replace("<grants>", f"<grants><query>GRANT {right}</query>", 1)


def replaced(piece: str, by: str) -> Callable[[str], str]:
    def sabotage(file: str) -> str:
        assert piece in file
        return file.replace(piece, by)

    return sabotage


# User to what is wrong with the file that makes it, and what the self-test says of it.
SABOTAGES: Mapping[str, tuple[Callable[[str], str], str]] = {
    "whole": (lambda file: file, ""),
    "without_policies": (replaced(f"<filter>{escape(OWN_ROWS)}</filter>", "<filter>1</filter>"), "Rows of another project are visible."),
    "without_one_policy": (
        replaced(f'<table name="user_days"><filter>{escape(OWN_ROWS)}', '<table name="user_days"><filter>1'),
        "The table user_days shows its rows to all projects.",
    ),
    "without_closed_tables": (
        replaced('<database name="system"><table name=""><filter>0', '<database name="system"><table name=""><filter>1'),
        "Tables can be listed.",
    ),
    "with_a_table_more": (
        granted(f"SELECT ON `{DATABASE}`.rejected_events"),
        f"Analysts have the right SELECT on {DATABASE}.rejected_events.",
    ),
    "with_writing": (granted("INSERT ON *.*"), "Analysts have the right INSERT on *.*."),
    "with_files": (granted("READ ON FILE"), "Analysts have the right READ on *.*."),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    folder = tmp_path_factory.mktemp("wrong-rights")
    made = ClickHouseServer(folder / "server", config=without_files(folder), users="<clickhouse/>")
    for user, (sabotage, _) in SABOTAGES.items():
        file = ServerRights(user, PASSWORD, DATABASE, USER).users_file(list(PROJECTS))
        (made.folder / "users.d" / f"{user}.xml").write_text(sabotage(file), "utf-8")
    with running_server(made):
        yield made


@pytest.fixture(scope="module")
def service(server: ClickHouseServer) -> Iterator[Warehouse]:
    with warehouse_of(server, fill_events) as opened:
        yield opened


def faults(server: ClickHouseServer, service: Warehouse, user: str) -> str:
    with door_of(server, service, user) as door:
        return " ".join(door.self_test())


@pytest.mark.parametrize("user", [name for name, (_, found) in SABOTAGES.items() if found])
def test_a_wrong_right_is_found(server: ClickHouseServer, service: Warehouse, user: str) -> None:
    assert SABOTAGES[user][1] in faults(server, service, user)


def test_the_rights_as_they_are_printed_hold(server: ClickHouseServer, service: Warehouse) -> None:
    assert faults(server, service, "whole") == ""


@pytest.mark.parametrize(
    ("sent", "value", "found"),
    [
        ("readonly", "0", "The setting readonly of a handle is 0, not 1."),
        ("max_rows_to_read", "0", "A limit on rows does not hold."),
        ("max_memory_usage", "0", "The setting max_memory_usage of a handle is"),
    ],
)
def test_a_request_without_one_of_its_settings_is_found(
    server: ClickHouseServer, service: Warehouse, sent: str, value: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with door_of(server, service, "whole") as door:
        build = door._client.build_request

        def sabotaged(method: str, url: str, *, params: dict[str, str], **more: Any) -> Any:
            assert sent in params
            return build(method, url, params={**params, sent: value}, **more)

        monkeypatch.setattr(door._client, "build_request", sabotaged)
        assert found in " ".join(door.self_test())
