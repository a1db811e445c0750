"""Where the request under way comes from: set around each request, read wherever something is recorded."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The caller's network address and the id of the request; both None where no request is under way."""

    address: str | None = None
    request_id: str | None = None


_NOWHERE = Origin()
_current: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)


def current_origin() -> Origin:
    """Of the request under way in this task."""
    return _current.get()


@contextmanager
def request_from(address: str | None, request_id: str | None) -> Generator[None]:
    """Say where what is done inside comes from."""
    token = _current.set(Origin(address, request_id))
    try:
        yield
    finally:
        _current.reset(token)
