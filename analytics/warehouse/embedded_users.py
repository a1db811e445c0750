"""The rights inside embedded chDB: a generated users file, and functions that are shadowed.

chDB knows one user, and takes users, roles and policies from its configuration alone. So there are two roles: `svc`, which may do all, and
`analyst`. A connection begins with both; one that is an analyst's takes that role alone. The one thing to know: every table of every
database has a policy (the empty name stands for "all others"), so a table that nobody thought of is empty to an analyst.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

SERVICE_ROLE = "svc"
ANALYST_ROLE = "analyst"
DATABASE = "default"
# The setting that says to the row policies whose rows an analyst may see. It belongs to the fence alone.
CARRIER = "log_comment"
_IS_SERVICE = f"has(currentRoles(), '{SERVICE_ROLE}')"
_IS_OWN = f"project_id = getSetting('{CARRIER}')"
# `SELECT 1` reads system.one, and what counts from nothing reads numbers and zeros.
_FREE_SYSTEM_TABLES = ("one",)
_CLOSED_DATABASES = ("system", "information_schema", "INFORMATION_SCHEMA")
# No right guards these; chDB lets `file` read any file of the machine.
_SHADOWED_FUNCTIONS = (
    "file",
    "catboostEvaluate",
    "getServerSetting",
    "getMacro",
    "getServerPort",
    "tcpPort",
    "serverUUID",
    "showCertificate",
    "getOSKernelVersion",
    "filesystemAvailable",
    "filesystemCapacity",
    "filesystemUnreserved",
)


def write_embedded_users(folder: Path, tables: Sequence[str]) -> tuple[Path, Path]:
    """Write the users file and the folder of shadowed functions into `folder`; both are returned, in this order.

    An analyst may read `tables`, and of them the rows whose project_id is the connection's CARRIER.
    """
    users = folder / "users.xml"
    users.write_text(users_document(tables), "utf-8")
    functions = folder / "functions"
    functions.mkdir(exist_ok=True)
    wanted = {
        f"function_{name}.sql": f"CREATE FUNCTION {name} AS (x) -> throwIf(1, 'This function is off.')" for name in _SHADOWED_FUNCTIONS
    }
    for file in functions.glob("function_*.sql"):
        if file.name not in wanted:
            file.unlink()
    for name, text in wanted.items():
        (functions / name).write_text(text, "utf-8")
    return users, functions


def users_document(tables: Sequence[str]) -> str:
    """The users file."""
    grants = "".join(f"<query>GRANT SELECT ON {DATABASE}.{table}</query>" for table in tables)
    return f"""<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <roles>
    <{SERVICE_ROLE}><grants><query>GRANT ALL ON *.* WITH GRANT OPTION</query></grants></{SERVICE_ROLE}>
    <{ANALYST_ROLE}><grants>{grants}</grants></{ANALYST_ROLE}>
  </roles>
  <users>
    <default>
      <password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
      <grants><query>GRANT {SERVICE_ROLE}</query><query>GRANT {ANALYST_ROLE}</query></grants>
      <databases>{_policies(tables)}</databases>
    </default>
  </users>
</clickhouse>
"""


def _policies(tables: Sequence[str]) -> str:
    own = "".join(_policy(table, _IS_OWN) for table in tables)
    free = "".join(_policy(table, "1") for table in _FREE_SYSTEM_TABLES)
    closed = "".join(
        f'<database name="{name}">{_policy("", _IS_SERVICE)}{free if name == "system" else ""}</database>' for name in _CLOSED_DATABASES
    )
    # Policies add up: the service sees the rows of a named table by the one of all tables.
    return f'<database name="{DATABASE}">{_policy("", _IS_SERVICE)}{own}</database>{closed}'


def _policy(table: str, condition: str) -> str:
    return f'<table name="{table}"><filter>{escape(condition)}</filter></table>'
