"""Foreign SQL has one way in: `adhoc/door.py` opens analysts' handles, and nothing else does."""

import ast
from collections.abc import Iterator
from pathlib import Path

import analytics

PACKAGE = Path(analytics.__file__).parent
# Who may know the doors of the fence: the fence, the one door above it, and what builds both.
MAY_OPEN = {"adhoc/door.py", "sql_path.py"}
# Who may know the rights of the fence on a server: the command that makes and checks them.
_OPENERS = ("AnalystDoor", "AnalystHandle", "EmbeddedAnalystDoor", "ServerAnalystDoor", "EmbeddedAnalystHandle", "ServerAnalystHandle")


def imports(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def files() -> Iterator[tuple[str, Path]]:
    for path in PACKAGE.rglob("*.py"):
        yield path.relative_to(PACKAGE).as_posix(), path


def test_only_the_door_opens_analysts_handles() -> None:
    found = {name for name, path in files() if not name.startswith("fence/") for _, imported in imports(path) if imported in _OPENERS}
    assert found - {"cli/clickhouse_setup.py"} == MAY_OPEN


def test_only_the_door_and_what_builds_it_know_the_gate() -> None:
    assert {name for name, path in files() for module, _ in imports(path) if module == "analytics.fence.gate"} == {
        *MAY_OPEN,
        "fence/rollup_shape.py",  # the SELECT of a rollup, which is written anew and run by the service
    }


def test_nobody_else_talks_to_the_embedded_engine_or_the_driver() -> None:
    allowed = ("warehouse/", "fence/", "migrate/", "cli/doctor")
    engines = {
        name
        for name, path in files()
        for module, _ in imports(path)
        if module.split(".")[0] in ("chdb", "clickhouse_connect") and not name.startswith(allowed)
    }
    assert engines == set()


def test_routes_get_their_rows_of_foreign_sql_from_the_queries_alone() -> None:
    text = (PACKAGE / "adhoc" / "door.py").read_text("utf-8")
    assert text.count("self._door.open(") == 1
    openers = {name for name, path in files() if ".open(wanted.project_id" in path.read_text("utf-8")}
    assert openers == {"adhoc/door.py"}
