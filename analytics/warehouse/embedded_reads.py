"""What a question of embedded chDB read.

The driver reports the rows of the answer as the rows read; chDB knows both, so the driver's one function that asks is replaced. The one
thing to know: it is private to the driver, so a test asks a question whose answer is smaller than what it reads.
"""

from typing import Any

from clickhouse_connect.driver._backend import chdb_backend


def report_storage_reads() -> None:
    """Make the driver report what was read from tables. May be called more than once."""
    chdb_backend.ChdbBackend._summary = staticmethod(_summary)  # pyright: ignore[reportPrivateUsage]


def _summary(result: Any) -> dict[str, Any]:
    return {
        "read_rows": str(result.storage_rows_read()),
        "read_bytes": str(result.storage_bytes_read()),
        "elapsed_ns": str(int(result.elapsed() * 1_000_000_000)),
    }
