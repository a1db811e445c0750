"""Every protection of the second fence, tried: what does not hold is named, and then no foreign SQL may run.

Rows of two projects that do not exist are put into a table of their own, and handles of the one try to see the other's, and all else that
an analyst must not. The one thing to know: a refusal proves nothing if everything is refused, so what must work is tried too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from analytics.errors import LimitExceededError, RequestError
from analytics.fence.analyst_door import AnalystDoor
from analytics.fence.limits import SqlLimits
from analytics.warehouse.analyst_tables import GRANTED_TABLES, PROBE_TABLE
from analytics.warehouse.client import Warehouse

# Projects that do not exist; on a server the first and the last have roles.
OWN, OTHER, NOBODY = "fence-own", "fence-other", "fence-nobody"
_ROWS = 3
_LIMITS = SqlLimits(seconds=20, memory_bytes=400_000_000, rows_read=1_000_000, bytes_read=100_000_000, rows_returned=1_000)
_GRANTED = """
SELECT t.name AS name, countIf(c.name = 'project_id') AS project_columns
FROM system.tables AS t LEFT JOIN system.columns AS c ON c.database = t.database AND c.table = t.name
WHERE t.database = currentDatabase() AND t.name IN {names:Array(String)}
GROUP BY name ORDER BY name LIMIT 1000
"""
_RIGHTS = """
SELECT toString(access_type), coalesce(database, ''), coalesce(table, ''), database = currentDatabase() AS is_here
FROM system.grants WHERE coalesce(role_name, user_name) = {name:String}
ORDER BY 1, 2, 3 LIMIT 1000
"""
_FLAGS = {"false": "0", "true": "1"}
# What an analyst asks for in vain: refused, or an answer without rows.
_CLOSED: Mapping[str, str] = {
    "queries of others can be seen": "SELECT query FROM system.processes",
    "tables can be listed": "SELECT name FROM system.tables",
    "columns can be listed": "SELECT name FROM system.columns",
    "parts can be listed": "SELECT name FROM system.parts",
    "settings of the engine can be listed": "SELECT name FROM system.server_settings",
    "users can be listed": "SELECT name FROM system.users",
    "tables can be listed by the information schema": "SELECT table_name FROM information_schema.tables",
    "the records of migrations can be read": "SELECT name FROM schema_migrations",
    "refused events can be read": "SELECT id FROM rejected_events",
    "files can be read by a function": "SELECT file('/etc/passwd')",
    "files can be read as tables": "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "a path is a table": "SELECT * FROM `/etc/passwd`",
    "URLs can be read": "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString', 'line String')",
    "other servers can be asked": "SELECT * FROM remote('127.0.0.1:1', system.one)",
    "object stores can be asked": "SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'LineAsString', 'line String')",
    "programs can be run": "SELECT * FROM executable('id', 'LineAsString', 'line String')",
    "plans can be read as tables": "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))",
}
_REFUSED: Mapping[str, str] = {
    "rows can be written": f"INSERT INTO {PROBE_TABLE} VALUES ('{OTHER}', 1)",  # noqa: S608
    "tables can be made": "CREATE TABLE fence_made (x UInt8) ENGINE = Memory",
    "tables can be dropped": f"DROP TABLE {PROBE_TABLE}",
    "queries can be killed": "KILL QUERY WHERE 1",
    "limits can be lifted": "SELECT 1 SETTINGS max_execution_time = 0",
    "settings can be set": "SET max_memory_usage = 0",
    "the engine can be commanded": "SYSTEM FLUSH LOGS",
    "two statements can be sent": "SELECT 1; SELECT 2",
}


@dataclass(frozen=True, slots=True)
class FenceProbe:
    """What is tried. `grantee` is the engine's name of the role or user that analysts' handles have; `refused` is what only this engine
    has, by what it would mean if it went through."""

    door: AnalystDoor
    warehouse: Warehouse
    grantee: str
    refused: Mapping[str, str] = field(default_factory=dict[str, str])


def find_faults(probe: FenceProbe) -> Sequence[str]:
    """The protections that do not hold, as sentences. Raises WarehouseUnavailableError."""
    _fill(probe.warehouse)
    try:
        return [fault for check in _CHECKS for fault in check(probe)]
    finally:
        if probe.warehouse.embedded:  # on a server another process may be trying the same
            probe.warehouse.command(f"DROP TABLE IF EXISTS {PROBE_TABLE} SYNC")


def _fill(warehouse: Warehouse) -> None:
    warehouse.command(f"CREATE TABLE IF NOT EXISTS {PROBE_TABLE} (project_id String, number UInt32) ENGINE = Memory")
    for project in (OWN, OTHER):
        warehouse.command(f"INSERT INTO {PROBE_TABLE} SELECT '{project}', number FROM numbers({_ROWS})")  # noqa: S608


def _rows_seen(probe: FenceProbe) -> Sequence[str]:
    faults: list[str] = []
    seen = _lines(probe, f"SELECT project_id FROM {PROBE_TABLE}")  # noqa: S608
    if not seen or set(seen) != {OWN}:
        faults.append("Rows of another project are visible." if set(seen) - {OWN} else "A project does not see its own rows.")
    for carrier in (f"log_comment = '{OTHER}'", "readonly = 0"):
        if _others(probe, f"SELECT * FROM (SELECT project_id FROM {PROBE_TABLE} SETTINGS {carrier})"):  # noqa: S608
            faults.append("A setting within the query shows rows of another project.")
    if _others(probe, "SELECT project_id FROM merge(currentDatabase(), '.*')"):
        faults.append("Rows of another project are visible by merge().")
    if _fails(probe, f"SELECT throwIf(project_id = '{OTHER}') FROM {PROBE_TABLE}"):  # noqa: S608
        faults.append("Conditions are tried on rows of another project.")
    return faults


def _tables_fenced(probe: FenceProbe) -> Sequence[str]:
    """Every table that analysts may read shows nothing to a project that does not exist, and has the column that it is fenced by."""
    faults: list[str] = []
    for name, project_columns in probe.warehouse.query(_GRANTED, {"names": list(GRANTED_TABLES)}, lane="control").rows:
        if not project_columns:
            faults.append(f"The table {name} has no project_id, and analysts may read it.")
        elif _count(probe, f"SELECT count() FROM {name}", NOBODY):  # noqa: S608
            faults.append(f"The table {name} shows its rows to all projects.")
    return faults


def _closed(probe: FenceProbe) -> Sequence[str]:
    found: list[str] = []
    for words, sql in _CLOSED.items():
        try:
            if _lines(probe, sql):
                found.append(_sentence(words))
        except RequestError:
            continue
    return found


def _refused(probe: FenceProbe) -> Sequence[str]:
    return [_sentence(words) for words, sql in {**_REFUSED, **probe.refused}.items() if not _fails(probe, sql)]


def _granted_least(probe: FenceProbe) -> Sequence[str]:
    """Rights are what is left if `readonly` and the policies fail, so they are looked at, not only tried."""
    found = probe.warehouse.query(_RIGHTS, {"name": probe.grantee}, lane="control").rows
    wanted = {("SELECT", table) for table in GRANTED_TABLES}
    return [
        f"Analysts have the right {right} on {database or '*'}.{table or '*'}."
        for right, database, table, is_here in found
        if not is_here or (right, table) not in wanted
    ]


def _limits_hold(probe: FenceProbe) -> Sequence[str]:
    wanted = {**_LIMITS.settings(), "readonly": 1}
    listed = ", ".join(f"toString(getSetting('{name}'))" for name in wanted)
    found = _lines(probe, f"SELECT arrayJoin([{listed}])")
    faults = [
        f"The setting {name} of a handle is {value}, not {wanted[name]}."
        for name, value in zip(wanted, found, strict=True)
        if _FLAGS.get(value, value) != str(wanted[name])
    ]
    for sql in ("SELECT count() FROM numbers(2000000) WHERE number % 3 = 1", "SELECT number FROM numbers(2000)"):
        try:
            _lines(probe, sql)
        except LimitExceededError:
            continue
        faults.append("A limit on rows does not hold.")
    return faults


def _useful(probe: FenceProbe) -> Sequence[str]:
    """Else all of the above would hold for an engine that refuses everything."""
    if _lines(probe, "SELECT sum(number) FROM numbers(10)") != ["45"]:
        return ["A harmless query gets no answer."]
    return []


_CHECKS: Sequence[Callable[[FenceProbe], Sequence[str]]] = (
    _useful,
    _rows_seen,
    _tables_fenced,
    _closed,
    _refused,
    _limits_hold,
    _granted_least,
)


def _fails(probe: FenceProbe, sql: str) -> bool:
    try:
        _lines(probe, sql)
    except RequestError:
        return True
    return False


def _others(probe: FenceProbe, sql: str) -> bool:
    try:
        return bool(set(_lines(probe, sql)) - {OWN})
    except RequestError:
        return False


def _count(probe: FenceProbe, sql: str, project_id: str) -> int:
    try:
        return int("".join(_lines(probe, sql, project_id)) or 0)
    except RequestError:
        return 0


def _lines(probe: FenceProbe, sql: str, project_id: str = OWN) -> list[str]:
    with probe.door.open(project_id, f"fence-{uuid4().hex}", _LIMITS) as handle:
        answer = b"".join(handle.stream(sql, {}, "CSV"))
    return [line.strip('"') for line in answer.decode("utf-8", "replace").splitlines()]


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
