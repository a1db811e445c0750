"""What was recorded stays as it was: the service's role cannot change it, and what a superuser changes is found."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from analytics.audit.chain import Head, key_of_secret
from analytics.audit.log import AuditLog, Change
from analytics.audit.names import AuditNames
from analytics.clock import FixedClock
from analytics.crypto.key_ring import KeyName, KeyRing, RingKey, make_ring_key
from analytics.embedded.engines import EmbeddedEngines
from analytics.errors import ConflictError
from analytics.metadata import audit_chain
from analytics.metadata.audit_chain import AuditChain
from analytics.metadata.audit_trail import AuditTrail
from analytics.metadata.bootstrap import BootstrapWishes
from analytics.metadata.key_ring import rewrap_key_ring
from analytics.metadata.pool import Database, open_database
from analytics.metadata.store import open_metadata
from analytics.migrate.postgres import migrate_postgres
from analytics.statements import data_folder, postgres

pytestmark = pytest.mark.anyio
SECRET = "a secret of the tests"
Tamper = Callable[[str], None]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 22, tzinfo=UTC))


@pytest.fixture
async def database(postgres_url: str, clock: FixedClock, anyio_backend: object) -> AsyncIterator[Database]:
    async with open_database(postgres_url, audit=AuditLog(AuditNames(SECRET), clock)) as opened:
        yield opened


@pytest.fixture
async def ring(database: Database, clock: FixedClock) -> KeyRing:
    """With a key for seals, put there without a record."""
    made = KeyRing(SECRET)
    await put_key(database, made, make_ring_key(KeyName.AUDIT_SEALS), clock)
    return made


@pytest.fixture
def chain(database: Database, ring: KeyRing, clock: FixedClock) -> AuditChain:
    return AuditChain(database, ring, clock)


async def put_key(database: Database, ring: KeyRing, key: RingKey, clock: FixedClock) -> None:
    sealed = ring.wrapping.wrap(key).sealed
    async with database.bookkeeping() as connection:
        await connection.run(postgres("key_ring")["retire"], name=key.name.value)
        await connection.run(postgres("key_ring")["insert"], id=key.id, name=key.name.value, is_active=True, sealed=sealed, now=clock.now())


@pytest.fixture
def superuser_of(engines: EmbeddedEngines) -> Callable[[str], str]:
    """The address of a database for the superuser."""

    def url_of(url: str) -> str:
        assert engines.postgres_superuser_url is not None
        return urlunsplit(urlsplit(engines.postgres_superuser_url)._replace(path=urlsplit(url).path))

    return url_of


@pytest.fixture
def tamper(superuser_of: Callable[[str], str], postgres_url: str) -> Tamper:
    """Runs a statement as whoever owns the server, past all triggers."""

    def run(statement: str) -> None:
        with psycopg.connect(superuser_of(postgres_url), autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(statement.encode())

    return run


async def record(database: Database, count: int) -> None:
    for number in range(count):
        async with database.change(Change("operator", "key.create", f"k_{number}", "p_1", after={"name": f"key {number}"})):
            pass


async def sealed(database: Database, chain: AuditChain, count: int) -> Head:
    await record(database, count)
    assert await chain.seal() == count
    return await chain.head()


def kinds(verification: audit_chain.Verification) -> set[str]:
    return {finding.kind for finding in verification.findings}


async def test_an_untouched_chain_is_whole_and_has_its_head(database: Database, chain: AuditChain) -> None:
    first = await sealed(database, chain, 3)
    last = await sealed(database, chain, 2)
    found = await chain.verify(first)
    assert (found.head, found.checked, found.wrong) == (last, 5, 0)
    assert await chain.seal() == 0


async def test_a_chain_longer_than_a_page_is_walked_whole(database: Database, chain: AuditChain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "LINKS_AT_ONCE", 2)
    head = await sealed(database, chain, 5)
    found = await chain.verify(head)
    assert (found.checked, found.wrong) == (5, 0)


@pytest.mark.parametrize(
    "statement",
    [
        'UPDATE audit_records SET after = \'{"name": "another"}\' WHERE id = 2',
        "UPDATE audit_records SET before = '{}' WHERE id = 2",
        "UPDATE audit_records SET actor = 'somebody' WHERE id = 2",
        "UPDATE audit_records SET actor_kind = 'person' WHERE id = 2",
        "UPDATE audit_records SET action = 'key.revoke' WHERE id = 2",
        "UPDATE audit_records SET at = at + interval '1 microsecond' WHERE id = 2",
        "UPDATE audit_records SET project_id = NULL WHERE id = 2",
        "UPDATE audit_records SET target_kind = 'token' WHERE id = 2",
        "UPDATE audit_records SET target_id = 'k_9' WHERE id = 2",
        "UPDATE audit_records SET address = '203.0.113.1' WHERE id = 2",
        "UPDATE audit_records SET request_id = 'x' WHERE id = 2",
        "UPDATE audit_seals SET seal = decode(repeat('00', 32), 'hex') WHERE number = 2",
        "DELETE FROM audit_records WHERE id = 2",
        "DELETE FROM audit_records WHERE id = 2; DELETE FROM audit_seals WHERE record_id = 2",
        "DELETE FROM audit_records WHERE id = 2; DELETE FROM audit_seals WHERE record_id = 2;"
        " UPDATE audit_seals SET number = number - 1 WHERE number > 2",
        "UPDATE audit_seals SET number = 10 - number WHERE number < 10; UPDATE audit_seals SET number = number - 5",
        "UPDATE audit_seals SET record_id = -1 WHERE number = 2; UPDATE audit_seals SET record_id = 2 WHERE number = 3;"
        " UPDATE audit_seals SET record_id = 3 WHERE number = 2",
        "UPDATE audit_seals SET key_id = 'another' WHERE number = 2",
        "DELETE FROM audit_seals WHERE number > 2",
    ],
)
async def test_whatever_a_superuser_changes_is_found(database: Database, chain: AuditChain, tamper: Tamper, statement: str) -> None:
    await sealed(database, chain, 4)
    assert (await chain.verify()).wrong == 0
    tamper(statement)
    assert (await chain.verify()).wrong > 0


async def test_a_cut_end_is_found_by_a_head_kept_elsewhere(database: Database, chain: AuditChain, tamper: Tamper) -> None:
    kept = await sealed(database, chain, 4)
    tamper("DELETE FROM audit_records WHERE id > 2; DELETE FROM audit_seals WHERE number > 2")
    assert (await chain.verify()).wrong == 0
    assert kinds(await chain.verify(kept)) == {"cut-tail"}
    await record(database, 2)
    await chain.seal()
    assert kinds(await chain.verify(kept)) == {"other-chain"}


async def test_a_record_beside_the_queue_of_the_sealer_is_found(
    database: Database, chain: AuditChain, tamper: Tamper, clock: FixedClock
) -> None:
    await record(database, 1)
    assert (await chain.verify()).wrong == 0
    clock.advance(audit_chain.UNSEALED_SECONDS + 1)
    assert kinds(await chain.verify()) == {"unsealed"}
    await sealed_now(chain)
    await record(database, 1)
    tamper("DELETE FROM audit_unsealed")
    assert kinds(await chain.verify()) == {"unsealed"}


async def sealed_now(chain: AuditChain) -> None:
    await chain.seal()
    assert (await chain.verify()).wrong == 0


async def test_a_seal_made_with_another_key_is_named_so(database: Database, chain: AuditChain, tamper: Tamper) -> None:
    await sealed(database, chain, 1)
    tamper("UPDATE audit_seals SET key_id = '0123456789ab'")
    assert kinds(await chain.verify()) == {"other-key"}


async def test_a_rotation_keeps_old_seals_checkable_and_their_tampering_found(
    database: Database, chain: AuditChain, ring: KeyRing, tamper: Tamper, clock: FixedClock
) -> None:
    await sealed(database, chain, 2)
    for _ in range(2):
        await put_key(database, ring, make_ring_key(KeyName.AUDIT_SEALS), clock)
        head = await sealed(database, chain, 2)
    elsewhere = AuditChain(database, KeyRing(SECRET), clock)  # a process that has not seen the ring yet
    for verifier in (chain, elsewhere):
        found = await verifier.verify(head)
        assert (found.checked, found.wrong) == (6, 0)
    tamper("UPDATE audit_records SET actor = 'somebody' WHERE id = 1")
    assert kinds(await chain.verify(head)) == {"altered"}


async def test_without_a_key_in_the_ring_nothing_is_sealed_and_nothing_lost(
    database: Database, ring: KeyRing, chain: AuditChain, tamper: Tamper
) -> None:
    tamper("UPDATE key_ring SET name = 'secrets'")
    await record(database, 1)
    assert await chain.seal() == 0
    tamper("UPDATE key_ring SET name = 'audit-seals'")
    await sealed_now(chain)


async def test_another_secret_key_and_a_ring_that_is_new_find_old_seals_and_people_again(
    database: Database, postgres_url: str, tamper: Tamper, clock: FixedClock
) -> None:
    """From a release that had the keys of the audit from the secret key alone, to another secret key."""
    await record(database, 2)
    await put_key(database, KeyRing(SECRET), RingKey("0a0a0a0a", KeyName.AUDIT_SEALS, True, key_of_secret(SECRET)), clock)
    assert await AuditChain(database, KeyRing(SECRET), clock).seal() == 2
    tamper("DELETE FROM key_ring")
    wishes = BootstrapWishes("default", None, "admin@example.com", "a long password")
    async with open_metadata(postgres_url, clock, wishes, SECRET) as metadata:
        person = metadata.audit.names.actor("u_abcdefghijklmnop")
        assert person == AuditNames(SECRET).actor("u_abcdefghijklmnop")
        await metadata.audit_chain.seal()
        assert (await metadata.audit_chain.verify()).wrong == 0
        await metadata.key_rings.rotate("operator")
        await record(metadata.database, 1)
        await metadata.audit_chain.seal()
    rewrap_key_ring(postgres_url, SECRET, "another secret")
    async with open_metadata(postgres_url, clock, wishes, "another secret") as metadata:
        assert metadata.audit.names.actor("u_abcdefghijklmnop") == person
        found = await metadata.audit_chain.verify()
        assert (found.checked > 4, found.wrong) == (True, 0)
        tamper("UPDATE audit_records SET action = 'key.revoke' WHERE id = 1")
        assert kinds(await metadata.audit_chain.verify()) == {"altered"}


async def test_a_record_that_commits_late_is_sealed_late(database: Database, chain: AuditChain, postgres_url: str) -> None:
    insert = "INSERT INTO audit_records (at, actor_kind, actor, action, target_kind) VALUES (now(), 'service', 'x', 'a.b', 'a')"
    with psycopg.connect(postgres_url) as slow:
        slow.execute(insert)  # has the lower id, and is not committed
        await record(database, 2)
        assert await chain.seal() == 2
        slow.commit()
    assert await chain.seal() == 1
    found = await chain.verify()
    assert (found.checked, found.wrong) == (3, 0)


async def test_two_sealers_at_once_make_one_chain(database: Database, chain: AuditChain, ring: KeyRing, clock: FixedClock) -> None:
    other = AuditChain(database, ring, clock)
    for _ in range(5):
        await record(database, 4)
        await asyncio.gather(chain.seal(), other.seal(), chain.seal(), other.seal())
    await chain.seal()
    found = await chain.verify()
    assert (found.checked, found.wrong) == (20, 0)


async def test_a_change_that_fails_leaves_no_record(database: Database, postgres_url: str) -> None:
    with pytest.raises(ConflictError):
        async with database.change(Change("operator", "key.create", "k_1")):
            raise ConflictError("no")
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM audit_records").fetchone() == (0,)


FORBIDDEN = [
    "UPDATE audit_records SET actor = 'x'",
    "DELETE FROM audit_records",
    "TRUNCATE audit_records",
    "DROP TABLE audit_records",
    "UPDATE audit_seals SET seal = seal",
    "DELETE FROM audit_seals",
    "TRUNCATE audit_seals",
    "DROP TABLE audit_seals",
    "ALTER TABLE audit_records DISABLE TRIGGER ALL",
    "DROP TRIGGER refuse_change ON audit_records",
    "DROP FUNCTION refuse_audit_change() CASCADE",
    "CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "GRANT ALL ON audit_records TO CURRENT_USER",
    "SET session_replication_role = replica",
    "SET ROLE analytics_audit",
    "GRANT analytics_audit TO CURRENT_USER",
    "ALTER TABLE audit_records OWNER TO CURRENT_USER",
    "DROP SCHEMA public CASCADE",
    "DROP FUNCTION guard_audit()",
    "DROP FUNCTION audit_guard.refuse_drop() CASCADE",
    "DROP SCHEMA audit_guard CASCADE",
    "DROP EVENT TRIGGER refuse_audit_drop",
    "DROP DATABASE {database} WITH (FORCE)",
    "ALTER DATABASE {database} RENAME TO taken",
    "ALTER DATABASE {database} OWNER TO CURRENT_USER",
    "CREATE DATABASE another",
    "CREATE ROLE another SUPERUSER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "SET SESSION AUTHORIZATION postgres",
    "ALTER SYSTEM SET session_replication_role = replica",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY audit_records TO '/tmp/audit'",
    "SELECT pg_read_file('postgresql.conf')",
    "CREATE EVENT TRIGGER mine ON sql_drop EXECUTE FUNCTION audit_guard.refuse_drop()",
    "CREATE TRIGGER mine BEFORE INSERT ON audit_records FOR EACH ROW EXECUTE FUNCTION note_directory_change()",
    "CREATE RULE mine AS ON INSERT TO audit_records DO INSTEAD NOTHING",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_services_role_cannot_change_the_audit(database: Database, postgres_url: str, statement: str) -> None:
    await record(database, 1)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        before = connection.execute("SELECT a::text FROM audit_records a").fetchall()
        try:
            connection.execute(statement.format(database=connection.info.dbname).encode())
            if statement.startswith("GRANT ALL"):  # PostgreSQL only warns; what counts is that nothing was granted
                connection.execute("DELETE FROM audit_records")
        except psycopg.errors.InsufficientPrivilege:
            pass
        else:
            pytest.fail(f"this was allowed: {statement}")
        assert connection.execute("SELECT a::text FROM audit_records a").fetchall() == before


async def test_the_services_role_is_nobody_special_and_its_password_not_the_superusers(
    postgres_url: str, superuser_of: Callable[[str], str]
) -> None:
    with psycopg.connect(postgres_url) as connection:
        rights = "rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"
        assert connection.execute(f"SELECT {rights} FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        assert connection.execute("SELECT pg_has_role(r.oid, 'member') FROM pg_roles r WHERE rolname <> current_user").fetchall() == [
            (False,) for _ in connection.execute("SELECT FROM pg_roles WHERE rolname <> current_user").fetchall()
        ]
        owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        assert connection.execute(owner).fetchone() == ("postgres",)
    swapped = urlsplit(postgres_url)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(urlunsplit(swapped._replace(netloc=swapped.netloc.replace("analytics:", "postgres:"))))


async def test_without_the_guard_missing_rights_and_the_trigger_refuse(empty_postgres_url: str, superuser_of: Callable[[str], str]) -> None:
    with psycopg.connect(superuser_of(empty_postgres_url), autocommit=True) as connection:
        connection.execute("DROP EVENT TRIGGER refuse_audit_drop")
        connection.execute("DROP FUNCTION guard_audit()")
    migrate_postgres(empty_postgres_url)
    with psycopg.connect(empty_postgres_url, autocommit=True) as connection:
        changes = ("UPDATE audit_records SET actor = 'x'", "DELETE FROM audit_seals", "TRUNCATE audit_records")
        for statement in changes:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
                connection.execute(statement.encode())
        connection.execute("GRANT ALL ON audit_records, audit_seals TO CURRENT_USER")
        for statement in changes:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only added to"):
                connection.execute(statement.encode())
    # Later a superuser puts the guard there: it takes the tables that are there already.
    with psycopg.connect(superuser_of(empty_postgres_url), autocommit=True) as connection:
        for _ in range(2):
            connection.execute((data_folder("sql") / "postgres" / "setup" / "guard_audit.sql").read_bytes())
    with psycopg.connect(empty_postgres_url, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("ALTER TABLE audit_records DISABLE TRIGGER ALL")
        connection.execute("INSERT INTO audit_records (at, actor_kind, actor, action, target_kind) VALUES (now(), 'a', 'b', 'c.d', 'c')")


async def test_a_record_says_who_and_nobody_by_name(database: Database, clock: FixedClock, postgres_url: str) -> None:
    trail = AuditTrail(database, AuditLog(AuditNames(SECRET), clock))
    after = {"name": "key of anna@example.org", "who": "u_abcdefghijklmnop", "list": ["Anna <anna@example.org>"]}
    await trail.record(Change("u_abcdefghijklmnop", "member.set", "u_abcdefghijklmnop", "p_1", after=after))
    await trail.record_failed_sign_in("u_anna@example.org")
    await trail.record_failed_sign_in("operator")
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute("SELECT a::text, actor_kind FROM audit_records a ORDER BY id").fetchall()
    assert [row[1] for row in rows] == ["person", "address", "address"]
    assert "@" not in str(rows)
    assert "u_" not in str(rows)
