"""Names that a caller gives: aliases, columns, parameters, CTEs, members of properties."""

import unicodedata
from typing import Any

from analytics.fence.checked_query import RESERVED_PREFIX
from analytics.fence.refusal import RefusedError

# Columns that the engine adds to a table by itself.
_VIRTUAL = frozenset(
    {
        *("_part", "_part_index", "_part_uuid", "_part_offset", "_part_starting_offset", "_part_data_version", "_part_granule_offset"),
        *("_partition_id", "_partition_value", "_sample_factor", "_row_exists", "_block_number", "_block_offset", "_disk_name"),
        *("_table", "_database", "_path", "_file", "_size", "_time", "_etag", "_headers", "_shard_num", "_distance", "_data_path"),
        *("_row_number", "_minmax_count_projection"),
    }
)


def check_name(name: Any) -> None:
    """Raises RefusedError for a name that is no name, is the fence's, or is made of what cannot be seen."""
    if not isinstance(name, str) or not name:
        raise RefusedError("A name is missing.")
    if name.lower().startswith(RESERVED_PREFIX):
        raise RefusedError(f"Names that begin with {RESERVED_PREFIX} are reserved.", name)
    if name.lower() in _VIRTUAL:
        raise RefusedError(f"There is no column {name} here.", name)
    if not all(map(is_visible, name)):
        raise RefusedError("A name holds characters that cannot be seen.", name)


def is_visible(char: str) -> bool:
    """Whether a character of a name shows: no control, format, unassigned or private character, no separator of lines."""
    return unicodedata.category(char)[0] != "C" and char not in "\u2028\u2029"
