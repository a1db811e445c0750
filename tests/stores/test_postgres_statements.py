"""Every statement of sql/postgres as PostgreSQL reads it, on the migrated schema."""

import re

import psycopg
import pytest

from analytics.statements import Statement, data_folder, postgres

FILES = sorted(path.stem for path in (data_folder("sql") / "postgres").glob("*.sql"))


def numbered(statement: Statement) -> bytes:
    """`%(name)s` as `$1`, the same name the same number."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    return re.sub(r"%\(([a-z_0-9]+)\)s", number, statement.sql).encode()


@pytest.mark.parametrize("file", FILES)
def test_each_statement_fits_the_schema(file: str, postgres_url: str) -> None:
    statements = postgres(file)  # type: ignore[arg-type]
    assert statements
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for number, statement in enumerate(statements.values()):
            if statement.sql.strip().upper().startswith("VACUUM"):  # cannot be prepared, but run
                connection.execute(statement.sql.encode())
                continue
            connection.execute(f"PREPARE s{number} AS ".encode() + numbered(statement))


@pytest.mark.parametrize("file", FILES)
def test_each_statement_says_what_it_is_for(file: str) -> None:
    text = (data_folder("sql") / "postgres" / f"{file}.sql").read_text("utf-8")
    parts = re.split(r"^-- name: *[a-z0-9_]+\s*$", text, flags=re.MULTILINE)
    assert parts[0].strip() == ""
    for part in parts[1:]:
        assert part.lstrip().startswith("-- "), f"{file}: a statement without a comment"
