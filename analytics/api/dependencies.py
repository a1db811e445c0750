"""What endpoints receive: parts of the open Services, by `Annotated[..., Depends(...)]`.

A router names the part it needs and nothing else: `keys: Annotated[KeyDirectory, Depends(key_directory)]`.
"""

from typing import Annotated, cast

from fastapi import Depends, Request

from analytics.services import Services


def services_of(request: Request) -> Services:
    """The open Services of this app."""
    return cast(Services, request.app.state.services)


OpenServices = Annotated[Services, Depends(services_of)]
