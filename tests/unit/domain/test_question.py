"""A question's document: its shape, and what is refused of it."""

from typing import Any

import pytest

from analytics.domain.question import Parameter, QuestionKind, question_of
from analytics.errors import InvalidQueryError

SQL = {"kind": "sql", "sql": "SELECT {n:UInt8}", "parameters": [{"name": "n", "type": "UInt8", "default": 1, "description": "How many."}]}


def test_a_document_comes_back_as_it_was() -> None:
    assert question_of(SQL).document() == SQL
    trends = {"kind": "trends", "trends": {"series": [{}]}, "parameters": [{"name": "date_from", "type": "Date", "description": ""}]}
    question = question_of(trends)
    assert question.document() == trends
    assert (question.kind, question.required) == (QuestionKind.TRENDS, ("date_from",))


def test_a_default_of_null_is_a_default() -> None:
    question = question_of({**SQL, "parameters": [{"name": "n", "type": "Nullable(UInt8)", "default": None}]})
    assert question.parameters == (Parameter("n", "Nullable(UInt8)", True, None),)
    assert question.required == ()


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ([], ""),
        ({"sql": "SELECT 1"}, "/kind"),
        ({"kind": "shell", "sql": "SELECT 1"}, "/kind"),
        ({"kind": ["sql"], "sql": "SELECT 1"}, "/kind"),
        ({"kind": "sql", "sql": ""}, "/sql"),
        ({"kind": "sql", "sql": "x" * 64_001}, "/sql"),
        ({"kind": "sql", "sql": "SELECT 1", "trends": {}}, "/trends"),
        ({"kind": "trends", "trends": {}, "sql": "SELECT 1"}, "/sql"),
        ({"kind": "trends"}, "/trends"),
        ({"kind": "sql", "sql": "SELECT 1", "role": "admin"}, "/role"),
        ({**SQL, "parameters": {}}, "/parameters"),
        ({**SQL, "parameters": [{"name": "n"}]}, "/parameters/0/type"),
        ({**SQL, "parameters": [{"name": "fence_project", "type": "String"}]}, "/parameters/0/name"),
        ({**SQL, "parameters": [{"name": "FENCE_x", "type": "String"}]}, "/parameters/0/name"),
        ({**SQL, "parameters": [{"name": "a b", "type": "String"}]}, "/parameters/0/name"),
        ({**SQL, "parameters": [{"name": "a", "type": "String"}, {"name": "a", "type": "String"}]}, "/parameters/1/name"),
        ({**SQL, "parameters": [{"name": "a", "type": "String", "value": 1}]}, "/parameters/0/value"),
        ({**SQL, "parameters": [{"name": f"a{n}", "type": "String"} for n in range(101)]}, "/parameters"),
    ],
)
def test_what_is_no_question_is_refused_with_its_place(document: Any, pointer: str) -> None:
    with pytest.raises(InvalidQueryError) as refused:
        question_of(document)
    assert refused.value.errors[0].pointer == pointer
