"""Whether the identity provider is there."""

import asyncio
from collections.abc import Iterator

from analytics.cli.doctor_findings import Finding, broken, ok
from analytics.errors import IdentityProviderUnavailableError
from analytics.oidc.provider import IdentityProvider
from analytics.services import identity_provider
from analytics.settings import PREFIX, Settings


def oidc_findings(settings: Settings) -> Iterator[Finding]:
    """A finding if people sign in by one at all."""
    provider = identity_provider(settings)
    if provider is None:
        return
    try:
        asyncio.run(_look(provider))
    except IdentityProviderUnavailableError as error:
        yield broken("identity provider", error.detail, f"{PREFIX}OIDC_ISSUER must be the issuer that its discovery document names.")
    else:
        yield ok("identity provider", f"{provider.issuer} shows its keys")


async def _look(provider: IdentityProvider) -> None:
    try:
        await provider.look()
    finally:
        await provider.aclose()
