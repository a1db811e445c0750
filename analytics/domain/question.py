"""A question as people save it: SQL or trends, with typed parameters.

The one thing to know: a document says here that it has the right shape, no more. Whether it may run is found out by whoever binds and runs
it (`answers/`): the fence for SQL, the checks of a trend for trends.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, cast

from analytics.errors import InvalidQueryError

MAX_PARAMETERS = 100
MAX_SQL = 64_000
MAX_DESCRIPTION = 2_000
# What a saved question may be called. Lower case alone: no two names look alike.
QUESTION_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}\Z")
_PARAMETER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}\Z")
_MEMBERS = {"kind", "sql", "trends", "parameters", "learners"}
_PARAMETER_MEMBERS = {"name", "type", "default", "description"}


class QuestionKind(StrEnum):
    """What a question is asked in."""

    SQL = "sql"
    TRENDS = "trends"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that whoever asks may set. `type` is a ClickHouse type; without a default it must be given."""

    name: str
    type: str
    has_default: bool = False
    default: Any = None
    description: str = ""

    def document(self) -> dict[str, Any]:
        """As it is saved."""
        default = {"default": self.default} if self.has_default else {}
        return {"name": self.name, "type": self.type, **default, "description": self.description}


@dataclass(frozen=True, slots=True)
class Question:
    """One question. Of `sql` and `trends` (the body of POST /trends) the one of its kind is there.

    `learners` is for SQL: the column that counts the learners behind a row, False: no row is about a group of them, None: nobody said.
    """

    kind: QuestionKind
    sql: str = ""
    trends: Mapping[str, Any] = field(default_factory=dict[str, Any])
    parameters: tuple[Parameter, ...] = ()
    learners: str | Literal[False] | None = None

    def document(self) -> dict[str, Any]:
        """As it is saved: `question_of` gives it back."""
        body = {"sql": self.sql} if self.kind is QuestionKind.SQL else {"trends": dict(self.trends)}
        counted = {} if self.learners is None else {"learners": self.learners}
        return {"kind": str(self.kind), **body, "parameters": [one.document() for one in self.parameters], **counted}

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the parameters without a default."""
        return tuple(one.name for one in self.parameters if not one.has_default)


def question_of(document: Any, pointer: str = "") -> Question:
    """The question in a document. `pointer` is where the document stands, for the errors. Raises InvalidQueryError."""
    if not isinstance(document, Mapping):
        raise InvalidQueryError.at(pointer, "must be an object with kind sql or trends")
    members = cast(Mapping[str, Any], document)
    for name in members:
        if name not in _MEMBERS:
            raise InvalidQueryError.at(f"{pointer}/{name[:100]}", "is no member of a question")
    kind = members.get("kind")
    if not isinstance(kind, str) or kind not in set(QuestionKind):
        raise InvalidQueryError.at(f"{pointer}/kind", f"must be one of {', '.join(QuestionKind)}")
    for other in set(QuestionKind) - {kind}:
        if other in members:
            raise InvalidQueryError.at(f"{pointer}/{other}", f"does not go with kind {kind}")
    parameters = _parameters(members.get("parameters", []), f"{pointer}/parameters")
    body = members.get(kind)
    if kind == QuestionKind.SQL:
        if not isinstance(body, str) or not 1 <= len(body) <= MAX_SQL:
            raise InvalidQueryError.at(f"{pointer}/sql", f"must be a text of 1 to {MAX_SQL:,} characters")
        return Question(
            QuestionKind.SQL, sql=body, parameters=parameters, learners=_learners(members.get("learners"), f"{pointer}/learners")
        )
    if members.get("learners") is not None:
        raise InvalidQueryError.at(f"{pointer}/learners", "is for SQL; those of trends are counted")
    if not isinstance(body, Mapping):
        raise InvalidQueryError.at(f"{pointer}/trends", "must be the body of a trends question")
    return Question(QuestionKind.TRENDS, trends=dict(cast(Mapping[str, Any], body)), parameters=parameters)


def _learners(said: Any, pointer: str) -> str | Literal[False] | None:
    if said is None or said is False or (isinstance(said, str) and 1 <= len(said) <= 200):
        return said
    raise InvalidQueryError.at(pointer, "must be the name of a column, or false")


def _parameters(listed: Any, pointer: str) -> tuple[Parameter, ...]:
    if not isinstance(listed, list):
        raise InvalidQueryError.at(pointer, "must be a list")
    items = cast(Sequence[Any], listed)
    if len(items) > MAX_PARAMETERS:
        raise InvalidQueryError.at(pointer, f"must not be more than {MAX_PARAMETERS}")
    found: dict[str, Parameter] = {}
    for place, item in enumerate(items):
        one = _parameter(item, f"{pointer}/{place}")
        if one.name in found:
            raise InvalidQueryError.at(f"{pointer}/{place}/name", "stands here twice")
        found[one.name] = one
    return tuple(found.values())


def _parameter(item: Any, pointer: str) -> Parameter:
    if not isinstance(item, Mapping):
        raise InvalidQueryError.at(pointer, "must be an object with name and type")
    members = cast(Mapping[str, Any], item)
    for name in members:
        if name not in _PARAMETER_MEMBERS:
            raise InvalidQueryError.at(f"{pointer}/{name[:100]}", "is no member of a parameter")
    name, kind, description = members.get("name"), members.get("type"), members.get("description", "")
    if not isinstance(name, str) or not _PARAMETER_NAME.match(name) or name.lower().startswith("fence_"):
        raise InvalidQueryError.at(f"{pointer}/name", "must be a letter and up to 99 letters, digits and _")
    if not isinstance(kind, str) or not 1 <= len(kind) <= 200:
        raise InvalidQueryError.at(f"{pointer}/type", "must be the name of a type")
    if not isinstance(description, str) or len(description) > MAX_DESCRIPTION:
        raise InvalidQueryError.at(f"{pointer}/description", f"must be a text of up to {MAX_DESCRIPTION:,} characters")
    return Parameter(name, kind, "default" in members, members.get("default"), description)
