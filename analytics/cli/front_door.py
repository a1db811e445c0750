"""Which write key opens the front door, for commands that send events."""

from typing import Any, cast

from analytics.cli.connection import ServiceConnection
from analytics.errors import NotFoundError


def write_key_of(service: ServiceConnection, project: str) -> str:
    """A write key of `project`, as the service tells it. Raises NotFoundError if it has none, RefusedError, StoreError."""
    found = cast(dict[str, Any], service.get(f"/v1/projects/{project}/keys"))
    for item in cast(list[dict[str, Any]], found["items"]):
        if item.get("revoked_at") is None:
            return str(item["key"])
    raise NotFoundError(f"Project {project} has no write key: make one with `analytics key create --project {project}`.")
