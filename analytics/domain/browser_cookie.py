"""The cookie of a browser's session: its name, and the CSRF token that goes with it.

The one thing to know: over https the name begins with `__Host-`, which a browser takes from this very host alone, so no neighbour of ours
can plant a session; over plain http (a laptop) there is no such name.
"""

import hashlib
import hmac
from urllib.parse import urlsplit

CSRF_HEADER = "X-CSRF-Token"
_NAME = "analytics_session"
_FLOW_NAME = "analytics_oidc"


class BrowserCookie:
    """Rules for the cookies of one service."""

    def __init__(self, secret_key: str, public_url: str | None) -> None:
        self._key = hmac.new(secret_key.encode("utf-8"), b"analytics csrf token v1", hashlib.sha256).digest()
        parts = urlsplit(public_url or "")
        self._public_scheme, self._public_host = parts.scheme, parts.netloc.lower()

    def secure(self, scheme: str) -> bool:
        """Whether cookies go over https alone: if the request came by it, or the service is reached by it from outside."""
        return "https" in (scheme, self._public_scheme)

    def name(self, scheme: str) -> str:
        """The name of the cookie."""
        return self._named(_NAME, scheme)

    def flow_name(self, scheme: str) -> str:
        """The name of the cookie of a sign-in that is under way at an identity provider."""
        return self._named(_FLOW_NAME, scheme)

    def _named(self, name: str, scheme: str) -> str:
        return f"__Host-{name}" if self.secure(scheme) else name

    def csrf_token(self, session_token: str) -> str:
        """What the page of this session sends in CSRF_HEADER; nothing is kept of it."""
        return hmac.new(self._key, session_token.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def csrf_matches(self, session_token: str, sent: str | None) -> bool:
        """Whether `sent` is the token of this session."""
        return hmac.compare_digest(self.csrf_token(session_token).encode(), (sent or "").encode("utf-8", "surrogatepass"))

    def is_own_page(self, fetch_site: str | None, origin: str | None, host: str | None) -> bool:
        """Whether a request with these headers (Sec-Fetch-Site, Origin, Host) comes from our own page, or from no browser at all."""
        if fetch_site is not None:
            return fetch_site in ("same-origin", "none")
        if origin is None:
            return True
        its_host = urlsplit(origin).netloc.lower()
        return bool(its_host) and its_host in ((host or "").lower(), self._public_host)
