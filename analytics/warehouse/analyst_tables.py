"""The tables an analyst's SQL may read, by the engine's own rights, in every engine.

The one thing to know: each has a column `project_id`, by which its rows are fenced; a table without one must never come onto this list.
"""

from collections.abc import Sequence

ANALYST_TABLES: Sequence[str] = ("events", "event_counts", "user_days", "user_timeline")
# Embedded, the engine reads rights once: whoever makes a table for analysts later takes its name from here.
SPARE_TABLES: Sequence[str] = tuple(f"analyst_table_{number:02}" for number in range(64))
# Where the self-test puts rows of two projects that do not exist, to try whether one sees the other's.
PROBE_TABLE = "fence_probe"
GRANTED_TABLES: Sequence[str] = (*ANALYST_TABLES, *SPARE_TABLES, PROBE_TABLE)
