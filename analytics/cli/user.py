"""`analytics user`: people and their roles."""

import sys

import click

from analytics.cli.connection import connect
from analytics.cli.context import CommandLine, Group, pass_command_line
from analytics.cli.lists import every_item, project_path, table
from analytics.domain.access import Role

_project = click.option("--project", required=True, metavar="SLUG", help="The project.")
_role = click.Choice([role.value for role in Role])


@click.group(cls=Group)
def user() -> None:
    """Make people and give them roles."""


@user.command()
@click.argument("email")
@click.option("--name", default="", help="What people call them; the address if absent.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; without it you are asked.")
@click.option("--project", metavar="SLUG", help="Make them a member of this project.")
@click.option("--role", type=_role, help="What they are in it.")
@pass_command_line
def create(line: CommandLine, email: str, name: str, password_stdin: bool, project: str | None, role: str | None) -> None:
    """Make a person who may sign in."""
    if (project is None) != (role is None):
        raise click.UsageError("--project and --role go together.")
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    with connect(line) as service:
        made = service.post("/v1/users", {"email": email, "password": password, "name": name})
        if project is not None:
            member = service.put(project_path(project, "members", email), {"role": role})
            made = {**made, "project": project, "role": member["role"]}
    line.answer(made, f"{made['email']} made ({made['id']})" + (f", {role} of {project}." if project else "."))


@user.command()
@click.argument("email")
@_project
@click.option("--role", type=_role, required=True, help="What they shall be.")
@pass_command_line
def grant(line: CommandLine, email: str, project: str, role: str) -> None:
    """Make a person a member of a project, or change the role."""
    with connect(line) as service:
        member = service.put(project_path(project, "members", email), {"role": role})
    line.answer(member, f"{member['email']} is {member['role']} of {project}.")


@user.command()
@click.argument("email")
@_project
@pass_command_line
def remove(line: CommandLine, email: str, project: str) -> None:
    """End a membership."""
    with connect(line) as service:
        service.delete(project_path(project, "members", email))
    line.answer({"removed": email, "project": project}, f"{email} is no member of {project} any more.")


@user.command("list")
@_project
@pass_command_line
def list_members(line: CommandLine, project: str) -> None:
    """List the members of a project."""
    with connect(line) as service:
        items = every_item(service, project_path(project, "members"))
    line.answer(items, table(items, "email", "name", "role", "created_at"))
