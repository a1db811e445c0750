"""`analytics erase`: remove a person from every store, for good."""

import time
from typing import Any

import click

from analytics.cli.connection import ServiceConnection, connect
from analytics.cli.context import EXIT_FAILED, Command, CommandLine, pass_command_line

_POLL_SECONDS = 0.5
_OPEN = ("requested", "running")


@click.command(cls=Command)
@click.option("--project", required=True, metavar="SLUG", help="The project.")
@click.option("--user-id", required=True, metavar="ID", help="Any id of the person; linked ids go with it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
@pass_command_line
def erase(line: CommandLine, context: click.Context, project: str, user_id: str, yes: bool) -> None:
    """Remove a person and all linked ids from every store, and refuse their events from now on. It cannot be undone.

    Ctrl-C leaves it running. Exit code 0 if it finished, 1 if it failed.
    """
    if not yes:
        click.confirm(f"Remove {user_id} from project {project} for good?", abort=True, err=True)
    with connect(line) as service:
        path = f"/v1/projects/{project}/erasures"
        record = watch(line, service, path, service.post(path, {"user_id": user_id}))
    line.answer(record, _words(record))
    if record["status"] != "finished":
        context.exit(EXIT_FAILED)


def watch(line: CommandLine, service: ServiceConnection, path: str, record: dict[str, Any]) -> dict[str, Any]:
    """The record once it has ended; each phase on standard error."""
    phase = ""
    while record["status"] in _OPEN:
        if record["phase"] != phase:
            phase = record["phase"]
            line.tell(phase)
        time.sleep(_POLL_SECONDS)
        record = service.get(f"{path}/{record['id']}")
    return record


def _words(record: dict[str, Any]) -> list[str]:
    if record["status"] != "finished":
        return [f"The erasure {record['status']}: {record['error'] or 'no reason given'}"]
    receipt = record["receipt"]
    stores = [f"  {name}: {store['removed']} removed, {store['left']} left" for name, store in receipt["stores"].items()]
    words = [
        f"Erased {len(receipt['ids'])} ids, verified {receipt['verified_at']}.",
        *stores,
        f"Mentions by others: {receipt['mentions']}.",
    ]
    if receipt["log_dropped"] is False:
        words.append("PostgreSQL's log of writes was not dropped: a superuser has to allow it once (sql/postgres/setup/cut_log.sql).")
    return words
