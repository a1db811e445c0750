"""Asks a question for a project and answers a table: SQL through the one door for foreign SQL, trends through the engine of questions.

The one thing to know: what may run is decided each time it is asked, by the same fence and the same checks as for whoever types it.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from typing import Any, Protocol, cast
from uuid import uuid4

import msgspec
from pydantic import ValidationError

from analytics.adhoc.columns import Column
from analytics.adhoc.door import CheckedSql, WantedSql
from analytics.adhoc.formats import Format
from analytics.adhoc.queries import AdhocQueries, meta_of, whole_body
from analytics.answers.answer import Answer
from analytics.answers.checked import CheckedTexts
from analytics.answers.parameters import are_defaults, given_values, with_values
from analytics.answers.trends_body import TrendsQuestion
from analytics.answers.volatile import is_volatile
from analytics.clock import Clock
from analytics.domain.access import Role
from analytics.domain.project import Project
from analytics.domain.question import Question, QuestionKind
from analytics.domain.sql_policy import SqlPolicy
from analytics.errors import FieldError, InvalidQueryError
from analytics.metadata.sql_history import SqlQuery
from analytics.metadata.storable import storable
from analytics.query.engine import Questions
from analytics.query.result import TrendAnswer
from analytics.query.spec import TrendSpec

MOST_ROWS = 100_000
MOST_BYTES = 64_000_000
OTHER = "(other)"  # the breakdown of all values beyond its limit
DAYS = ("date_from", "date_to")
Days = tuple[date, date]
Compute = Callable[[], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """What an answer depends on beside the data: `digest` is SHA-256 over all that shapes it; `volatile`: and on when it is asked."""

    project_id: str
    digest: str
    volatile: bool = False


class AnswerCache(Protocol):
    """Keeps answers."""

    async def answer(self, key: AnswerKey, days: Days | None, max_age_seconds: float, compute: Compute) -> Answer:
        """The answer of `key`, kept or computed. `days`: the only days (UTC, inclusive) that it reads; None: any."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a project.

    `caller` shares one allowance of places and of queries an hour. `author` wrote it, and answers for SQL that nothing ends; but where
    `params` are not its defaults `giver` does, who gave them (None: the caller). `role`: whose limits count; a saved question runs with an
    editor's, whoever asks. `source`: under what the history has it (`query:NAME`), None: not at all. `days` (inclusive) are put in the
    place of the dates of trends, and of the parameters `date_from` and `date_to`.
    """

    project: Project
    question: Question
    caller: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    days: Days | None = None
    max_age_seconds: float = 0.0
    max_rows: int = MOST_ROWS
    query_id: str = field(default_factory=lambda: uuid4().hex)
    role: Role = Role.EDITOR
    source: str | None = None
    author: str | None = None
    giver: str | None = None

    @property
    def callers(self) -> set[str]:
        """Whose suspension is in its way."""
        return {self.caller, *(one for one in (self.author, self.giver) if one is not None)}

    @property
    def answerable(self) -> str | None:
        """Who answers for SQL that nothing ends; None: nobody is known to. Raises InvalidRequestError for values that do not fit."""
        return self.author if are_defaults(self.question, self.params) else self.giver or self.caller


class Answers:
    """For one event loop."""

    def __init__(self, queries: AdhocQueries, questions: Questions, clock: Clock, cache: AnswerCache | None = None) -> None:
        """Without a cache each question is computed."""
        self._queries = queries
        self._texts = CheckedTexts(queries.door)
        self._questions = questions
        self._clock = clock
        self._cache = cache

    async def answer(self, asked: Asked) -> Answer:
        """The answer. Raises what the door of SQL and the engine of questions raise: RequestError or StoreError."""
        if asked.question.kind is QuestionKind.SQL:
            policy = (await self._queries.policies(asked.project))[asked.role]
            checked = await self.checked_sql(asked)
            shape: Any = [checked.sql, dict(checked.parameters), policy.by_name]
            volatile = is_volatile(checked.sql)
            return await self._cached(asked, shape, None, lambda: self._sql(asked, checked, policy), volatile)
        spec = self.trend_spec(asked)
        shape = [repr(spec), sorted(map(str, asked.project.personal_fields.items()))]
        last = (spec.span.end - timedelta(milliseconds=1)).astimezone(UTC).date()
        return await self._cached(asked, shape, (spec.span.start.astimezone(UTC).date(), last), lambda: self._trends(asked, spec))

    async def require_allowed(self, asked: Asked) -> None:
        """Raises SqlSuspendedError where SQL of whoever asks, wrote it or gave its values, or this statement, is suspended."""
        await self._queries.suspensions.require_none(asked.project.id, asked.callers, asked.question.sql)

    async def checked_sql(self, asked: Asked) -> CheckedSql:
        """The statement of a question in SQL with its values, as it would run. Raises SqlRefusedError, InvalidRequestError, StoreError."""
        question = asked.question
        values = given_values(question, _with_days(asked))
        return await self._texts.check(question.sql, values, asked.project.id)

    def trend_spec(self, asked: Asked) -> TrendSpec:
        """The trend that is asked for, with its values. Raises InvalidRequestError."""
        question = asked.question
        body = with_values(question, given_values(question, _with_days(asked)))
        if asked.days is not None:
            body.update(zip(DAYS, (day.isoformat() for day in asked.days), strict=True))
        try:
            trends = TrendsQuestion.model_validate(body)
        except ValidationError as error:
            found = [FieldError("/trends" + "".join(f"/{part}" for part in item["loc"]), str(item["msg"])) for item in error.errors()]
            raise InvalidQueryError("; ".join(f"{one.pointer} {one.detail}" for one in found[:3]), found) from error
        return trends.spec(asked.project, self._clock.now())

    async def _cached(self, asked: Asked, shape: Any, days: Days | None, compute: Compute, volatile: bool = False) -> Answer:
        if self._cache is None:
            return await compute()
        text = json.dumps([asked.question.kind, shape, asked.max_rows], sort_keys=True, separators=(",", ":"))
        key = AnswerKey(asked.project.id, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), volatile)
        return await self._cache.answer(key, days, asked.max_age_seconds, compute)

    async def _sql(self, asked: Asked, checked: CheckedSql, policy: SqlPolicy) -> Answer:
        await self.require_allowed(asked)
        await self._queries.require_named_allowed(asked.project, checked.named)
        await self._queries.charge(asked.project, asked.caller, policy)
        most = min(asked.max_rows, MOST_ROWS)
        wanted = WantedSql(
            asked.query_id,
            asked.project.id,
            asked.caller,
            policy,
            checked,
            Format.JSON,
            most,
            author=asked.answerable,
            statement=asked.question.sql,
            in_history=asked.source is not None,
        )
        running = self._queries.door.running(wanted) if asked.source is None else self._queries.kept(wanted, self._kept(asked, checked))
        async with running as query:
            rows = await whole_body(query, MOST_BYTES, f"An answer may have {MOST_BYTES:,} bytes.")
        return Answer(tuple(query.shape.columns), json.loads(b"[%b]" % rows), query.shape.truncated, meta_of(query))

    def _kept(self, asked: Asked, checked: CheckedSql) -> SqlQuery:
        values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(storable(dict(asked.params))))  # NaN is null
        return SqlQuery(
            id=asked.query_id,
            project_id=asked.project.id,
            actor=asked.caller,
            started_at=self._clock.now(),
            format=str(Format.JSON),
            statement=asked.question.sql,
            parameters=values,
            tables=checked.tables,
            kind=None,
            source=asked.source,
        )

    async def _trends(self, asked: Asked, spec: TrendSpec) -> Answer:
        found = await self._questions.trends(asked.project, spec)
        rows = trend_rows(found)
        most = min(asked.max_rows, MOST_ROWS)
        columns = (
            Column("bucket", f"DateTime('{spec.zone.key}')"),
            Column("label", "String"),
            Column("breakdown", "Nullable(String)"),
            Column("value", "Nullable(Float64)"),
        )
        return Answer(columns, rows[:most], len(rows) > most, found.meta)


def trend_rows(found: TrendAnswer) -> list[list[Any]]:
    """A row per line and bucket: bucket, label, breakdown (OTHER: all values beyond its limit), value."""
    return [
        [bucket, line.label, _breakdown(line.breakdown), value]
        for line in found.series
        for bucket, value in zip(found.buckets, line.values, strict=True)
    ]


def _breakdown(group: Any) -> str | None:
    if group is None:
        return None
    return OTHER if group.other else cast("str | None", group.value)


def _with_days(asked: Asked) -> dict[str, Any]:
    """The values given, the days that are asked for among them where the question declares such parameters."""
    values = dict(asked.params)
    if asked.days is not None:
        declared = {one.name for one in asked.question.parameters}
        values.update({name: day.isoformat() for name, day in zip(DAYS, asked.days, strict=True) if name in declared})
    return values
