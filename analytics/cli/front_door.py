"""Where the service is and which write key opens it, for commands that send events."""

from typing import Any, cast

import httpx

from analytics.cli.context import CommandLine
from analytics.data_dir import DataDir
from analytics.errors import NotFoundError, StartError, StoreError, UnauthenticatedError


def service_url(line: CommandLine) -> str:
    """`--url`, else the address of the service that runs on the data dir. Raises StartError if none runs there."""
    if line.url:
        return line.url.rstrip("/")
    settings = line.settings()
    running = DataDir(settings.data_dir).running_service()
    if running is None:
        raise StartError(f"No service runs on the data dir {settings.data_dir}: start it with `analytics serve`, or say --url.")
    return running.url


def write_key(line: CommandLine, url: str, project: str | None) -> str:
    """A write key of `project` (default: that of the settings): from the settings, else asked of the service with `--token`.

    Raises UnauthenticatedError or NotFoundError if there is none to be had, StoreError if the service does not answer.
    """
    settings = line.settings()
    slug = project or settings.bootstrap_project
    if settings.bootstrap_write_key is not None and slug == settings.bootstrap_project:
        return settings.bootstrap_write_key.get_secret_value()
    if line.token is None:
        raise UnauthenticatedError(f"Say --write-key, or --token of somebody who may see the keys of project {slug}.")
    try:
        response = httpx.get(f"{url}/v1/projects/{slug}/keys", headers={"Authorization": f"Bearer {line.token}"}, timeout=10)
    except httpx.TransportError as error:
        raise StoreError(f"The service at {url} does not answer: {error}") from error
    if response.status_code != 200:
        raise UnauthenticatedError(f"The service at {url} does not tell the keys of project {slug} ({response.status_code}).")
    items = cast(list[dict[str, Any]], response.json()["items"])
    keys = [str(item["key"]) for item in items if item.get("revoked_at") is None]
    if not keys:
        raise NotFoundError(f"Project {slug} has no write key.")
    return keys[0]
