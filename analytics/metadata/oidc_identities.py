"""Who people are at an identity provider, in PostgreSQL.

The one thing to know: an address is believed once, at the first sign-in of somebody who is here already. It binds the provider's own id of
the person; from then on that alone counts, so an address given to somebody else there opens nothing here.
"""

from analytics.audit.names import claimed
from analytics.clock import Clock
from analytics.errors import NotFoundError
from analytics.metadata.pool import Change, ChangeConnection, Database, Row
from analytics.metadata.refresh_tokens import KnownPassword
from analytics.metadata.users import person_at
from analytics.oidc.flow import FLOW, Flow
from analytics.oidc.id_token import Identity, is_same_address, not_good
from analytics.statements import postgres


class OidcIdentities:
    """Those of everybody."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def admit(self, issuer: str, identity: Identity, flow: Flow) -> KnownPassword:
        """The person whom the provider vouches for, once a flow.

        Raises UnauthenticatedError, alike for who is not here, is shut out, or is bound to another identity, and for a flow that came back
        before.
        """
        now = self._clock.now()
        async with self._database.change(Change("anybody", "access.refused", "oidc")) as connection:
            await connection.run(postgres("oidc_identities")["forget_flows"], now=now)
            is_new = await connection.run(postgres("oidc_identities")["use_flow"], flow_hash=flow.hash, expires_at=now + FLOW)
            row = await self._person(connection, issuer, identity) if is_new else None
        if row is None:
            raise not_good()
        return KnownPassword(row["id"], row["credentials_version"], by="oidc")

    async def unbind(self, actor: str, email: str) -> None:
        """Forget who somebody is at the provider: the next sign-in there binds anew. Raises NotFoundError."""
        async with self._database.change(Change(actor, "oidc.unbind", email)) as connection:
            connection.change.target = user_id = (await person_at(connection, email))["id"]
            if not await connection.run(postgres("oidc_identities")["unbind"], user_id=user_id):
                raise NotFoundError

    async def _person(self, connection: ChangeConnection, issuer: str, identity: Identity) -> Row | None:
        """The row of who may come in, and in `connection.change` what is to be recorded."""
        row = await connection.one(postgres("oidc_identities")["person"], issuer=issuer, subject=identity.subject)
        if row is not None and row["disabled_at"] is None:
            connection.changes.clear()  # the record of the sign-in says it
            return row
        change = connection.change
        change.action, change.after = "sign-in.failed", {"by": "oidc"}
        if row is not None:
            change.actor = change.target = row["id"]
            return None
        if identity.email is None:
            return None
        change.actor = claimed(identity.email)
        row = await connection.one(postgres("users")["for_sign_in"], email=identity.email)
        if row is None or not is_same_address(row["email"], identity.email):
            return None
        change.target = row["id"]
        if row["disabled_at"] is not None:
            return None
        bound = await connection.run(
            postgres("oidc_identities")["bind"], issuer=issuer, subject=identity.subject, user_id=row["id"], now=self._clock.now()
        )
        if not bound:
            return None
        change.actor, change.action = row["id"], "oidc.bind"
        return row
