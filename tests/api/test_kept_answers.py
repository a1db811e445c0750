"""Kept answers of the running service: equal to new ones, whatever comes in, is erased, or happens to Redis meanwhile."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from analytics.answers.answer import Answer
from analytics.answers.runner import Answers, Asked
from analytics.cache.answers import SLACK_SECONDS
from analytics.domain.project import Project
from analytics.domain.question import question_of
from tests.factories.sent_events import send_events, until_stored
from tests.fixtures.api import Api
from tests.fixtures.patience import eventually

pytestmark = pytest.mark.anyio
SENDING_SECONDS = 6.0
TODAY = datetime.now(UTC).date()
IDS = {"kind": "sql", "sql": "SELECT event_id, user_id FROM events ORDER BY event_id", "parameters": []}
TRENDS = {
    "kind": "trends",
    "trends": {
        "date_from": str(TODAY - timedelta(days=40)),
        "date_to": str(TODAY + timedelta(days=1)),
        "series": [{"event": "*", "metric": "total"}, {"event": "*", "metric": "unique_users"}],
    },
    "parameters": [],
}


def project_of(api: Api, made: Mapping[str, Any]) -> Project:
    found = api.services.keys.project_by_slug(made["slug"])
    assert found is not None
    return found


async def kept(api: Api, project: Project, document: dict[str, Any], **more: Any) -> Answer:
    return await api.services.answers.answer(Asked(project, question_of(document), "a test", **more))


async def new(api: Api, project: Project, document: dict[str, Any]) -> Answer:
    computed = Answers(api.services.sql.queries, api.services.questions, api.services.clock)
    return await computed.answer(Asked(project, question_of(document), "a test"))


async def until_kept(api: Api, project: Project, document: dict[str, Any]) -> Answer:
    """A kept answer, once there is one."""

    async def probe() -> Answer | None:
        answer = await kept(api, project, document)
        return answer if answer.meta.cached else None

    return await eventually(probe, "a kept answer")


async def test_a_kept_answer_says_so_and_as_of_when_it_is(api: Api) -> None:
    made = await api.make_project()
    project = project_of(api, made)
    await send_events(api, made, [{"event": "x", "user_id": "u-1"}])
    for document in (IDS, TRENDS):
        computed = await new(api, project, document)
        assert (computed.meta.cached, computed.meta.rows_read > 0) == (False, True)
        answer = await until_kept(api, project, document)
        before = datetime.now(UTC)
        answer = await until_kept(api, project, document)
        assert (answer.columns, answer.rows, answer.truncated) == (computed.columns, computed.rows, computed.truncated)
        assert (answer.meta.rows_read, answer.meta.bytes_read, answer.meta.source) == (0, 0, computed.meta.source)
        assert answer.meta.data_as_of > before - timedelta(seconds=1), "nothing has changed: it is as of now"
    await send_events(api, made, [{"event": "x", "user_id": "u-2", "timestamp": str(TODAY - timedelta(days=33))}])
    await asyncio.sleep(SLACK_SECONDS)
    assert (await kept(api, project, IDS)).rows == (await new(api, project, IDS)).rows
    assert (await kept(api, project, TRENDS)).rows == (await new(api, project, TRENDS)).rows


async def test_an_answer_kept_in_redis_is_not_that_of_another_project(api: Api) -> None:
    projects = [await api.make_project() for _ in range(2)]
    for number, made in enumerate(projects):
        await send_events(api, made, [{"event": "x", "event_id": f"e-{number}", "user_id": "u-1"}])
    for number, made in enumerate(projects):
        assert (await until_kept(api, project_of(api, made), IDS)).rows == [[f"e-{number}", "u-1"]]


async def test_kept_and_new_answers_are_equal_under_ingest_erasure_and_late_events(api: Api) -> None:
    made = await api.make_project()
    project = project_of(api, made)
    path = f"/v1/projects/{made['slug']}"
    answered: dict[str, float] = {}
    sent_until = time.monotonic() + SENDING_SECONDS
    erasure: dict[str, Any] = {}
    erased_at = float("inf")

    async def send(sender: int) -> None:
        door = api.bearer(made["write_key"])
        number = 0
        while time.monotonic() < sent_until:
            late = {"timestamp": str(TODAY - timedelta(days=number % 35))} if number % 3 == 0 else {}
            user = "to-be-erased" if sender == 0 and not erasure else f"u-{number % 7}"
            events = [{"event": "x", "event_id": f"{sender}-{number}-{at}", "user_id": user, **late} for at in range(3)]
            assert (await door.post("/v1/events", events)).status_code == 200
            answered.update({event["event_id"]: time.monotonic() for event in events})
            number += 1
            await asyncio.sleep(0.03)

    async def ask() -> int:
        taken = 0
        while time.monotonic() < sent_until or erased_at == float("inf"):
            is_erased = erased_at < time.monotonic()
            shown = dict((await new(api, project, IDS)).rows)
            since = time.monotonic() - SLACK_SECONDS
            answer = await kept(api, project, IDS)
            held = dict(answer.rows)
            missing = {event_id for event_id in shown.keys() - held.keys() if answered.get(event_id, since) < since}
            assert all(shown[event_id] == "to-be-erased" and erasure for event_id in missing), missing
            assert not is_erased or "to-be-erased" not in held.values()
            taken += answer.meta.cached
            await asyncio.sleep(0.02)  # else the erasure has no processor
        return taken

    async def erase() -> None:
        nonlocal erasure, erased_at
        await asyncio.sleep(SENDING_SECONDS / 3)
        erasure = (await api.owner.post(f"{path}/erasures", {"user_id": "to-be-erased"})).json()

        async def its_end() -> bool:
            return (await api.owner.get(f"{path}/erasures/{erasure['id']}")).json()["status"] == "finished"

        await eventually(its_end, "the erasure", 400.0)
        erased_at = time.monotonic()

    async def trouble() -> None:
        assert api.settings.redis_url is not None
        await asyncio.sleep(SENDING_SECONDS / 2)
        with redis.Redis.from_url(api.settings.redis_url.get_secret_value()) as client:
            client.flushall()

    await asyncio.gather(send(0), send(1), ask(), ask(), erase(), trouble())
    await until_stored(api)
    await asyncio.sleep(SLACK_SECONDS)
    for document in (IDS, TRENDS):
        expected = (await new(api, project, document)).rows
        assert (await kept(api, project, document)).rows == expected
        assert (await until_kept(api, project, document)).rows == expected
    assert "to-be-erased" not in dict((await kept(api, project, IDS)).rows).values()


async def test_a_saved_query_run_again_is_answered_from_what_is_kept(api: Api) -> None:
    made = await api.make_project()
    path = f"/v1/projects/{made['slug']}/queries"
    saved = await api.owner.post(path, {"name": "ids", "question": IDS})
    assert saved.status_code == 201, saved.text

    async def is_kept() -> bool:
        answer = await api.owner.post(f"{path}/ids/run", {})
        assert answer.status_code == 200, answer.text
        return answer.json()["meta"]["cached"]

    await eventually(is_kept, "a kept answer")


async def test_an_answer_of_a_rollup_does_not_outlive_it_under_its_names(api: Api) -> None:
    made = await api.make_project()
    project = project_of(api, made)
    path = f"/v1/projects/{made['slug']}/rollups"
    await send_events(api, made, [{"event": event, "user_id": "u-1"} for event in ("x", "y", "y")])
    question = {"kind": "sql", "sql": "SELECT sum(events) AS n FROM daily", "parameters": []}

    async def is_active() -> bool:
        return (await api.owner.get(f"{path}/daily")).json()["state"] == "active"

    async def is_dropped() -> bool:
        return project.id not in {rollup.project_id for rollup in await api.services.metadata.rollups.all()}

    for event, events in (("x", 1), ("y", 2)):
        sql = f"SELECT toDate(timestamp) AS day, count() AS events FROM events WHERE event = '{event}' GROUP BY day"
        answer = await api.owner.post(path, {"name": "daily", "sql": sql})
        assert answer.status_code == 201, answer.text
        await eventually(is_active, "the rollup")
        assert (await kept(api, project, question)).rows == [[events]]
        assert (await until_kept(api, project, question)).rows == [[events]]
        assert (await api.owner.delete(f"{path}/daily")).status_code == 204
        await eventually(is_dropped, "its end")
