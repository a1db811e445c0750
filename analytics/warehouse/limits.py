"""The settings every statement carries, written out since the engine's defaults have moved between versions."""

from collections.abc import Mapping
from typing import Any

QUESTION_SETTINGS: Mapping[str, Any] = {
    "max_execution_time": 30,
    "max_memory_usage": 4_000_000_000,
    "max_result_rows": 1_000_000,
    "result_overflow_mode": "throw",
    "max_threads": 2,
    "session_timezone": "UTC",
    # Files are read by the thread that needs them: what was stored of late is in memory, and handing each read of each part to another
    # thread costs more than the read.
    "local_filesystem_read_method": "pread",
    "use_query_condition_cache": 0,
    # Which marks of a part to read is found in microseconds: threads for it cost three milliseconds a question.
    "max_threads_for_indexes": 1,
}

# While a question of the service runs, the queries of analysts, which have the number below, pause between two blocks.
SERVICE_PRIORITY = 1
ANALYST_PRIORITY = 10

# One insert is one block: a retry that split differently would not be recognised by its token.
INSERT_SETTINGS: Mapping[str, Any] = {
    "async_insert": 0,
    "session_timezone": "UTC",  # what the views of own rollups make of texts that are times
    "max_insert_threads": 1,
    "max_insert_block_size": 10_000_000,
    "min_insert_block_size_rows": 10_000_000,
    "min_insert_block_size_bytes": 10_000_000_000,
    "input_format_parallel_parsing": 0,
    # Else `insert_deduplicate` counts for nothing, and an insert that must not be taken for another's repeat is dropped.
    "deduplicate_insert": "backward_compatible_choice",
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "materialized_views_ignore_errors": 0,
    "parallel_view_processing": 0,
    "optimize_on_insert": 0,
    "max_partitions_per_insert_block": 100,
    "max_memory_usage": 4_000_000_000,
}
