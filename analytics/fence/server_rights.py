"""The rights of the analysts' user on a ClickHouse server: what `analytics clickhouse-setup` prints, and the role of each project.

The user may read the tables of GRANTED_TABLES and nothing else, and of their rows those whose project_id stands in the one role
`analytics_project_<id>` that a request takes: without a role, or with two, none. The one thing to know: roles are marks alone; they carry
no rights.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from clickhouse_connect.driver.binding import quote_identifier

from analytics.fence.self_test import NOBODY, OWN
from analytics.warehouse.analyst_tables import GRANTED_TABLES
from analytics.warehouse.server_address import ServerAddress

# Before it, the table function mergeTreeIndex shows keys of all rows whatever the policies: there the gate alone keeps it away.
INDEXES_GUARDED_SINCE = (26, 9)
ROLE_PREFIX = "analytics_project_"
PROFILE = "analytics_analyst"
POLICY = "analytics_fence"
_CLOSED_DATABASES = ("system", "information_schema", "INFORMATION_SCHEMA")
_FREE_SYSTEM_TABLES = ("one", "numbers", "zeros")
_PROJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
# Two roles give two ids joined by a comma, which is no project's.
OWN_ROWS = (
    f"project_id = arrayStringConcat(arrayMap(r -> substring(r, {len(ROLE_PREFIX) + 1}),"
    f" arrayFilter(r -> startsWith(r, '{ROLE_PREFIX}'), currentRoles())), ',')"
)
_NO_ROWS = "0"
_ALL_ROWS = "1"


@dataclass(frozen=True, slots=True)
class ServerRights:
    """The analysts' user of one database, and the service's own user, who makes the roles of projects."""

    user: str
    password: str = field(repr=False)
    database: str
    service_user: str

    @classmethod
    def between(cls, analysts: ServerAddress, service: ServerAddress) -> "ServerRights":
        """By the two URLs of the server."""
        database = analysts.database or service.database or "default"
        return cls(analysts.username or "default", analysts.password, database, service.username or "default")

    def role_of(self, project_id: str) -> str:
        """The name of a project's role. Raises ValueError for what is no id."""
        if not _PROJECT_ID.match(project_id):
            raise ValueError("no project has this id")
        return f"{ROLE_PREFIX}{project_id}"

    def role_statements(self, project_id: str) -> Sequence[str]:
        """The SQL that makes a project's role and gives it to the user."""
        role = quote_identifier(self.role_of(project_id))
        return f"CREATE ROLE IF NOT EXISTS {role}", f"GRANT {role} TO {quote_identifier(self.user)}"

    def statements(self) -> Sequence[str]:
        """The SQL that makes the user, for servers whose users are kept by SQL. To be run by an administrator; may be run again."""
        user, database = quote_identifier(self.user), quote_identifier(self.database)
        service = quote_identifier(self.service_user)
        made = [
            f"CREATE SETTINGS PROFILE IF NOT EXISTS {PROFILE} SETTINGS {_PROFILE_SQL}",
            f"CREATE USER IF NOT EXISTS {user} IDENTIFIED WITH sha256_hash BY '{self._password_hash()}' DEFAULT ROLE NONE"
            f" SETTINGS PROFILE '{PROFILE}'",
            *(f"GRANT SELECT ON {database}.{table} TO {user}" for table in GRANTED_TABLES),
            *(
                f"CREATE ROW POLICY OR REPLACE {POLICY} ON {place} FOR SELECT USING {condition} TO {user}"
                for place, condition in self._policies()
            ),
            f"GRANT CREATE ROLE, ROLE ADMIN, KILL QUERY ON *.* TO {service}",
            *(f"GRANT SELECT ON system.{table} TO {service}" for table in ("processes", "grants")),
        ]
        return [*made, *(statement for project_id in (OWN, NOBODY) for statement in self.role_statements(project_id))]

    def users_file(self, project_ids: Sequence[str]) -> str:
        """The same as a file for users.d, for servers whose users are kept in files; it names each project's role."""
        roles = [self.role_of(project_id) for project_id in dict.fromkeys([OWN, NOBODY, *project_ids])]
        grants = [f"GRANT SELECT ON {quote_identifier(self.database)}.{table}" for table in GRANTED_TABLES]
        grants += [f"GRANT {quote_identifier(role)}" for role in roles]
        databases: dict[str, list[tuple[str, str]]] = {}
        for database, table, condition in self._tables():
            databases.setdefault(database, []).append((table, condition))
        policies = "\n".join(
            f"        <database name={quoteattr(name)}>"
            + "".join(f'<table name="{table}"><filter>{escape(condition)}</filter></table>' for table, condition in tables)
            + "</database>"
            for name, tables in databases.items()
        )
        return f"""<clickhouse>
  <profiles>
    <{PROFILE}>{_PROFILE_XML}</{PROFILE}>
  </profiles>
  <roles>{"".join(f"<{role}/>" for role in roles)}</roles>
  <users>
    <{self.user}>
      <password_sha256_hex>{self._password_hash()}</password_sha256_hex>
      <networks><ip>::/0</ip></networks>
      <profile>{PROFILE}</profile>
      <quota>default</quota>
      <grants>
{"".join(f"        <query>{escape(grant)}</query>{chr(10)}" for grant in grants)}      </grants>
      <databases>
{policies}
      </databases>
    </{self.user}>
  </users>
</clickhouse>
"""

    def _password_hash(self) -> str:
        return hashlib.sha256(self.password.encode()).hexdigest()

    def _tables(self) -> Sequence[tuple[str, str, str]]:
        """Database, table ("": all others) and the condition on its rows."""
        return [
            (self.database, "", _NO_ROWS),
            *((self.database, table, OWN_ROWS) for table in GRANTED_TABLES),
            *((database, "", _NO_ROWS) for database in _CLOSED_DATABASES),
            *(("system", table, _ALL_ROWS) for table in _FREE_SYSTEM_TABLES),
        ]

    def _policies(self) -> Sequence[tuple[str, str]]:
        return [
            (f"{quote_identifier(database)}.{quote_identifier(table) if table else '*'}", condition)
            for database, table, condition in self._tables()
        ]


# Nobody signs in as this user but the service, which sends `readonly` and the limits of the caller with each query.
_PROFILE: Sequence[tuple[str, str]] = (
    ("max_execution_time", "600"),
    ("max_memory_usage", "10000000000"),
    ("allow_ddl", "0"),
    ("allow_introspection_functions", "0"),
    ("use_query_cache", "0"),
    ("use_query_condition_cache", "0"),
)
_PROFILE_SQL = ", ".join(f"{name} = {value}" for name, value in _PROFILE)
_PROFILE_XML = "".join(f"<{name}>{value}</{name}>" for name, value in _PROFILE)
