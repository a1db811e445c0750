"""People in PostgreSQL, their passwords, and what they are in which project."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from analytics.clock import Clock
from analytics.domain.access import Person, Role
from analytics.domain.password import check_password
from analytics.errors import ConflictError, FieldError, InvalidRequestError, NotFoundError, UnauthenticatedError
from analytics.metadata.pool import Change, ChangeConnection, Connection, Database, Row
from analytics.metadata.refresh_tokens import KnownPassword, end_families
from analytics.metadata.secrets import Passwords, make_id
from analytics.statements import postgres


@dataclass(frozen=True, slots=True)
class Member:
    """One person in one project."""

    email: str
    name: str
    role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UserRecord:
    """What owners see of a person. `roles`: slug of a project to role; `disabled_at`: since when they are shut out."""

    id: str
    email: str
    name: str
    is_owner: bool
    created_at: datetime
    disabled_at: datetime | None
    last_sign_in_at: datetime | None
    roles: Mapping[str, Role]

    @property
    def disabled(self) -> bool:
        """Whether the person may not sign in."""
        return self.disabled_at is not None


@dataclass(frozen=True, slots=True)
class UserChange:
    """What is to change of a person; None stays as it is."""

    name: str | None = None
    disabled: bool | None = None
    is_owner: bool | None = None


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
                connection.change.after = {"is_owner": False}
        except ConflictError as error:
            raise ConflictError(f"There is somebody with the address {email} already.") from error
        return person

    async def sign_in(self, email: str, password: str) -> KnownPassword:
        """The person with this address and password; takes as long where there is none, or is shut out. Raises UnauthenticatedError."""
        async with self._database.read() as connection:
            row = await connection.one(postgres("users")["for_sign_in"], email=email)
        good = await self._passwords.matches(password, row["password_hash"] if row else None)
        if not good or row is None or row["disabled_at"] is not None:
            raise UnauthenticatedError("The user name or the password is wrong.")
        return KnownPassword(row["id"], row["credentials_version"], row["has_second_factor"])

    async def person(self, user_id: str, family_id: str | None = None) -> Person | None:
        """The person with this id, with all roles as they are now; None if shut out, or if their sign-in `family_id` has ended."""
        async with self._database.read() as connection:
            row = await connection.one(postgres("users")["person"], id=user_id, family_id=family_id)
        return replace(person_of(row), sign_in=family_id) if row else None

    async def change_password(self, person: Person, current: str, new: str) -> None:
        """Another password; ends all sign-ins but the one it is changed by.

        Raises InvalidRequestError naming `/current_password` or `/new_password`, ConflictError if it was changed in between.
        """
        credentials_version = await self.check_own_password(person, current, "/current_password")
        check_password(new, person.email, "/new_password")
        if new == current:
            raise InvalidRequestError("The password is the old one.", [FieldError("/new_password", "must be another than the current one")])
        password_hash = await self._passwords.hash(new)
        async with self._database.change(Change(person.id, "password.change", person.id)) as connection:
            changed = await connection.run(
                postgres("users")["set_password"],
                id=person.id,
                password_hash=password_hash,
                credentials_version=credentials_version,
            )
            if not changed:
                raise ConflictError("The password was changed in between; sign in again.")
            await connection.run(postgres("account_links")["forget_resets"], user_id=person.id)
            await end_families(connection, person.id, "password", self._clock, keep=person.sign_in)

    async def check_own_password(self, person: Person, current: str, pointer: str) -> int:
        """The version of the credentials of somebody who shows their password again. Raises InvalidRequestError naming `pointer`."""
        async with self._database.read() as connection:
            row = await connection.one(postgres("users")["for_password"], id=person.id)
        if not await self._passwords.matches(current, row["password_hash"] if row else None) or row is None:
            async with self._database.change(Change(person.id, "password.failed", person.id)):
                pass  # only the record of it
            raise InvalidRequestError("The current password is wrong.", [FieldError(pointer, "is wrong")])
        return row["credentials_version"]

    async def page(self, after: str | None, limit: int) -> list[UserRecord]:
        """At most `limit` people by address, after the (lower-case) address `after`."""
        async with self._database.read() as connection:
            rows = await connection.all(postgres("users")["page"], after=after, limit=limit)
        return [_record(row) for row in rows]

    async def record(self, email: str) -> UserRecord:
        """The person with this address. Raises NotFoundError."""
        async with self._database.read() as connection:
            return await _record_of(connection, email)

    async def update(self, actor: str, email: str, change: UserChange) -> UserRecord:
        """Change a person; one who is shut out is signed out everywhere at once.

        Raises NotFoundError, or ConflictError if then no owner could sign in any more.
        """
        async with self._database.change(Change(actor, "user.update", email)) as connection:
            owners = {row["id"] for row in await connection.all(postgres("users")["lock_owners"])}
            before = await _record_of(connection, email)
            name = before.name if change.name is None else change.name
            is_owner = before.is_owner if change.is_owner is None else change.is_owner
            shut_out = before.disabled if change.disabled is None else change.disabled
            if owners == {before.id} and (shut_out or not is_owner):
                raise ConflictError("This is the last owner who can sign in: make another one first.")
            since = before.disabled_at or self._clock.now()
            await connection.run(
                postgres("users")["update"], id=before.id, name=name, is_owner=is_owner, disabled_at=since if shut_out else None
            )
            if shut_out and not before.disabled:
                await connection.run(postgres("users")["raise_version"], id=before.id)
                await end_families(connection, before.id, "disabled", self._clock)
                await connection.run(postgres("account_links")["forget_resets"], user_id=before.id)
            connection.change.target = before.id
            connection.change.before = {"is_owner": before.is_owner, "disabled": before.disabled}
            connection.change.after = {"is_owner": is_owner, "disabled": shut_out, "renamed": name != before.name}
            await end_unfounded_invitations(connection, before.id)
            return await _record_of(connection, email)


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
        async with self._database.change(Change(actor, "member.set", person["id"], project_id)) as connection:
            before = await connection.one(postgres("members")["role"], project_id=project_id, user_id=person["id"])
            connection.change.before, connection.change.after = before, {"role": role.value}
            row = await connection.one(
                postgres("members")["put"],
                project_id=project_id,
                user_id=person["id"],
                role=role.value,
                created_at=self._clock.now(),
            )
            await end_unfounded_invitations(connection, person["id"])
        return Member(person["email"], person["name"], role, row["created_at"] if row else self._clock.now())

    async def remove(self, actor: str, project_id: str, email: str) -> None:
        """End a membership. Raises NotFoundError if there is none."""
        person = await self._person(email)
        async with self._database.change(Change(actor, "member.remove", person["id"], project_id)) as connection:
            connection.change.before = await connection.one(postgres("members")["remove"], project_id=project_id, user_id=person["id"])
            if connection.change.before is None:
                raise NotFoundError
            await end_unfounded_invitations(connection, person["id"])

    async def _person(self, email: str) -> Row:
        async with self._database.read() as connection:
            return await person_at(connection, email)


async def person_at(connection: Connection, email: str) -> Row:
    """The row of `users/by_email` of the person with this address. Raises NotFoundError."""
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


async def end_unfounded_invitations(connection: ChangeConnection, user_id: str) -> None:
    """End what invitations a person made while they were more than they are now: else one could come back by an own one."""
    ended = await connection.run(postgres("account_links")["forget_unfounded"], user_id=user_id)
    if ended:
        connection.change.after = {**(connection.change.after or {}), "invitations_ended": ended}


def person_of(row: Row) -> Person:
    """A row of `users/person` as a Person."""
    roles = {project_id: Role(role) for project_id, role in row["roles"].items()}
    return Person(row["id"], row["email"], row["name"], row["is_owner"], roles)


async def _record_of(connection: Connection, email: str) -> UserRecord:
    row = await connection.one(postgres("users")["record"], email=email)
    if row is None:
        raise NotFoundError(f"There is nobody with the address {email}.")
    return _record(row)


def _record(row: Row) -> UserRecord:
    roles = {slug: Role(role) for slug, role in sorted(row.pop("roles").items())}
    return UserRecord(**row, roles=roles)
