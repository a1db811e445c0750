"""Whether a question may be saved: everything that can be known before it is asked.

The one thing to know: this makes nothing safe. What is saved is checked anew each time it is asked; here its author is told early.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analytics.adhoc.door import SqlDoor
from analytics.adhoc.parameters import bind
from analytics.answers.names import named_query
from analytics.answers.parameters import check_defaults
from analytics.answers.runner import Answers, Asked
from analytics.domain.access import Permission
from analytics.domain.project import Project
from analytics.domain.question import Parameter, Question, QuestionKind
from analytics.errors import InvalidQueryError, InvalidRequestError
from analytics.query.persons import shows_persons

# Members of the address of an endpoint that are no parameters of its question.
RESERVED_PARAMETERS = frozenset({"limit", "cursor", "max_age_seconds", "ticket"})
# Values to try trends with where a parameter has no default: the first that is of its type.
_SAMPLES: tuple[Any, ...] = ("2026-01-01", 0, True, "00000000-0000-0000-0000-000000000000", "127.0.0.1", ["2026-01-01"], [0], [True], [])
_SAMPLES_OF: Mapping[str, Any] = {"interval": "day", "timezone": "UTC"}


@dataclass(frozen=True, slots=True)
class Savable:
    """A question that may be saved: the names of the project that it reads as tables, and what its author must be allowed besides."""

    reads: tuple[str, ...]
    needs: frozenset[Permission]


class Saving:
    """Looks at questions before they are saved. For one event loop."""

    def __init__(self, door: SqlDoor, answers: Answers) -> None:
        self._door = door
        self._answers = answers

    async def check(
        self, project: Project, question: Question, author: str, name: str | None = None, pointer: str = "/question"
    ) -> Savable:
        """`question` of `author` as it may be saved, under `name` if it gets one. `pointer` is where it stands, for the errors.

        Raises SqlRefusedError (also for a name that would read itself), SqlSuspendedError, InvalidRequestError, LimitExceededError,
        StoreError.
        """
        for place, one in enumerate(question.parameters):
            if one.name in RESERVED_PARAMETERS:
                raise InvalidQueryError.at(f"{pointer}/parameters/{place}/name", "is a word of the endpoints")
        check_defaults(question, pointer)
        if question.kind is QuestionKind.SQL:
            await self._answers.require_allowed(Asked(project, question, author))
            return await self._check_sql(project, question, name, pointer)
        values = {one.name: _sample(one) for one in question.parameters if not one.has_default}
        spec = self._answers.trend_spec(Asked(project, question, "", values))
        personal = shows_persons(spec, project.personal_fields)
        return Savable((), frozenset({Permission.READ_EVENTS} if personal else ()))

    async def _check_sql(self, project: Project, question: Question, name: str | None, pointer: str) -> Savable:
        draft = {} if name is None else {name: named_query(question)}
        checked = await self._door.checked(question.sql, project.id, draft)
        declared = {one.name: one for one in question.parameters}
        for place, one in enumerate(question.parameters):
            kind = checked.parameters.get(one.name)
            if kind is None:
                raise InvalidQueryError.at(
                    f"{pointer}/parameters/{place}/name", f"stands nowhere in the SQL: write {{{one.name}:{one.type}}}"
                )
            if _plain(kind) != _plain(one.type):
                raise InvalidQueryError.at(f"{pointer}/parameters/{place}/type", f"is {kind} in the SQL")
        for used, kind in checked.parameters.items():
            if used not in declared:
                raise InvalidQueryError.at(f"{pointer}/parameters", f"lacks {used}, which the SQL takes as {kind}")
        return Savable(checked.named, frozenset({Permission.RUN_SQL}))


def _plain(kind: str) -> str:
    return re.sub(r"\s+", "", kind)


def _sample(one: Parameter) -> Any:
    if one.name in _SAMPLES_OF:
        return _SAMPLES_OF[one.name]
    for value in _SAMPLES:
        try:
            bind({one.name: one.type}, {one.name: value})
        except InvalidRequestError:
            continue
        return value
    raise InvalidQueryError.at(f"/parameters/{one.name}/type", "is no type that a parameter of trends can have")
