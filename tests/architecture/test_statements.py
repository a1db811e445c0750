"""Each file of sql/ has its header, declares what it uses, and runs on the migrated schema as it stands."""

import re
from pathlib import Path

import pytest

from analytics import statements
from analytics.statements import data_folder
from analytics.warehouse.client import Warehouse

FOLDER = data_folder("sql") / "clickhouse"
FILES = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.sql"))
SAMPLES = {
    "String": "x",
    "UInt8": 1,
    "UInt16": 1,
    "UInt32": 1,
    "UInt64": 1,
    "Int64": 1,
    "Float64": 1.0,
    "Date": "2026-11-01",
    "Tuple(String, Date)": ("x", "2026-11-01"),
    "DateTime('UTC')": "2026-11-01 00:00:00",
    "DateTime64(3, 'UTC')": "2026-11-01 00:00:00.000",
}


def header(text: str) -> list[str]:
    lines = text.splitlines()
    end = next(index for index, line in enumerate(lines) if not line.startswith("--"))
    return lines[:end]


def test_there_are_statements() -> None:
    assert len(FILES) > 12


@pytest.mark.parametrize("name", FILES)
def test_a_statement_says_its_name_what_it_answers_and_its_slots(name: str) -> None:
    text = (FOLDER / f"{name}.sql").read_text("utf-8")
    head = header(text)
    assert head[0] == f"-- name: {name.rpartition('/')[2]}"
    assert len(head) > 1
    assert not re.match(r"-- (name|slot|returns)", head[1]), "the second line says in words what the statement answers"
    statement = statements.clickhouse(name)  # pyright: ignore
    declared = {match[1] for line in head if (match := re.match(r"-- slot ([a-z_]+): \S", line))}
    assert declared == set(statement.slots)
    assert any(line.startswith("-- returns: ") for line in head) == statement.sql.lstrip("( \n").upper().startswith(("SELECT", "WITH"))
    assert ";" not in statement.sql
    assert "SELECT *" not in statement.sql.upper()


@pytest.mark.parametrize("name", [name for name in FILES if name.split("/")[0] in ("trends", "events", "rejected_events")])
def test_a_question_names_its_project_or_a_hash_that_only_its_project_makes(name: str) -> None:
    statement = statements.clickhouse(name)  # pyright: ignore
    assert "project_id = {project_id:String}" in statement.sql or "id_check = {id_check:UInt64}" in statement.sql


def test_every_statement_explains_on_the_migrated_schema(warehouse: Warehouse) -> None:
    explain_every_statement(warehouse)


def explain_every_statement(warehouse: Warehouse) -> None:
    for name in FILES:
        statement = statements.clickhouse(name)  # pyright: ignore
        if not statement.sql.lstrip("( \n").upper().startswith(("SELECT", "WITH")):
            continue
        kinds = dict(re.findall(r"\{([a-z_0-9]+): *([^{}]+)\}", statement.sql))
        assert set(kinds) == statement.parameters, name
        values = {parameter: sample(kind) for parameter, kind in kinds.items()}
        assert warehouse.query(f"EXPLAIN {statement.text()}", values).rows, name


def sample(kind: str) -> object:
    if kind.startswith("Array("):
        return [SAMPLES[kind[6:-1]]]
    return SAMPLES[kind]


def test_only_the_compiler_makes_fragments() -> None:
    package = Path(statements.__file__).parent
    makers = {
        path.relative_to(package).as_posix() for path in package.rglob("*.py") if re.search(r"\bFragment(\.of)?\(", path.read_text("utf-8"))
    }
    assert makers <= {"statements.py", "query/compiler.py"}
