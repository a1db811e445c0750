"""The live stream over TCP: what is in it, who may watch, and that nobody who watches costs more than they should."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from analytics.api import live as live_routes
from analytics.cache.live_view import MOST_STREAMS_PER_PROJECT
from tests.fixtures.api import Api, Caller
from tests.fixtures.patience import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Told:
    """One event of the stream."""

    event: str
    data: dict[str, Any]


@asynccontextmanager
async def watching(api_url: str, caller: Caller, slug: str, query: str = "") -> AsyncIterator[AsyncIterator[Told]]:
    """An open stream."""
    async with (
        httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client,
        client.stream("GET", f"{api_url}/v1/projects/{slug}/live{query}", headers=dict(caller.headers)) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield told(answer)


async def told(answer: httpx.Response) -> AsyncIterator[Told]:
    event = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            event = line[7:]
        elif line.startswith("data: "):
            yield Told(event, json.loads(line[6:]))


async def first(stream: AsyncIterator[Told], event: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        async for item in stream:
            if item.event == event:
                return item.data
    raise AssertionError(f"the stream ended without {event}")


async def send(api: Api, project: Mapping[str, Any], *users: str) -> None:
    events = [
        {"event": "lesson_completed", "user_id": user, "session_id": f"s-{user}", "properties": {"course_id": "c-1"}} for user in users
    ]
    answer = await api.bearer(project["write_key"]).post("/v1/events", events)
    assert answer.json()["accepted"] == len(users)


async def test_counters_and_events_arrive_while_watching(api: Api, api_url: str) -> None:
    project = await api.make_project()
    caller = await api.member(project, "analyst")
    async with watching(api_url, caller, project["slug"]) as stream:
        assert (await first(stream, "counters"))["active_users"] == 0
        await send(api, project, "u-1", "u-2", "u-2")
        event = await first(stream, "event")
        assert event["event"] == "lesson_completed"
        assert event["user_id"] in ("u-1", "u-2")
        assert event["properties"] == {"course_id": "c-1"}
        assert event["session_id"] == f"s-{event['user_id']}"
        datetime.fromisoformat(event["received_at"])
        while (counters := await first(stream, "counters"))["events_per_second"] == 0:
            pass  # a second of receipt counts when it is over
    assert counters["available"] is True
    assert counters["events_per_second"] == 0.3
    assert sum(counters["per_second"]) == 3
    assert len(counters["per_second"]) == 60
    assert (counters["active_users"], counters["active_users_estimate"]) == (2, False)
    assert (counters["active_sessions"], counters["active_sessions_estimate"]) == (2, False)
    assert counters["top_events"] == [{"event": "lesson_completed", "count": 3}]


async def test_a_repeat_is_not_counted_live(api: Api, api_url: str) -> None:
    project = await api.make_project()
    event = {"event": "page_view", "user_id": "u-1", "event_id": "once"}
    for _ in range(3):
        await api.bearer(project["write_key"]).post("/v1/events", [event, event])
    caller = await api.member(project, "viewer")
    async with watching(api_url, caller, project["slug"]) as stream:
        while not (counters := await first(stream, "counters"))["top_events"]:
            pass
        for _ in range(2):
            counters = await first(stream, "counters")
    assert counters["top_events"] == [{"event": "page_view", "count": 1}]


async def test_who_may_not_read_events_sees_names_and_times_only(api: Api, api_url: str) -> None:
    project = await api.make_project()
    viewer, token = await api.member(project, "viewer"), await api.token(project, ["read"])
    trusted = await api.token(project, ["read", "personal-data"])
    await send(api, project, "u-secret")
    for caller in (viewer, token):
        async with watching(api_url, caller, project["slug"]) as stream:
            assert set(await first(stream, "event")) == {"event", "timestamp", "received_at"}
    async with watching(api_url, trusted, project["slug"]) as stream:
        assert (await first(stream, "event"))["user_id"] == "u-secret"


async def test_a_script_gets_the_counters_once_as_json(api: Api) -> None:
    project = await api.make_project()
    caller = await api.member(project, "viewer")
    answer = await Caller(api.client, {**caller.headers, "accept": "application/json"}).get(f"/v1/projects/{project['slug']}/live")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["events_today"] == 0


async def test_a_stream_shows_nothing_of_another_project(api: Api, api_url: str) -> None:
    mine, other = await api.make_project(), await api.make_project()
    caller = await api.member(mine, "analyst")
    await send(api, other, "u-1")
    async with watching(api_url, caller, mine["slug"]) as stream:
        for _ in range(3):
            counters = await first(stream, "counters")
            assert (counters["active_users"], counters["top_events"]) == (0, [])
    assert (await caller.get(f"/v1/projects/{other['slug']}/live")).status_code == 404
    assert (await caller.post(f"/v1/projects/{other['slug']}/live/ticket")).status_code == 404


async def test_whoever_has_no_right_to_watch_gets_neither_stream_nor_ticket(api: Api) -> None:
    project = await api.make_project()
    cases = [
        (api.nobody, 401),
        (api.bearer(project["write_key"]), 403),
        (await api.token(project, ["sql"]), 403),
        (api.bearer("at_made_up_token_of_somebody"), 401),
    ]
    for caller, status in cases:
        assert (await caller.get(f"/v1/projects/{project['slug']}/live")).status_code == status
        assert (await caller.post(f"/v1/projects/{project['slug']}/live/ticket")).status_code == status


async def test_a_ticket_opens_one_stream_of_its_project_with_the_rights_of_its_maker(api: Api, api_url: str) -> None:
    project, other = await api.make_project(), await api.make_project()
    await send(api, project, "u-1")
    for caller, sees_user in (
        (await api.member(project, "analyst"), True),
        (await api.member(project, "viewer"), False),
        (await api.token(project, ["read"]), False),
        (await api.token(project, ["read", "personal-data"]), True),
    ):
        answer = await caller.post(f"/v1/projects/{project['slug']}/live/ticket")
        assert answer.json()["expires_in"] == 60
        ticket = answer.json()["ticket"]
        async with watching(api_url, api.nobody, project["slug"], f"?ticket={ticket}") as stream:
            assert ("user_id" in await first(stream, "event")) is sees_user
        async with asyncio.timeout(PATIENCE_SECONDS):  # a stream that opens would never end
            assert (await api.nobody.get(f"/v1/projects/{project['slug']}/live?ticket={ticket}")).status_code == 401
        stray = (await caller.post(f"/v1/projects/{project['slug']}/live/ticket")).json()["ticket"]
        assert (await api.nobody.get(f"/v1/projects/{other['slug']}/live?ticket={stray}")).status_code == 404
    assert (await api.nobody.get(f"/v1/projects/{project['slug']}/live?ticket=made-up")).status_code == 401


async def test_a_stream_ends_soon_after_the_right_to_it(api: Api, api_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_routes, "RECHECK_SECONDS", 0.2)
    project = await api.make_project()
    email = await api.make_user()
    await api.owner.put(f"/v1/projects/{project['slug']}/members/{email}", {"role": "viewer"})
    caller = await api.signed_in(email)
    ticket = (await caller.post(f"/v1/projects/{project['slug']}/live/ticket")).json()["ticket"]
    async with (
        watching(api_url, caller, project["slug"]) as stream,
        watching(api_url, api.nobody, project["slug"], f"?ticket={ticket}") as by_ticket,
    ):
        for one in (stream, by_ticket):
            await first(one, "counters")
        await api.owner.delete(f"/v1/projects/{project['slug']}/members/{email}")
        async with asyncio.timeout(PATIENCE_SECONDS):
            for one in (stream, by_ticket):
                assert all([item.event == "counters" async for item in one])  # and then it ends


async def test_a_stream_by_ticket_ends_soon_after_the_token_that_the_ticket_was_made_with(
    api: Api, api_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_routes, "RECHECK_SECONDS", 0.2)
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}"
    token = (await api.owner.post(f"{path}/tokens", {"name": "x", "scopes": ["read", "personal-data"]})).json()
    caller = api.bearer(token["token"])
    tickets = [(await caller.post(f"{path}/live/ticket")).json()["ticket"] for _ in range(2)]
    async with watching(api_url, api.nobody, project["slug"], f"?ticket={tickets[0]}") as stream:
        await first(stream, "counters")
        await api.owner.delete(f"{path}/tokens/{token['id']}")
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert all([item.event == "counters" async for item in stream])  # and then it ends
    assert (await api.nobody.get(f"{path}/live?ticket={tickets[1]}")).status_code == 401


async def test_a_watcher_who_leaves_frees_their_place(api: Api, api_url: str) -> None:
    project = await api.make_project()
    caller = await api.member(project, "viewer")
    async with watching(api_url, caller, project["slug"]) as stream:
        await first(stream, "counters")
        assert api.services.live.open_streams == 1
    await eventually(lambda: api.services.live.open_streams == 0)


async def test_streams_beyond_the_bound_are_told_to_wait(api: Api, api_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await api.make_project()
    caller = await api.member(project, "viewer")
    assert MOST_STREAMS_PER_PROJECT >= 10
    monkeypatch.setattr(api.services.live, "_most_per_project", 2)
    async with watching(api_url, caller, project["slug"]) as one, watching(api_url, caller, project["slug"]) as two:
        for stream in (one, two):
            await first(stream, "counters")
        refused = await caller.get(f"/v1/projects/{project['slug']}/live")
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0


async def test_a_watcher_who_reads_nothing_is_cut_off(api: Api, api_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_routes, "COUNTERS_SECONDS", 0.0)
    monkeypatch.setattr(live_routes, "TICK_SECONDS", 0.0)
    real = live_routes.EventStream
    monkeypatch.setattr(live_routes, "EventStream", lambda source: real(source, slow_seconds=0.5))
    project = await api.make_project()
    caller = await api.member(project, "viewer")
    address = urlsplit(api_url)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        await asyncio.to_thread(slow.connect, (address.hostname, address.port))
        head = f"GET /v1/projects/{project['slug']}/live HTTP/1.1\r\nHost: x\r\nAuthorization: {caller.headers['authorization']}\r\n\r\n"
        slow.sendall(head.encode())
        await eventually(lambda: api.services.live.open_streams == 1)
        await eventually(lambda: api.services.live.open_streams == 0)
        assert (await caller.get("/healthz")).status_code == 200


async def test_silence_is_broken_by_comments(api: Api, api_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_routes, "COUNTERS_SECONDS", 3_600.0)
    real = live_routes.EventStream
    monkeypatch.setattr(live_routes, "EventStream", lambda source: real(source, heartbeat_seconds=0.1))
    project = await api.make_project()
    caller = await api.member(project, "viewer")
    async with (
        httpx.AsyncClient() as client,
        client.stream("GET", f"{api_url}/v1/projects/{project['slug']}/live", headers=dict(caller.headers)) as answer,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        comments = 0
        async for line in answer.aiter_lines():
            comments += line.startswith(":")
            if comments == 2:
                break


async def test_a_stop_ends_streams_at_once(api: Api, api_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await api.make_project()
    caller = await api.member(project, "viewer")
    monkeypatch.setattr(api.services.live, "_stopping", False)
    async with watching(api_url, caller, project["slug"]) as stream:
        await first(stream, "counters")
        api.services.live.stop()
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for _ in stream:
                pass
        assert (await caller.get(f"/v1/projects/{project['slug']}/live")).status_code == 503
