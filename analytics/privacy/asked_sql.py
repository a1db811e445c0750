"""A person in the SQL that was asked: in the history's texts and parameters, and among the samples of the schema."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import anyio.from_thread

from analytics.adhoc.schema import SqlSchema
from analytics.domain.question import question_of
from analytics.metadata.alerts import AlertDraft, Alerts
from analytics.metadata.saved_queries import SavedQueries, SavedText
from analytics.metadata.sql_history import SqlHistory
from analytics.privacy.subject import SHORT_ID, Subject

ERASED = "(erased)"


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
        words = [form for text in subject.ids for form in forms_of(text)]
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


class SavedTexts:
    """`postgres:saved_queries` and `postgres:saved_query_versions`, each by itself. What names the person goes on without the name."""

    def __init__(self, saved: SavedQueries, *, versions: bool) -> None:
        self.name = "postgres:saved_query_versions" if versions else "postgres:saved_queries"
        self._saved = saved
        self._versions = versions

    def find(self, subject: Subject) -> int:
        return len(self._naming(subject))

    def remove(self, subject: Subject) -> None:
        found = [
            replace(text, description=without(text.description, subject), question=question_without(text.question, subject))
            for text in self._naming(subject)
        ]
        if found:
            anyio.from_thread.run(self._saved.rewrite, subject.project_id, found)

    def _naming(self, subject: Subject) -> list[SavedText]:
        words = [form for text in subject.ids for form in forms_of(text)]
        kept = anyio.from_thread.run(self._saved.mentioning, subject.project_id, words)
        return [
            one
            for one in kept
            if bool(one.version) is self._versions
            and (without(one.description, subject), question_without(one.question, subject)) != (one.description, one.question)
        ]


class WatchedQuestions:
    """`postgres:alerts`. What names the person goes on without the name."""

    name = "postgres:alerts"

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts

    def find(self, subject: Subject) -> int:
        return len(self._naming(subject))

    def remove(self, subject: Subject) -> None:
        found = self._naming(subject)
        if found:
            anyio.from_thread.run(self._alerts.rewrite, subject.project_id, found)

    def _naming(self, subject: Subject) -> dict[str, AlertDraft]:
        words = [form for text in subject.ids for form in forms_of(text)]
        kept = anyio.from_thread.run(self._alerts.mentioning, subject.project_id, words)
        told = {alert.id: (alert.draft, _draft_without(alert.draft, subject)) for alert in kept}
        return {alert_id: after for alert_id, (before, after) in told.items() if before != after}


def _draft_without(draft: AlertDraft, subject: Subject) -> AlertDraft:
    question = draft.question
    return replace(
        draft,
        name=without(draft.name, subject),
        description=without(draft.description, subject),
        question=None if question is None else question_of(question_without(question.document(), subject)),
        params={name: without(value, subject, keys=True) for name, value in draft.params.items()},
    )


def question_without(document: Mapping[str, Any], subject: Subject) -> dict[str, Any]:
    """A question's document without the person, and still one: what it is made of keeps its names."""
    told = dict(document)
    if "sql" in told:
        told["sql"] = without(told["sql"], subject)
    if "learners" in told:
        told["learners"] = without(told["learners"], subject)
    if "trends" in told:
        told["trends"] = without(told["trends"], subject)
    told["parameters"] = [
        {name: item if name in ("name", "type") else without(item, subject, keys=True) for name, item in one.items()}
        for one in told.get("parameters", ())
    ]
    return told


def without(value: Any, subject: Subject, *, keys: bool = False) -> Any:
    """`value` (JSON) with ERASED wherever an id of the person stood in a text, as `names` finds it; with `keys` in those too."""
    if isinstance(value, str):
        for text in subject.ids:
            value = _pattern(text).sub(ERASED, value)
        return value
    if isinstance(value, Mapping):
        return {without(key, subject) if keys else key: without(item, subject, keys=keys) for key, item in value.items()}
    if isinstance(value, list):
        return [without(item, subject, keys=keys) for item in value]
    is_named = not isinstance(value, bool) and isinstance(value, int | float) and any(names(text, str(value), {}) for text in subject.ids)
    return ERASED if is_named else value


def names(text: str, statement: str, parameters: Mapping[str, Any]) -> bool:
    """Whether the id `text` stands in a statement or among its parameters: a short one only as a word of its own."""
    found = _pattern(text)
    return any(found.search(place) for place in (statement, *_texts(parameters)))


def _pattern(text: str) -> re.Pattern[str]:
    edge = r"(?<![\w-]){}(?![\w-])" if len(text) < SHORT_ID else "{}"
    return re.compile("|".join(edge.format(re.escape(form)) for form in forms_of(text)))


def forms_of(text: str) -> tuple[str, ...]:
    """As it is, and as it stands between quotes in SQL and in JSON."""
    escaped = text.replace("\\", "\\\\")
    return tuple(dict.fromkeys((text, escaped, escaped.replace("'", "\\'"), escaped.replace('"', '\\"'), text.replace("'", "''"))))


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for pair in value.items() for item in pair for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [] if value is None or isinstance(value, bool) else [str(value)]
