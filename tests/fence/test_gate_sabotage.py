"""Each rule of the gate is switched off alone, and something that was refused comes through: no rule stands unproved behind another.

The attacks are those of the corpus, so with a rule gone the corpus turns red. Rules that keep what is not refused apart (names of CTEs,
the project of a row, the second parse) are shown by what is made or seen without them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from analytics.errors import SqlRefusedError, SqlTooComplexError
from analytics.fence import checker, functions, gate, given_names, names, types, walker
from analytics.fence.catalog import SqlCatalog, SqlTable
from analytics.fence.checker import Checker
from analytics.fence.gate import Gate
from analytics.fence.named import NamedQuery, NamedSources
from analytics.fence.nodes import SHAPES, One
from analytics.fence.parser import EngineParser, Node
from analytics.fence.refusal import RefusedError
from analytics.fence.scope import Scope
from tests.fence import corpus
from tests.fence.conftest import School
from tests.fence.school import CANARY

Patch = pytest.MonkeyPatch
ATTACKS = {attack.id: attack for attack in corpus.attacks()}


class Everything(frozenset[Any]):
    """Holds all there is."""

    def __contains__(self, _: object) -> bool:
        return True


def _nothing(*_: object, **__: object) -> None:
    return None


def _attribute(module: object, name: str, value: Any) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(module, name, value)


def _in_checker(name: str, value: Any) -> Callable[[Patch], None]:
    return _attribute(checker, name, value)


def _member(kind: str, member: str, holds: str) -> Callable[[Patch], None]:
    """The shape takes one more member, with whatever is in it."""

    def breaks(patch: Patch) -> None:
        patch.setitem(SHAPES, kind, {**SHAPES[kind], member: One(frozenset({holds}))})  # type: ignore[arg-type] # a plain dictionary behind its type
        members = Checker._members

        def carried(self: Checker, node: Node, **done: Any) -> Node:
            return node if node["type"] == "SetQuery" else members(self, node, **done)

        patch.setattr(Checker, "_members", carried)

    return breaks


def _format_as_a_name(patch: Patch) -> None:
    _member("SelectWithUnionQuery", "format_ast", "Identifier")(patch)
    patch.setattr(checker, "check_column", _nothing)  # the format's name is no column


def _any_table(patch: Patch) -> None:
    patch.setattr(Checker, "_named_table", lambda _self, node, _named: node)


def _cte_everywhere(patch: Patch) -> None:
    known: dict[str, str] = {}
    with_element = Checker._with_element

    def kept(self: Checker, node: Node) -> Node:
        built = with_element(self, node)
        known[node["name"]] = built["name"]
        return built

    patch.setattr(Checker, "_with_element", kept)
    patch.setattr(Scope, "cte", lambda _self, name: known.get(name))


def _lambda_everywhere(patch: Patch) -> None:
    patch.setattr(Scope, "lambda_name", lambda _self, name: name if name == "file" else None)


def _any_combinators(patch: Patch) -> None:
    patch.setattr(functions, "_MAX_COMBINATORS", 50)


_any_aggregate_text = _in_checker("check_aggregate_text", _nothing)


def _any_name(patch: Patch) -> None:
    patch.setattr(functions, "_is_listed", lambda *_, **__: True)


def _any_statement(patch: Patch) -> None:
    patch.setattr(Checker, "statement", lambda _self, tree: tree)


def _no_bare_functions(patch: Patch) -> None:
    patch.setattr(names, "_REFUSED_BARE", frozenset())


def _no_type_argument(patch: Patch) -> None:
    patch.setattr(checker, "_TYPE_ARGUMENT", {})


def _names_of_any_kind(patch: Patch) -> None:
    patch.setattr(given_names, "is_visible", lambda _char: True)
    patch.setattr(gate, "check_characters", _nothing)  # which looks at names too


def _computed_names(patch: Patch) -> None:
    literal = checker.literal_text
    patch.setattr(checker, "literal_text", lambda node: literal(node) or "sum")


def _one_type_is_enough(patch: Patch) -> None:
    patch.setattr(Checker, "parameters", property(lambda _self: _Forgetful(), _nothing), raising=False)


class _Forgetful(dict[str, str]):
    def setdefault(self, key: str, default: str = "") -> str:
        self[key] = default
        return default


@dataclass(frozen=True)
class Sabotage:
    """`breaks` switches one rule off; then the attack `comes_through`."""

    breaks: Callable[[Patch], None]
    comes_through: str


RULES = {
    "functions are on the list": Sabotage(_in_checker("check_function", _nothing), "functions/host_name"),
    "functions in APPLY are on the list": Sabotage(_attribute(Checker, "_apply", Checker._members), "columns/apply_sleep"),
    "combinators are few": Sabotage(_any_combinators, "functions/combinators_without_end"),
    "an aggregate with combinators is on the list": Sabotage(_any_name, "functions/combinator_state"),
    "tables are those of the catalogue": Sabotage(_any_table, "tables/system_tables"),
    "tables of joins are those of the catalogue": Sabotage(_any_table, "tables/comma_join"),
    "a table goes without database": Sabotage(_any_table, "tables/count_of_the_physical_table"),
    "a CTE is seen in its scope only": Sabotage(_cte_everywhere, "tables/cte_out_of_scope"),
    "a CTE of a later union member stays there": Sabotage(_cte_everywhere, "tables/cte_of_a_later_union_member"),
    "a lambda is seen in its scope only": Sabotage(_lambda_everywhere, "functions/lambda_of_an_inner_scope"),
    "table functions are on the list": Sabotage(_in_checker("TABLE_FUNCTIONS", Everything()), "table_functions/file"),
    "a name right of IN is a table": Sabotage(_in_checker("_IN", frozenset()), "tables/in_table_with_an_alias_elsewhere"),
    "a qualified name right of IN is a table": Sabotage(_in_checker("_IN", frozenset()), "tables/in_qualified_table_with_an_alias"),
    "IN as a function is IN": Sabotage(_in_checker("_IN", frozenset()), "tables/in_function_form_with_an_alias_elsewhere"),
    "types of casts are on the list": Sabotage(_no_type_argument, "names_in_texts/cast_to_state"),
    "types are no text put together": Sabotage(_no_type_argument, "names_in_texts/cast_concatenated"),
    "types in JSONExtract are on the list": Sabotage(_no_type_argument, "names_in_texts/json_extract_type"),
    "types are known": Sabotage(_in_checker("check_type", lambda _text: "x"), "names_in_texts/cast_to_nested_state"),
    "types of parameters are known": Sabotage(_in_checker("check_type", lambda _text: "x"), "columns/parameter_of_a_state"),
    "types end": Sabotage(_attribute(types, "_MAX_DEPTH", 50), "names_in_texts/deep_type"),
    "structures of VALUES are of known types": Sabotage(_in_checker("check_structure", _nothing), "table_functions/values_with_a_state"),
    "an aggregate in a text is on the list": Sabotage(_any_aggregate_text, "names_in_texts/array_reduce"),
    "an aggregate in a text is a plain name": Sabotage(_any_aggregate_text, "names_in_texts/with_nested_call"),
    "an aggregate in a text is no computed text": Sabotage(_computed_names, "names_in_texts/concatenated"),
    "SETTINGS are refused": Sabotage(_member("SelectQuery", "settings", "SetQuery"), "settings_and_outputs/settings_readonly"),
    "FORMAT is refused": Sabotage(_format_as_a_name, "settings_and_outputs/format"),
    "OUTFILE is refused": Sabotage(_member("SelectWithUnionQuery", "out_file", "Literal"), "settings_and_outputs/outfile"),
    "virtual columns are refused": Sabotage(_attribute(given_names, "_VIRTUAL", frozenset()), "columns/virtual_with_an_alias_elsewhere"),
    "names of the fence are its own": Sabotage(
        _attribute(given_names, "RESERVED_PREFIX", "\0"), "columns/fence_column_with_an_alias_elsewhere"
    ),
    "parameters of the fence are its own": Sabotage(_attribute(given_names, "RESERVED_PREFIX", "\0"), "columns/fence_parameter"),
    "parameters have one type": Sabotage(_one_type_is_enough, "columns/two_types_of_a_parameter"),
    "names can be seen": Sabotage(_names_of_any_kind, "hidden_characters/zero_width_in_alias"),
    "hidden characters are refused": Sabotage(_attribute(gate, "check_characters", _nothing), "hidden_characters/right_to_left"),
    "control characters are refused": Sabotage(_attribute(gate, "_check_text", _nothing), "hidden_characters/escape_sequence"),
    "only one table goes by a name": Sabotage(_attribute(Checker, "_add_source", _nothing), "columns/two_tables_of_one_name"),
    "collations are plain names": Sabotage(_attribute(Checker, "_order_by", Checker._members), "columns/collation_by_path"),
    "columns are those of the tables": Sabotage(_in_checker("check_column", _nothing), "columns/project_id"),
    "a bare word is no function": Sabotage(_no_bare_functions, "functions/bare_with_an_alias_elsewhere"),
    "a bare word in its own alias is no column": Sabotage(_no_bare_functions, "functions/bare_under_its_own_alias"),
    "depth is limited": Sabotage(_attribute(walker, "MAX_DEPTH", 10_000), "limits/deep_calls"),
    "what is written is a SELECT": Sabotage(_any_statement, "statements/use"),
}


@pytest.mark.parametrize("rule", RULES)
def test_without_the_rule_an_attack_comes_through(school: School, monkeypatch: Patch, rule: str) -> None:
    attack = ATTACKS[RULES[rule].comes_through]
    with pytest.raises(SqlRefusedError):
        school.gate.check(attack.sql)
    RULES[rule].breaks(monkeypatch)
    school.gate.check(attack.sql)


def test_without_limits_long_and_wide_texts_come_through(school: School, monkeypatch: Patch) -> None:
    for module, limit, sql in (
        (gate, "MAX_CHARACTERS", f"SELECT {'1' * 20}, '{'x' * gate.MAX_CHARACTERS}'"),
        (walker, "MAX_NODES", f"SELECT {','.join('1' * (walker.MAX_NODES + 1))}"),
    ):
        with pytest.raises(SqlRefusedError) as refused:
            school.gate.check(sql)
        assert refused.value.code == "sql-too-complex"
        with monkeypatch.context() as patch:
            patch.setattr(module, limit, 1_000_000)
            school.gate.check(sql)


class Misprinting(EngineParser):
    """A printer with a fault: an alias becomes another."""

    def print(self, tree: Node) -> tuple[str, Node]:
        text, _ = super().print(tree)
        return text, self.parse(text.replace("AS a", "AS b"))


def test_what_is_printed_otherwise_than_checked_is_refused(school: School, monkeypatch: Patch) -> None:
    misprinting = Gate(Misprinting(school.warehouse), SqlCatalog.of_database("default"))
    with pytest.raises(SqlRefusedError, match="understood in one way"):
        misprinting.check("SELECT 1 AS a")
    monkeypatch.setattr(gate, "plain", lambda _tree: None)
    assert misprinting.check("SELECT 1 AS a").sql == "SELECT 1 AS a"


def test_without_the_condition_on_the_project_foreign_rows_show(school: School, monkeypatch: Patch) -> None:
    whole = SqlCatalog.rows_of

    def unconditional(self: SqlCatalog, table: SqlTable, hot: tuple[str, ...] = ()) -> str:
        return whole(self, table, hot).replace("fence_table.project_id = {fence_project:String} AND", "")

    monkeypatch.setattr(SqlCatalog, "rows_of", unconditional)
    unfenced = Gate(EngineParser(school.warehouse), SqlCatalog.of_database("default"))
    checked = unfenced.check("SELECT groupUniqArray(event) FROM events")
    assert CANARY in str(school.warehouse.query(checked.sql).rows)


def test_without_the_condition_on_expiry_expired_rows_show(school: School, monkeypatch: Patch) -> None:
    whole = SqlCatalog.rows_of

    def unconditional(self: SqlCatalog, table: SqlTable, hot: tuple[str, ...] = ()) -> str:
        return whole(self, table, hot).replace("fence_table.expires_on > toDate(now('UTC'))", "1")

    monkeypatch.setattr(SqlCatalog, "rows_of", unconditional)
    unfenced = School(school.warehouse, Gate(EngineParser(school.warehouse), SqlCatalog.of_database("default")))
    assert unfenced.answer("SELECT count() FROM events WHERE event = 'expired'")[1] == [[1]]


def test_without_new_names_for_ctes_a_physical_table_is_taken_for_one(school: School, monkeypatch: Patch) -> None:
    """Two names that must never meet: what a caller calls a CTE, and what the fence writes."""
    sql = "WITH fence_table AS (SELECT 1 AS x) SELECT x FROM fence_table"
    with pytest.raises(SqlRefusedError):
        school.gate.check(sql)
    renamed = school.gate.check("WITH events AS (SELECT 1 AS x) SELECT x FROM events").sql
    assert "fence_cte_1" in renamed
    monkeypatch.setattr(NamedSources, "new_name", lambda _self, _kind: "events")
    assert "fence_cte_1" not in school.gate.check("WITH events AS (SELECT 1 AS x) SELECT x FROM events").sql


def test_without_the_chain_a_saved_query_that_reads_itself_is_only_stopped_by_its_size(school: School, monkeypatch: Patch) -> None:
    named = {"a": NamedQuery("SELECT * FROM a")}
    with pytest.raises(SqlRefusedError, match="would read itself"):
        school.gate.check("SELECT * FROM a", named)
    whole = Checker.__init__
    monkeypatch.setattr(Checker, "__init__", lambda self, *given: whole(self, *given[:3], (), *given[4:]))
    with pytest.raises(SqlTooComplexError):
        school.gate.check("SELECT * FROM a", named)


def test_a_saved_query_is_checked_by_itself_or_a_cte_of_the_caller_stands_for_its_tables(school: School, monkeypatch: Patch) -> None:
    named = {"q": NamedQuery("SELECT count() AS n FROM events")}
    sql = "WITH events AS (SELECT 1 AS x) SELECT n FROM q"
    assert "default.events" in school.gate.check(sql, named).sql
    whole = Checker.statement

    def shared(self: Checker, tree: Node) -> Node:
        if self._chain:  # pyright: ignore[reportPrivateUsage]
            self._scope.ctes["events"] = "fence_cte_1"  # pyright: ignore[reportPrivateUsage]
        return whole(self, tree)

    monkeypatch.setattr(Checker, "statement", shared)
    assert "default.events" not in school.gate.check(sql, named).sql


def test_members_that_are_not_listed_are_refused_even_if_they_are_new(school: School) -> None:
    """A parser that learns new syntax: its new member is in no shape."""

    class Newer(EngineParser):
        def parse(self, sql: str) -> Node:
            tree = super().parse(sql)
            tree["list_of_selects"]["children"][0]["run_as"] = "svc"
            return tree

    with pytest.raises(SqlRefusedError, match="not understood"):
        Gate(Newer(school.warehouse), SqlCatalog.of_database("default")).check("SELECT 1")


@pytest.mark.parametrize(
    "tree",
    [
        {"type": "SelectWithUnionQuery"},
        {"type": "SelectWithUnionQuery", "list_of_selects": {"type": "ExpressionList", "children": [{"type": "Identifier", "name": "x"}]}},
        {"type": "SelectWithUnionQuery", "list_of_selects": [], "is_outfile_append": True},
        {"type": "Literal", "value": {"field_type": "UInt64", "value": 1}},
        [],
    ],
)
def test_a_tree_of_another_shape_is_not_understood(tree: Any) -> None:
    catalog = SqlCatalog.of_database("default")
    walker = Checker(catalog, lambda *_: {}, NamedSources(catalog, {}, lambda _: {}))
    try:
        built = walker.statement(tree)
    except RefusedError:
        return
    assert built == {"type": "SelectWithUnionQuery"}  # nothing in it, so the engine refuses to print it
