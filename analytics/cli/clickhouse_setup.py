"""`analytics clickhouse-setup`: the analysts' user on a ClickHouse server, printed for its administrator, or tried.

The user is that of ANALYTICS_CLICKHOUSE_READONLY_URL, with its password: what is printed holds the hash of it.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from analytics.cli.connection import connect
from analytics.cli.context import EXIT_FAILED, Command, CommandLine, pass_command_line
from analytics.cli.lists import every_item
from analytics.errors import SettingsError
from analytics.fence.server_door import ServerAnalystDoor
from analytics.fence.server_rights import ServerRights
from analytics.settings import Settings
from analytics.warehouse.client import open_warehouse
from analytics.warehouse.server import check_server_version
from analytics.warehouse.server_address import ServerAddress, parse_server_url


@click.command("clickhouse-setup", cls=Command)
@click.option("--print", "wanted", flag_value="sql", help="Print the SQL that makes the user, its rights and its policies.")
@click.option("--users-file", "wanted", flag_value="file", help="Print the same as a file for users.d, with a role for each project.")
@click.option("--check", "wanted", flag_value="check", help="Sign in as the user and try every protection; exit 1 if one is missing.")
@click.option("--project-id", "project_ids", multiple=True, help="With --users-file: a project (default: all of the running service).")
@pass_command_line
def clickhouse_setup(line: CommandLine, wanted: str | None, project_ids: Sequence[str]) -> None:
    """Make the analysts' user on a ClickHouse server, or check it.

    Users made by SQL get the role of a new project at its first query, from the service itself. With users in files, print the file
    again after a project is made, and put it in place before its analysts ask.
    """
    settings = line.settings()
    analysts, service = _addresses(settings)
    rights = ServerRights.between(analysts, service)
    if wanted == "check":
        _check(line, settings, analysts)
    elif wanted == "file":
        text = rights.users_file(project_ids or _all_projects(line))
        line.answer({"users_file": text}, text.rstrip("\n"))
    elif wanted == "sql":
        statements = rights.statements()
        line.answer({"statements": statements}, [f"{statement};" for statement in statements])
    else:
        raise click.UsageError("give one of --print, --users-file and --check")


def _check(line: CommandLine, settings: Settings, analysts: ServerAddress) -> None:
    assert settings.clickhouse_url is not None
    with closing(open_warehouse(settings.clickhouse_url.get_secret_value(), Path())) as warehouse:
        check_server_version(warehouse)
        with closing(ServerAnalystDoor(analysts, warehouse)) as door:
            faults = list(door.self_test())
    line.answer({"faults": faults}, faults or "Every protection holds.")
    if faults:
        raise click.exceptions.Exit(EXIT_FAILED)


def _addresses(settings: Settings) -> tuple[ServerAddress, ServerAddress]:
    if settings.clickhouse_url is None or settings.clickhouse_readonly_url is None:
        raise SettingsError(
            "ANALYTICS_CLICKHOUSE_URL and ANALYTICS_CLICKHOUSE_READONLY_URL: both must be set; embedded chDB needs neither."
        )
    analysts = parse_server_url(settings.clickhouse_readonly_url.get_secret_value())
    service = parse_server_url(settings.clickhouse_url.get_secret_value())
    if not analysts.username or analysts.username == service.username:
        raise SettingsError("ANALYTICS_CLICKHOUSE_READONLY_URL: must name a user of its own.")
    if not analysts.password:
        raise SettingsError("ANALYTICS_CLICKHOUSE_READONLY_URL: must hold a password for the user.")
    return analysts, service


def _all_projects(line: CommandLine) -> list[str]:
    with connect(line) as service:
        return [str(item["id"]) for item in every_item(service, "/v1/projects")]
