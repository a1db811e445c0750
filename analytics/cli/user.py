"""`analytics user`: people and their roles."""

import sys
from typing import Any
from urllib.parse import quote

import click

from analytics.cli.connection import connect
from analytics.cli.context import CommandLine, Group, pass_command_line
from analytics.cli.lists import every_item, project_path, table
from analytics.domain.access import Role

_project = click.option("--project", required=True, metavar="SLUG", help="The project.")
_role = click.Choice([role.value for role in Role])


@click.group(cls=Group)
def user() -> None:
    """Make or invite people, give them roles, shut them out."""


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
@click.option("--project", metavar="SLUG", help="Its members alone.")
@pass_command_line
def list_users(line: CommandLine, project: str | None) -> None:
    """List everybody, or the members of a project."""
    with connect(line) as service:
        if project is not None:
            items = every_item(service, project_path(project, "members"))
            line.answer(items, table(items, "email", "name", "role", "created_at"))
            return
        items = every_item(service, "/v1/users")
    rows = [{**item, "roles": [f"{slug}:{role}" for slug, role in item["roles"].items()] or None} for item in items]
    line.answer(items, table(rows, "email", "name", "is_owner", "disabled", "roles", "last_sign_in_at"))


@user.command()
@click.argument("email")
@click.option("--name", default="", help="What people call them; the address if absent.")
@click.option("--project", metavar="SLUG", help="Make them a member of this project.")
@click.option("--role", type=_role, help="What they are in it.")
@pass_command_line
def invite(line: CommandLine, email: str, name: str, project: str | None, role: str | None) -> None:
    """Invite a person, who chooses the password: by mail, or by a link to hand over, which is the output."""
    if (project is None) != (role is None):
        raise click.UsageError("--project and --role go together.")
    with connect(line) as service:
        made = service.post("/v1/invitations", {"email": email, "name": name, "project": project, "role": role})
    _hand_over(line, made)


@user.command()
@click.option("--project", metavar="SLUG", help="Into this project alone.")
@pass_command_line
def invitations(line: CommandLine, project: str | None) -> None:
    """List who is invited and has not come yet."""
    with connect(line) as service:
        items = every_item(service, "/v1/invitations" if project is None else project_path(project, "invitations"))
    line.answer(items, table(items, "id", "email", "project", "role", "expires_at"))


@user.command()
@click.argument("invitation_id")
@click.option("--project", metavar="SLUG", help="The project it is into; owners need not say.")
@pass_command_line
def cancel(line: CommandLine, invitation_id: str, project: str | None) -> None:
    """End an invitation; its id is in `analytics user invitations`."""
    path = "/v1/invitations/" + quote(invitation_id, safe="") if project is None else project_path(project, "invitations", invitation_id)
    with connect(line) as service:
        service.delete(path)
    line.answer({"cancelled": invitation_id}, "The invitation is ended; its link opens nothing any more.")


@user.command()
@click.argument("email")
@pass_command_line
def reset(line: CommandLine, email: str) -> None:
    """Let a person choose another password: by mail, or by a link to hand over, which is the output."""
    with connect(line) as service:
        made = service.post(_path(email, "reset"))
    _hand_over(line, made)


@user.command()
@click.argument("email")
@click.option("--name", help="What people call them.")
@click.option("--owner/--no-owner", default=None, help="Over all projects, or not any more.")
@pass_command_line
def update(line: CommandLine, email: str, name: str | None, owner: bool | None) -> None:
    """Change a person's name, or whether they are an owner."""
    if name is None and owner is None:
        raise click.UsageError("Give --name, --owner or --no-owner.")
    with connect(line) as service:
        changed = service.patch(_path(email), {"name": name, "is_owner": owner})
    line.answer(changed, f"{changed['email']} ({changed['name']}) is {'an' if changed['is_owner'] else 'no'} owner.")


@user.command()
@click.argument("email")
@pass_command_line
def disable(line: CommandLine, email: str) -> None:
    """Shut a person out, at once."""
    with connect(line) as service:
        changed = service.patch(_path(email), {"disabled": True})
    line.answer(changed, f"{changed['email']} cannot sign in any more.")


@user.command()
@click.argument("email")
@pass_command_line
def enable(line: CommandLine, email: str) -> None:
    """Let a person in again, who signs in anew."""
    with connect(line) as service:
        changed = service.patch(_path(email), {"disabled": False})
    line.answer(changed, f"{changed['email']} may sign in again.")


@user.command("second-factor")
@click.argument("email")
@click.option("--remove", is_flag=True, help="Take it off, as for a lost telephone: the password alone is asked for then.")
@pass_command_line
def second_factor(line: CommandLine, email: str, remove: bool) -> None:
    """Say whether a person has a second factor, or take it off."""
    with connect(line) as service:
        if remove:
            service.delete(_path(email, "second-factor"))
        found = service.get(_path(email, "second-factor"))
    if remove:
        line.answer(found, f"{email} signs in with the password alone.")
    elif found["enabled"]:
        line.answer(found, f"{email} has a second factor since {found['since']}; recovery codes left: {found['recovery_codes_left']}.")
    else:
        line.answer(found, f"{email} has no second factor.")


@user.command()
@click.argument("email")
@pass_command_line
def unbind(line: CommandLine, email: str) -> None:
    """Forget who a person is at the identity provider, so that another identity with the address may be bound."""
    with connect(line) as service:
        service.delete(_path(email, "oidc"))
    line.answer({"unbound": email}, f"The next sign-in of {email} by the identity provider binds anew.")


def _path(email: str, *parts: str) -> str:
    return "/".join(("/v1/users", *(quote(part, safe="") for part in (email, *parts))))


def _hand_over(line: CommandLine, made: dict[str, Any]) -> None:
    if made["mailed"]:
        line.answer(made, f"Mailed to {made['email']}.")
    else:
        line.tell(f"Hand this to {made['email']}; it is good once, until {made['expires_at']}:")
        line.answer(made, made["link"])
