"""The SQL of `sql/`, read from files and handed out by name.

A file runs as it stands: its slots (`/*<name>*/ default /*</name>*/`) hold a neutral default that `Statement.text(...)` replaces by a
Fragment's text. ClickHouse files hold one statement; PostgreSQL files hold several short ones, each under its `-- name:` line.
The one thing to know: nothing but `query/compiler.py` makes a Fragment, and its text never holds a caller's value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, LiteralString

_NAME = re.compile(r"^-- name: *([a-z0-9_]+)\s*$", re.MULTILINE)
_SLOT = re.compile(r"/\*<([a-z_]+)>\*/(.*?)/\*</\1>\*/", re.DOTALL)
_CLICKHOUSE_PARAMETER = re.compile(r"\{([a-z_0-9]+): *([A-Za-z0-9_]+(?:\((?:[^{}]*)\))?)\}")
_POSTGRES_PARAMETER = re.compile(r"%\(([a-z_0-9]+)\)s")


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of SQL for a slot: fixed text and the values its numbered parameters stand for."""

    text: str
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @staticmethod
    def of(text: LiteralString, **parameters: Any) -> "Fragment":
        """A fragment from text written in the source, which no caller's value can reach."""
        return Fragment(text, parameters)


@dataclass(frozen=True, slots=True)
class Statement:
    """One named statement: its SQL, declared parameters and slots."""

    name: str
    sql: str
    parameters: frozenset[str]
    slots: frozenset[str]

    def text(self, **fragments: Fragment) -> str:
        """The SQL with the named slots replaced; slots not named keep their default."""
        unknown = set(fragments) - self.slots
        if unknown:
            raise KeyError(f"{self.name} has no slot {', '.join(sorted(unknown))}")
        return _SLOT.sub(lambda match: fragments[match[1]].text if match[1] in fragments else match[2].strip(), self.sql)


def data_folder(name: LiteralString) -> Path:
    """The folder `sql`, `migrations` or `reports`: beside the package in a checkout, inside it in a wheel."""
    packaged = Path(str(files("analytics"))) / "_data" / name
    return packaged if packaged.is_dir() else Path(__file__).resolve().parent.parent / name


@cache
def clickhouse(path: LiteralString) -> Statement:
    """The statement of `sql/clickhouse/<path>.sql`."""
    text = (data_folder("sql") / "clickhouse" / f"{path}.sql").read_text("utf-8")
    return _statement(path, text, _CLICKHOUSE_PARAMETER)


@cache
def postgres(path: LiteralString) -> Mapping[str, Statement]:
    """The statements of `sql/postgres/<path>.sql`, by name."""
    text = (data_folder("sql") / "postgres" / f"{path}.sql").read_text("utf-8")
    parts = _NAME.split(text)[1:]
    return {name: _statement(f"{path}/{name}", body, _POSTGRES_PARAMETER) for name, body in zip(parts[::2], parts[1::2], strict=True)}


def _statement(name: str, text: str, parameter: re.Pattern[str]) -> Statement:
    sql = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip().rstrip(";")
    return Statement(
        name,
        sql,
        frozenset(match[0] if isinstance(match, tuple) else match for match in parameter.findall(sql)),
        frozenset(match[0] for match in _SLOT.findall(sql)),
    )
