"""Second factors of people in PostgreSQL: set up with an authenticator app, asked for at a sign-in, taken off.

The one thing to know: the row of a person is locked while a code of theirs is looked at, so a code counts once and every wrong one is
counted, however many come at a time. After MOST_FAILURES wrong ones in a row the app's codes are refused till a recovery code was good, or
an owner took the factor off: the waits of the brake alone would leave a guesser with the password a chance over months.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from analytics.clock import Clock
from analytics.crypto.one_time_codes import (
    is_app_code,
    make_recovery_codes,
    make_secret,
    matching_step,
    plain_code,
    recovery_hash,
)
from analytics.errors import (
    ConflictError,
    FieldError,
    InvalidRequestError,
    SecondFactorRequiredError,
    SecondFactorWrongError,
    UnsealError,
)
from analytics.metadata.key_ring import KeyRings
from analytics.metadata.pool import Change, ChangeConnection, Connection, Database, Row, required
from analytics.metadata.refresh_tokens import KnownPassword
from analytics.metadata.users import person_at
from analytics.statements import postgres

ENROLMENT = timedelta(minutes=15)
MOST_FAILURES = 100
Shown = Literal["app", "recovery-code"]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A secret for the app, to be confirmed by a code before the time is over."""

    secret: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """Whether somebody has one, since when, and how many recovery codes are left."""

    enabled: bool
    since: datetime | None = None
    recovery_codes_left: int = 0


