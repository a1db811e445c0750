"""Sealing what was recorded, and checking the seals: see audit/chain.py for the chain itself."""

from dataclasses import dataclass
from datetime import timedelta

from analytics.audit.chain import ChainKey, Finding, Head, Link, Walk, chain_keys
from analytics.audit.log import fields_of
from analytics.clock import Clock
from analytics.crypto.key_ring import KeyName, KeyRing
from analytics.metadata.claims import SPACE, Job
from analytics.metadata.key_ring import kept_keys
from analytics.metadata.pool import Connection, Database, Row
from analytics.statements import postgres

SEAL_AT_ONCE = 1_000
LINKS_AT_ONCE = 1_000
UNSEALED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Verification:
    """What a walk along the whole chain found. `findings` are the first of `wrong`; `unsealed` records are younger than a minute."""

    head: Head
    checked: int
    wrong: int
    findings: tuple[Finding, ...]


class AuditChain:
    """The seals of all records, made with keys of `ring`."""

    def __init__(self, database: Database, ring: KeyRing, clock: Clock) -> None:
        self._database = database
        self._ring = KeyRing.sharing(ring)  # as PostgreSQL has it at each moment: the other one may be a second behind a rotation
        self._clock = clock

    async def seal(self) -> int:
        """Seal what is visible and has no seal yet, at most SEAL_AT_ONCE; how many were sealed.

        Does nothing while another process seals: the lock goes with the transaction, so what it sealed is visible to the next.
        Raises MetadataUnavailableError.
        """
        statements = postgres("audit")
        async with self._database.bookkeeping() as connection:
            lock = await connection.one(statements["lock"], space=SPACE, what=int(Job.SEAL_AUDIT))
            if lock is None or not lock["taken"]:
                return 0
            rows = await connection.all(statements["waiting"], limit=SEAL_AT_ONCE)
            keys = await self._keys(connection) if rows else []
            if not keys:
                return 0
            key = keys[-1]
            head = _head(await connection.one(statements["head"]))
            first = head.number + 1
            seals: list[bytes] = []
            for number, row in enumerate(rows, start=first):
                seals.append(key.seal(seals[-1] if seals else head.seal, number, fields_of(row)))
            records = [row["id"] for row in rows]
            numbers = list(range(first, first + len(rows)))
            await connection.run(statements["seal"], numbers=numbers, records=records, seals=seals, key_id=key.id)
            await connection.run(statements["sealed"], records=records)
        return len(rows)

    async def head(self) -> Head:
        """The end of the chain. Raises MetadataUnavailableError."""
        async with self._database.read() as connection:
            return _head(await connection.one(postgres("audit")["head"]))

    async def verify(self, expected: Head | None = None) -> Verification:
        """Walk the chain from its first seal to its last. Raises MetadataUnavailableError.

        Records that came in within the last minute may be waiting for their seal.
        """
        walk = Walk([], expected)
        statements = postgres("audit")
        while True:
            async with self._database.read() as connection:
                rows = await connection.all(statements["links"], number=walk.head.number, limit=LINKS_AT_ONCE)
                walk.keys = await self._keys(connection)  # after the seals, so that it holds whatever made them
            for row in rows:
                walk.step(_link(row))
            if len(rows) < LINKS_AT_ONCE:
                break
        walk.end()
        since = self._clock.now() - timedelta(seconds=UNSEALED_SECONDS)
        async with self._database.read() as connection:
            left = await connection.one(statements["unsealed"], since=since)
        if left is not None and left["records"]:
            detail = f"{left['records']} records have no seal, the first is {left['first']}: seals were cut off, or no process seals."
            walk.found(Finding("unsealed", detail, record_id=left["first"]))
        return Verification(walk.head, walk.checked, walk.wrong, tuple(walk.findings))

    async def _keys(self, connection: Connection) -> list[ChainKey]:
        self._ring.show([key for key in await kept_keys(connection) if key.name is KeyName.AUDIT_SEALS])
        return chain_keys(self._ring)


def _head(row: Row | None) -> Head:
    return Head(row["number"], bytes(row["seal"])) if row else Head()


def _link(row: Row) -> Link:
    fields = fields_of(row) if row["id"] is not None else None
    return Link(row["number"], row["record_id"], row["key_id"], bytes(row["seal"]), fields)
