"""People in PostgreSQL, their passwords, and what they are in which project."""

from dataclasses import dataclass
from datetime import datetime

from analytics.clock import Clock
from analytics.domain.access import Person, Role
from analytics.errors import ConflictError, NotFoundError, UnauthenticatedError
from analytics.metadata.pool import Change, Connection, Database, Row
from analytics.metadata.secrets import Passwords, make_id
from analytics.statements import postgres


@dataclass(frozen=True, slots=True)
class Member:
    """One person in one project."""

    email: str
    name: str
    role: Role
    created_at: datetime


class Users:
    """Everybody who can sign in."""

    def __init__(self, database: Database, passwords: Passwords, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock

    async def create(self, actor: str, email: str, password: str, name: str) -> Person:
        """A new person without any role. Raises ConflictError if the address is taken."""
        person = Person(make_id("u"), email, name)
        password_hash = await self._passwords.hash(password)
        try:
            async with self._database.change(Change(actor, "user.create", person.id)) as connection:
                await insert_user(connection, person, password_hash, self._clock)
        except ConflictError as error:
            raise ConflictError(f"There is somebody with the address {email} already.") from error
        return person

    async def sign_in(self, email: str, password: str) -> str:
        """The id of the person with this address and password; takes as long where there is none. Raises UnauthenticatedError."""
        async with self._database.read() as connection:
            row = await connection.one(postgres("users")["for_sign_in"], email=email)
        if not await self._passwords.matches(password, row["password_hash"] if row else None) or row is None:
            raise UnauthenticatedError("The user name or the password is wrong.")
        return row["id"]

    async def person(self, user_id: str) -> Person | None:
        """The person with this id, with all roles as they are now."""
        async with self._database.read() as connection:
            row = await connection.one(postgres("users")["person"], id=user_id)
        return person_of(row) if row else None


class Members:
    """Who is what in which project."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def page(self, project_id: str, after: str | None, limit: int) -> list[Member]:
        """At most `limit` members by address, after the (lower-case) address `after`."""
        async with self._database.read() as connection:
            rows = await connection.all(postgres("members")["page"], project_id=project_id, after=after, limit=limit)
        return [Member(row["email"], row["name"], Role(row["role"]), row["created_at"]) for row in rows]

    async def put(self, actor: str, project_id: str, email: str, role: Role) -> Member:
        """Give the person with this address a role. Raises NotFoundError if there is no such person."""
        person = await self._person(email)
        async with self._database.change(Change(actor, "member.put", person["id"], project_id)) as connection:
            row = await connection.one(
                postgres("members")["put"],
                project_id=project_id,
                user_id=person["id"],
                role=role.value,
                created_at=self._clock.now(),
            )
        return Member(person["email"], person["name"], role, row["created_at"] if row else self._clock.now())

    async def remove(self, actor: str, project_id: str, email: str) -> None:
        """End a membership. Raises NotFoundError if there is none."""
        person = await self._person(email)
        async with self._database.change(Change(actor, "member.remove", person["id"], project_id)) as connection:
            if not await connection.run(postgres("members")["remove"], project_id=project_id, user_id=person["id"]):
                raise NotFoundError

    async def _person(self, email: str) -> Row:
        async with self._database.read() as connection:
            row = await connection.one(postgres("users")["by_email"], email=email)
        if row is None:
            raise NotFoundError(f"There is nobody with the address {email}.")
        return row


async def insert_user(connection: Connection, person: Person, password_hash: str, clock: Clock) -> None:
    """Write a new person."""
    await connection.run(
        postgres("users")["insert"],
        id=person.id,
        email=person.email,
        name=person.name,
        password_hash=password_hash,
        is_owner=person.is_owner,
        created_at=clock.now(),
    )


def person_of(row: Row) -> Person:
    """A row of `users/person` as a Person."""
    roles = {project_id: Role(role) for project_id, role in row["roles"].items()}
    return Person(row["id"], row["email"], row["name"], row["is_owner"], roles)
