"""`analytics secrets`: rotate the key ring, or move it to another secret key."""

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from analytics.cli.connection import connect
from analytics.cli.context import CommandLine, Group, pass_command_line
from analytics.data_dir import DataDir
from analytics.embedded.engines import start_embedded
from analytics.errors import SettingsError, StartError, UnsealError
from analytics.metadata.key_ring import rewrap_key_ring
from analytics.settings import Settings, secret_key_in


@click.group(cls=Group)
def secrets() -> None:
    """Rotate the keys that seal secrets and encrypt personal fields, or move them to another secret key."""


@secrets.command()
@pass_command_line
def rotate(line: CommandLine) -> None:
    """Make new active keys and seal every secret under the new one. What older keys sealed stays readable."""
    with connect(line) as service:
        made = service.post("/v1/secrets/rotate")
    keys = ", ".join(f"{name} {key_id}" for name, key_id in made["keys"].items())
    line.answer(made, f"New keys: {keys}. Secrets sealed anew: {made['resealed']}.")


@secrets.command()
@click.option(
    "--old-key-file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File that holds the secret key up to now.",
)
@pass_command_line
def reseal(line: CommandLine, old_key_file: Path) -> None:
    """Seal the key ring under the secret key of the settings, in place of the old one. Run it while no service runs."""
    settings = line.settings()
    new = settings.given_secret_key() or DataDir(settings.data_dir).kept_secret_key()
    try:
        old = secret_key_in(old_key_file)
    except ValueError as error:
        raise SettingsError(f"--old-key-file: {error}") from error
    with _postgres_url(settings) as url:
        try:
            moved, stayed = rewrap_key_ring(url, old, new)
        except UnsealError as error:
            raise StartError(f"The key ring opens neither with the key in {old_key_file} nor with the new one: {error.detail}") from error
    line.answer({"moved": moved, "unchanged": stayed}, f"Keys moved to the new secret key: {moved}; there already: {stayed}.")


@contextmanager
def _postgres_url(settings: Settings) -> Generator[str]:
    """The server of the settings, or the embedded one started for the while."""
    if settings.postgres_url is not None:
        yield settings.postgres_url.get_secret_value()
        return
    data_dir = DataDir(settings.data_dir)
    if data_dir.is_locked():
        raise StartError(f"A service runs on the data dir {data_dir.path}: stop it first.")
    with ExitStack() as stack:
        data_dir.prepare()
        stack.callback(os.close, data_dir.lock())
        engines = start_embedded(data_dir.path, valkey=False)
        stack.callback(engines.stop)
        if engines.postgres_url is None:
            raise StartError("The embedded PostgreSQL did not say where it is.")
        yield engines.postgres_url
