"""Everything in PostgreSQL, opened together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from analytics.audit import chain, names
from analytics.audit.log import AuditLog
from analytics.audit.names import AuditNames
from analytics.clock import Clock
from analytics.crypto.key_ring import KeyName, KeyRing
from analytics.crypto.personal_values import PersonalValues
from analytics.metadata.account_links import AccountLinks
from analytics.metadata.alerts import Alerts
from analytics.metadata.audit_chain import AuditChain
from analytics.metadata.audit_queue import AuditQueue, open_audit_queue
from analytics.metadata.audit_trail import AuditTrail
from analytics.metadata.bootstrap import BootstrapResult, BootstrapWishes, bootstrap
from analytics.metadata.browser_sessions import BrowserSessions
from analytics.metadata.dashboard_shares import DashboardShares
from analytics.metadata.dashboards import Dashboards
from analytics.metadata.erasures import Erasures
from analytics.metadata.key_directory import KeyDirectory, open_key_directory
from analytics.metadata.key_ring import KeyRings
from analytics.metadata.keys import WriteKeys
from analytics.metadata.oidc_identities import OidcIdentities
from analytics.metadata.pool import Database, open_database
from analytics.metadata.projects import Projects
from analytics.metadata.refresh_tokens import RefreshTokens
from analytics.metadata.rollups import Rollups
from analytics.metadata.saved_queries import SavedQueries
from analytics.metadata.second_factors import SecondFactors
from analytics.metadata.secrets import Passwords
from analytics.metadata.signing_keys import SigningKeys
from analytics.metadata.source_uses import SourceUses
from analytics.metadata.sql_history import SqlHistory
from analytics.metadata.sql_limits import SqlLimitChanges
from analytics.metadata.sql_suspensions import SqlSuspensions
from analytics.metadata.subject_exports import SubjectExports
from analytics.metadata.token_uses import token_uses_written
from analytics.metadata.tokens import ApiTokens
from analytics.metadata.users import Members, Users
from analytics.statements import postgres


@dataclass(frozen=True, slots=True)
class Metadata:
    """One part per aggregate; `directory` is what is read on the way in."""

    database: Database
    directory: KeyDirectory
    projects: Projects
    write_keys: WriteKeys
    api_tokens: ApiTokens
    users: Users
    members: Members
    refresh_tokens: RefreshTokens
    browser_sessions: BrowserSessions
    account_links: AccountLinks
    second_factors: SecondFactors
    oidc_identities: OidcIdentities
    signing_keys: SigningKeys
    bootstrapped: BootstrapResult
    key_rings: KeyRings
    personal: PersonalValues
    audit: AuditTrail
    audit_queue: AuditQueue
    audit_chain: AuditChain
    erasures: Erasures
    subject_exports: SubjectExports
    sql_history: SqlHistory
    sql_limits: SqlLimitChanges
    sql_suspensions: SqlSuspensions
    saved_queries: SavedQueries
    alerts: Alerts
    dashboards: Dashboards
    dashboard_shares: DashboardShares
    rollups: Rollups
    source_uses: SourceUses


@asynccontextmanager
async def open_metadata(url: str, clock: Clock, wishes: BootstrapWishes, secret_key: str) -> AsyncGenerator[Metadata]:
    """The migrated database at `url`, with what `wishes` ask for made, the directory loaded and the key ring open under `secret_key`.

    Raises MetadataUnavailableError or SettingsError.
    """
    log = AuditLog(AuditNames(secret_key), clock)
    async with open_database(url, audit=log) as database:
        ring = KeyRing(secret_key)
        key_rings = KeyRings(database, ring, clock)
        await key_rings.open(await _audit_keys_before(database, secret_key))  # first: with a wrong secret key nothing is made
        log.names.use(ring.active(KeyName.AUDIT_NAMES).material)
        passwords = Passwords()
        made = await bootstrap(database, passwords, clock, wishes)
        trail = AuditTrail(database, log)
        async with (
            open_key_directory(url, database, clock, ring) as directory,
            token_uses_written(database, clock) as uses,
            open_audit_queue(trail, clock) as queue,
        ):
            yield Metadata(
                database,
                directory,
                Projects(database, directory, clock),
                WriteKeys(database, directory, clock),
                ApiTokens(database, clock, uses),
                Users(database, passwords, clock),
                Members(database, clock),
                RefreshTokens(database, clock),
                BrowserSessions(database, clock),
                AccountLinks(database, passwords, clock),
                SecondFactors(database, key_rings, clock),
                OidcIdentities(database, clock),
                SigningKeys(database, directory, clock),
                made,
                key_rings,
                PersonalValues(ring),
                trail,
                queue,
                AuditChain(database, ring, clock),
                Erasures(database, directory, clock, ring),
                SubjectExports(database, clock, ring),
                SqlHistory(database, log.names, clock),
                SqlLimitChanges(database),
                SqlSuspensions(database, log.names, clock),
                SavedQueries(database, clock),
                Alerts(database, clock),
                Dashboards(database, clock),
                DashboardShares(database, passwords, clock),
                Rollups(database, clock),
                SourceUses(database),
            )


async def _audit_keys_before(database: Database, secret_key: str) -> dict[KeyName, bytes]:
    """The keys of the audit from before the ring had any: it begins with these, so that old seals stay checkable and people findable."""
    before = {KeyName.AUDIT_NAMES: names.key_of_secret(secret_key)}
    async with database.read() as connection:
        if await connection.one(postgres("audit")["head"]):
            before[KeyName.AUDIT_SEALS] = chain.key_of_secret(secret_key)
    return before
