"""What a ClickHouse server needs before it is used: to be recent enough, and to have the database of its URL."""

import re

import structlog
from clickhouse_connect.driver.binding import quote_identifier

from analytics.errors import EngineStartError, WarehouseUnavailableError
from analytics.warehouse.client import Warehouse, connect_server
from analytics.warehouse.failures import DRIVER_ERRORS, connect_failure, error_code
from analytics.warehouse.server_address import ServerAddress

# The first with every setting we send. Its parser is older than that of the embedded engine: a test runs all of our SQL on a server.
OLDEST_SERVER = (26, 3)
_UNKNOWN_DATABASE = 81
_VERSION = re.compile(r"(\d+)\.(\d+)")
_log = structlog.get_logger("analytics.warehouse")


def check_version(version: str) -> None:
    """Raises EngineStartError if a server of this version (such as 26.3.9.1) is older than what the settings we send need."""
    match = _VERSION.match(version)
    if match is None:
        raise EngineStartError(f"The ClickHouse server says that its version is {version[:50]!r}, which cannot be read.")
    if (int(match[1]), int(match[2])) < OLDEST_SERVER:
        raise EngineStartError(f"ClickHouse {version} is too old: {'.'.join(map(str, OLDEST_SERVER))} or later is needed.")


def check_server_version(warehouse: Warehouse) -> None:
    """`check_version` of the engine behind `warehouse`. Raises WarehouseUnavailableError if it does not answer."""
    check_version(warehouse.version())


def prepare_server(warehouse: Warehouse) -> None:
    """Refuse a server that is too old, and make the database of its URL if it has none of that name.

    Raises EngineStartError for a too old one, WarehouseUnavailableError if it does not answer, refuses the user or password, or does not
    let the user make the database. Nothing to do for embedded chDB.
    """
    address = warehouse.server
    if address is None:
        return
    try:
        client = connect_server(address, "question")
    except DRIVER_ERRORS as error:
        if error_code(error) != _UNKNOWN_DATABASE or address.database is None:
            raise connect_failure(error, address) from error
        _make_database(address, address.database)
        return
    client.close()
    check_version(str(client.server_version))


def _make_database(address: ServerAddress, name: str) -> None:
    try:
        client = connect_server(address, "question", to_database=False)
    except DRIVER_ERRORS as error:
        raise connect_failure(error, address) from error
    try:
        check_version(str(client.server_version))
        client.command(f"CREATE DATABASE IF NOT EXISTS {quote_identifier(name)}")
    except DRIVER_ERRORS as error:
        raise WarehouseUnavailableError(
            f"The ClickHouse server has no database {name}, and the user may not make it (code {error_code(error)}): "
            f"CREATE DATABASE {name}, or grant the user the right to."
        ) from error
    finally:
        client.close()
    _log.info("made the database", database=name, server=address.name)
