"""Trends: the answer. The question is `answers/trends_body.py`."""

from datetime import datetime
from typing import Annotated

from pydantic import PlainSerializer

from analytics.api.schemas.base import Answer, iso_utc
from analytics.query.result import Source

Utc = Annotated[datetime, PlainSerializer(iso_utc, return_type=str)]


class MetaAnswer(Answer):
    """How an answer came about. Every event answered before `data_as_of` is in it."""

    query_id: str
    elapsed_ms: int
    rows_read: int
    bytes_read: int
    cached: bool
    data_as_of: Utc
    source: Source


class GroupAnswer(Answer):
    """A value of the breakdown's property (null: missing), or all those beyond the limit."""

    value: str | None
    other: bool


class TrendLineAnswer(Answer):
    """A value per bucket and the metric over the whole range. Averages, extremes and quantiles of nothing are null."""

    label: str
    breakdown: GroupAnswer | None
    values: list[int | float | None]
    total: int | float | None
    estimate: bool


class TrendsAnswer(Answer):
    """The lines, in the order of the series; groups largest first, `other` last."""

    buckets: list[str]
    series: list[TrendLineAnswer]
    meta: MetaAnswer
