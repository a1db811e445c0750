"""Rate limits: counted in Redis for all processes, in memory while it is away, told in headers; on the way in shared a moment later."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from analytics.cache.connection import Cache
from analytics.cache.key_rates import KeyRates
from analytics.cache.rate_limit import CallerKind, OverRateError, RateLimits
from analytics.domain.rate import RateMemory
from tests.factories.patient_cache import patient_cache
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio
FEW = dict.fromkeys(CallerKind, 3)


@pytest.fixture
async def cache(redis_url: str) -> AsyncIterator[Cache]:
    opened = patient_cache(redis_url)
    yield opened
    await opened.aclose()


@pytest.fixture
def few(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[CallerKind, int]]:
    """The limits of the running application, to be set by the test; what was counted is forgotten afterwards."""
    limits = dict(api.services.rate_limits._per_minute)
    monkeypatch.setattr(api.services.rate_limits, "_per_minute", limits)
    yield limits
    api.forget_counts()


async def test_processes_count_together_and_callers_apart(cache: Cache) -> None:
    here, there = RateLimits(cache, FEW), RateLimits(cache, FEW)
    stands = [await limits.charge(CallerKind.USER, "u_1") for limits in (here, there, here)]
    assert [(s.limit, s.remaining) for s in stands] == [(3, 2), (3, 1), (3, 0)]
    with pytest.raises(OverRateError) as refused:
        await there.charge(CallerKind.USER, "u_1")
    assert refused.value.stand.remaining == 0
    assert 15 <= refused.value.retry_after_seconds <= 20 < refused.value.stand.reset_seconds <= 60
    assert (await here.charge(CallerKind.USER, "u_2")).remaining == 2
    assert (await here.charge(CallerKind.TOKEN, "u_1")).remaining == 2


async def test_what_is_kept_in_redis_names_nobody_and_goes_by_itself(cache: Cache) -> None:
    await RateLimits(cache, FEW).charge(CallerKind.ADDRESS, "203.0.113.9")
    keys: list[bytes] = cache.call(lambda client: client.keys("*"))  # type: ignore[arg-type,return-value]
    assert len(keys) == 1
    assert b"203.0.113.9" not in keys[0]
    assert 0 < cache.call(lambda client: client.pttl(keys[0])) <= 20_000  # type: ignore[operator]


async def test_without_redis_the_process_counts_for_itself() -> None:
    limits = RateLimits(Cache(None), FEW)
    assert [(await limits.charge(CallerKind.USER, "u")).remaining for _ in range(3)] == [2, 1, 0]
    with pytest.raises(OverRateError):
        await limits.charge(CallerKind.USER, "u")


def test_the_memory_refills_evenly_and_forgets_the_oldest() -> None:
    memory = RateMemory(most_callers=2)
    assert [memory.charge("a", 2, 60, 0.0).remaining for _ in range(2)] == [1, 0]
    over = memory.charge("a", 2, 60, 10.0)
    assert (over.retry_after_seconds, over.reset_seconds, over.remaining) == (20, 50, 0)
    assert memory.charge("a", 2, 60, 30.0).retry_after_seconds == 0
    assert memory.charge("a", 2, 60, 30.0).retry_after_seconds == 30
    for name in ("b", "c"):
        memory.charge(name, 2, 60, 30.0)
    assert memory.charge("a", 2, 60, 30.0).remaining == 1


async def test_an_answer_says_how_its_caller_stands(api: Api) -> None:
    token = await api.token(await api.make_project(), ["read"])
    first, second = await token.get("/v1/me"), await token.get("/v1/me")
    limit = api.settings.token_requests_per_minute
    assert [int(a.headers["ratelimit-limit"]) for a in (first, second)] == [limit, limit]
    assert 0 <= int(second.headers["ratelimit-remaining"]) < limit
    assert int(second.headers["ratelimit-reset"]) >= 0
    unknown = await api.client.get("/v1/me")
    assert int(unknown.headers["ratelimit-limit"]) == api.settings.address_requests_per_minute


@pytest.mark.parametrize("kind", [CallerKind.USER, CallerKind.TOKEN, CallerKind.ADDRESS, CallerKind.WRITE_KEY])
async def test_above_the_limit_the_answer_is_429_with_the_time_to_wait(api: Api, few: dict[CallerKind, int], kind: CallerKind) -> None:
    project = await api.make_project()
    callers: dict[CallerKind, Any] = {
        CallerKind.USER: await api.member(project, "viewer"),
        CallerKind.TOKEN: await api.token(project, ["read"]),
        CallerKind.ADDRESS: api.nobody,
        CallerKind.WRITE_KEY: api.bearer(project["write_key"]),
    }
    few[kind] = 2
    path = "/nowhere" if kind == CallerKind.ADDRESS else f"/v1/projects/{project['slug']}"
    answers: list[httpx.Response] = [await callers[kind].get(path) for _ in range(3)]
    assert 429 not in {a.status_code for a in answers[:2]} or kind == CallerKind.ADDRESS  # others of this address came before
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (429, "rate-limited")
    assert 1 <= int(answers[-1].headers["retry-after"]) == answers[-1].json()["retry_after_seconds"] <= 60
    assert answers[-1].headers["ratelimit-remaining"] == "0"
    assert answers[-1].headers["content-security-policy"]
    assert (await api.client.get("/healthz")).status_code == 200


EVENT = {"event": "e", "user_id": "u"}


async def test_a_write_key_that_sends_too_often_waits_and_another_does_not(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [(await api.make_project())["write_key"] for _ in range(2)]
    monkeypatch.setattr(api.services.key_rates, "_limit", 2)
    answers = [await api.bearer(keys[0]).post("/v1/events", EVENT) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0", "0", "0"]
    assert {answer.headers["ratelimit-limit"] for answer in answers} == {"2"}
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert (await api.bearer(keys[1]).post("/v1/events", EVENT)).status_code == 200


async def test_requests_of_a_write_key_count_in_all_processes(cache: Cache) -> None:
    here, there = KeyRates(cache, 1), KeyRates(cache, 1)
    for _ in range(6):
        here.charge("wk_shared")
    assert there.charge("wk_shared").remaining == 9  # not shared yet
    await here.share()
    await there.share()
    assert there.charge("wk_shared").remaining in (2, 3)  # seven together before it; a second gives one back
    for _ in range(3):
        with contextlib.suppress(OverRateError):
            there.charge("wk_shared")
    with pytest.raises(OverRateError):
        there.charge("wk_shared")
    assert here.charge("wk_other").remaining == 9


async def test_without_redis_a_write_key_is_counted_here() -> None:
    alone = KeyRates(Cache(None), 1)
    for _ in range(10):
        alone.charge("wk_alone")
    await alone.share()
    with pytest.raises(OverRateError):
        alone.charge("wk_alone")


async def test_taking_events_asks_redis_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await api.make_project()

    async def fail(*_: object) -> None:
        raise AssertionError("counted in Redis")

    monkeypatch.setattr(api.services.rate_limits, "charge", fail)
    assert (await api.bearer(project["write_key"]).post("/v1/events", EVENT)).status_code == 200


@pytest.mark.parametrize("key", ["wk_guessed_by_somebody", ""])
async def test_whoever_guesses_write_keys_is_counted_by_address(api: Api, few: dict[CallerKind, int], key: str) -> None:
    good = (await api.make_project())["write_key"]
    few[CallerKind.ADDRESS] = 2
    answers = [await api.client.post("/v1/events", json=[EVENT], headers={"x-write-key": key} if key else {}) for _ in range(3)]
    assert {answer.status_code for answer in answers[:2]} <= {401, 429}
    assert (answers[-1].status_code, answers[-1].headers["ratelimit-remaining"]) == (429, "0")
    assert (await api.bearer(good).post("/v1/events", EVENT)).status_code == 200
