"""The corpus of the fence as data: attacks that must be refused, questions that must be answered, and how.

Both are files of SQL, one for each family. An entry begins with `-- name:` and goes on with further `-- key: value` lines:

    why     what the attack is after, or what the question shows
    canary  attacks: what would be seen if it came through: rows, schema, file, environment, network, process, write, limits or engine
    param   name=value, as often as there are parameters; lists and maps are JSON
    escape  the SQL is written with Python's escapes
    rows    questions: the answer, a JSON list of rows

The SQL follows up to the next entry.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CANARIES = ("rows", "schema", "file", "environment", "network", "process", "write", "limits", "engine")


@dataclass(frozen=True)
class Attack:
    """`id` is family/name. The gate must refuse `sql`; run without the gate, it must not reach its `canary`."""

    id: str
    sql: str
    why: str
    canary: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Question:
    """`id` is family/name. `rows` are what an analyst of the project gets, as JSON has them."""

    id: str
    sql: str
    rows: list[list[Any]]
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])


def attacks() -> list[Attack]:
    """All attacks, in the order of the files."""
    return [Attack(name, sql, head["why"][0], head["canary"][0], _params(head)) for name, head, sql in _entries(HERE / "attacks")]


def rollup_attacks() -> list[Attack]:
    """SELECTs that an analyst may or may not ask, but that no rollup may keep; `why` says what they would do on the way of events."""
    return [Attack(name, sql, head["why"][0], "engine") for name, head, sql in _entries(HERE / "rollup_attacks")]


def questions() -> list[Question]:
    """All questions, in the order of the files."""
    return [Question(name, sql, json.loads(head.get("rows", ["[]"])[0]), _params(head)) for name, head, sql in _entries(HERE / "questions")]


def as_json(value: Any) -> Any:
    """A value of an answer as the files have it: times and decimals as texts, tuples as lists, floats to twelve digits."""
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): as_json(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _params(head: Mapping[str, list[str]]) -> dict[str, Any]:
    pairs = (line.split("=", 1) for line in head.get("param", ()))
    return {name: json.loads(value) if value[:1] in ("[", "{") else value for name, value in pairs}


def _entries(folder: Path) -> Iterator[tuple[str, Mapping[str, list[str]], str]]:
    for path in sorted(folder.glob("*.sql")):
        for entry in path.read_text("utf-8").split("-- name: ")[1:]:
            name, *lines = entry.splitlines()
            head: dict[str, list[str]] = {}
            while lines and lines[0].startswith("-- ") and ":" in lines[0]:
                key, _, value = lines.pop(0).removeprefix("-- ").partition(":")
                head.setdefault(key.strip(), []).append(value.strip())
            sql = "\n".join(lines).strip("\n")
            if "escape" in head:
                sql = sql.encode("latin-1", "backslashreplace").decode("unicode_escape")
            yield f"{path.stem}/{name.strip()}", head, sql
