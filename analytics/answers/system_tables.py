"""What a ClickHouse tool asks of `system`, told from the project's own catalogue: databases, tables, columns, functions, settings.

The one thing to know: each is a SELECT of our own over rows that are bound as parameters, and passes the fence like a saved query; the
engine's tables of these names are read by nobody.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.adhoc.parameters import bind
from analytics.adhoc.schema import SchemaColumn, SchemaTable
from analytics.answers.named_tables import NamedTables
from analytics.domain.project import Project
from analytics.domain.sql_policy import SqlPolicy
from analytics.errors import UnknownTableError
from analytics.fence.catalog import TABLES, SqlTable
from analytics.fence.functions import allowed_functions
from analytics.fence.named import NamedQuery, NamedSource
from analytics.fence.server_words import ServerWords

# Of the ClickHouse whose SQL this is; tools choose by it what they may ask.
CLICKHOUSE_VERSION = "26.9.2.1"
SYSTEM = "system"
_ENGINE = "MergeTree"
_VIEW = "View"
Row = Sequence[Any]
Columns = Mapping[str, str]

_DATABASES: Columns = {"name": "String", "engine": "String", "uuid": "UUID", "engine_full": "String", "comment": "String"}
_TABLES: Columns = {
    "database": "String",
    "name": "String",
    "uuid": "UUID",
    "engine": "String",
    "is_temporary": "UInt8",
    "create_table_query": "String",
    "engine_full": "String",
    "as_select": "String",
    "partition_key": "String",
    "sorting_key": "String",
    "primary_key": "String",
    "sampling_key": "String",
    "total_rows": "Nullable(UInt64)",
    "total_bytes": "Nullable(UInt64)",
    "comment": "String",
}
_COLUMNS: Columns = {
    "database": "String",
    "table": "String",
    "name": "String",
    "type": "String",
    "position": "UInt64",
    "default_kind": "String",
    "default_expression": "String",
    "comment": "String",
    "is_in_partition_key": "UInt8",
    "is_in_sorting_key": "UInt8",
    "is_in_primary_key": "UInt8",
    "is_in_sampling_key": "UInt8",
    "compression_codec": "String",
}
_SETTINGS: Columns = {
    "name": "String",
    "value": "String",
    "changed": "UInt8",
    "description": "String",
    "min": "Nullable(String)",
    "max": "Nullable(String)",
    "readonly": "UInt8",
    "type": "String",
    "default": "String",
}
_FUNCTIONS: Columns = {
    "name": "String",
    "is_aggregate": "UInt8",
    "case_insensitive": "UInt8",
    "alias_to": "String",
    "origin": "String",
    "description": "String",
}
_ROWS_A_PART = 50  # a server takes 128 KB as one parameter
_NO_UUID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class ToolSetting:
    """A setting that a tool may send: its value here, and whether a tool may choose another."""

    name: str
    value: str
    description: str
    type: str = "String"
    readonly: bool = False


class ProjectFace:
    """One project as a database, for one question of one caller."""

    def __init__(
        self,
        project: Project,
        caller: str,
        policy: SqlPolicy,
        named: NamedTables,
        settings: Sequence[ToolSetting],
        only: str | None = None,
    ) -> None:
        """`only` is the one table whose columns are asked for, None: all may be."""
        self._project = project
        self._caller = caller
        self._policy = policy
        self._named = named
        self._settings = settings
        self._only = only
        constants = {
            "version": CLICKHOUSE_VERSION,
            **dict.fromkeys(("timezone", "servertimezone"), "UTC"),
            **dict.fromkeys(("currentdatabase", "current_database", "database", "schema"), project.slug),
            **dict.fromkeys(("currentuser", "current_user", "user"), caller),
        }
        self.words = ServerWords(project.slug, frozenset({SYSTEM}), constants)

    async def tables(self, wanted: Collection[str]) -> Mapping[str, NamedSource]:
        """Those of `wanted` that describe the project. Raises InvalidRequestError if that is too much text, StoreError."""
        found: dict[str, NamedSource] = {}
        for name in wanted:
            match name:
                case "system.one":
                    found[name] = NamedQuery("SELECT toUInt8(0) AS dummy")
                case "system.databases":
                    rows = [(self._project.slug, "Atomic", _NO_UUID, "", self._project.name)]
                    found[name] = _source(_DATABASES, rows)
                case "system.tables":
                    found[name] = _source(_TABLES, [self._table(table) for table in await self._all()])
                case "system.columns":
                    found[name] = _source(_COLUMNS, [row for table in await self._all_columns() for row in self._columns(table)])
                case "system.settings":
                    found[name] = _source(_SETTINGS, [_setting(setting) for setting in self._settings])
                case "system.functions":
                    found[name] = _source(_FUNCTIONS, list(_functions()))
                case _:
                    pass
        return found

    async def require_table(self, name: str) -> None:
        """Raises UnknownTableError if the project has no such table."""
        if name not in {table.name for table in await self._all()}:
            raise UnknownTableError(f"There is no table {name[:100]} here.")

    async def _all(self) -> list[SchemaTable]:
        """All tables, without columns."""
        built_in = [SchemaTable(table.name, table.description, ()) for table in TABLES]
        return [*built_in, *await self._named.listed(self._project)]

    async def _all_columns(self) -> list[SchemaTable]:
        """Those whose columns are asked for."""
        built_in = [table for table in TABLES if self._only in (None, table.name)]
        if self._only is not None and built_in:
            return [_catalogued(table) for table in built_in]
        named = await self._named.of(self._project, self._caller, self._policy, self._only)
        return [*map(_catalogued, built_in), *named]

    def _table(self, table: SchemaTable) -> Row:
        engine = _VIEW if table.kind == "saved-query" else _ENGINE
        return (self._project.slug, table.name, _NO_UUID, engine, 0, "", engine, "", "", "", "", "", None, None, table.description)

    def _columns(self, table: SchemaTable) -> list[Row]:
        return [
            (self._project.slug, table.name, column.name, column.type, place, "", "", column.description, 0, 0, 0, 0, "")
            for place, column in enumerate(table.columns, 1)
        ]


def _source(columns: Columns, rows: Sequence[Row]) -> NamedQuery:
    """Rows as a table."""
    listed = ", ".join(f"r.{place} AS `{name}`" for place, name in enumerate(columns, 1))
    kind = f"Array(Tuple({', '.join(columns.values())}))"
    parts = {f"rows_{at}": [list(row) for row in rows[at : at + _ROWS_A_PART]] for at in range(0, max(1, len(rows)), _ROWS_A_PART)}
    given = ", ".join(f"{{{name}:{kind}}}" for name in parts)
    sql = f"SELECT {listed} FROM (SELECT arrayJoin(arrayConcat({given})) AS r)"  # noqa: S608 - names of our own
    return NamedQuery(sql, bind(dict.fromkeys(parts, kind), parts))


def _catalogued(table: SqlTable) -> SchemaTable:
    columns = [SchemaColumn(column.name, column.type, column.description, False, ()) for column in table.columns]
    return SchemaTable(table.name, table.description, columns)


def _setting(setting: ToolSetting) -> Row:
    value = setting.value
    return (setting.name, value, 0, setting.description, None, None, int(setting.readonly), setting.type, value)


def _functions() -> Iterator[Row]:
    for section, names in allowed_functions().items():
        for name in sorted(names):
            if not name.endswith("*"):
                yield name, int(section == "aggregate"), int(f"{name.lower()}*" in names), "", "System", ""
