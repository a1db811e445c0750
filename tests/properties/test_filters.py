"""A filter in ClickHouse = the same filter in Python."""

import json
from contextlib import suppress
from functools import partial
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.domain.filters import And, Condition, Filter, Not, Operator, Or, conditions_of, matches, parse_filter
from analytics.domain.json_values import number_text, read_json
from analytics.errors import InvalidQueryError
from analytics.query.compiler import Parameters, compile_filter
from analytics.warehouse.client import Warehouse
from tests.factories.stored_events import StoredEvent, make_event, make_project, store_events

WORDS = [
    "",
    "a",
    "b",
    "ab",
    "B",
    "a b",
    "é",
    "😀",
    "5",
    "05",
    "5.0",
    "1e3",
    "-1",
    "true",
    "false",
    "null",
    "inf",
    "nan",
    "0.1",
    "'",
    "\\",
    "{p0:String}",
    "x\ny",
    "2026-11-01",
]
text = st.sampled_from(WORDS) | st.text(st.characters(codec="utf-8"), max_size=4)
number = (
    st.sampled_from([0, 1, 5, -1, 0.1, 1000, 1e25, 2**53 + 1, 2**63, 2**64, 10**22, -0.0, 5.5])
    | st.integers(-20, 20)
    | st.floats(-1e9, 1e9)
)
scalar = text | number | st.booleans()
json_value = st.recursive(
    scalar | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["x", "y"]), inner, max_size=2),
    max_leaves=4,
)
KEYS = ["a", "b", "course_id", "x y", "'", "\\"]
PROPERTIES = [
    "properties.a",
    "properties.b",
    "properties.course_id",
    "properties.a.x",
    "properties.x y",
    "properties.'",
    "properties.\\",
    "properties.none",
    "browser",
    "context.campaign.source",
    "context.own.x",
    "event",
    "user_id",
    "is_bot",
    "date",
]
REGEXES = ["a", "^a", "b$", "a|5", ".", "[0-9]+", "(?i)B", "a.b", r"\d", "^$", r"\.", "x.y", "", "😀", r"\pL"]


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    operator = draw(st.sampled_from(list(Operator)))
    condition: dict[str, Any] = {"property": draw(st.sampled_from(PROPERTIES)), "operator": str(operator)}
    match operator:
        case Operator.IS_SET | Operator.IS_NOT_SET:
            pass
        case Operator.IN | Operator.NOT_IN:
            condition["value"] = draw(st.lists(scalar, max_size=4))
        case Operator.BETWEEN:
            condition["value"] = draw(
                st.tuples(number, number) | st.tuples(st.sampled_from(["a", "b", "x"]), st.sampled_from(["a", "b", "z"]))
            )
            condition["value"] = list(condition["value"])
        case Operator.REGEX:
            condition["value"] = draw(st.sampled_from(REGEXES))
        case Operator.CONTAINS | Operator.NOT_CONTAINS | Operator.STARTS_WITH | Operator.ENDS_WITH:
            condition["value"] = draw(text)
        case Operator.EQ | Operator.NEQ:
            condition["value"] = draw(scalar)
        case _:
            condition["value"] = draw(text | number)
    return condition


filters = st.recursive(
    conditions(),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda terms: {"and": terms})
        | st.lists(inner, max_size=3).map(lambda terms: {"or": terms})
        | inner.map(lambda term: {"not": term})
    ),
    max_leaves=5,
)
events = st.builds(
    make_event,
    event=st.sampled_from(["a", "b", "é"]),
    user_id=st.sampled_from(["a", "5", "u"]),
    properties=st.dictionaries(st.sampled_from(KEYS), json_value, max_size=4),
    is_bot=st.booleans(),
    columns=st.fixed_dictionaries(
        {
            "browser": text,
            "campaign_source": text,
            "context_extra": st.just("") | json_value.map(lambda value: json.dumps({"own": {"x": value}}, ensure_ascii=False)),
        }
    ),
)


def value_of(event: StoredEvent, name: str) -> object:
    """The JSON value of a property, straight from the event."""
    if name.startswith("properties."):
        return walk(read_json(event.properties_text), name.split(".")[1:])
    if name == "context.own.x":
        return walk(read_json(event.columns["context_extra"] or "{}"), ["own", "x"])
    return {
        "browser": event.columns["browser"],
        "context.campaign.source": event.columns["campaign_source"],
        "event": event.event,
        "user_id": event.user_id,
        "is_bot": event.is_bot,
        "date": event.timestamp.date().isoformat(),
    }[name]


