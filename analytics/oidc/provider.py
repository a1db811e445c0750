"""The identity provider of the settings, over HTTP: what it says of itself, its keys, and the exchange of a code for who came.

The one thing to know: whatever it answers is believed only over https (or loopback) from the endpoints that its own discovery document
names, and that document only if it names the issuer of the settings.
"""

import asyncio
import base64
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec
import structlog

from analytics.errors import IdentityProviderUnavailableError
from analytics.oidc.address import is_good_address
from analytics.oidc.flow import Flow
from analytics.oidc.id_token import Identity, Jwk, UnknownKeyError, identity_of, not_good, read_id_token

ANSWER_SECONDS = 10.0
KEPT_SECONDS = 3600.0  # the discovery document and the keys
AGAIN_SECONDS = 5.0  # after it did not answer: nobody waits for it in line
ANOTHER_LOOK_SECONDS = 10.0  # for a key that is unknown, at most so often
CALLBACK = "/v1/auth/oidc/callback"
_MOST_BYTES = 1_000_000
_log = structlog.get_logger("analytics.oidc")


class IdentityProvider:
    """One provider and our client there. For one event loop.

    Calls raise IdentityProviderUnavailableError if it does not answer as it should.
    """

    def __init__(self, issuer: str, client_id: str, client_secret: str | None, public_url: str) -> None:
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = f"{public_url.rstrip('/')}{CALLBACK}"
        own = urlsplit(public_url)
        self.own_origin = f"{own.scheme}://{own.netloc}"
        """Scheme and host that browsers reach this service at."""
        self._client = httpx.AsyncClient(timeout=ANSWER_SECONDS, follow_redirects=False)
        self._lock, self._keys_lock = asyncio.Lock(), asyncio.Lock()
        self._document: dict[str, Any] = {}
        self._document_at = self._keys_at = float("-inf")
        self._not_before: dict[str, float] = {}
        self._keys: list[Jwk] = []

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def look(self) -> None:
        """See that it is there, and is what the settings say."""
        document = await self._discovered()
        for name in ("authorization_endpoint", "token_endpoint"):
            self._endpoint(document, name)
        await self._known_keys(KEPT_SECONDS)

    async def authorization_url(self, flow: Flow) -> str:
        """Where a browser goes to sign in."""
        endpoint = self._endpoint(await self._discovered(), "authorization_endpoint")
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid email",
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"

    async def identity(self, flow: Flow, code: str, issuer: str | None) -> Identity:
        """Who came back with this code. `issuer`: what the callback names, if it does (RFC 9207). Raises UnauthenticatedError."""
        document = await self._discovered()
        if issuer != self.issuer and (issuer is not None or document.get("authorization_response_iss_parameter_supported") is True):
            raise not_good()
        tokens = await self._tokens(document, flow, code)
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise not_good()
        claims = await self._claims(id_token, flow.nonce)
        if "email" not in claims and "userinfo_endpoint" in document:
            claims |= await self._userinfo(document, tokens, claims["sub"])
        return identity_of(claims)

    async def _claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        kept = {"issuer": self.issuer, "client_id": self._client_id, "nonce": nonce}
        try:
            return read_id_token(id_token, await self._known_keys(KEPT_SECONDS), **kept)
        except UnknownKeyError:
            pass
        try:
            return read_id_token(id_token, await self._known_keys(ANOTHER_LOOK_SECONDS), **kept)
        except UnknownKeyError as error:
            raise not_good() from error

    async def _userinfo(self, document: Mapping[str, Any], tokens: Mapping[str, Any], subject: str) -> dict[str, Any]:
        """The address where the ID token has none, if it is of the same person."""
        headers = {"authorization": f"Bearer {tokens.get('access_token')}"}
        status, said = await self._ask("GET", self._endpoint(document, "userinfo_endpoint"), headers=headers)
        if status != HTTPStatus.OK or said.get("sub") != subject:
            return {}
        return {name: said.get(name) for name in ("email", "email_verified")}  # both: what one says of an address is not of the other's

    async def _tokens(self, document: Mapping[str, Any], flow: Flow, code: str) -> dict[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri, "code_verifier": flow.verifier}
        headers = {"accept": "application/json"}
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if self._client_secret is None:
            form["client_id"] = self._client_id
        elif "client_secret_post" in methods and "client_secret_basic" not in methods:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret}
        else:
            pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        status, said = await self._ask("POST", self._endpoint(document, "token_endpoint"), headers=headers, data=form)
        if status == HTTPStatus.OK:
            return said
        if said.get("error") == "invalid_grant":  # a code that is over, used, or of another sign-in
            raise not_good()
        _log.error("the identity provider gives no token", status=status, error=str(said.get("error"))[:100])
        raise IdentityProviderUnavailableError("The identity provider gives no token.")

    async def _discovered(self) -> dict[str, Any]:
        async with self._lock:
            if time.monotonic() - self._document_at >= KEPT_SECONDS:
                with self._in_line("document"):
                    status, said = await self._ask("GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                    if status != HTTPStatus.OK or said.get("issuer") != self.issuer:
                        _log.error("the discovery document is not that of the issuer", status=status, issuer=str(said.get("issuer"))[:200])
                        raise IdentityProviderUnavailableError("The identity provider's discovery document is not that of the issuer.")
                self._document, self._document_at = said, time.monotonic()
            return self._document

    async def _known_keys(self, at_most_seconds: float) -> list[Jwk]:
        """The provider's keys, looked up again if they are older."""
        document = await self._discovered()
        async with self._keys_lock:  # of its own: who only begins waits for no keys
            if time.monotonic() - self._keys_at >= at_most_seconds:
                with self._in_line("keys"):
                    status, said = await self._ask("GET", self._endpoint(document, "jwks_uri"))
                    keys = said.get("keys")
                    if status != HTTPStatus.OK or not isinstance(keys, list):
                        raise IdentityProviderUnavailableError("The identity provider shows no keys.")
                self._keys = [cast(Jwk, key) for key in cast(list[object], keys) if isinstance(key, dict)]
                self._keys_at = time.monotonic()
            return self._keys

    @contextmanager
    def _in_line(self, what: str) -> Generator[None]:
        """Asking for `what`, which others wait for meanwhile: when it fails they are told so at once, and for a while nobody asks."""
        if time.monotonic() < self._not_before.get(what, float("-inf")):
            raise IdentityProviderUnavailableError("The identity provider does not answer.")
        try:
            yield
        except IdentityProviderUnavailableError:
            self._not_before[what] = time.monotonic() + AGAIN_SECONDS  # from now: to find out may have taken longer than that
            raise

    async def _ask(self, method: str, url: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of an answer; an answer that is none of that is an empty one."""
        body = bytearray()
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._client.stream(method, url, **more) as response:
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise IdentityProviderUnavailableError("The identity provider's answer is too long.")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            _log.warning("the identity provider does not answer", url=url.partition("?")[0], error=type(error).__name__)
            raise IdentityProviderUnavailableError("The identity provider does not answer.") from error
        try:
            said = msgspec.json.decode(bytes(body))
        except msgspec.DecodeError:
            said = None
        return response.status_code, cast(dict[str, Any], said) if isinstance(said, dict) else {}

    def _endpoint(self, document: Mapping[str, Any], name: str) -> str:
        """An address of the document: https like the issuer's, so that nobody is sent to a neighbour on this machine."""
        url = document.get(name)
        if not is_good_address(url) or urlsplit(cast(str, url)).scheme not in ("https", urlsplit(self.issuer).scheme):
            raise IdentityProviderUnavailableError(f"The identity provider's {name} is no https address.")
        return cast(str, url)
