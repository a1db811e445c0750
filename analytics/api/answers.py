"""Answers to questions as bodies."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from analytics.adhoc.columns import Column
from analytics.answers.answer import Answer
from analytics.api.schemas.base import iso_utc
from analytics.query.result import Meta


def table_json(answer: Answer, rows: Sequence[Sequence[Any]] | None = None, **more: Any) -> bytes:
    """An answer as JSON, or a page of its rows, with `more` members. As schemas/questions.TableAnswer describes it."""
    return msgspec.json.encode(
        {
            "columns": shown_columns(answer.columns),
            "rows": answer.rows if rows is None else rows,
            "truncated": answer.truncated,
            **more,
            "meta": shown_meta(answer.meta),
        }
    )


def shown_columns(columns: Sequence[Column]) -> list[dict[str, str]]:
    """Columns as schemas/sql.ColumnAnswer describes them."""
    return [{"name": column.name, "type": column.type} for column in columns]


def columns_json(columns: Sequence[Column]) -> str:
    """`shown_columns` as text; a name may hold what UTF-8 cannot say."""
    return json.dumps(shown_columns(columns), ensure_ascii=False)


def shown_meta(meta: Meta) -> dict[str, Any]:
    """Meta as schemas/trends.MetaAnswer describes it."""
    return {
        "query_id": meta.query_id,
        "elapsed_ms": meta.elapsed_ms,
        "rows_read": meta.rows_read,
        "bytes_read": meta.bytes_read,
        "cached": meta.cached,
        "data_as_of": iso_utc(meta.data_as_of),
        "source": meta.source,
    }
