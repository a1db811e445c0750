"""`analytics token`: API tokens of a project."""

from datetime import UTC, datetime, timedelta

import click

from analytics.cli.connection import connect
from analytics.cli.context import CommandLine, Group, pass_command_line
from analytics.cli.lists import every_item, project_path, table

_project = click.option("--project", required=True, metavar="SLUG", help="The project.")


@click.group(cls=Group)
def token() -> None:
    """Make, list and end API tokens."""


@token.command()
@_project
@click.option("--scope", "scopes", multiple=True, required=True, help="read, personal-data, sql, manage or endpoint:NAME; may be repeated.")
@click.option("--name", default="command line", show_default=True, help="What it is for.")
@click.option("--days", type=click.IntRange(1, 36_500), help="How long it is good; a year if absent.")
@pass_command_line
def create(line: CommandLine, project: str, scopes: tuple[str, ...], name: str, days: int | None) -> None:
    """Make an API token; it is the output, this once."""
    wanted: dict[str, object] = {"name": name, "scopes": list(scopes)}
    if days is not None:
        wanted["expires_at"] = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    with connect(line) as service:
        made = service.post(project_path(project, "tokens"), wanted)
    line.tell(f"API token {made['id']} made for {project}, good until {made['expires_at']}. It is not shown again:")
    line.answer(made, made["token"])


@token.command("list")
@_project
@pass_command_line
def list_tokens(line: CommandLine, project: str) -> None:
    """List the API tokens."""
    with connect(line) as service:
        items = every_item(service, project_path(project, "tokens"))
    line.answer(items, table(items, "id", "name", "last_four", "scopes", "created_at", "expires_at"))


@token.command()
@_project
@click.argument("token_id")
@pass_command_line
def revoke(line: CommandLine, project: str, token_id: str) -> None:
    """End the token with this id."""
    with connect(line) as service:
        service.delete(project_path(project, "tokens", token_id))
    line.answer({"revoked": token_id}, f"Ended {token_id}.")
