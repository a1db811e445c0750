"""What a first start makes: a project, a write key, an owner. What is there is never changed, and two processes make one of each."""

from dataclasses import dataclass

from analytics.clock import Clock
from analytics.domain.access import Person
from analytics.domain.project import Project
from analytics.errors import SettingsError
from analytics.metadata.keys import insert_write_key
from analytics.metadata.pool import Change, ChangeConnection, Database
from analytics.metadata.project_rows import insert_project, policies_of, project_by_slug
from analytics.metadata.projects import new_project
from analytics.metadata.secrets import Passwords, make_id, make_password
from analytics.metadata.signing_keys import ensure_signing_key
from analytics.metadata.users import insert_user
from analytics.statements import postgres

DEFAULT_ADMIN_EMAIL = "admin@example.com"


@dataclass(frozen=True, slots=True)
class BootstrapWishes:
    """What should be there. Without `write_key` or `admin_password` one is made where it is needed."""

    project_slug: str
    write_key: str | None
    admin_email: str
    admin_password: str | None


@dataclass(frozen=True, slots=True)
class BootstrapResult:
    """What is there now; the admin's two are None unless this start made the admin. `write_key` is empty if all keys were revoked."""

    project_slug: str
    write_key: str
    admin_email: str | None = None
    admin_password: str | None = None


async def bootstrap(database: Database, passwords: Passwords, clock: Clock, wishes: BootstrapWishes) -> BootstrapResult:
    """Make what is missing.

    The admin is made if there is no owner at all, or if another address than the default is wished for and nobody has it.
    Raises SettingsError if the wished write key is another project's, MetadataUnavailableError.
    """
    async with database.change(Change("bootstrap", "bootstrap", wishes.project_slug)) as connection:
        connection.changes.clear()  # each thing that is made is recorded by itself, and usually nothing is
        await connection.one(postgres("bootstrap")["lock"])
        await ensure_signing_key(connection, clock)
        project = await project_by_slug(connection, wishes.project_slug)
        if project is None:
            project = new_project(wishes.project_slug, wishes.project_slug, "UTC", clock)
            await insert_project(connection, project)
            connection.changes.append(Change("bootstrap", "project.create", project.id, project.id, after=policies_of(project)))
        key = await _write_key(connection, project, wishes.write_key, clock)
        password = await _admin(connection, passwords, clock, wishes)
    return BootstrapResult(project.slug, key, wishes.admin_email if password else None, password)


async def _write_key(connection: ChangeConnection, project: Project, wished: str | None, clock: Clock) -> str:
    statements = postgres("write_keys")
    if wished is not None:
        known = await connection.one(statements["by_key"], key=wished)
        if known is not None and known["project_id"] != project.id:
            raise SettingsError("ANALYTICS_BOOTSTRAP_WRITE_KEY: another project has this key.")
        if known is None:
            await _insert_key(connection, project, clock, wished)
        if known is None or known["revoked_at"] is None:
            return wished
    ever = await connection.one(statements["count_of_project"], project_id=project.id)
    if ever is not None and ever["keys"] == 0:
        return await _insert_key(connection, project, clock)
    good = await connection.one(statements["oldest_good"], project_id=project.id)
    return good["key"] if good else ""


async def _insert_key(connection: ChangeConnection, project: Project, clock: Clock, wished: str | None = None) -> str:
    record = await insert_write_key(connection, project.id, "bootstrap", clock, wished)
    connection.changes.append(Change("bootstrap", "key.create", record.id, project.id, after={"name": record.name}))
    return record.key


async def _admin(connection: ChangeConnection, passwords: Passwords, clock: Clock, wishes: BootstrapWishes) -> str | None:
    """The password of the admin made now, else None."""
    statements = postgres("users")
    if await connection.one(statements["by_email"], email=wishes.admin_email):
        return None
    owner = await connection.one(statements["has_owner"])
    if owner is not None and owner["found"] and wishes.admin_email == DEFAULT_ADMIN_EMAIL:
        return None  # the default admin was removed or replaced by another: it does not come back
    password = wishes.admin_password or make_password()
    admin = Person(make_id("u"), wishes.admin_email, "Admin", is_owner=True)
    await insert_user(connection, admin, await passwords.hash(password), clock)
    connection.changes.append(Change("bootstrap", "user.create", admin.id, after={"is_owner": True}))
    return password
