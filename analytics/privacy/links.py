"""Which ids are one person: what `$identify` and `$alias` ever linked, followed from id to id."""

from collections.abc import Mapping, Sequence
from typing import Any

from analytics.statements import clickhouse
from analytics.warehouse.client import Warehouse

MOST_IDS = 1_000
_QUESTION: Mapping[str, Any] = {"max_execution_time": 3600, "apply_deleted_mask": 0, "use_query_condition_cache": 0}


def linked_ids(warehouse: Warehouse, project_id: str, ids: Sequence[str], most: int = MOST_IDS) -> list[str]:
    """The ids that are linked to `ids`, without these; more than `most` in all are not followed further. Blocks.

    Raises WarehouseUnavailableError, QueryTimeoutError or LimitExceededError.
    """
    known = dict.fromkeys(ids)
    fresh = list(known)
    while fresh and len(known) <= most:
        parameters = {"project_id": project_id, "ids": fresh, "rows": 10 * most}
        answer = warehouse.query(clickhouse("privacy/links").text(), parameters, settings=_QUESTION)
        fresh = list(dict.fromkeys(text for row in answer.rows for text in row if text and text not in known))
        known.update(dict.fromkeys(fresh))
    return [text for text in known if text not in ids]
