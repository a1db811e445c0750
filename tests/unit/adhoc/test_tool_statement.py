"""What a ClickHouse tool sends, read: the format at its end, and statements that ask what there is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.adhoc.tool_format import ToolFormat, tool_format
from analytics.adhoc.tool_statement import DESCRIBE, EXISTS, EXISTS_DATABASE, SHOW_DATABASES, SHOW_TABLES, read_statement


@pytest.mark.parametrize(
    ("text", "sql", "told"),
    [
        ("SELECT 1", "SELECT 1", None),
        ("SELECT 1;", "SELECT 1", None),
        ("SELECT 1 FORMAT JSON", "SELECT 1", "JSON"),
        ("SELECT 1\n FORMAT Native", "SELECT 1", "Native"),
        ("SELECT 1 format `CSV` ; ;", "SELECT 1", "CSV"),
        ("SELECT 1 FORMAT /* x */ JSON -- the end", "SELECT 1", "JSON"),
        ("SELECT 'FORMAT JSON'", "SELECT 'FORMAT JSON'", None),
        ("SELECT 1 -- FORMAT JSON", "SELECT 1 -- FORMAT JSON", None),
        ("SELECT 1 FORMAT 'JSON'", "SELECT 1 FORMAT 'JSON'", None),
        ("SELECT 1 FORMAT CSV SETTINGS a = 1", "SELECT 1 FORMAT CSV SETTINGS a = 1", None),
        ("FORMAT JSON", "FORMAT JSON", None),
        ("", "", None),
    ],
)
def test_the_format_at_the_end_is_taken_out(text: str, sql: str, told: str | None) -> None:
    read = read_statement(text)
    assert (read.sql, read.format, read.meant) == (sql, told, None)


@pytest.mark.parametrize(
    ("text", "meant", "values", "database"),
    [
        ("show tables", SHOW_TABLES, {"like": "%"}, None),
        ("SHOW TABLES FROM `a-b` LIKE 'it''s%'", SHOW_TABLES, {"like": "it's%"}, "a-b"),
        ("SHOW TABLES IN s", SHOW_TABLES, {"like": "%"}, "s"),
        ("SHOW TABLES ILIKE 'X%'", SHOW_TABLES.replace(" LIKE ", " ILIKE "), {"like": "X%"}, None),
        ("SHOW DATABASES", SHOW_DATABASES, {}, None),
        ("DESCRIBE TABLE events", DESCRIBE, {"table": "events"}, None),
        ("desc `a`.`by-day`", DESCRIBE, {"table": "by-day"}, "a"),
        ("EXISTS TABLE s.events", EXISTS, {"table": "events"}, "s"),
        ("EXISTS events", EXISTS, {"table": "events"}, None),
        ("EXISTS DATABASE s", EXISTS_DATABASE, {}, "s"),
    ],
)
def test_what_asks_what_there_is_becomes_a_select(text: str, meant: str, values: dict[str, str], database: str | None) -> None:
    read = read_statement(f"{text} FORMAT TSV")
    assert (read.sql, read.meant, dict(read.values), read.database) == (text, meant, values, database)


@pytest.mark.parametrize(
    "text",
    [
        "SHOW TABLES WHERE name = 'x'",
        "SHOW TABLES FROM a.b",
        "SHOW CREATE TABLE events",
        "DESCRIBE url('http://x')",
        "DESCRIBE TABLE (SELECT 1)",
        "DESCRIBE a.b.c",
        "EXISTS TABLE remote('x')",
        "SHOW PROCESSLIST",
        "EXPLAIN SELECT 1",
    ],
)
def test_whatever_else_goes_to_the_gate_as_it_came(text: str) -> None:
    read = read_statement(text)
    assert (read.sql, read.meant, read.refused) == (text, None, None)


@pytest.mark.parametrize(
    "text", ["INSERT INTO events FORMAT Native\n\x00\ufffd", "/* x */ drop TABLE events", "SET role = 'x'", "-- x\nKILL QUERY"]
)
def test_what_would_change_something_is_refused(text: str) -> None:
    assert read_statement(text).refused


class _Counted(str):
    """A text that counts how many characters are cut out of it, and out of what is cut out of it."""

    __slots__ = ("taken",)

    def __new__(cls, text: str, taken: list[int]) -> "_Counted":
        made = super().__new__(cls, text)
        made.taken = taken
        return made

    def __getitem__(self, place: Any) -> "_Counted":
        part = _Counted(super().__getitem__(place), self.taken)
        self.taken.append(len(part))
        return part


@pytest.mark.parametrize("text", ["SELECT 1" + ";" * 5_000, "+" * 5_000, "a " * 5_000, "SELECT 1 FORMAT JSON" + " ;" * 5_000])
def test_a_long_text_is_copied_a_few_times_at_most(text: str) -> None:
    taken: list[int] = []
    read_statement(_Counted(text, taken))
    assert 0 < sum(taken) < 5 * len(text)


def test_the_format_of_data_that_is_not_taken_is_not_that_of_an_answer() -> None:
    assert read_statement("INSERT INTO events FORMAT Values").format is None


@given(st.text(alphabet="SELECT FORMAT JSON show tables.;'`\"$-/*#\\\n1a", max_size=60))
def test_no_text_is_read_as_more_than_stands_in_it(text: str) -> None:
    read = read_statement(text)
    assert read.sql in text
    assert read.meant is None or {"like", "table"} >= read.values.keys()


def test_formats_are_known_by_their_names_and_short_names() -> None:
    assert {name: tool_format(name) for name in ("TSV", "tsvwithnamesandtypes", "ndjson", "native", "Template", "")} == {
        "TSV": ToolFormat.TAB_SEPARATED,
        "tsvwithnamesandtypes": ToolFormat.TAB_SEPARATED_WITH_NAMES_AND_TYPES,
        "ndjson": ToolFormat.JSON_EACH_ROW,
        "native": ToolFormat.NATIVE,
        "Template": None,
        "": None,
    }
