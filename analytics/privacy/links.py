"""Which ids are one person: what `$identify` and `$alias` ever linked, followed from id to id."""

from collections.abc import Mapping, Sequence
from typing import Any

from analytics.errors import ConflictError
from analytics.statements import clickhouse
from analytics.warehouse.client import Warehouse

MOST_IDS = 1_000
# Of everything that is kept of a person: rows that are deleted and only hidden, too.
DEEP_QUESTION: Mapping[str, Any] = {"max_execution_time": 3600, "apply_deleted_mask": 0}


def linked_ids(warehouse: Warehouse, project_id: str, ids: Sequence[str]) -> list[str]:
    """The ids that are linked to `ids`, without these. Blocks.

    Raises ConflictError for more than MOST_IDS in all; WarehouseUnavailableError, QueryTimeoutError or LimitExceededError.
    """
    known = dict.fromkeys(ids)
    fresh = list(known)
    while fresh:
        parameters = {"project_id": project_id, "ids": fresh, "rows": 10 * MOST_IDS}
        answer = warehouse.query(clickhouse("privacy/links").text(), parameters, settings=DEEP_QUESTION)
        fresh = list(dict.fromkeys(text for row in answer.rows for text in row if text and text not in known))
        known.update(dict.fromkeys(fresh))
        if len(known) > MOST_IDS:
            raise ConflictError(f"More than {MOST_IDS:,} ids are linked to this person: one of them is shared by many.")
    return [text for text in known if text not in ids]
