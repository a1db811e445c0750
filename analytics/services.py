"""Everything that lives as long as the app, opened in one place.

The one thing to know: parts open in order, close in reverse, also when opening fails half way; they receive plain values, never Settings.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from email.errors import MessageError
from functools import partial

import anyio.to_thread
import structlog

from analytics.answers.kept import KeptAnswers
from analytics.answers.named_tables import NamedTables
from analytics.answers.runner import Answers
from analytics.answers.saving import Saving
from analytics.answers.uses import SourcesInTexts
from analytics.background import running
from analytics.cache.answers import QUIET_SECONDS, AnswerStore
from analytics.cache.connection import Cache
from analytics.cache.key_rates import KeyRates
from analytics.cache.live import LiveCounters
from analytics.cache.live_feed import LiveFeed
from analytics.cache.live_snapshot import LiveReader
from analytics.cache.live_view import LiveView
from analytics.cache.rate_limit import CallerKind, RateLimits
from analytics.cache.sign_in_brake import SignInBrake
from analytics.cache.tickets import Tickets
from analytics.clock import Clock, SystemClock
from analytics.dashboards.board import Boards
from analytics.data_dir import DataDir
from analytics.domain.access_token import TokenSigner
from analytics.domain.browser_cookie import BrowserCookie
from analytics.errors import AnalyticsError, SettingsError, WarehouseUnavailableError
from analytics.event_path import EventPath, open_event_path
from analytics.health_checks import health_checks
from analytics.ingest.erased import ErasedIds
from analytics.ingest.personal import PersonalFields
from analytics.mail.letters import Letters
from analytics.mail.mailer import Mailer
from analytics.mail.server_address import parse_mail_url
from analytics.metadata.bootstrap import BootstrapResult, BootstrapWishes
from analytics.metadata.erasures import Erasures
from analytics.metadata.key_directory import KeyDirectory
from analytics.metadata.store import Metadata, open_metadata
from analytics.migrate.clickhouse import WarehouseSchema
from analytics.migrate.postgres import migrate_postgres, migration_lock
from analytics.oidc.provider import IdentityProvider
from analytics.pictures.drawer import Pictures
from analytics.privacy.erasing import Erasing
from analytics.privacy.export_files import ExportFiles
from analytics.privacy.exporting import Exporting
from analytics.privacy.passing import SpoolPassing
from analytics.privacy.registry import personal_stores
from analytics.privacy.rollup_texts import RollupTexts
from analytics.query.engine import Questions
from analytics.query.rejected_events import RejectedEvents
from analytics.query.stored_events import StoredEvents
from analytics.reconcile.reconciliations import SETTLE_SECONDS, Reconciliations
from analytics.reconcile.records import ReconciliationRecords
from analytics.reconcile.requests import ReconciliationRequests
from analytics.reconcile.run import RunOptions
from analytics.rollups.feeds import OwnFeeds
from analytics.rollups.keeping import RollupKeeper
from analytics.rollups.making import RollupMaker
from analytics.rollups.naming import OwnRollupNames
from analytics.rollups.rebuild import Rebuild
from analytics.rollups.reconciling import OwnRollupsRepaired
from analytics.rollups.tables import OwnTables
from analytics.settings import Settings
from analytics.sql_path import SqlPath, open_sql
from analytics.telemetry.health import HealthMonitor
from analytics.telemetry.metrics import Metrics
from analytics.warehouse.client import Warehouse, open_warehouse
from analytics.writer.live_recount import LiveRecount
from analytics.writer.live_sink import LiveSink

MIGRATE_AGAIN_SECONDS = 2.0
FIRST_ATTEMPT_SECONDS = 5.0  # then the start goes on without a server that hangs or is slow to migrate
RECONCILE_WAIT_SECONDS = 10.0  # for the writer to come between two batches
_WRITE_KEY = re.compile(r"wk_[A-Za-z0-9_-]{5,100}\Z")
_log = structlog.get_logger("analytics.services")


@dataclass(frozen=True)
class Services:
    """The open parts. Routes and jobs take what they need from here."""

    clock: Clock
    metrics: Metrics
    signer: TokenSigner
    sign_in_brake: SignInBrake
    forgot_brake: SignInBrake
    share_brake: SignInBrake
    browser_cookie: BrowserCookie
    letters: Letters
    oidc: IdentityProvider | None
    metadata: Metadata
    keys: KeyDirectory
    bootstrap: BootstrapResult
    warehouse: Warehouse
    warehouse_schema: WarehouseSchema
    event_path: EventPath
    cache: Cache
    live: LiveView
    live_tickets: Tickets
    rate_limits: RateLimits
    key_rates: KeyRates
    health: HealthMonitor
    questions: Questions
    stored_events: StoredEvents
    rejected_events: RejectedEvents
    reconciliations: Reconciliations
    erasures: Erasures
    erasing: Erasing
    exporting: Exporting
    sql: SqlPath
    rollups: RollupMaker
    answers: Answers
    boards: Boards
    pictures: Pictures
    saving: Saving
    sources_in_texts: SourcesInTexts
    named_tables: NamedTables
    sql_history_keep: timedelta


@asynccontextmanager
async def open_services(
    settings: Settings, bootstrapped: Callable[[BootstrapResult], None] = lambda made: None
) -> AsyncGenerator[Services]:
    """Open every part of this process, as `settings` say. `bootstrapped` hears at once what the first start made.

    Raises StartError, SchemaDriftError or MetadataUnavailableError if the service cannot start; what was open by then is closed.
    """
    async with AsyncExitStack() as stack:
        clock = SystemClock(settings.clock_offset_seconds)
        metrics = Metrics()
        secret = settings.given_secret_key() or DataDir(settings.data_dir).secret_key()

        postgres_url = _postgres_url(settings)
        await anyio.to_thread.run_sync(migrate_postgres, postgres_url)
        metadata = await stack.enter_async_context(open_metadata(postgres_url, clock, _wishes(settings), secret))
        bootstrapped(metadata.bootstrapped)
        metrics.observe(
            "keys_stale_seconds", "Since when projects and keys in memory may be old.", lambda: metadata.directory.stale_seconds
        )

        warehouse = await anyio.to_thread.run_sync(open_warehouse, _clickhouse_url(settings), settings.data_dir / "clickhouse")
        stack.push_async_callback(anyio.to_thread.run_sync, warehouse.close)
        # Nobody else can have embedded data open; on a server another process may be migrating.
        lock = nullcontext if warehouse.embedded else partial(migration_lock, postgres_url)
        schema = WarehouseSchema(warehouse, lock)
        if settings.clickhouse_cluster is not None:
            _log.warning("tables are made on one server, not on the whole cluster", cluster=settings.clickhouse_cluster)
        await stack.enter_async_context(_migrated(warehouse, schema))

        cache = Cache(settings.redis_url.get_secret_value() if settings.redis_url else None, metrics)
        stack.push_async_callback(cache.aclose)
        marks_cache = Cache(settings.redis_url.get_secret_value() if settings.redis_url else None, metrics)
        stack.push_async_callback(marks_cache.aclose)
        rate_limits = RateLimits(cache, _limits(settings))
        key_rates = KeyRates(cache, settings.key_requests_per_second)
        await stack.enter_async_context(key_rates.shared())
        letters = Letters(_mailer(settings, clock), settings.public_url)
        stack.push_async_callback(letters.aclose)
        provider = identity_provider(settings)
        if provider is not None:
            stack.push_async_callback(provider.aclose)
        feed = LiveFeed()
        sink = LiveSink(LiveCounters(cache, clock, metrics, LiveRecount(warehouse)), feed)
        live = LiveView(LiveReader(cache, clock), feed, metrics)

        erasures = metadata.erasures
        feeds = OwnFeeds(OwnTables(warehouse))
        wanted = ReconciliationRequests(ReconciliationRecords(warehouse, clock))
        event_path = await stack.enter_async_context(
            open_event_path(
                settings,
                clock,
                metrics,
                warehouse,
                PersonalFields(metadata.personal),
                marks_cache,
                prepare=partial(_until_migrated, schema),
                stored=sink.stored,
                wants_rest=sink.wants_rest,
                idle=sink.idle,
                quarantined=wanted.ask_after_quarantine,
                erased=ErasedIds(metadata.directory.erased_of, erasures.hasher),
                own_rollups=feeds,
            )
        )
        if "writer" in settings.roles:
            passing = SpoolPassing(metadata.directory, erasures, event_path.ingestor, event_path.spool, feed)
            await stack.enter_async_context(passing.running())
        stack.callback(live.stop)
        hold = partial(event_path.writer.paused, RECONCILE_WAIT_SECONDS) if "writer" in settings.roles else None

        settle_seconds = SETTLE_SECONDS if hold is None else 0.0
        rebuild = Rebuild(feeds.tables, hold, settle_seconds if warehouse.embedded else SETTLE_SECONDS)
        repaired = OwnRollupsRepaired(feeds, rebuild)

        exporting = Exporting(
            metadata.subject_exports,
            metadata.database,
            warehouse,
            metadata.directory,
            metadata.personal,
            clock,
            folder=settings.data_dir / "exports",
            node=event_path.spool.node,
            keep_days=settings.subject_export_days,
        )
        export_files = ExportFiles(metadata.subject_exports, exporting.folder, exporting.node)
        names = OwnRollupNames(metadata.rollups, feeds)
        sql = await stack.enter_async_context(
            open_sql(settings, warehouse, schema, metadata, rate_limits, clock, event_path.watermark, names)
        )
        metrics.observe("sql_stuck_queries", "SQL queries that do not end though they were killed.", lambda: sql.watchdog.stuck)
        suspensions = metadata.sql_suspensions
        metrics.observe("sql_suspensions", "Suspensions of SQL in force: callers, statements, projects.", lambda: suspensions.in_force)
        health = HealthMonitor(health_checks(warehouse, schema, metadata, cache, event_path, sql), metrics)
        await stack.enter_async_context(health.running())
        answer_store = AnswerStore(
            cache,
            most_bytes=settings.answer_cache_bytes,
            most_answer_bytes=settings.answer_cache_answer_bytes,
            keep_seconds=settings.answer_cache_seconds,
            quiet_seconds=QUIET_SECONDS,
        )
        stores = personal_stores(
            warehouse,
            event_path.spool,
            settings.data_dir / "spool",
            feed,
            export_files,
            metadata.sql_history,
            metadata.saved_queries,
            metadata.alerts,
            sql.schema,
            metadata.dashboards,
            metadata.dashboard_shares,
            answer_store,
            RollupTexts(metadata.rollups, feeds.tables),
        )
        erasing = Erasing(
            erasures,
            metadata.database,
            warehouse,
            clock,
            stores,
            hold=hold,
            settle_seconds=settle_seconds,
            changing=event_path.marks.changing,
            own_rollups=repaired,
        )
        keeper = None
        if hold is not None:  # days are computed with the writer held, so where it is
            keeper = RollupKeeper(
                metadata.rollups, metadata.database, warehouse, feeds, rebuild, hold, clock, event_path.marks.changing, metrics
            )
            await stack.enter_async_context(running(keeper.run(schema.ready), "own-rollups"))
        rollups = RollupMaker(
            metadata.rollups,
            warehouse,
            feeds.tables,
            sql.shapes,
            lambda: sql.fence.off,
            keeper.look_soon if keeper is not None else lambda: None,
        )
        pictures = await stack.enter_async_context(Pictures(settings.picture_processes).opened())
        watermark = event_path.watermark if "writer" in settings.roles else None
        kept = KeptAnswers(answer_store, clock, metrics, watermark) if settings.redis_url and settings.answer_cache_bytes else None
        questions = Questions(warehouse, clock, event_path.watermark, metrics, metadata.personal)
        answers = Answers(sql.queries, questions, clock, kept)
        yield Services(
            clock=clock,
            metrics=metrics,
            signer=TokenSigner(secret, clock, metadata.directory.signing_keys),
            sign_in_brake=SignInBrake(cache, clock, "sign-in"),
            forgot_brake=SignInBrake(cache, clock, "forgot"),
            share_brake=SignInBrake(cache, clock, "share"),
            browser_cookie=BrowserCookie(secret, settings.public_url),
            letters=letters,
            oidc=provider,
            metadata=metadata,
            keys=metadata.directory,
            bootstrap=metadata.bootstrapped,
            warehouse=warehouse,
            warehouse_schema=schema,
            event_path=event_path,
            cache=cache,
            live=live,
            live_tickets=Tickets(cache),
            rate_limits=rate_limits,
            key_rates=key_rates,
            health=health,
            questions=questions,
            stored_events=StoredEvents(warehouse, clock),
            rejected_events=RejectedEvents(warehouse, clock),
            reconciliations=Reconciliations(
                warehouse,
                clock,
                metrics,
                wanted,
                hold=hold,
                watermark=event_path.watermark,
                changing=event_path.marks.changing,
                options=RunOptions(settle_seconds, own=repaired),
            ),
            erasures=erasures,
            erasing=erasing,
            exporting=exporting,
            sql=sql,
            answers=answers,
            boards=Boards(answers, metadata.saved_queries, clock),
            pictures=pictures,
            saving=Saving(sql.queries.door, answers),
            sources_in_texts=SourcesInTexts(metadata.source_uses, sql.queries.door),
            named_tables=NamedTables(sql.queries, metadata.rollups),
            rollups=rollups,
            sql_history_keep=timedelta(days=settings.sql_history_days),
        )


@asynccontextmanager
async def _migrated(warehouse: Warehouse, schema: WarehouseSchema) -> AsyncGenerator[None]:
    """Migrate ClickHouse now, or, if it is a server that is away, as soon as it is there: events wait in the spool till then."""

    def bring_up() -> bool:
        if warehouse.embedded:
            schema.bring_up()
            return True
        return schema.try_bring_up()

    # A server that hangs is left to it, also at a stop; embedded data is ours alone, and no thread may be at it when it is closed.
    attempt = partial(anyio.to_thread.run_sync, bring_up, abandon_on_cancel=not warehouse.embedded)
    first = asyncio.create_task(attempt())
    await asyncio.wait({first}, timeout=None if warehouse.embedded else FIRST_ATTEMPT_SECONDS)
    if first.done() and first.result():  # or it raises what refuses the start
        yield
        return

    async def keep_trying() -> None:
        said = ""
        current = first
        while not schema.ready.is_set():
            if current.done():
                await asyncio.sleep(MIGRATE_AGAIN_SECONDS)
                current = asyncio.create_task(attempt())
            try:
                await current
            except AnalyticsError as error:  # the service is up and takes events: say it, and wait for whoever mends it
                if said != error.detail:
                    said = error.detail
                    _log.error("the warehouse cannot be migrated", code=error.code, detail=error.detail)

    async with running(keep_trying(), "migrate-warehouse"):
        yield


def _until_migrated(schema: WarehouseSchema) -> None:
    """For the writer's thread: raises until the tables are there."""
    if not schema.ready.wait(1.0):
        raise WarehouseUnavailableError("The warehouse is not migrated yet.")


