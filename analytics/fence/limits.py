"""What one query of an analyst may take, and the engine's settings that see to it.

The one thing to know: with `readonly` these can be set by nobody but whoever opens the handle, so `readonly` is the last one set.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from analytics.warehouse.limits import ANALYST_PRIORITY

LimitName = Literal["seconds", "memory_bytes", "rows_read", "bytes_read", "rows_returned", "bytes_returned", "complexity"]
# How an answer is written: all that whoever asks may choose.
WRITING = frozenset(
    {
        "date_time_output_format",
        "output_format_json_quote_decimals",
        "output_format_json_quote_64bit_integers",
        "output_format_json_quote_denormals",
        "output_format_arrow_string_as_string",
    }
)
_UNLIMITED = 0
_TEMPORARY_BYTES = 4_000_000_000


@dataclass(frozen=True, slots=True)
class SqlLimits:
    """The most of each; above zero. `threads` is how many the engine works with at once on the query.

    `writing` are settings of how answers are written, beside those below: they may name no limit."""

    seconds: float = 60.0
    memory_bytes: int = 2_000_000_000
    rows_read: int = 2_000_000_000
    bytes_read: int = 200_000_000_000
    rows_returned: int = 20_000_000
    bytes_returned: int = 10_000_000_000
    threads: int = 1
    writing: Mapping[str, int | str] = field(default_factory=dict[str, int | str])

    def __post_init__(self) -> None:
        if not self.writing.keys() <= WRITING:
            raise ValueError("these are no settings of how answers are written")

    def settings(self) -> Mapping[str, int | str]:
        """As settings of the engine, without `readonly`; the same for embedded chDB and a server."""
        return {
            "max_execution_time": math.ceil(self.seconds),
            "timeout_overflow_mode": "throw",
            "max_estimated_execution_time": _UNLIMITED,
            "max_memory_usage": self.memory_bytes,
            "max_temporary_data_on_disk_size_for_query": _TEMPORARY_BYTES,
            "max_rows_to_read": self.rows_read,
            "max_bytes_to_read": self.bytes_read,
            "read_overflow_mode": "throw",
            "max_result_rows": self.rows_returned,
            "max_result_bytes": self.bytes_returned,
            "result_overflow_mode": "throw",
            "max_threads": self.threads,
            "max_query_size": 1_000_000,
            "max_ast_depth": 1_000,
            "max_ast_elements": 50_000,
            "max_expanded_ast_elements": 200_000,
            "max_subquery_depth": 100,
            # A call that compares each element of one array with each of another ends when it ends, whatever the limits say: arrays made
            # of nothing are short, and a call sees few rows at once.
            "function_range_max_elements_in_block": 100_000,
            "max_block_size": 4096,
            # Both would answer one tenant's question from what another's left behind.
            "use_query_cache": 0,
            "use_query_condition_cache": 0,
            # The ranges of an index are those of whole granules, of which a neighbour may have a part.
            "use_skip_indexes": 0,
            "allow_ddl": 0,
            "allow_introspection_functions": 0,
            "session_timezone": "UTC",
            # How answers are written: times with their zone, decimals with all their digits.
            "date_time_output_format": "iso",
            "output_format_json_quote_decimals": 1,
            "output_format_json_quote_64bit_integers": 0,
            "output_format_json_quote_denormals": 0,
            **self.writing,
            # The service's own questions go first: this one pauses while they run, but for so long at most before each block, and,
            # where the process may (CAP_SYS_NICE), its threads stand behind all others.
            "priority": ANALYST_PRIORITY,
            "low_priority_query_wait_time_ms": 50,
            "os_threads_nice_value_query": 19,
        }
