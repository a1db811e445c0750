"""ETags: of things that two may change at once, and of answers that a reader may have already."""

import hashlib
from typing import Annotated

from fastapi import Header

from analytics.errors import ConflictError, FieldError, InvalidRequestError

IfMatch = Annotated[str | None, Header(max_length=200, description="The `ETag` of what is changed, as it was read; `*`: whatever it is.")]
IfNoneMatch = Annotated[str | None, Header(max_length=2_000, description="`ETag`s of answers that are at hand.")]


def etag_of(revision: int) -> str:
    """The ETag of a thing at a revision."""
    return f'"{revision}"'


def revision_of(if_match: str | None, *, needed: bool = True) -> int | None:
    """The revision that a change is for; None: whatever it is.

    Raises InvalidRequestError without the header where it is needed, ConflictError for an ETag that the thing cannot have.
    """
    if if_match is None:
        if needed:
            detail = "is needed: the ETag of what you read, or * for whatever it is"
            raise InvalidRequestError(f"If-Match {detail}.", [FieldError("/header/if-match", detail)])
        return None
    text = if_match.strip()
    if text == "*":
        return None
    number = text.removeprefix("W/").strip('"')
    if not number.isdecimal() or len(number) > 9:
        raise ConflictError("It is not what If-Match says; read it again.")
    return int(number)


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
