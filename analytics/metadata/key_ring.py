"""The key ring in PostgreSQL: made at the first start, read with the directory, rotated, wrapped anew under another secret key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg.rows import DictRow, dict_row

from analytics.audit.log import AuditLog
from analytics.audit.names import AuditNames
from analytics.clock import Clock, SystemClock
from analytics.crypto.key_ring import ROTATED, KeyName, KeyRing, WrappedKey, Wrapping, make_ring_key
from analytics.crypto.sealed_secrets import SealedSecrets
from analytics.errors import MetadataUnavailableError, SettingsError, UnsealError
from analytics.metadata.pool import Change, Connection, Database
from analytics.statements import postgres

RING_SETTING = "ANALYTICS_SECRET_KEY"
_WRONG_SECRET_KEY = (
    f"{RING_SETTING}: it is not the one the key ring in PostgreSQL was sealed under. Give the old one again (here, as "
    f"{RING_SETTING}_FILE, or as the file secret_key in the data dir), or move the ring to the new one: "
    "analytics secrets reseal --old-key-file FILE."
)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: new active keys by name, and how many secrets were sealed anew."""

    keys: dict[str, str]
    resealed: int


class KeyRings:
    """Makes and rotates the keys of `ring`, and keeps secrets sealed under them."""

    def __init__(self, database: Database, ring: KeyRing, clock: Clock) -> None:
        self._database = database
        self._ring = ring
        self._clock = clock
        self.secrets = SealedSecrets(ring)

    async def open(self, first: Mapping[KeyName, bytes] | None = None) -> None:
        """Read the ring, with what is missing made: random, or as `first` says.

        Raises SettingsError if it was sealed under another secret key.
        """
        async with self._database.read() as connection:
            await self._show(connection)
        missing = [name for name in KeyName if not self._ring.all(name)]
        if not missing:
            return
        async with self._database.change(Change("bootstrap", "key-ring.make", ",".join(missing))) as connection:
            await connection.run(postgres("key_ring")["lock"])
            await self._show(connection)  # another process may have been faster
            for name in missing:
                if not self._ring.all(name):
                    await self._insert(connection, name, (first or {}).get(name))
            await self._show(connection)

    async def rotate(self, actor: str) -> Rotation:
        """Make new active keys and seal every secret under the new one. Old keys go on reading. Personal hashes stay as they are."""
        async with self._database.change(Change(actor, "key-ring.rotate", ",".join(ROTATED))) as connection:
            await connection.run(postgres("key_ring")["lock"])
            made: dict[str, str] = {}
            for name in ROTATED:
                await connection.run(postgres("key_ring")["retire"], name=name.value)
                made[name.value] = await self._insert(connection, name)
            # On a ring of its own: should the transaction fail, this process must not have sealed under a key that is nowhere.
            after = KeyRing.sharing(self._ring)
            after.show(await kept_keys(connection))
            resealed = await _reseal(connection, self.secrets, SealedSecrets(after))
        async with self._database.read() as connection:
            await self._show(connection)
        return Rotation(made, resealed)

    async def keep(self, connection: Connection, project_id: str, purpose: str, text: str) -> None:
        """Keep a secret sealed, in the caller's change. A secret kept nowhere else is found by rotations."""
        sealed, now = self.secrets.seal(project_id, purpose, text), self._clock.now()
        await connection.run(postgres("sealed_secrets")["keep"], project_id=project_id, purpose=purpose, sealed=sealed, now=now)

    async def find(self, project_id: str, purpose: str) -> str | None:
        """A secret that was kept, or None. Raises UnsealError if what is kept was altered."""
        async with self._database.read() as connection:
            return await self.read(connection, project_id, purpose)

    async def read(self, connection: Connection, project_id: str, purpose: str) -> str | None:
        """As `find`, by a connection of the caller's."""
        row = await connection.one(postgres("sealed_secrets")["find"], project_id=project_id, purpose=purpose)
        if row is None:
            return None
        try:
            return self.secrets.open(project_id, purpose, row["sealed"])
        except UnsealError:  # another process may have made the key a moment ago
            await self._show(connection)
            return self.secrets.open(project_id, purpose, row["sealed"])

    async def forget(self, connection: Connection, project_id: str, purpose: str) -> None:
        """Remove a secret, in the caller's change."""
        await connection.run(postgres("sealed_secrets")["forget"], project_id=project_id, purpose=purpose)

    async def _show(self, connection: Connection) -> None:
        try:
            self._ring.show(await kept_keys(connection))
        except UnsealError as error:
            raise SettingsError(_WRONG_SECRET_KEY) from error

    async def _insert(self, connection: Connection, name: KeyName, material: bytes | None = None) -> str:
        key = self._ring.wrapping.wrap(make_ring_key(name, material))
        await connection.run(
            postgres("key_ring")["insert"], id=key.id, name=name.value, is_active=True, sealed=key.sealed, now=self._clock.now()
        )
        return key.id


async def kept_keys(connection: Connection) -> list[WrappedKey]:
    """Every key as it is kept, oldest first."""
    return [_wrapped(row) for row in await connection.all(postgres("key_ring")["all"])]


async def _reseal(connection: Connection, before: SealedSecrets, after: SealedSecrets) -> int:
    rows = await connection.all(postgres("sealed_secrets")["all"])
    for row in rows:
        text = before.open(row["project_id"], row["purpose"], row["sealed"])
        sealed = after.seal(row["project_id"], row["purpose"], text)
        await connection.run(postgres("sealed_secrets")["reseal"], project_id=row["project_id"], purpose=row["purpose"], sealed=sealed)
    return len(rows)


def rewrap_key_ring(url: str, old_secret_key: str, new_secret_key: str) -> tuple[int, int]:
    """Seal the ring in the database at `url` under the new secret key: (keys moved, keys that were there already).

    All or nothing. Raises UnsealError if a key opens under neither, MetadataUnavailableError.
    """
    statements = postgres("key_ring")
    old, new = Wrapping(old_secret_key), Wrapping(new_secret_key)
    moved = stayed = 0
    try:
        with psycopg.Connection[DictRow].connect(url, connect_timeout=10, row_factory=dict_row) as connection:
            connection.execute(statements["lock"].sql.encode())
            for row in connection.execute(statements["all"].sql.encode()).fetchall():
                kept = _wrapped(row)
                try:
                    new.unwrap(kept)
                except UnsealError:
                    sealed = new.wrap(old.unwrap(kept)).sealed
                    connection.execute(statements["rewrap"].sql.encode(), {"id": kept.id, "sealed": sealed})
                    moved += 1
                else:
                    stayed += 1
            if moved:
                names = AuditNames(old_secret_key)
                for row in connection.execute(statements["all"].sql.encode()).fetchall():
                    if row["name"] == KeyName.AUDIT_NAMES:
                        names.use(new.unwrap(_wrapped(row)).material)
                record = AuditLog(names, SystemClock()).row(Change("operator", "key-ring.reseal", after={"moved": moved}))
                connection.execute(postgres("audit")["insert"].sql.encode(), {"rows": json.dumps([record])})
    except psycopg.Error as error:
        raise MetadataUnavailableError(f"PostgreSQL cannot be used: {' '.join(str(error).split())[:300]}") from error
    return moved, stayed


def _wrapped(row: dict[str, object]) -> WrappedKey:
    sealed = row["sealed"]
    assert isinstance(sealed, bytes)
    return WrappedKey(str(row["id"]), KeyName(str(row["name"])), bool(row["is_active"]), sealed)
