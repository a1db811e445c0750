"""A person in the SQL that was asked: in the history's texts and parameters, and among the samples of the schema."""

import re
from collections.abc import Mapping
from typing import Any

import anyio.from_thread

from analytics.adhoc.schema import SqlSchema
from analytics.metadata.sql_history import SqlHistory
from analytics.privacy.subject import SHORT_ID, Subject


class SqlQueries:
    """`postgres:sql_queries`. An entry that names the person keeps who asked when, and loses what was asked."""

    name = "postgres:sql_queries"

    def __init__(self, history: SqlHistory) -> None:
        self._history = history

    def find(self, subject: Subject) -> int:
        return len(self._naming(subject))

    def remove(self, subject: Subject) -> None:
        found = self._naming(subject)
        if found:
            anyio.from_thread.run(self._history.empty, subject.project_id, found)

    def _naming(self, subject: Subject) -> list[str]:
        words = [form for text in subject.ids for form in _forms(text)]
        kept = anyio.from_thread.run(self._history.mentioning, subject.project_id, words)
        return [query_id for query_id, statement, parameters in kept if any(names(text, statement, parameters) for text in subject.ids)]


class SqlSamples:
    """`memory:sql_schema`. In other processes it is forgotten by itself within a minute."""

    name = "memory:sql_schema"

    def __init__(self, schema: SqlSchema) -> None:
        self._schema = schema

    def find(self, subject: Subject) -> int:
        return self._schema.held(subject.project_id)

    def remove(self, subject: Subject) -> None:
        self._schema.forget(subject.project_id)


def names(text: str, statement: str, parameters: Mapping[str, Any]) -> bool:
    """Whether the id `text` stands in a statement or among its parameters: a short one only as a word of its own."""
    edge = r"(?<![\w-]){}(?![\w-])" if len(text) < SHORT_ID else "{}"
    found = re.compile("|".join(edge.format(re.escape(form)) for form in _forms(text)))
    return any(found.search(place) for place in (statement, *_texts(parameters)))


def _forms(text: str) -> tuple[str, ...]:
    """As it is, and as it stands between quotes in SQL and in JSON."""
    escaped = text.replace("\\", "\\\\")
    return tuple(dict.fromkeys((text, escaped, escaped.replace("'", "\\'"), escaped.replace('"', '\\"'), text.replace("'", "''"))))


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for pair in value.items() for item in pair for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [] if value is None or isinstance(value, bool) else [str(value)]
