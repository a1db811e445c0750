"""`analytics sql`: ClickHouse SQL over one project, from the command line, a file, standard input, or a prompt."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import uuid4

import click
import httpx
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from analytics.cli.connection import RefusedError, ServiceConnection, connect
from analytics.cli.context import EXIT_FAILED, Command, CommandLine, pass_command_line
from analytics.cli.lists import project_path
from analytics.errors import StoreError

FORMATS = ("table", "json", "csv", "ndjson", "parquet", "arrow")
ANSWER_SECONDS = 3_700.0
_NUMBERS = ("Int", "UInt", "Float", "Decimal")


@click.command(cls=Command)
@click.argument("sql", required=False)
@click.option("--project", default="default", show_default=True, metavar="SLUG", help="The project.")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Read the SQL from FILE.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="The value of {name:Type}; may be given often.")
@click.option("--format", "kind", type=click.Choice(FORMATS), default="table", show_default=True, help="How the answer is written.")
@click.option("--max-rows", type=click.IntRange(1), help="End after so many rows (table and json: 10,000 if absent).")
@click.option("--output", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write the answer to FILE.")
@click.pass_context
@pass_command_line
def sql(
    line: CommandLine,
    context: click.Context,
    sql: str | None,
    project: str,
    file: Path | None,
    params: Sequence[str],
    kind: str,
    max_rows: int | None,
    output: Path | None,
) -> None:
    """Run SQL: the argument, --file, or what comes on standard input; in a terminal without any of these, a prompt.

    Ctrl-C cancels the query. Exit code 0 if it was answered, 1 if not.
    """
    values = _values(params)
    kind = "json" if line.json else kind
    with connect(line) as service:
        asking = Asking(service, project, values, kind, max_rows)
        text = sql or (file.read_text("utf-8") if file else None)
        if text is None and sys.stdin.isatty():
            from analytics.cli.sql_prompt import prompt

            prompt(asking)
            return
        text = text if text is not None else sys.stdin.read()
        try:
            if output is not None:
                with output.open("wb") as sink:
                    asking.answer(text, sink)
            else:
                asking.answer(text, sys.stdout.buffer)
        except KeyboardInterrupt:
            line.tell("Cancelled.")
            context.exit(EXIT_FAILED)


class Asking:
    """Queries of one command: all of one project, in one format."""

    def __init__(self, service: ServiceConnection, project: str, params: Mapping[str, Any], kind: str, max_rows: int | None) -> None:
        self.service = service
        self.project = project
        self.kind = kind
        self._params = params
        self._max_rows = max_rows

    def answer(self, sql: str, sink: BinaryIO) -> None:
        """Ask, and write the answer to `sink`. Raises RefusedError or StoreError, KeyboardInterrupt once the query is cancelled."""
        query_id = str(uuid4())
        question: dict[str, Any] = {"sql": sql, "query_id": query_id, "format": "json" if self.kind == "table" else self.kind}
        if self._params:
            question["params"] = self._typed(sql)
        if self._max_rows is not None:
            question["max_rows"] = self._max_rows
        try:
            if self.kind in ("table", "json"):
                answer = self.service.call("POST", self._path("sql"), json=question, timeout=ANSWER_SECONDS)
                text = table_text(answer, sink.isatty()) if self.kind == "table" else _json_text(answer)
                sink.write(text.encode("utf-8", "replace"))
            else:
                for chunk in self._stream(question):
                    sink.write(chunk)
            sink.flush()
        except KeyboardInterrupt:
            with suppress(RefusedError, StoreError):
                self.service.delete(self._path("sql", query_id))
            raise

    def schema(self) -> dict[str, Any]:
        """Tables, columns and properties, as `GET …/schema` tells them."""
        return cast(dict[str, Any], self.service.get(self._path("schema")))

    def history(self) -> list[str]:
        """The latest queries that were asked here or by `POST …/sql`, newest first."""
        items = self.service.get(self._path("sql", "history"), limit="200")["items"]
        return [item["sql"] for item in items if item["sql"] and item["source"] is None]

    def _path(self, *parts: str) -> str:
        return project_path(self.project, *parts)

    def _typed(self, sql: str) -> dict[str, Any]:
        return {name: _typed(value, _type_of(sql, name)) for name, value in self._params.items()}

    def _stream(self, question: Mapping[str, Any]) -> Iterator[bytes]:
        with self.service.streamed("POST", self._path("sql"), json=question, timeout=ANSWER_SECONDS) as response:
            if not response.is_success:
                response.read()
                self.service.require_success(response)
            try:
                yield from response.iter_bytes()
            except httpx.TransportError as error:
                raise StoreError("The connection broke: the query failed in the middle, and what came is not the answer.") from error


def table_text(answer: Mapping[str, Any], in_colour: bool = False) -> str:
    """An answer as a table, with a line on how it came about."""
    columns = answer["columns"]
    shown = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for column in columns:
        is_number = column["type"].removeprefix("Nullable(").startswith(_NUMBERS)
        shown.add_column(_plain(column["name"]), justify="right" if is_number else "left", overflow="fold")
    for row in answer["rows"]:
        shown.add_row(*(_cell(value) for value in row))
    meta = answer["meta"]
    cut = f", cut after {len(answer['rows']):,}: there are more" if answer["truncated"] else ""
    console = Console(force_terminal=in_colour, width=None if in_colour else 10_000, highlight=False)
    with console.capture() as captured:
        console.print(shown)
        console.print(f"{len(answer['rows']):,} rows{cut}; {meta['rows_read']:,} read in {meta['elapsed_ms']:,} ms", markup=False)
    return captured.get()


def _cell(value: object) -> str:
    if value is None:
        return "NULL"
    return _plain(value if isinstance(value, str) else _compact(value))


def _plain(text: str) -> str:
    """Without what a terminal would obey."""
    return escape("".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text))


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _json_text(answer: object) -> str:
    return _compact(answer) + "\n"


def _values(params: Sequence[str]) -> dict[str, str]:
    values = dict[str, str]()
    for param in params:
        name, equals, value = param.partition("=")
        if not name or not equals:
            raise click.UsageError(f"--param {param}: write NAME=VALUE")
        values[name] = value
    return values


def _type_of(sql: str, name: str) -> str:
    found = re.search(r"\{\s*" + re.escape(name) + r"\s*:\s*([^{}]+)\}", sql)
    return found[1].strip() if found else "String"


def _typed(value: str, kind: str) -> Any:
    """A text of the command line as the JSON that a parameter of this type takes: only texts, times and ids stay texts."""
    inner = kind.removeprefix("LowCardinality(").removeprefix("Nullable(")
    if kind.startswith("Nullable(") and value == "":
        return None
    if inner.startswith(("Float", "Bool", "Array", "Tuple", "Map")):
        with suppress(ValueError):
            return json.loads(value)
    return value
