"""An answer as it may be shown in a project that withholds small groups, whoever asks.

The one thing to know: what does not say whom it counts is not shown at all. SQL says it by a column, or that it is not about learners; in
trends the learners are counted in a second question.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal
from uuid import uuid4

from analytics.answers.answer import Answer
from analytics.answers.runner import MOST_ROWS, Answers, Asked
from analytics.answers.suppression import learners_question, without_small_points, without_small_rows
from analytics.domain.question import Question, QuestionKind
from analytics.domain.time_range import Interval
from analytics.errors import FieldError, InvalidRequestError
from analytics.query.spec import MAX_GROUPS, MAX_VALUES

_HOURS = {Interval.MINUTE: 1 / 60, Interval.HOUR: 1.0, Interval.DAY: 24.0, Interval.WEEK: 168.0, Interval.MONTH: 672.0}


async def shown(answers: Answers, asked: Asked, answer: Answer, least: int, learners: str | Literal[False] | None) -> tuple[Answer, int]:
    """`answer` to `asked` without what is about 1 to `least` - 1 learners, and how many rows or values went.

    `learners`: the column of SQL that counts them; False: no row is about a group of learners. Raises InvalidRequestError if SQL says
    neither, or the learners cannot be counted, and what asking for them raises.
    """
    question = asked.question
    if question.kind is QuestionKind.SQL:
        if learners is None:
            detail = "say which column counts the learners of a row, or false if no row is about a group of them"
            raise InvalidRequestError(f"The project withholds small groups: {detail}.", [FieldError("/learners", detail)])
        return (answer, 0) if learners is False else without_small_rows(answer, learners, least)
    body = question.trends
    if all(one.get("metric") == "unique_users" for one in body.get("series", ())):
        return without_small_points(answer, answer, least)
    counting = Question(QuestionKind.TRENDS, trends=learners_question(body, _most_groups(body, asked)), parameters=question.parameters)
    counted = await answers.answer(replace(asked, question=counting, max_rows=MOST_ROWS, query_id=uuid4().hex, source=None))
    if counted.truncated:
        raise InvalidRequestError("The learners behind this are too many rows to count: take a wider interval.", [])
    return without_small_points(answer, counted, least)


def _most_groups(body: Mapping[str, Any], asked: Asked) -> int:
    """As many groups as can be counted in the days asked for."""
    interval = asked.params.get("interval", body.get("interval", Interval.DAY))
    hours = _HOURS[Interval(interval)] if interval in set(Interval) else 1 / 60
    days = (asked.days[1] - asked.days[0]).days + 1 if asked.days is not None else 366
    return max(1, min(MAX_GROUPS, int(MAX_VALUES / (days * 25 / hours + 2)) - 1))
