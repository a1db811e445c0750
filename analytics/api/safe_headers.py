"""The headers that keep browsers from doing with an answer what it is not for."""

from starlette.datastructures import MutableHeaders

# Data, never a page: nothing in it may run, load, be framed or be sent anywhere.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# The documentation: its own scripts and styles, and requests to this service.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HSTS = "max-age=31536000"
_PAGES = frozenset({"/docs"})
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def set_safe_headers(headers: MutableHeaders, path: str, is_https: bool) -> None:
    """Add them. A route that says itself how its answer may be cached, or what its page may load, is left its word."""
    headers.update(_ALWAYS)
    headers.setdefault("cache-control", "no-store")
    headers.setdefault("content-security-policy", PAGE_POLICY if path in _PAGES else DATA_POLICY)
    if is_https:
        headers["strict-transport-security"] = HSTS
