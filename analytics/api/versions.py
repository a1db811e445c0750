"""Versions as ETags: `"3"`. A change names in If-Match the version that it was made from, and 409 tells who lost a race."""

import re
from typing import Annotated

from fastapi import Header

from analytics.errors import FieldError, InvalidRequestError

IfMatch = Annotated[str | None, Header(max_length=100, description="The ETag of the version that was read.")]
_ETAG = re.compile(r'(?:W/)?"(\d{1,9})"\Z')


def etag_of(version: int) -> dict[str, str]:
    """The header that says the version."""
    return {"etag": f'"{version}"'}


def version_of(if_match: str | None) -> int:
    """The version that If-Match names. Raises InvalidRequestError if it names none."""
    found = _ETAG.match(if_match.strip()) if if_match else None
    if found is None:
        detail = "must be the ETag of the version that is changed"
        raise InvalidRequestError(f"If-Match {detail}.", [FieldError("/header/if-match", detail)])
    return int(found[1])
