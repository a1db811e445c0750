"""Kept answers: nobody can tell whether a person is in one, so an erasure removes all of the project."""

from analytics.cache.answers import AnswerStore
from analytics.privacy.subject import Subject


class AnswersOfProject:
    """`redis:answers`. While an erasure runs none are kept, so what is counted at its last look stays so."""

    name = "redis:answers"

    def __init__(self, answers: AnswerStore) -> None:
        self._answers = answers

    def find(self, subject: Subject) -> int:
        return self._answers.count(subject.project_id)

    def remove(self, subject: Subject) -> None:
        self._answers.forget(subject.project_id)
