"""Answers to questions as bodies."""

from collections.abc import Sequence
from typing import Any

import msgspec

from analytics.answers.answer import Answer
from analytics.api.schemas.base import iso_utc


def table_json(answer: Answer, rows: Sequence[Sequence[Any]] | None = None, **more: Any) -> bytes:
    """An answer as JSON, or a page of its rows, with `more` members. As schemas/questions.TableAnswer describes it."""
    meta = answer.meta
    return msgspec.json.encode(
        {
            "columns": [{"name": column.name, "type": column.type} for column in answer.columns],
            "rows": answer.rows if rows is None else rows,
            "truncated": answer.truncated,
            **more,
            "meta": {
                "query_id": meta.query_id,
                "elapsed_ms": meta.elapsed_ms,
                "rows_read": meta.rows_read,
                "bytes_read": meta.bytes_read,
                "cached": meta.cached,
                "data_as_of": iso_utc(meta.data_as_of),
                "source": meta.source,
            },
        }
    )
