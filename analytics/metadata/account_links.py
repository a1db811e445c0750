"""Links that are good once: an invitation makes a person, a reset gives one another password.

The one thing to know: an invitation never touches somebody who is there already, or whoever may invite could take over any account.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from analytics.clock import Clock
from analytics.domain.access import Person, Role
from analytics.domain.password import check_password
from analytics.errors import ConflictError, FieldError, InvalidRequestError, NotFoundError
from analytics.metadata.pool import Change, Database, Row, required
from analytics.metadata.refresh_tokens import end_families
from analytics.metadata.secrets import Passwords, make_id, make_token, token_hash
from analytics.metadata.users import insert_user
from analytics.statements import postgres

INVITATION = timedelta(hours=72)
RESET = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AccountLink:
    """A link just made: `token` is its secret, for the person with the address."""

    token: str
    email: str
    name: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """An open invitation, without its secret. `project_id` and `role` are None for one into no project."""

    id: str
    email: str
    name: str
    project_id: str | None
    role: Role | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenLink:
    """What a link that is still good is for."""

    is_reset: bool
    email: str


class AccountLinks:
    """All open links."""

    def __init__(self, database: Database, passwords: Passwords, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock

    async def invite(self, actor: str, email: str, name: str, project_id: str | None, role: Role | None) -> AccountLink:
        """Invite somebody who is not there yet, into a project or into none. Raises ConflictError if the address is known."""
        now = self._clock.now()
        link = AccountLink(make_token("in"), email, name, now + INVITATION)
        async with self._database.change(Change(actor, "invitation.create", email, project_id)) as connection:
            if await connection.one(postgres("users")["by_email"], email=email):
                raise ConflictError(f"There is somebody with the address {email} already: make them a member.")
            connection.change.after = {"role": role.value if role else None}
            await connection.run(postgres("account_links")["forget_old"], now=now)
            await connection.run(
                postgres("account_links")["put"],
                token_hash=token_hash(link.token),
                kind="invitation",
                email=email,
                name=name,
                user_id=None,
                project_id=project_id,
                role=role.value if role else None,
                created_by=actor,
                created_at=now,
                expires_at=link.expires_at,
            )
        return link

    async def reset(self, actor: str, email: str) -> AccountLink:
        """A link to another password. Raises NotFoundError if nobody who may sign in has this address."""
        now = self._clock.now()
        async with self._database.change(Change(actor, "reset.create", "link")) as connection:
            row = await connection.one(postgres("users")["for_sign_in"], email=email)
            if row is None or row["disabled_at"] is not None:
                raise NotFoundError("There is nobody with this address who may sign in.")
            connection.change.target = row["id"]
            link = AccountLink(make_token("pr"), row["email"], "", now + RESET)
            await connection.run(postgres("account_links")["forget_old"], now=now)
            await connection.run(
                postgres("account_links")["put"],
                token_hash=token_hash(link.token),
                kind="reset",
                email=link.email,
                name="",
                user_id=row["id"],
                project_id=None,
                role=None,
                created_by=actor,
                created_at=now,
                expires_at=link.expires_at,
            )
        return link

    async def invitations(self, project_id: str | None, after: tuple[str, str] | None, limit: int) -> list[Invitation]:
        """At most `limit` open invitations into a project (None: all there are), oldest first, after (created_at as ISO 8601, id)."""
        created_at, last_id = after or (None, None)
        async with self._database.read() as connection:
            rows = await connection.all(
                postgres("account_links")["invitations"],
                project_id=project_id,
                after_created_at=created_at,
                after_id=last_id,
                limit=limit,
                now=self._clock.now(),
            )
        return [Invitation(role=Role(role) if (role := row.pop("role")) else None, **row) for row in rows]

    async def cancel(self, actor: str, project_id: str | None, invitation_id: str) -> None:
        """End an invitation into a project (None: wherever it is into). Raises NotFoundError."""
        async with self._database.change(Change(actor, "invitation.cancel", "link", project_id)) as connection:
            row = required(await connection.one(postgres("account_links")["cancel_invitation"], id=invitation_id, project_id=project_id))
            connection.change.target, connection.change.project_id = row["email"], row["project_id"]
            connection.change.before = {"role": row["role"]}

    async def find(self, token: str) -> OpenLink | None:
        """What a link is for; None if it is not good (any more). Uses nothing up."""
        async with self._database.read() as connection:
            row = await connection.one(postgres("account_links")["find"], token_hash=token_hash(token), now=self._clock.now())
        return OpenLink(row["kind"] == "reset", row["email"]) if row else None

    async def accept(self, token: str, password: str) -> str:
        """Use a link up with a password; the address it was for.

        Raises InvalidRequestError naming the field that is wrong, or ConflictError if the invited are there meanwhile.
        """
        known = await self.find(token)
        if known is None:
            raise _not_good()
        check_password(password, known.email, "/password")
        password_hash = await self._passwords.hash(password)
        try:
            return await self._take(token, password_hash, "reset" if known.is_reset else "invitation")
        except ConflictError as error:
            raise ConflictError("There is somebody with this address already: sign in, or ask for another password.") from error

    async def _take(self, token: str, password_hash: str, kind: str) -> str:
        async with self._database.change(Change("link", f"{kind}.accept", "link")) as connection:
            link = await connection.one(postgres("account_links")["take"], token_hash=token_hash(token), now=self._clock.now())
            if link is None:
                raise _not_good()
            if link["kind"] == "reset":
                row = await connection.one(postgres("users")["for_password"], id=link["user_id"])
                if row is None or not await connection.run(
                    postgres("users")["set_password"],
                    id=row["id"],
                    password_hash=password_hash,
                    credentials_version=row["credentials_version"],
                ):
                    raise _not_good()
                connection.change.actor = connection.change.target = row["id"]
                await end_families(connection, row["id"], "reset", self._clock)
                return row["email"]
            person = _invited(link)
            connection.change.actor = connection.change.target = person.id
            connection.change.project_id, connection.change.after = link["project_id"], {"roles": person.roles}
            await insert_user(connection, person, password_hash, self._clock)
            for project_id, role in person.roles.items():
                await connection.one(
                    postgres("members")["put"],
                    project_id=project_id,
                    user_id=person.id,
                    role=role.value,
                    created_at=self._clock.now(),
                )
            return person.email


def _invited(link: Row) -> Person:
    person = Person(make_id("u"), link["email"], link["name"] or link["email"])
    return person if link["project_id"] is None else replace(person, roles={link["project_id"]: Role(link["role"])})


def _not_good() -> InvalidRequestError:
    words = "is not good any more: it was used, a newer one took its place, or its time is over"
    return InvalidRequestError(f"The link {words}.", [FieldError("/token", words)])
