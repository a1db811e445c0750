"""Events through the front door, into the warehouse."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.fixtures.api import Api
from tests.fixtures.patience import eventually


async def send_events(api: Api, project: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Send events with the project's write key and wait until nothing waits in the spool; the answer of `POST /v1/events`."""
    answer = await api.bearer(project["write_key"]).post("/v1/events", list(events))
    assert answer.status_code == 200, answer.text
    await until_stored(api)
    return answer.json()


async def until_stored(api: Api) -> None:
    """Wait until everything answered is in the warehouse."""
    await eventually(lambda: api.services.event_path.spool.oldest_received_ms() is None, "the last of what waits in the spool")
