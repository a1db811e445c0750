"""`analytics migrate`: bring both databases to the newest migration, or say what that would run.

The service does this by itself at every start. Embedded databases belong to the service that runs on the data dir, so it must be stopped
first; servers may be migrated while services run.
"""

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

import click

from analytics.cli.context import EXIT_FAILED, Command, CommandLine, pass_command_line
from analytics.data_dir import DataDir
from analytics.embedded.engines import start_embedded
from analytics.errors import StartError
from analytics.migrate.clickhouse import migrate_clickhouse, pending_clickhouse
from analytics.migrate.postgres import migrate_postgres, migration_lock, pending_postgres
from analytics.settings import Settings
from analytics.telemetry.logging import configure_logging
from analytics.warehouse.client import Warehouse, open_warehouse
from analytics.warehouse.server import check_server_version, prepare_server


@dataclass(frozen=True)
class Databases:
    """Both, open to this process alone where they are embedded."""

    postgres_url: str
    warehouse: Warehouse


@click.command(cls=Command)
@click.option("--check", is_flag=True, help="Run nothing; exit 1 if there is something to run.")
@pass_command_line
def migrate(line: CommandLine, check: bool) -> None:
    """Bring PostgreSQL and ClickHouse to the newest migration."""
    settings = line.settings()
    configure_logging(settings.log_format, settings.log_level)
    if settings.clickhouse_cluster is not None:
        line.tell(
            f"ANALYTICS_CLICKHOUSE_CLUSTER: tables are made on the server of the URL alone, not on all of {settings.clickhouse_cluster}."
        )
    with open_databases(settings) as databases:
        if check:
            check_server_version(databases.warehouse)
            names = {
                "postgres": [step.file.name for step in pending_postgres(databases.postgres_url)],
                "clickhouse": [step.file.name for step in pending_clickhouse(databases.warehouse)],
            }
        else:
            prepare_server(databases.warehouse)
            lock = nullcontext if databases.warehouse.embedded else partial(migration_lock, databases.postgres_url)
            names = {
                "postgres": list(migrate_postgres(databases.postgres_url)),
                "clickhouse": list(migrate_clickhouse(databases.warehouse, lock)),
            }
    verb = "to run" if check else "run"
    lines = [f"{store}: {f'{verb}: ' + ', '.join(found) if found else 'nothing to run'}" for store, found in names.items()]
    line.answer({"pending" if check else "run": names}, lines)
    if check and any(names.values()):
        raise click.exceptions.Exit(EXIT_FAILED)


@contextmanager
def open_databases(settings: Settings) -> Generator[Databases]:
    """Both databases: by URL, or the embedded engines started for the while.

    Raises StartError if a service runs on the embedded ones, StoreError.
    """
    with ExitStack() as stack:
        postgres_url = settings.postgres_url.get_secret_value() if settings.postgres_url else None
        if postgres_url is None or settings.clickhouse_url is None:
            data_dir = DataDir(settings.data_dir)
            if data_dir.is_locked():
                raise StartError(
                    f"A service runs on the data dir {data_dir.path}: it has migrated its databases at its start; stop it to do it by hand."
                )
            data_dir.prepare()
            stack.callback(os.close, data_dir.lock())
        if postgres_url is None:
            engines = start_embedded(DataDir(settings.data_dir).path, valkey=False)
            stack.callback(engines.stop)
            postgres_url = engines.postgres_url
            if postgres_url is None:
                raise StartError("The embedded PostgreSQL did not say where it is.")
        url = settings.clickhouse_url.get_secret_value() if settings.clickhouse_url else None
        warehouse = open_warehouse(url, DataDir(settings.data_dir).path / "clickhouse")
        stack.callback(warehouse.close)
        yield Databases(postgres_url, warehouse)
