"""A person in what was asked and saved to be asked: in the history's texts and parameters, in saved queries, alerts and samples."""

from dataclasses import replace

import anyio.from_thread

from analytics.adhoc.schema import SqlSchema
from analytics.domain.question import question_of
from analytics.metadata.alerts import AlertDraft, Alerts
from analytics.metadata.saved_queries import SavedQueries, SavedText
from analytics.metadata.sql_history import SqlHistory
from analytics.privacy.named import names, question_without, without, words_of
from analytics.privacy.subject import Subject


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
        kept = anyio.from_thread.run(self._history.mentioning, subject.project_id, words_of(subject))
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
        kept = anyio.from_thread.run(self._saved.mentioning, subject.project_id, words_of(subject))
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
        kept = anyio.from_thread.run(self._alerts.mentioning, subject.project_id, words_of(subject))
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
