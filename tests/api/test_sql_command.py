"""`analytics sql` against the running application."""

import csv
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio.to_thread
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from structlog.testing import capture_logs

from analytics.cli.main import main
from analytics.cli.sql_prompt import SqlCompleter
from tests.factories.sent_events import send_events
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio
Run = Callable[..., Awaitable[Result]]


@pytest.fixture(scope="module")
async def school(api: Api) -> dict[str, Any]:
    project = await api.make_project()
    await send_events(api, project, [{"event": "signup", "user_id": f"u-{n}", "properties": {"plan": "gold"}} for n in range(3)])
    return project


@pytest.fixture
def run(api: Api, api_url: str, school: dict[str, Any]) -> Run:
    async def command(*arguments: str, given: str | None = None) -> Result:
        options = ["--project", school["slug"], "--url", api_url, "--token", api.services.signer.for_operator()]
        with capture_logs():
            return await anyio.to_thread.run_sync(lambda: CliRunner().invoke(main, ["sql", *arguments, *options], input=given))

    return command


async def test_an_answer_is_a_table_with_a_line_on_how_it_came_about(run: Run) -> None:
    done = await run("SELECT event, count() AS events FROM events GROUP BY event")
    assert done.exit_code == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert ["event", "events"] in lines
    assert ["signup", "3"] in lines
    assert done.stdout.strip().splitlines()[-1].startswith("1 rows;")


@pytest.mark.parametrize("source", ["argument", "file", "standard input"])
async def test_sql_comes_from_an_argument_a_file_or_standard_input(run: Run, tmp_path: Path, source: str) -> None:
    text = "SELECT {n:UInt8} + 1 AS n, {s:String} AS s, {l:Array(UInt8)} AS l"
    (tmp_path / "q.sql").write_text(text)
    how: dict[str, tuple[tuple[str, ...], str | None]] = {
        "argument": ((text,), None),
        "file": (("--file", str(tmp_path / "q.sql")), None),
        "standard input": ((), text),
    }
    arguments, given = how[source]
    params = ("--param", "n=4", "--param", "s=it's = 5", "--param", "l=[1,2]")
    done = await run(*arguments, *params, "--json", given=given)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == [[5, "it's = 5", [1, 2]]]


async def test_other_formats_are_written_as_they_come(run: Run, tmp_path: Path) -> None:
    done = await run("SELECT number AS n FROM numbers(3)", "--format", "csv", "--max-rows", "2")
    assert list(csv.reader(io.StringIO(done.stdout))) == [["n"], ["0"], ["1"]]
    file = tmp_path / "n.parquet"
    assert (await run("SELECT number AS n FROM numbers(3)", "--format", "parquet", "--output", str(file))).exit_code == 0
    assert pq.read_table(file)["n"].to_pylist() == [0, 1, 2]


@pytest.mark.parametrize("kind", ["table", "csv"])
async def test_a_refusal_is_told_and_the_exit_code_is_1(run: Run, kind: str) -> None:
    done = await run("DROP TABLE events", "--format", kind)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "Error:" in done.stderr


async def test_what_a_terminal_would_obey_is_not_printed(run: Run) -> None:
    done = await run("SELECT {s:String} AS s", "--param", "s=\x1b[31mred [bold]x")
    assert "\x1b" not in done.stdout
    assert "[31mred [bold]x" in done.stdout


async def test_tab_completes_tables_columns_and_properties(api: Api, school: dict[str, Any]) -> None:
    schema = (await api.owner.get(f"/v1/projects/{school['slug']}/schema")).json()
    completer = SqlCompleter(schema)

    def completed(text: str) -> list[str]:
        return [found.text for found in completer.get_completions(Document(text), CompleteEvent())]

    assert "events" in completed("SELECT * FROM ev")
    assert "event_counts" in completed("SELECT * FROM ev")
    assert completed("SELECT properties.pl") == ["properties.plan"]
    assert "browser_version" in completed("SELECT brow")
    assert completed("SELECT 1 ") == []
