"""Records of questions: written together, kept in memory while PostgreSQL is away, and counted when they must be dropped."""

import asyncio

import psycopg
import pytest

from analytics.audit.log import AuditLog, Change
from analytics.audit.names import AuditNames
from analytics.audit.origin import request_from
from analytics.clock import SystemClock
from analytics.errors import MetadataUnavailableError
from analytics.metadata import audit_queue
from analytics.metadata.audit_queue import AuditQueue, open_audit_queue
from analytics.metadata.audit_trail import AuditTrail
from analytics.metadata.pool import open_database
from tests.fixtures.patience import eventually
from tests.fixtures.relay import Relay

pytestmark = pytest.mark.anyio
LOG = AuditLog(AuditNames("a secret of the tests"), SystemClock())


def question(number: int) -> Change:
    return Change("operator", "query.trends", after={"number": number})


def written(url: str) -> list[tuple[str, int]]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT action, coalesce(after->>'number', after->>'records')::int FROM audit_records ORDER BY id")
        return [(row[0], row[1]) for row in found.fetchall()]


async def test_many_records_are_one_transaction_and_keep_their_request(postgres_url: str) -> None:
    async with open_database(postgres_url, audit=LOG) as database:
        queue = AuditQueue(AuditTrail(database, LOG), SystemClock())
        for number in range(3):
            with request_from("203.0.113.1", f"request-{number}"):
                queue.add(question(number))
        await queue.flush()
        with psycopg.connect(postgres_url) as connection:
            rows = connection.execute("SELECT xmin::text, address, request_id FROM audit_records ORDER BY id").fetchall()
    assert len({row[0] for row in rows}) == 1
    assert [row[1:] for row in rows] == [("203.0.113.1", f"request-{number}") for number in range(3)]


async def flushed(queue: AuditQueue) -> bool:
    """Whether what waits could be written."""
    try:
        await queue.flush()
    except MetadataUnavailableError:
        return False
    return True


async def test_while_postgresql_is_away_they_wait_and_reads_of_persons_are_refused(postgres_url: str) -> None:
    async with Relay.to_postgres(postgres_url) as relay, open_database(relay.url, wait_seconds=0.5, audit=LOG) as database:
        trail = AuditTrail(database, LOG)
        queue = AuditQueue(trail, SystemClock(), max_waiting=3)
        await relay.cut()
        for number in range(5):
            queue.add(question(number))
        with pytest.raises(MetadataUnavailableError):
            await queue.flush()
        with pytest.raises(MetadataUnavailableError):
            await trail.record(Change("operator", "events.read"))
        assert (len(queue), queue.dropped) == (3, 2)
        await relay.mend()
        await eventually(lambda: flushed(queue), "PostgreSQL")
        assert (len(queue), queue.dropped) == (0, 0)
    assert written(postgres_url) == [("audit.dropped", 2), ("query.trends", 2), ("query.trends", 3), ("query.trends", 4)]


async def test_refusals_that_are_alike_are_one_record_and_a_flood_is_a_few(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_queue, "MAX_ALIKE", 3)
    refused = Change("u_abcdefghijklmnop", "access.refused", "manage-keys", "p_1")
    async with Relay.to_postgres(postgres_url) as relay, open_database(relay.url, wait_seconds=0.5, audit=LOG) as database:
        queue = AuditQueue(AuditTrail(database, LOG), SystemClock())
        for address in ("203.0.113.1", "203.0.113.2"):
            with request_from(address, "request"):
                for _ in range(3):
                    queue.count(refused)
        await relay.cut()
        with pytest.raises(MetadataUnavailableError):
            await queue.flush()
        with request_from("203.0.113.1", "later"):
            queue.count(refused)
        for number in range(100):
            queue.count(Change(f"name-{number}@example.org", "sign-in.braked"))
        await relay.mend()
        await eventually(lambda: flushed(queue), "PostgreSQL")
        await queue.flush()
    with psycopg.connect(postgres_url) as connection:
        found = connection.execute("SELECT action, address, after->>'times', actor_kind FROM audit_records ORDER BY address, id").fetchall()
    assert found == [
        ("access.refused", "203.0.113.1", "4", "person"),
        ("access.refused", "203.0.113.2", "3", "person"),
        ("sign-in.braked", None, "1", "address"),
        ("sign-in.braked", None, "99", "service"),
    ]


async def test_they_are_written_by_themselves_and_at_the_end(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_queue, "FLUSH_SECONDS", 0.01)
    async with open_database(postgres_url, audit=LOG) as database:
        async with open_audit_queue(AuditTrail(database, LOG), SystemClock()) as queue:
            queue.add(question(1))
            await eventually(lambda: bool(written(postgres_url)), "the record")
            assert written(postgres_url) == [("query.trends", 1)]
            monkeypatch.setattr(audit_queue, "FLUSH_SECONDS", 3600.0)
            await asyncio.sleep(0.05)
            queue.add(question(2))
        assert written(postgres_url) == [("query.trends", 1), ("query.trends", 2)]
