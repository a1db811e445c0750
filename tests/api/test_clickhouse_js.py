"""The HTTP interface of ClickHouse, as the official JavaScript client uses it."""

import asyncio
import json
import os
from pathlib import Path

import anyio.to_thread
import pytest

from tests.factories.sent_events import send_events
from tests.fixtures.api import Api
from tests.fixtures.clickhouse_js_client import node_and_client
from tests.fixtures.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio
SCRIPT = Path(__file__).parent / "clickhouse_client.cjs"


async def test_the_official_client_reads_answers_and_failures(api: Api, api_url: str) -> None:
    node, client = await anyio.to_thread.run_sync(node_and_client)
    project, neighbour = await api.make_project(), await api.make_project()
    await send_events(api, project, [{"event": "signup", "user_id": "u-1"}, {"event": "login", "user_id": "u-2"}])
    token = (await api.token(project, ["sql"])).headers["authorization"].removeprefix("Bearer ")
    environment = {
        "PATH": os.environ["PATH"],
        "CLIENT": str(client),
        "CLICKHOUSE_URL": api_url,
        "CLICKHOUSE_PASSWORD": token,
        "NEIGHBOUR": neighbour["slug"],
    }
    process = await asyncio.create_subprocess_exec(
        node, str(SCRIPT), env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, errors = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    told = json.loads(out)
    assert (told["ping"], told["asked_ping"], told["has_query_id"]) == (True, True, True)
    rows = [{"event": event, "seats": 3, "names": ["it's", "a\tb"]} for event in ("login", "signup")]
    assert told["json"]["data"] == rows
    assert told["json"]["rows"] == 2
    assert told["json"]["meta"][1] == {"name": "seats", "type": "UInt8"}
    assert told["streamed"] == sum(range(100_000))
    assert told["tables"].splitlines() == ['"event_counts"', '"events"', '"user_days"', '"user_timeline"']
    assert told["quoted"] == [["7"]]
    refusals = {
        "syntax": ("62", "SYNTAX_ERROR"),
        "unknown": ("60", "UNKNOWN_TABLE"),
        "setting": ("115", "UNKNOWN_SETTING"),
        "insert": ("164", "READONLY"),
        "command": ("164", "READONLY"),
        "stranger": ("516", "AUTHENTICATION_FAILED"),
        "database": ("81", "UNKNOWN_DATABASE"),
        "middle_plain": ("153", "ILLEGAL_DIVISION"),
    }
    for name, (code, kind) in refusals.items():
        assert told[name] == {"name": "ClickHouseError", "code": code, "type": kind}, name
    assert told["middle_compressed"] is not None, "a short answer was taken for the whole"