def _postgres_url(settings: Settings) -> str:
    if settings.postgres_url is None:
        raise SettingsError("ANALYTICS_POSTGRES_URL: must be set where the service is not started by `analytics serve`.")
    return settings.postgres_url.get_secret_value()


def _clickhouse_url(settings: Settings) -> str | None:
    return settings.clickhouse_url.get_secret_value() if settings.clickhouse_url else None


def _limits(settings: Settings) -> dict[CallerKind, int]:
    return {
        CallerKind.ADDRESS: settings.address_requests_per_minute,
        CallerKind.USER: settings.user_requests_per_minute,
        CallerKind.TOKEN: settings.token_requests_per_minute,
        CallerKind.WRITE_KEY: settings.token_requests_per_minute,  # on routes where it may do nothing
    }


def identity_provider(settings: Settings) -> IdentityProvider | None:
    """The provider of the settings, to be closed by the caller; None if there is none."""
    if settings.oidc_issuer is None or settings.oidc_client_id is None or settings.public_url is None:
        return None
    secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else None
    return IdentityProvider(settings.oidc_issuer, settings.oidc_client_id, secret, settings.public_url)


def _mailer(settings: Settings, clock: Clock) -> Mailer | None:
    if settings.smtp_url is None:
        return None
    try:
        return Mailer(parse_mail_url(settings.smtp_url.get_secret_value()), settings.smtp_from, clock)
    except OSError as error:
        raise SettingsError(f"ANALYTICS_SMTP_URL: ca_file cannot be read: {error.strerror or type(error).__name__}.") from error
    except (ValueError, IndexError, MessageError) as error:
        raise SettingsError("ANALYTICS_SMTP_FROM: is no address.") from error


def _wishes(settings: Settings) -> BootstrapWishes:
    key = settings.bootstrap_write_key.get_secret_value() if settings.bootstrap_write_key else None
    if key is not None and not _WRITE_KEY.match(key):
        raise SettingsError("ANALYTICS_BOOTSTRAP_WRITE_KEY: must be wk_ and 5 to 100 of the characters A-Z a-z 0-9 _ -.")
    password = settings.bootstrap_admin_password.get_secret_value() if settings.bootstrap_admin_password else None
    return BootstrapWishes(settings.bootstrap_project, key, settings.bootstrap_admin_email, password)
