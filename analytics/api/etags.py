"""ETags of answers that a reader may have already, and what a change says that it is for."""

import hashlib
from typing import Annotated

from fastapi import Header

from analytics.api.versions import version_of

IfNoneMatch = Annotated[str | None, Header(max_length=2_000, description="`ETag`s of answers that are at hand.")]


def revision_of(if_match: str | None, *, needed: bool = True) -> int | None:
    """The revision that a change is for; None: whatever it is (`*`, or no header where none is needed). Raises InvalidRequestError."""
    if (if_match is None and not needed) or (if_match is not None and if_match.strip() == "*"):
        return None
    return version_of(if_match)


def content_etag(*parts: bytes) -> str:
    """A weak ETag of what was answered."""
    digest = hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
    return f'W/"{digest[:32]}"'


def is_at_hand(etag: str, if_none_match: str | None) -> bool:
    """Whether the reader has what `etag` stands for."""
    if if_none_match is None:
        return False
    at_hand = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return "*" in at_hand or etag.removeprefix("W/") in at_hand
