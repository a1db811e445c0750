"""What docker/compose.yaml makes of its PostgreSQL, run on the embedded one: the image's own steps are not run here."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from analytics.embedded.binaries import postgres_programs
from analytics.embedded.engines import EmbeddedEngines
from analytics.migrate.postgres import migrate_postgres
from analytics.statements import data_folder

DOCKER = Path(__file__).parents[2] / "docker"


@pytest.fixture
def bare_database(engines: EmbeddedEngines) -> Iterator[str]:
    """The superuser's address of a database in which nothing is set up, as the image makes it."""
    assert engines.postgres_superuser_url is not None
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(engines.postgres_superuser_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        yield urlunsplit(urlsplit(engines.postgres_superuser_url)._replace(path=f"/{name}"))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_the_service_can_migrate_and_add_to_the_audit_and_change_nothing_of_it(
    engines: EmbeddedEngines, bare_database: str, tmp_path: Path
) -> None:
    assert engines.postgres_url is not None
    server, service = urlsplit(bare_database), urlsplit(engines.postgres_url)
    environment = {
        "PATH": f"{postgres_programs(None, tmp_path)}{os.pathsep}{os.environ['PATH']}",
        "PGHOST": parse_qs(server.query)["host"][0],
        "PGPORT": parse_qs(server.query)["port"][0],
        "PGPASSWORD": server.password or "",
        "POSTGRES_USER": "postgres",
        "POSTGRES_DB": server.path.removeprefix("/"),
        "SERVICE_PASSWORD": service.password or "",  # the role's own: it is of the whole server, and other tests use it
        "SETUP_FOLDER": str(data_folder("sql") / "postgres" / "setup"),
    }
    for _ in range(2):
        done = subprocess.run([DOCKER / "postgres" / "init.sh"], env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert environment["SERVICE_PASSWORD"] not in done.stdout + done.stderr
    url = urlunsplit(service._replace(path=server.path))
    assert len(migrate_postgres(url)) > 10
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        connection.execute("INSERT INTO audit_records (at, actor_kind, actor, action, target_kind) VALUES (now(), 'a', 'b', 'c.d', 'c')")
        for statement in (
            "UPDATE audit_records SET actor = 'x'",
            "DELETE FROM audit_records",
            "TRUNCATE audit_seals",
            "DROP TABLE audit_records",
            "ALTER TABLE audit_records DISABLE TRIGGER ALL",
            "DROP SCHEMA public CASCADE",
            f"DROP DATABASE {server.path.removeprefix('/')}",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_the_compose_file_tells_the_service_the_password_of_its_role_alone() -> None:
    text = (DOCKER / "compose.yaml").read_text("utf-8")
    service, rest = text.split("\n  clickhouse:", 1)
    assert "postgresql://analytics:${POSTGRES_PASSWORD:?}@" in service
    assert "SUPERUSER" not in service.partition("services:")[2]
    assert "POSTGRES_USER: postgres" in rest
    assert "POSTGRES_PASSWORD: ${POSTGRES_SUPERUSER_PASSWORD:?}" in rest
    assert "./postgres/init.sh:/docker-entrypoint-initdb.d/" in rest


def test_no_password_stands_in_a_command_of_the_compose_file() -> None:
    """The shell of the container reads them from its environment (`$$`), compose itself puts none into an argument."""
    for line in (DOCKER / "compose.yaml").read_text("utf-8").splitlines():
        if "PASSWORD" in line.partition("#")[0] and "${" in line:
            assert line.strip().split(":")[0].isupper(), f"a password is put elsewhere than into the environment: {line}"
