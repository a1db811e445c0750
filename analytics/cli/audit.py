"""`analytics audit`: the audit trail, and whether somebody tampered with it."""

from pathlib import Path
from typing import Any

import click

from analytics.cli.connection import connect
from analytics.cli.context import EXIT_FAILED, CommandLine, Group, pass_command_line

VERIFY_SECONDS = 3600.0


@click.group(cls=Group)
def audit() -> None:
    """Check the audit trail, and take its head to keep elsewhere."""


@audit.command()
@click.option("--expect", metavar="HEAD", help="A head that an earlier run printed, kept where this machine cannot change it.")
@click.pass_context
@pass_command_line
def verify(line: CommandLine, context: click.Context, expect: str | None) -> None:
    """Walk the chain of seals and say what was edited, deleted, moved or, with --expect, cut off its end.

    Prints the head to keep elsewhere. Exit code 0 if nothing is wrong, 1 if something is.
    """
    with connect(line) as service:
        options: dict[str, Any] = {"params": {"expect": expect} if expect else {}, "timeout": VERIFY_SECONDS}
        found = service.call("GET", "/v1/audit/verification", **options)
    for finding in () if line.json else found["findings"]:
        line.tell(f"{finding['kind']}: {finding['detail']}")
    line.answer(found, found["head"])
    if not found["intact"]:
        line.tell(f"The audit is NOT what was sealed: {found['wrong']} findings in {found['seals']} records.")
        context.exit(EXIT_FAILED)
    line.tell(f"{found['seals']} sealed records are as they were sealed.")


@audit.command()
@pass_command_line
def head(line: CommandLine) -> None:
    """Print the head of the chain, to keep elsewhere and give to `verify --expect`."""
    with connect(line) as service:
        found = service.get("/v1/audit/head")
    line.answer(found, found["head"])


@audit.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--project", metavar="SLUG", help="Of this project only.")
@pass_command_line
def export(line: CommandLine, file: Path, project: str | None) -> None:
    """Write every record to FILE, one JSON document a line, newest first."""
    with connect(line) as service:
        parameters = {"project": project} if project else {}
        answer = service.ask("GET", "/v1/audit", params=parameters, headers={"accept": "application/x-ndjson"}, timeout=VERIFY_SECONDS)
        service.require_success(answer)
    file.write_bytes(answer.content)
    records = answer.content.count(b"\n")
    line.answer({"file": str(file), "records": records}, f"{records} records in {file}")
