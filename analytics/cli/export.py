"""`analytics export`: all that is kept of a person, as a ZIP."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from analytics.cli.connection import ServiceConnection, connect
from analytics.cli.context import EXIT_FAILED, Command, CommandLine, pass_command_line
from analytics.cli.erase import watch


@click.command(cls=Command)
@click.option("--project", required=True, metavar="SLUG", help="The project.")
@click.option("--user", "--user-id", "user_id", required=True, metavar="ID", help="Any id of the person; linked ids go with it.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="The ZIP to write.")
@click.pass_context
@pass_command_line
def export(line: CommandLine, context: click.Context, project: str, user_id: str, out: Path) -> None:
    """Write all that is kept of a person and of all linked ids to FILE, personal fields in clear; only you may read it.

    Exit code 0 if FILE is whole, 1 if there is none.
    """
    with connect(line) as service:
        path = f"/v1/projects/{project}/subject-exports"
        record = watch(line, service, path, service.post(path, {"user_id": user_id}))
        if record["status"] == "finished":
            _fetch(service, f"{path}/{record['id']}/file", out)
    line.answer({**record, "file": str(out)}, _words(record, out))
    if record["status"] != "finished":
        context.exit(EXIT_FAILED)


def _fetch(service: ServiceConnection, path: str, out: Path) -> None:
    """Write the file, in its place only once it is whole. Raises RefusedError, StoreError, or click.FileError if it cannot be written."""
    unfinished = out.with_name(f"{out.name}.part")
    try:
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            service.download(path, file)
        unfinished.replace(out)
    except OSError as error:
        raise click.FileError(str(out), error.strerror or type(error).__name__) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _words(record: dict[str, Any], out: Path) -> list[str]:
    if record["status"] != "finished":
        return [f"The export {record['status']}: {record['error'] or 'no reason given'}"]
    files = [f"  {name}: {file['lines']} lines" for name, file in record["files"].items()]
    return [f"{out}: {record['size_bytes']:,} bytes, with everything answered before {record['data_as_of']}.", *files]
