"""/healthz, /readyz, /metrics: the truth, at once, also while an engine is away or hangs."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from analytics.embedded.engines import EmbeddedEngines
from analytics.telemetry.health import Check, CheckAnswer
from tests.fixtures.api import Api, Caller, make_settings, started
from tests.fixtures.engines import _database, _valkey
from tests.fixtures.patience import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.anyio
PARTS = {"clickhouse", "postgres", "redis", "migrations", "keys", "spool", "writer", "sql"}


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngines]:
    """A Valkey that the tests may hang."""
    yield from _valkey(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
async def api(
    engines: EmbeddedEngines,
    own_valkey: EmbeddedEngines,
    postgres_template: str,
    tmp_path_factory: pytest.TempPathFactory,
    anyio_backend: object,
) -> AsyncIterator[Api]:
    """As the usual one, on a Valkey of the module's own and a spool with room for little."""
    with contextmanager(_database)(engines, postgres_template) as postgres_url:
        settings = make_settings(tmp_path_factory.mktemp("service"), postgres_url, own_valkey.redis_url)
        async with started(settings) as running:
            yield running


async def ready(api: Api) -> tuple[int, dict[str, Any]]:
    answer = await api.nobody.get("/readyz")
    return answer.status_code, answer.json()


async def until_status(api: Api, wanted: str) -> dict[str, Any]:
    async def body_with_it() -> dict[str, Any] | None:
        status, body = await ready(api)
        assert status == (503 if body["status"] == "unready" else 200)
        return body if body["status"] == wanted else None

    return await eventually(body_with_it, wanted)


async def test_readyz_asks_nobody(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_by = ContextVar("asked_by", default="the monitor")
    seen: list[str] = []
    checks = api.services.health._checks

    def noted(check: Check) -> Check:
        async def ask() -> CheckAnswer:
            seen.append(asked_by.get())
            return await check.ask()

        return replace(check, ask=ask)

    for name, check in list(checks.items()):
        monkeypatch.setitem(checks, name, noted(check))
    asked_by.set("a request")

    async def every_check_was_asked() -> bool:
        assert (await ready(api))[0] == 200
        return len(seen) >= 2 * len(checks)

    await eventually(every_check_was_asked, "two rounds of the monitor")
    assert set(seen) == {"the monitor"}


async def test_a_service_with_all_its_engines_is_ready(api: Api) -> None:
    assert (await api.nobody.get("/healthz")).json() == {"status": "ok"}
    body = await until_status(api, "ready")
    assert set(body["checks"]) == PARTS
    assert all(check["ok"] and check["detail"] for check in body["checks"].values())


async def test_a_redis_that_hangs_makes_it_degraded_and_events_are_still_taken(api: Api, own_valkey: EmbeddedEngines) -> None:
    project = await api.make_project()
    pid = own_valkey.pids()["valkey"]
    os.kill(pid, signal.SIGSTOP)
    try:
        body = await until_status(api, "degraded")
        assert {name for name, check in body["checks"].items() if not check["ok"]} == {"redis"}
        answer = await api.bearer(project["write_key"]).post("/v1/events", {"event": "page_view", "user_id": "u-1"})
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
        viewer = await api.member(project, "viewer")
        asked = await Caller(api.client, {**viewer.headers, "accept": "application/json"}).get(f"/v1/projects/{project['slug']}/live")
        assert asked.status_code == 503
        assert asked.json()["code"] == "cache-unavailable"
        assert int(asked.headers["retry-after"]) >= 1
    finally:
        os.kill(pid, signal.SIGCONT)
    await until_status(api, "ready")


async def test_an_engine_that_hangs_makes_it_degraded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    slots = api.services.warehouse._slots["control"]
    for _ in range(2):  # every handle is in a question that does not end
        assert slots.acquire(timeout=PATIENCE_SECONDS)
    try:
        body = await until_status(api, "degraded")
        assert body["checks"]["clickhouse"]["detail"].startswith("No answer for")
    finally:
        for _ in range(2):
            slots.release()
    await until_status(api, "ready")


async def test_a_spool_without_room_makes_it_unready(api: Api) -> None:
    spool = api.services.event_path.spool
    room = api.settings.spool_max_bytes
    taken = {"a": room // 2, "b": room // 3, "c": room - room // 2 - room // 3}
    for project_id, size in taken.items():
        spool.reserve(project_id, size)
    try:
        body = await until_status(api, "unready")
        assert not body["checks"]["spool"]["ok"]
    finally:
        for project_id, size in taken.items():
            spool.release(project_id, size)
    await until_status(api, "ready")


async def test_the_answers_hold_no_addresses_or_secrets(api: Api) -> None:
    texts = [(await api.nobody.get(path)).text for path in ("/healthz", "/readyz", "/metrics")]
    assert api.settings.postgres_url is not None
    assert api.settings.redis_url is not None
    for secret in (api.settings.postgres_url.get_secret_value(), api.settings.redis_url.get_secret_value(), str(api.settings.data_dir)):
        assert not any(secret in text for text in texts)


async def test_metrics_count_what_was_sent(api: Api) -> None:
    async def value(name: str, **labels: str) -> float:
        text = (await api.nobody.get("/metrics")).text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return next(sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items())

    project = await api.make_project()
    before = await value("analytics_events_stored_total"), await value("analytics_ingest_events_total", verdict="accepted")
    events = [{"event": "page_view", "user_id": f"u-{n}"} for n in range(5)] + [{"event": "", "user_id": "u"}]
    await api.bearer(project["write_key"]).post("/v1/events", events)
    assert await value("analytics_ingest_events_total", verdict="accepted") == before[1] + 5
    assert await value("analytics_ingest_rejected_total", code="invalid-event") >= 1

    async def all_are_stored() -> bool:
        return await value("analytics_events_stored_total") == before[0] + 5

    await eventually(all_are_stored, "what was sent")
    assert await value("analytics_freshness_seconds_count") >= 5
    assert (await api.nobody.get("/metrics")).headers["content-type"].startswith("text/plain; version=0.0.4")
    assert await value("analytics_http_requests_total", method="GET", status="2xx") >= 2
    for store in PARTS:
        assert await value("analytics_store_up", store=store) == 1


async def test_metrics_count_questions_and_those_that_fail(api: Api) -> None:
    def value(text: str, name: str) -> float:
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return sum(sample.value for sample in samples if sample.name == name)

    trends = f"/v1/projects/{api.settings.bootstrap_project}/trends"
    question = {"date_from": "2026-01-01", "date_to": "2026-01-02", "interval": "day", "series": [{"event": "a", "metric": "total"}]}
    assert (await api.owner.post(trends, json=question)).status_code == 200
    demanded = {**question, "source": "rollup", "interval": "minute"}
    refused = await api.owner.post(trends, json=demanded)
    assert refused.status_code == 422
    text = (await api.nobody.get("/metrics")).text
    assert value(text, "analytics_question_seconds_count") == 2
    assert value(text, "analytics_question_errors_total") == 1
