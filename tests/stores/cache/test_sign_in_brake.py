"""Guesses are counted by all processes together, and by each alone while Redis is away."""

import asyncio
import itertools
import socket

import pytest

from analytics.cache.connection import Cache
from analytics.cache.sign_in_brake import SignInBrake
from analytics.clock import SystemClock
from analytics.domain.sign_in_brake import FREE_TRIES, FREE_TRIES_OF_NAME, FREE_TRIES_OF_PLACE
from analytics.errors import RateLimitedError
from tests.factories.patient_cache import patient_cache

pytestmark = pytest.mark.anyio
NAME, PLACE = "ada@example.org", "192.0.2.1"


async def waits(brake: SignInBrake, name: str = NAME, place: str = PLACE) -> int:
    try:
        await brake.attempt(name, place)
    except RateLimitedError as error:
        return error.retry_after_seconds
    return 0


async def test_two_processes_count_together(redis_url: str, anyio_backend: object) -> None:
    one, other = (SignInBrake(patient_cache(redis_url), SystemClock(), "sign-in") for _ in range(2))
    assert [await waits(brake) for brake in itertools.islice(itertools.cycle((one, other)), FREE_TRIES)] == [0] * FREE_TRIES
    assert await waits(one) == await waits(other) == 1
    assert await waits(other, "bob@example.org") == 0
    await close(one, other)


async def test_many_at_once_gain_nothing(redis_url: str, anyio_backend: object) -> None:
    brake = SignInBrake(patient_cache(redis_url), SystemClock(), "sign-in")
    assert (await asyncio.gather(*(waits(brake) for _ in range(40)))).count(0) == FREE_TRIES
    await close(brake)


async def test_a_name_from_everywhere_and_a_place_for_all_names_wait_too(redis_url: str, anyio_backend: object) -> None:
    brake = SignInBrake(patient_cache(redis_url), SystemClock(), "sign-in")
    assert [await waits(brake, place=f"192.0.2.{n}") for n in range(FREE_TRIES_OF_NAME + 1)] == [0] * FREE_TRIES_OF_NAME + [1]
    tries = [await waits(brake, name=f"{n}@example.org", place="198.51.100.1") for n in range(FREE_TRIES_OF_PLACE + 1)]
    assert tries == [0] * FREE_TRIES_OF_PLACE + [1]
    await close(brake)


async def test_a_success_forgives_the_name_and_takes_itself_back_from_the_place(redis_url: str, anyio_backend: object) -> None:
    brake = SignInBrake(patient_cache(redis_url), SystemClock(), "sign-in")
    for n in range(FREE_TRIES_OF_PLACE + 10):
        assert await waits(brake, name=f"{n}@example.org") == 0
        await brake.succeeded(f"{n}@example.org", PLACE)
    for _ in range(FREE_TRIES - 1):
        assert await waits(brake) == 0
    await brake.succeeded(NAME, PLACE)
    assert [await waits(brake) for _ in range(FREE_TRIES + 1)] == [0] * FREE_TRIES + [1]
    await close(brake)


async def test_what_is_kept_holds_no_address_and_is_forgotten(redis_url: str, anyio_backend: object) -> None:
    cache = patient_cache(redis_url)
    brake = SignInBrake(cache, SystemClock(), "sign-in")
    await waits(brake)
    keys = cache.call(lambda client: list(client.scan_iter("*")))
    assert len(keys) == 3
    for key in keys:
        assert b"ada" not in key
        assert 0 < cache.call(lambda client, key=key: client.ttl(key)) <= 900
    await close(brake)


async def test_without_redis_each_process_counts_alone(anyio_backend: object) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    brake = SignInBrake(Cache(f"redis://127.0.0.1:{port}"), SystemClock(), "sign-in")
    assert [await waits(brake) for _ in range(FREE_TRIES + 1)] == [0] * FREE_TRIES + [1]
    await brake.succeeded(NAME, PLACE)
    assert await waits(brake) == 0
    await close(brake)


async def close(*brakes: SignInBrake) -> None:
    for brake in brakes:
        await brake._cache.aclose()
