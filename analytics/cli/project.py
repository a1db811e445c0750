"""`analytics project`: make and list projects."""

import click

from analytics.cli.connection import connect
from analytics.cli.context import CommandLine, Group, pass_command_line
from analytics.cli.lists import every_item, table


@click.group(cls=Group)
def project() -> None:
    """Make and list projects."""


@project.command()
@click.argument("slug")
@click.option("--name", help="What people call it; the slug if absent.")
@click.option("--timezone", default="UTC", show_default=True, help="IANA name; can never be changed.")
@pass_command_line
def create(line: CommandLine, slug: str, name: str | None, timezone: str) -> None:
    """Make the project SLUG; its first write key is the output."""
    with connect(line) as service:
        made = service.post("/v1/projects", {"slug": slug, "name": name or slug, "timezone": timezone})
    line.tell(f"Project {made['slug']} made ({made['id']}, {made['timezone']}). Its write key:")
    line.answer(made, made["write_key"])


@project.command("list")
@pass_command_line
def list_projects(line: CommandLine) -> None:
    """List the projects."""
    with connect(line) as service:
        items = every_item(service, "/v1/projects")
    line.answer(items, table(items, "slug", "name", "timezone", "id", "created_at"))