class SecondFactors:
    """Those of everybody."""

    def __init__(self, database: Database, key_rings: KeyRings, clock: Clock) -> None:
        self._database = database
        self._key_rings = key_rings
        self._clock = clock

    async def find(self, user_id: str) -> SecondFactor:
        """What somebody has."""
        async with self._database.read() as connection:
            return await _found(connection, user_id)

    async def find_by_email(self, email: str) -> SecondFactor:
        """What the person with this address has. Raises NotFoundError."""
        async with self._database.read() as connection:
            return await _found(connection, (await person_at(connection, email))["id"])

    async def begin(self, user_id: str) -> Enrolment:
        """A secret for the app; it is asked for once it was confirmed. Raises ConflictError if there is a confirmed one."""
        made = Enrolment(make_secret(), self._clock.now() + ENROLMENT)
        async with self._database.change(Change(user_id, "second-factor.begin", user_id)) as connection:
            if not await connection.run(postgres("second_factors")["begin"], user_id=user_id, now=self._clock.now()):
                raise _one_there()
            await self._key_rings.keep(connection, "", _purpose(user_id), made.secret)
        return made

    async def confirm(self, user_id: str, code: str) -> list[str]:
        """Ask for codes of the app from now on; the recovery codes, which are kept as hashes only. Sign-ins that are there stay.

        Raises ConflictError if nothing is to be confirmed, InvalidRequestError if the code is wrong.
        """
        codes: list[str] | None = None
        async with self._database.change(Change(user_id, "second-factor.failed", user_id)) as connection:
            row = await connection.one(postgres("second_factors")["lock"], user_id=user_id)
            if row is None or row["confirmed_at"] is not None or row["created_at"] + ENROLMENT <= self._clock.now():
                raise ConflictError("No second factor waits to be confirmed: begin anew.")
            secret = await self._secret(connection, user_id)
            step = matching_step(secret, plain_code(code), self._clock.now())
            if step is not None:
                connection.change.action = "second-factor.enable"
                await connection.run(postgres("second_factors")["confirm"], user_id=user_id, step=step, now=self._clock.now())
                codes = await _renewed_codes(connection, user_id, secret)
                await connection.run(postgres("users")["raise_version"], id=user_id)  # who is let in by the password alone just now is not
        if codes is None:
            raise wrong_code()
        return codes

    async def admit(self, known: KnownPassword, code: str | None) -> KnownPassword:
        """Let somebody go on whose password was right: at once without a second factor, else with a code of it.

        Raises SecondFactorRequiredError without a code, SecondFactorWrongError with a wrong one.
        """
        if not known.has_second_factor:
            return known
        if not code:
            raise SecondFactorRequiredError("A code of the authenticator app is needed, or a recovery code: send it as `totp`.")
        return replace(known, second_factor=await self.use(known.user_id, code))

    async def use(self, user_id: str, code: str) -> Shown:
        """Use up a code of the app or a recovery code; which it was. Raises SecondFactorWrongError."""
        async with self._database.change(Change(user_id, "second-factor.failed", user_id)) as connection:
            row = await connection.one(postgres("second_factors")["lock"], user_id=user_id)
            shown = await self._shown(connection, user_id, row, plain_code(code)) if row and row["confirmed_at"] else None
            if shown is None:
                await connection.run(postgres("second_factors")["failed"], user_id=user_id)
        if shown is not None:
            return shown
        if row and row["failures"] + 1 >= MOST_FAILURES:
            raise SecondFactorWrongError("Too many codes were wrong: only a recovery code is good now, or ask an owner.")
        raise SecondFactorWrongError("The code is wrong, over, or was used already.")

    async def renew_codes(self, user_id: str) -> list[str]:
        """Other recovery codes in place of those there are. Raises ConflictError without a second factor."""
        async with self._database.change(Change(user_id, "second-factor.renew-codes", user_id)) as connection:
            await self._required(connection, user_id)
            return await _renewed_codes(connection, user_id, await self._secret(connection, user_id))

    async def remove(self, user_id: str) -> None:
        """Take off one's own. Raises ConflictError without one."""
        async with self._database.change(Change(user_id, "second-factor.remove", user_id)) as connection:
            await self._required(connection, user_id)
            await self._remove(connection, user_id)

    async def remove_by_email(self, actor: str, email: str) -> None:
        """Take off somebody else's, as for a lost telephone. Raises NotFoundError if there is nobody, or nothing to take off.

        Raises ConflictError for one's own, or whoever got hold of an owner's session would need neither the password nor a code.
        """
        async with self._database.change(Change(actor, "second-factor.remove", email)) as connection:
            user_id = (await person_at(connection, email))["id"]
            connection.change.target = user_id
            if user_id == actor:
                raise ConflictError("One's own is taken off with the password and a code, at POST /v1/auth/second-factor/remove.")
            required(await connection.one(postgres("second_factors")["lock"], user_id=user_id))
            await self._remove(connection, user_id)

    async def require(self, user_id: str) -> None:
        """Raises ConflictError without a second factor."""
        if not (await self.find(user_id)).enabled:
            raise _none_there()

    async def require_none(self, user_id: str) -> None:
        """Raises ConflictError if there is a second factor."""
        if (await self.find(user_id)).enabled:
            raise _one_there()

    async def _shown(self, connection: ChangeConnection, user_id: str, row: Row, code: str) -> Shown | None:
        """What the code was, now used up; None if it is none that is good."""
        secret = await self._secret(connection, user_id)
        if is_app_code(code):
            step = matching_step(secret, code, self._clock.now())
            if step is None or step <= row["last_step"] or row["failures"] >= MOST_FAILURES:
                return None
            await connection.run(postgres("second_factors")["used"], user_id=user_id, step=step)
            connection.changes.clear()  # the record of what it is used for says so
            return "app"
        hashed = recovery_hash(secret, code)
        if not await connection.run(postgres("second_factors")["use_recovery_code"], user_id=user_id, code_hash=hashed):
            return None
        await connection.run(postgres("second_factors")["forgive"], user_id=user_id)
        left = required(await connection.one(postgres("second_factors")["count_recovery_codes"], user_id=user_id))["left"]
        connection.change.action, connection.change.after = "second-factor.recover", {"recovery_codes_left": left}
        return "recovery-code"

    async def _secret(self, connection: Connection, user_id: str) -> str:
        secret = await self._key_rings.read(connection, "", _purpose(user_id))
        if secret is None:
            raise UnsealError("The secret of a second factor is gone.")
        return secret

    async def _required(self, connection: Connection, user_id: str) -> None:
        row = await connection.one(postgres("second_factors")["lock"], user_id=user_id)
        if row is None or row["confirmed_at"] is None:
            raise _none_there()

    async def _remove(self, connection: Connection, user_id: str) -> None:
        await connection.run(postgres("second_factors")["remove"], user_id=user_id)
        await self._key_rings.forget(connection, "", _purpose(user_id))


def wrong_code() -> InvalidRequestError:
    """For the body of a request of somebody who is signed in."""
    return InvalidRequestError("The code is wrong.", [FieldError("/code", "is wrong, over, or was used already")])


def _one_there() -> ConflictError:
    return ConflictError("There is a second factor already: take it off first.")


def _none_there() -> ConflictError:
    return ConflictError("There is no second factor.")


def _purpose(user_id: str) -> str:
    return f"second-factor:{user_id}"


async def _found(connection: Connection, user_id: str) -> SecondFactor:
    row = await connection.one(postgres("second_factors")["find"], user_id=user_id)
    return SecondFactor(True, row["confirmed_at"], row["recovery_codes_left"]) if row else SecondFactor(False)


async def _renewed_codes(connection: Connection, user_id: str, secret: str) -> list[str]:
    codes = make_recovery_codes()
    hashes = [recovery_hash(secret, plain_code(code)) for code in codes]
    await connection.run(postgres("second_factors")["forget_recovery_codes"], user_id=user_id)
    await connection.run(postgres("second_factors")["add_recovery_codes"], user_id=user_id, code_hashes=hashes)
    return codes
