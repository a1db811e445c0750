"""The command `analytics`. Each command lives in its own file and is named in COMMANDS; it is imported when it is called.

Exit codes: 0 done, 1 failed, 2 usage or settings, 3 partly refused.
"""

import importlib
import json
from collections.abc import Mapping
from typing import Any, NoReturn, cast

import click

from analytics.cli.connection import RefusedError
from analytics.cli.context import EXIT_FAILED, EXIT_USAGE, CommandLine, Group
from analytics.errors import AnalyticsError, SettingsError

# name on the command line: "module:attribute", in the order `--help` lists them.
COMMANDS: Mapping[str, str] = {
    "serve": "analytics.cli.serve:serve",
    "demo": "analytics.cli.demo:demo",
    "status": "analytics.cli.status:status",
    "doctor": "analytics.cli.doctor:doctor",
    "migrate": "analytics.cli.migrate:migrate",
    "clickhouse-setup": "analytics.cli.clickhouse_setup:clickhouse_setup",
    "project": "analytics.cli.project:project",
    "key": "analytics.cli.key:key",
    "token": "analytics.cli.token:token",
    "secrets": "analytics.cli.secrets:secrets",
    "user": "analytics.cli.user:user",
    "key-ring": "analytics.cli.key_ring:key_ring",
    "sql": "analytics.cli.sql:sql",
    "load": "analytics.cli.load:load",
    "export": "analytics.cli.export:export",
    "erase": "analytics.cli.erase:erase",
    "audit": "analytics.cli.audit:audit",
    "reconcile": "analytics.cli.reconcile:reconcile",
}


class Root(Group):
    """Finds commands in COMMANDS and turns our errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        return cast(click.Command, getattr(importlib.import_module(module), attribute))

    def invoke(self, ctx: click.Context) -> Any:
        line = ctx.ensure_object(CommandLine)  # made here, so that the commands below fill in this one and none of their own
        try:
            return super().invoke(ctx)
        except AnalyticsError as error:
            _fail(error, as_json=line.json)


def _fail(error: AnalyticsError, as_json: bool) -> NoReturn:
    if as_json:
        problem = error.problem if isinstance(error, RefusedError) else {"code": error.code, "detail": error.detail}
        click.echo(json.dumps(problem, ensure_ascii=False), err=True)
    else:
        click.echo(f"Error: {error.detail}", err=True)
    raise click.exceptions.Exit(EXIT_USAGE if isinstance(error, SettingsError) else EXIT_FAILED)


@click.command(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="analytics-service", prog_name="analytics")
def main() -> None:
    """Columnar analytics on ClickHouse: events in over HTTP, exact answers out."""
