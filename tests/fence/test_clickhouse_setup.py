"""`analytics clickhouse-setup`: what it prints makes a server whose rights hold, and it names what is missing."""

import json

import pytest
from click.testing import CliRunner, Result

from analytics.cli.main import main
from analytics.fence.server_door import ServerAnalystDoor
from analytics.warehouse.client import Warehouse
from tests.fixtures.clickhouse_server import LIMITED, PASSWORD, ClickHouseServer
from tests.fixtures.fence import ANALYST, DATABASE


def run(server: ClickHouseServer, *arguments: str, user: str = ANALYST) -> Result:
    urls = {
        "ANALYTICS_CLICKHOUSE_URL": server.url(DATABASE),
        "ANALYTICS_CLICKHOUSE_READONLY_URL": server.url(DATABASE, user),
    }
    return CliRunner().invoke(main, ["clickhouse-setup", *arguments], env=urls)


def test_every_statement_it_prints_is_one_the_server_reads(fenced_server: ClickHouseServer) -> None:
    answer = run(fenced_server, "--print", "--json")
    assert answer.exit_code == 0, answer.output
    assert PASSWORD not in answer.output
    statements = json.loads(answer.stdout)["statements"]
    assert any(statement.startswith("CREATE USER") for statement in statements)
    for statement in statements:
        literal = statement.replace("\\", "\\\\").replace("'", "\\'")
        assert fenced_server.ask(f"SELECT formatQuerySingleLine('{literal}')")


def test_the_users_file_it_prints_passes_its_own_check(fenced_server: ClickHouseServer, fenced_server_warehouse: Warehouse) -> None:
    answer = run(fenced_server, "--check")
    assert (answer.exit_code, answer.stdout) == (0, "Every protection holds.\n")
    printed = run(fenced_server, "--users-file", "--project-id", "p-one")
    assert "analytics_project_p-one" in printed.stdout
    assert PASSWORD not in printed.output


def test_a_user_that_may_more_does_not_pass_the_check(
    fenced_server: ClickHouseServer, fenced_server_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ServerAnalystDoor, "self_test", lambda self: ["Rows of another project are visible."])
    answer = run(fenced_server, "--check")
    assert answer.exit_code == 1
    assert "Rows of another project are visible." in answer.stdout


def test_a_user_without_the_roles_is_told_what_to_do(fenced_server: ClickHouseServer, fenced_server_warehouse: Warehouse) -> None:
    answer = run(fenced_server, "--check", user=LIMITED)
    assert answer.exit_code == 1
    assert "clickhouse-setup" in answer.output


def test_without_both_urls_it_says_so() -> None:
    answer = CliRunner().invoke(main, ["clickhouse-setup", "--print"], env={"ANALYTICS_CLICKHOUSE_URL": "http://h:1/d"})
    assert answer.exit_code == 2
    assert "ANALYTICS_CLICKHOUSE_READONLY_URL" in answer.output
