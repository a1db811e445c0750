"""`analytics key`: write keys of a project."""

import click

from analytics.cli.connection import ServiceConnection, connect
from analytics.cli.context import CommandLine, Group, pass_command_line
from analytics.cli.lists import every_item, project_path, table
from analytics.errors import NotFoundError

_project = click.option("--project", required=True, metavar="SLUG", help="The project.")


@click.group(cls=Group)
def key() -> None:
    """Make, list, rotate and revoke write keys."""


@key.command()
@_project
@click.option("--name", default="command line", show_default=True, help="What it is for.")
@pass_command_line
def create(line: CommandLine, project: str, name: str) -> None:
    """Make a write key; it is the output."""
    with connect(line) as service:
        made = service.post(project_path(project, "keys"), {"name": name})
    line.tell(f"Write key {made['id']} made for {project}:")
    line.answer(made, made["key"])


@key.command("list")
@_project
@pass_command_line
def list_keys(line: CommandLine, project: str) -> None:
    """List the write keys, the revoked too."""
    with connect(line) as service:
        items = every_item(service, project_path(project, "keys"))
    line.answer(items, table(items, "id", "name", "key", "created_at", "revoked_at"))


@key.command()
@_project
@click.argument("key")
@pass_command_line
def revoke(line: CommandLine, project: str, key: str) -> None:
    """Revoke KEY, named by its id or by itself."""
    with connect(line) as service:
        key_id = _id_of(service, project, key)
        service.delete(project_path(project, "keys", key_id))
    line.answer({"revoked": key_id}, f"Revoked {key_id}.")


@key.command()
@_project
@click.argument("key")
@click.option("--overlap", "overlap_seconds", type=click.IntRange(0, 31_536_000), default=86_400, show_default=True, help="In seconds.")
@pass_command_line
def rotate(line: CommandLine, project: str, key: str, overlap_seconds: int) -> None:
    """Make a new write key in place of KEY, which ends by itself after the overlap; the new one is the output."""
    with connect(line) as service:
        made = service.post(project_path(project, "keys", _id_of(service, project, key), "rotate"), {"overlap_seconds": overlap_seconds})
    line.tell(f"Write key {made['id']} made for {project}; the old one is good until {made['old_key_ends_at']}:")
    line.answer(made, made["key"])


def _id_of(service: ServiceConnection, project: str, key: str) -> str:
    """The id of a key that is named by its id or by itself."""
    if not key.startswith("wk_"):
        return key
    found = [item["id"] for item in every_item(service, project_path(project, "keys")) if item["key"] == key]
    if not found:
        raise NotFoundError(f"{project} has no such write key.")
    return found[0]
