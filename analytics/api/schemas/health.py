"""Answers of the operations routes."""

from typing import Literal

from pydantic import Field

from analytics.api.schemas.base import Answer


class HealthAnswer(Answer):
    status: Literal["ok"]


class CheckAnswer(Answer):
    ok: bool
    detail: str


class ReadyAnswer(Answer):
    status: Literal["ready", "degraded", "unready"]
    checks: dict[str, CheckAnswer] = Field(description="By part: clickhouse, postgres, redis, migrations, keys, spool, writer.")
