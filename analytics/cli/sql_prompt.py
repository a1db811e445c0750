"""The prompt of `analytics sql`: a statement ends with `;`; Tab completes tables, columns, properties and words of SQL, and Up goes back
through what was asked before, here and in the service's history."""

import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from analytics.cli.connection import RefusedError
from analytics.errors import StoreError

if TYPE_CHECKING:
    from analytics.cli.sql import Asking

_WORD = re.compile(r"[A-Za-z_][\w.]*\Z")
_WORDS = """
SELECT FROM WHERE GROUP BY ORDER BY HAVING LIMIT WITH AS JOIN LEFT INNER ASOF USING ON DISTINCT UNION ALL ARRAY CASE WHEN THEN ELSE END AND
OR NOT IN BETWEEN LIKE ILIKE IS NULL OVER PARTITION ROWS DESC ASC FILL INTERVAL DAY count countIf sum avg min max uniq uniqExact quantile
toStartOfDay toStartOfHour toStartOfWeek toStartOfMonth today now toDate if multiIf windowFunnel retention arrayJoin groupArray
"""
_ENDS = ("exit", "quit", r"\q")


class SqlCompleter(Completer):
    """Completes from the schema."""

    def __init__(self, schema: dict[str, Any]) -> None:
        tables = schema.get("tables", [])
        self._names: dict[str, str] = dict.fromkeys(_WORDS, "")
        self._names |= {table["name"]: "table" for table in tables}
        self._names |= {column["name"]: column["type"] for table in tables for column in table["columns"]}
        self._names |= {f"properties.{seen['name']}": "/".join(seen["types"]) for seen in schema.get("properties", [])}

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What begins with the word before the cursor."""
        begun = _WORD.search(document.text_before_cursor)
        if begun is None:
            return
        word = begun[0].lower()
        for name, meaning in sorted(self._names.items()):
            if name.lower().startswith(word):
                yield Completion(name, -len(word), display_meta=meaning)


def prompt(asking: "Asking") -> None:
    """Ask until the end of input."""
    history = InMemoryHistory()
    schema: dict[str, Any] = {}
    with suppress(RefusedError, StoreError):  # a prompt without completion is a prompt
        schema = asking.schema()
        for text in reversed(asking.history()):
            history.append_string(text)
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        text = buffer.text.strip()
        if not text or text.endswith(";") or text in _ENDS:
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    session: PromptSession[str] = PromptSession(
        f"{asking.project}> ",
        completer=SqlCompleter(schema),
        history=history,
        auto_suggest=AutoSuggestFromHistory(),
        complete_while_typing=False,
        multiline=True,
        key_bindings=keys,
        prompt_continuation="  ",
    )
    click.echo("A statement ends with a semicolon; Tab completes, Ctrl-C cancels, Ctrl-D ends.", err=True)
    while True:
        try:
            text = session.prompt().strip().rstrip(";").strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if text in _ENDS:
            return
        if text:
            _answer(asking, text)


def _answer(asking: "Asking", text: str) -> None:
    try:
        asking.answer(text, sys.stdout.buffer)
    except KeyboardInterrupt:
        click.echo("Cancelled.", err=True)
    except (RefusedError, StoreError) as error:
        click.echo(f"Error: {error.detail}", err=True)
