"""`analytics key-ring`: the keys the service signs with."""

import click

from analytics.cli.connection import connect
from analytics.cli.context import CommandLine, Group, pass_command_line
from analytics.cli.lists import table


@click.group("key-ring", cls=Group)
def key_ring() -> None:
    """Rotate the keys that sign access tokens."""


@key_ring.command()
@pass_command_line
def rotate(line: CommandLine) -> None:
    """Sign access tokens with a new key; nobody is signed out: an old key is good until its last token is over (15 minutes)."""
    with connect(line) as service:
        ring = service.post("/v1/auth/signing-keys/rotate")
    line.answer(ring, table(ring["items"], "kid", "created_at", "ends_at"))
