"""Every place of this service where data is kept, and whether persons are in it: the users that projects send events about.

The one thing to know: a table, key prefix or folder that is in neither list fails a test. Whoever adds one says here what is in it; a
personal one needs a PersonalStore, which finds and removes a person, and is in an export of the person or says why not (exported.py).
"""

from collections.abc import Mapping
from pathlib import Path

from analytics.adhoc.schema import SqlSchema
from analytics.cache.answers import AnswerStore
from analytics.cache.live_feed import LiveFeed
from analytics.metadata.alerts import Alerts
from analytics.metadata.dashboard_shares import DashboardShares
from analytics.metadata.dashboards import Dashboards
from analytics.metadata.saved_queries import SavedQueries
from analytics.metadata.sql_history import SqlHistory
from analytics.privacy.answers import AnswersOfProject
from analytics.privacy.asked_sql import SavedTexts, SqlQueries, SqlSamples, WatchedQuestions
from analytics.privacy.dashboards import SavedDashboards, SharedFilters
from analytics.privacy.export_files import ExportFiles
from analytics.privacy.rollup_texts import RollupTexts
from analytics.privacy.shown import ShownEvents
from analytics.privacy.spooled import SpoolFolder
from analytics.privacy.tables import PersonalStore, RejectedTable, person_tables
from analytics.spool.spool import Spool
from analytics.warehouse.client import Warehouse

PERSONAL = (
    "clickhouse:events",
    "clickhouse:user_days",
    "clickhouse:user_timeline",
    "clickhouse:rejected_events",
    "folder:spool",
    "memory:live_feed",
    "folder:exports",
    "postgres:sql_queries",
    "postgres:saved_queries",
    "postgres:saved_query_versions",
    "postgres:rollups",
    "postgres:alerts",
    "memory:sql_schema",
    "postgres:dashboards",
    "postgres:dashboard_shares",
    "redis:answers",
)
"""In the order in which they are cleared: what feeds others first."""

_STAFF = "people of the team, not users that events are about; ended by an admin"
NOT_PERSONAL: Mapping[str, str] = {
    "clickhouse:analyst_tables": "own rollups: states by dimensions that are no ids; a person's days are computed anew",
    "clickhouse:event_counts": "numbers of events; put right when a person's events are gone",
    "clickhouse:event_ids": "keyed hashes of event ids, for three days: repeats must be known also of erased events",
    "clickhouse:events_scratch": "rows on trial for the moment in which a batch is mended; dropped, at the next start at the latest",
    "clickhouse:fence_probe": "made-up rows of two projects that do not exist, by which the fence around SQL is tried",
    "clickhouse:reconciliations": "what was compared and how it ended",
    "clickhouse:schema_migrations": "which migrations were run",
    "postgres:account_links": _STAFF,
    "postgres:alert_changes": "states and numbers, by the id of an alert",
    "postgres:alert_outbox": "numbers of changes of alerts",
    "postgres:api_tokens": _STAFF,
    "postgres:audit_records": "who of the team did what; people by keyed hash, erasures by their own id",
    "postgres:audit_seals": "seals of the audit",
    "postgres:audit_unsealed": "numbers of records that wait for their seal",
    "postgres:browser_sessions": _STAFF,
    "postgres:directory_version": "a number",
    "postgres:erased_ids": "keyed hashes of erased ids: by them their events are refused",
    "postgres:erasures": "ids encrypted while it runs, then keyed hashes and counts",
    "postgres:event_nodes": "names of spools",
    "postgres:key_ring": "keys",
    "postgres:members": _STAFF,
    "postgres:oidc_identities": _STAFF,
    "postgres:oidc_used_flows": "hashes of sign-ins of the team, for ten minutes or till the next",
    "postgres:projects": "names and policies",
    "postgres:recovery_codes": _STAFF,
    "postgres:refresh_families": _STAFF,
    "postgres:refresh_tokens": _STAFF,
    "postgres:schema_migrations": "which migrations were run",
    "postgres:sealed_secrets": "encrypted secrets of the service and of projects",
    "postgres:second_factors": _STAFF,
    "postgres:signing_keys": "keys",
    "postgres:subject_export_ids": "keyed hashes of ids: by them an erasure finds exports that name a person",
    "postgres:subject_exports": "ids encrypted until it has ended, then counts",
    "postgres:source_names": "names of saved queries and rollups, given by the team",
    "postgres:sql_limits": "numbers",
    "postgres:sql_suspensions": "ids of the team and of queries, keyed hashes of statements, for a week or so",
    "postgres:users": _STAFF,
    "postgres:write_keys": "public by nature",
    "redis:brake": "failed sign-ins of the team and failed passwords of links, by account and address, for a while",
    "redis:live": "64-bit hashes of users for 8 minutes and of sessions for 33; counts and names of events. They age out",
    "redis:rate": "hashes of callers of the team and how often they called, for an hour at most",
    "redis:ticket": "hashes of tickets of the team, for a minute",
    "folder:clickhouse": "its tables are registered one by one; sorted or grouped data that spills there is gone with its question",
    "folder:postgres": "its tables are registered one by one; its write-ahead log holds what they held",
    "folder:valkey": "its keys are registered one by one",
    "folder:parser": "an engine without tables, which reads the SQL of analysts where ClickHouse is a server",
    "folder:run": "addresses of what runs",
    "folder:lock": "the number of a process",
    "folder:secret_key": "a key",
    "folder:demo.json": "how far a demo was loaded; its people are made up",
    "memory:key_directory": "projects, keys, and the keyed hashes of erased ids",
    "memory:checked_sql": "texts of the team's saved SQL, the latest 500, as they were asked in the last minute; nothing of any answer",
    "memory:known_ids": "hashes of event ids under a secret of the project",
    "memory:pages": "addresses of pages and what they say, by text, without who was there; forgotten with each erasure in its process",
    "memory:agents": "user agents and what they say, by text, without who sent them",
    "memory:addresses": "addresses as they are cut and looked up, without who sent them; the latest 65,536, until the process ends",
}


def personal_stores(
    warehouse: Warehouse,
    spool: Spool,
    spool_folder: Path,
    feed: LiveFeed,
    exports: ExportFiles,
    sql_history: SqlHistory,
    saved: SavedQueries,
    alerts: Alerts,
    sql_schema: SqlSchema,
    dashboards: Dashboards,
    shares: DashboardShares,
    answers: AnswerStore,
    rollups: RollupTexts,
) -> tuple[PersonalStore, ...]:
    """What finds and removes a person, in the order of PERSONAL."""
    stores: tuple[PersonalStore, ...] = (
        *person_tables(warehouse),
        RejectedTable(warehouse),
        SpoolFolder(spool, spool_folder),
        ShownEvents(feed),
        exports,
        SqlQueries(sql_history),
        SavedTexts(saved, versions=False),
        SavedTexts(saved, versions=True),
        rollups,
        WatchedQuestions(alerts),
        SqlSamples(sql_schema),
        SavedDashboards(dashboards),
        SharedFilters(shares),
        AnswersOfProject(answers),
    )
    assert tuple(store.name for store in stores) == PERSONAL
    return stores
