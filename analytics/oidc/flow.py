"""A sign-in that is under way at an identity provider: what this browser, and no other, must come back with."""

import base64
import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta

import msgspec

from analytics.oidc.id_token import not_good

FLOW = timedelta(minutes=10)
_OWN_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9\-._~!$&'()*+,;=:@/%?]{0,500}\Z")


class Flow(msgspec.Struct, frozen=True):
    """Kept in the browser's cookie, sealed. `until` is Unix seconds."""

    state: str
    nonce: str
    verifier: str
    return_to: str | None
    until: float

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier (S256)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")

    @property
    def hash(self) -> bytes:
        """What is kept of a flow that came back."""
        return hashlib.sha256(self.state.encode()).digest()


def begin_flow(return_to: str | None, now: datetime) -> Flow:
    """A new one."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Flow(state, nonce, verifier, return_to, (now + FLOW).timestamp())


def read_flow(text: str, state: str, now: datetime) -> Flow:
    """The flow of a cookie's text, if `state` came back with it in time. Raises UnauthenticatedError."""
    try:
        flow = msgspec.json.decode(text, type=Flow)
    except msgspec.MsgspecError as error:
        raise not_good() from error
    if now.timestamp() >= flow.until or not hmac.compare_digest(flow.state.encode(), state.encode("utf-8", "surrogatepass")):
        raise not_good()
    return flow


def is_own_path(path: str) -> bool:
    """Whether it is a path of this very site, which leads to no other."""
    return _OWN_PATH.match(path) is not None
