"""Inserts into embedded chDB.

The engine reads what is inserted from a file. clickhouse-connect writes it to one in the system's temporary folder, where a killed process
leaves it behind, with all that it holds about people; here it is a file in memory, which ends with the process.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client

from analytics.warehouse.setting_text import setting_text


def insert_from_memory(client: Client, table: str, columns: Sequence[str], payload: pa.Buffer, settings: Mapping[str, Any]) -> None:
    """Insert an Arrow stream. Setting values are numbers or texts of our own; raises the driver's errors."""
    names = ", ".join(map(quote_identifier, columns))
    descriptor = os.memfd_create("insert")
    with os.fdopen(descriptor, "wb") as file:
        file.write(payload)
        file.flush()
        client.command(
            f"INSERT INTO {table} ({names}) FROM INFILE '/proc/self/fd/{descriptor}' SETTINGS {setting_text(settings)} FORMAT ArrowStream"
        )