def walk(value: Any, path: list[str]) -> object:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def compare(warehouse: Warehouse, project_id: str, rows: list[StoredEvent], documents: list[dict[str, Any]]) -> None:
    """Each filter on each event, there and here."""
    parameters = Parameters()
    trees = [parse_filter(document) for document in documents]
    columns = ", ".join(f"toUInt8({compile_filter(tree, parameters)}) AS f{index}" for index, tree in enumerate(trees))
    answer = warehouse.query(
        f"SELECT event_id, {columns} FROM events WHERE project_id = {{project:String}} ORDER BY toUInt32(event_id)",
        {**parameters.values, "project": project_id},
    )
    assert len(answer.rows) == len(rows)
    for event, row in zip(rows, answer.rows, strict=True):
        for tree, document, found in zip(trees, documents, row[1:], strict=True):
            assert bool(found) == matches(tree, partial(value_of, event)), (document, event)


def test_a_filter_in_clickhouse_is_the_same_filter_in_python(warehouse: Warehouse) -> None:
    known: list[StoredEvent] = []

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(events, min_size=15, max_size=30), st.lists(filters, min_size=20, max_size=40))
    def check(rows: list[StoredEvent], documents: list[dict[str, Any]]) -> None:
        project = make_project()
        numbered = [StoredEvent(**{**vars(row), "event_id": str(index)}) for index, row in enumerate(rows)]
        store_events(warehouse, project, numbered)
        known.extend(numbered)
        compare(warehouse, project.id, numbered, documents)

    check()
    assert len(known) > 250


VALUES: list[Any] = [*WORDS, None, True, False, 0, 5, 5.0, 5.5, -1, 1000, 1e25, 2**53 + 1, 2**64, -0.0, [1, 2], ["a"], {}, {"x": "a"}]
OPERANDS: list[Any] = [*WORDS, True, False, 0, 5, 5.5, -1, 1000, 1e25, 2**53, 2**64]


def every_condition() -> list[dict[str, Any]]:
    """Every operator with every operand it takes."""
    found: list[dict[str, Any]] = []
    for operator in Operator:
        operands: list[Any] = {
            Operator.IN: [[one, "a"] for one in OPERANDS],
            Operator.NOT_IN: [[one, 5] for one in OPERANDS],
            Operator.BETWEEN: [[-1, 5], [5, 1000], ["5", "a"], ["", "b"], ["a", "é"]],
            Operator.IS_SET: [None],
            Operator.IS_NOT_SET: [None],
            Operator.REGEX: REGEXES,
        }.get(operator, OPERANDS)
        for operand in operands:
            document = {"property": "properties.a", "operator": str(operator), "value": operand}
            with suppress(InvalidQueryError):
                parse_filter(document)
                found.append(document)
    return found


def test_every_operator_means_the_same_for_every_kind_of_value(warehouse: Warehouse) -> None:
    project = make_project()
    rows = [make_event(event_id=str(index), properties={"a": value}) for index, value in enumerate(VALUES)]
    store_events(warehouse, project, rows)
    documents = every_condition()
    assert len(documents) > 300
    for start in range(0, len(documents), 60):
        compare(warehouse, project.id, rows, documents[start : start + 60])


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_number_text_is_what_the_engine_writes(warehouse: Warehouse, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=200, max_size=400))
    documents = [json.dumps({"a": value}) for value in numbers]
    answer = warehouse.query("SELECT arrayMap(d -> JSONExtract(d, 'a', 'String'), {d:Array(String)})", {"d": documents})
    assert list(answer.rows[0][0]) == [number_text(value) for value in numbers]


@given(filters)
def test_not_is_the_opposite_for_every_event(document: dict[str, Any]) -> None:
    tree = parse_filter(document)
    for event in (make_event(), make_event(properties={"a": 5, "b": "x"})):
        columns = {"browser": "", "campaign_source": "", "context_extra": ""}
        full = StoredEvent(**{**vars(event), "columns": columns})
        lookup = partial(value_of, full)
        assert matches(Not(tree), lookup) != matches(tree, lookup)


SECRET = "s3cr€t'--}\\"
leaves = st.builds(
    Condition,
    st.sampled_from([f"properties.{SECRET}", "browser", "properties.course_id", f"context.{SECRET}.x"]),
    st.sampled_from([Operator.EQ, Operator.NEQ, Operator.CONTAINS, Operator.REGEX, Operator.GT, Operator.STARTS_WITH, Operator.IS_SET]),
    st.just((SECRET,)),
) | st.builds(
    Condition,
    st.just(f"properties.{SECRET}"),
    st.sampled_from([Operator.IN, Operator.NOT_IN, Operator.BETWEEN]),
    st.just((SECRET, SECRET + "2")),
)
trees: st.SearchStrategy[Filter] = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner).map(lambda terms: And(tuple(terms))) | st.lists(inner).map(lambda terms: Or(tuple(terms))) | inner.map(Not)
    ),
)


@given(trees)
def test_compiled_sql_never_contains_a_callers_value(tree: Filter) -> None:
    parameters = Parameters()
    sql = compile_filter(tree, parameters)
    assert "s3cr" not in sql
    if conditions_of(tree):
        assert sql.count("'") % 2 == 0
